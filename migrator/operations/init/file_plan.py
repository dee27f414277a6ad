"""Writes the files of a project: all or none, and never over what is there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from migrator.errors import RefusedError, RevisionsError
from migrator.revisions.file_changes import FileChange, Rewrite, Write, changed_files


@dataclass
class FilePlan:
    """What is to be written below `root`; `kept` are files that are there already."""

    root: Path
    changes: list[FileChange] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def write(self, contents: Mapping[str, bytes]) -> None:
        """Write files by their paths, where there are none."""
        for name, content in contents.items():
            path = self.root / name
            if os.path.lexists(path):
                self.kept.append(name)
            else:
                self.changes.append(Write(path, content))

    def ignore(self, lines: Iterable[str]) -> None:
        """Add lines to .gitignore that it does not have; an exception stands below what it is one from."""
        path = self.root / ".gitignore"
        before = path.read_bytes() if path.is_file() else b""
        there = {line.strip().strip(b"/") for line in before.splitlines()}
        missing: list[str] = []
        for line in lines:
            is_new = line.encode().strip(b"/") not in there
            if is_new or any(line[0] == "!" and fnmatchcase(line[1:], each) for each in missing):
                missing.append(line)
        if not missing:
            return
        gap = b"" if not before or before.endswith(b"\n") else b"\n"
        content = before + gap + "".join(f"{line}\n" for line in missing).encode()
        self.changes.append(Rewrite(path, content) if os.path.lexists(path) else Write(path, content))

    @property
    def written(self) -> tuple[str, ...]:
        """The new files, by their paths from the root."""
        return self._paths(Write)

    @property
    def changed(self) -> tuple[str, ...]:
        """The files that get new lines."""
        return self._paths(Rewrite)

    def _paths(self, kind: type[Write | Rewrite]) -> tuple[str, ...]:
        made: Sequence[Path] = [each.path for each in self.changes if isinstance(each, kind)]
        return tuple(path.relative_to(self.root).as_posix() for path in made)

    def carry_out(self) -> None:
        """Do it. Raises ConfigurationError where a file cannot be written: then none was.

        Raises RefusedError for one that somebody else has made in this very moment.
        """
        try:
            with changed_files(self.changes):
                pass
        except RevisionsError as exc:
            raise RefusedError(
                exc.message, hint="Another init is at work here? Run this one again; it keeps what is there."
            ) from exc
