"""Writes the ini file of an environment that means what a team's own configuration means."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from migrator.operations.init.alembic_source import ALEMBIC, AlembicSource

_HERE = "%(here)s"


class RelocatedValues:
    """Values of a configuration as they have to be written in `configs` below a project's root.

    A relative path begins at `start`, `%(here)s` is the configuration's own folder.
    """

    def __init__(self, source: AlembicSource, root: Path, start: Path) -> None:
        configs = root / "configs"
        self._here = _below_here(source.file.parent, configs)
        self._start = _below_here(start, configs)
        self._in_start = os.path.relpath(start, root)

    def value(self, text: str) -> str:
        """Give any value: `%(here)s` goes on to mean the same folder."""
        return text.replace(_HERE, self._here)

    def path(self, text: str) -> str:
        """Give a path; one that is absolute, or inside a package (`package:folder`), stays as it is."""
        if _HERE in text:
            return _tidy(self.value(text))
        if Path(text).is_absolute() or re.match(r"[A-Za-z_][\w.]*:", text):
            return text
        return _tidy(f"{self._start}/{text}")

    def url(self, text: str) -> str:
        """Give a URL; the relative file of an SQLite database begins at the project's root."""
        found = re.match(r"(sqlite(?:\+\w+)?:///)(?!/|:memory:|file:)(.+)", text)
        if found is None or _HERE in text or self._in_start == ".":
            return self.value(text)
        return f"{found[1]}{self._in_start}/{found[2]}"


def _below_here(folder: Path, configs: Path) -> str:
    # A % in the path was refused; any other character is safe in an ini.
    return f"{_HERE}/{Path(os.path.relpath(folder, configs)).as_posix()}"


def _tidy(path: str) -> str:
    """Give `%(here)s/..` for `%(here)s/../.`, and leave every `..` where it is."""
    head, *parts = path.split("/")
    return "/".join((head, *(part for part in parts if part not in ("", "."))))


def written_ini(
    head: Sequence[str],
    alembic: Mapping[str, str],
    migrator: Mapping[str, str],
    sections: Mapping[str, Mapping[str, str]],
) -> bytes:
    """Write an ini file: comments, Alembic's section, ours, and all others."""
    parts = [[f"# {line}" for line in head], _section(ALEMBIC, alembic), _section("migrator", migrator)]
    parts += [_section(name, options) for name, options in sections.items()]
    return ("\n\n".join("\n".join(lines) for lines in parts) + "\n").encode()


def _section(name: str, options: Mapping[str, str]) -> list[str]:
    return [f"[{name}]", *(_line(key, value) for key, value in options.items())]


def _line(key: str, value: str) -> str:
    # The further lines of a value are indented; an empty one would end it for some readers.
    lines = [line for line in value.split("\n") if line.strip()]
    return f"{key} = " + "\n    ".join(lines) if lines else f"{key} ="
