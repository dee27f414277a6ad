"""Notes which files of a project are read while a history is replayed, with an audit hook of Python's.

A hook cannot be taken out again: there is one for the process, which does nothing while nobody listens.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from migrator.config.private_folder import STATE

_FOREIGN = frozenset({".git", STATE, ".venv", "__pycache__", "node_modules", "site-packages"})


class Trace:
    """The files that were read below a folder, and the folders that were listed there."""

    def __init__(self, root: Path) -> None:
        self._top = os.path.realpath(root) + os.sep
        self.files: set[str] = set()
        self.listings: set[str] = set()

    def read(self, path: str) -> None:
        """Note a file that was opened for reading; bytecode stands for its source."""
        if path.endswith(".pyc"):
            try:
                path = importlib.util.source_from_cache(path)
            except ValueError:
                return
        self._note(path, self.files)

    def listed(self, path: str) -> None:
        """Note a folder whose content was asked for."""
        self._note(path, self.listings)

    def _note(self, path: str, into: set[str]) -> None:
        whole = os.path.realpath(path)
        if whole.startswith(self._top):
            inside = whole[len(self._top) :]
            if _FOREIGN.isdisjoint(Path(inside).parts):
                into.add(inside)


_listening: list[Trace] = []
_installed = False


@contextmanager
def tracing(root: Path) -> Iterator[Trace]:
    """Note what is read below `root` in the block, and the modules from there that are imported already."""
    global _installed
    if not _installed:
        sys.addaudithook(_hook)
        _installed = True
    trace = Trace(root)
    for module in list(sys.modules.values()):
        # Not getattr: some modules only pretend to be there, and an attribute would make them import.
        said = getattr(module, "__dict__", {})
        file = said.get("__file__")
        if isinstance(file, str) and not _is_test(said.get("__loader__"), file):
            trace.read(file)
    _listening.append(trace)
    try:
        yield trace
    finally:
        _listening.remove(trace)


def _is_test(loader: object, file: str) -> bool:
    """Whether pytest has collected a module: no revision depends on it, and it changes all the time."""
    rewritten = type(loader).__module__ == "_pytest.assertion.rewrite"
    return rewritten and Path(file).name.startswith(("test_", "conftest.py"))


def _hook(name: str, arguments: tuple[object, ...]) -> None:
    if not _listening:
        return
    if name == "open":
        path, _mode, flags = arguments
        reads = not isinstance(flags, int) or flags & os.O_ACCMODE == os.O_RDONLY
        if isinstance(path, str | bytes) and reads:
            for trace in _listening:
                trace.read(os.fsdecode(path))
    elif name in ("os.listdir", "os.scandir") and not _by_import(sys._getframe(1)):
        path = arguments[0]
        if path is None or isinstance(path, str | bytes):
            for trace in _listening:
                trace.listed(os.fsdecode(path or "."))


def _by_import(frame: FrameType | None) -> bool:
    """Whether Python itself looks through a folder for modules: any new file there would count."""
    return frame is not None and "importlib" in frame.f_code.co_filename
