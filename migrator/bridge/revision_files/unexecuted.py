"""Version files that are read and not executed, for commands that run none of them.

To execute a thousand takes longer than what such a command is about. Most are laid out as Alembic's template
has them: of those that differ in their texts alone until their functions begin, the first is executed, and
tells that the others load. A file with another import, or with anything else of its own, is executed too.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from alembic.script import Script, ScriptDirectory
from alembic.script.revision import Revision, RevisionMap

from migrator.revisions.headers import real_version_files, stock_header
from migrator.revisions.stock_headers import frame_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from migrator.revisions.headers import Header


class UnexecutedScript(Script):
    """A Script whose file is executed when its module is asked for."""

    def __init__(self, header: Header, execute: Callable[[str], Script]) -> None:
        """Take from a header what Alembic takes from a module; `execute` loads a file."""
        self._execute = execute
        self._description = header.description
        self.path = header.file
        Revision.__init__(
            self,
            header.revision,
            header.down_revision,
            dependencies=header.depends_on,
            branch_labels=header.branch_labels,
        )

    @property
    def longdoc(self) -> str:
        """The docstring of the file."""
        return self._description

    def __getattr__(self, name: str) -> Any:
        """Execute the file, once. Raises what `execute` raises."""
        if name != "module":
            raise AttributeError(name)
        self.module: ModuleType = self._execute(self.path).module
        return self.module


class _UnexecutedMap(RevisionMap):
    """Tells that files may not have been executed."""


def leave_unexecuted(
    scripts: ScriptDirectory, folders: Iterable[Path], strictly: Callable[[], AbstractContextManager[None]]
) -> None:
    """Let Alembic read the files of its version folders this way when it is first asked for one.

    A file whose module is asked for later is executed within `strictly()`.
    """
    if scripts.sourceless:
        return

    def execute(file: str) -> Script:
        with strictly():
            script = Script._from_path(scripts, file)
        if script is None:
            raise AssertionError(f"Alembic takes {file} for no version file any more.")
        return script

    scripts.revision_map = _UnexecutedMap(lambda: _read(scripts, folders, execute))


def has_unexecuted(revision_map: RevisionMap) -> bool:
    """Whether files were left unexecuted."""
    return isinstance(revision_map, _UnexecutedMap)


def _read(
    scripts: ScriptDirectory, folders: Iterable[Path], execute: Callable[[str], Script]
) -> Iterator[Script]:
    files = list(real_version_files(folders, recursive=scripts.recursive_version_locations))
    if len(set(files)) < len(files):
        # Which is something that Alembic says.
        yield from scripts._load_revisions()
        return
    known: set[bytes] = set()
    for file in files:
        source = Path(file).read_bytes()
        frame = frame_of(source)
        header = stock_header(file, source) if frame in known else None
        script = UnexecutedScript(header, execute) if header else Script._from_path(scripts, file)
        if frame is not None:
            known.add(frame)
        if script is not None:
            yield script
