"""What a template was made of, and which files its replay read: it serves while all of that is unchanged."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from types import FrameType

from migrator import __version__
from migrator.config.private_folder import STATE
from migrator.config.select import Workspace

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


_FORMAT = 1


@dataclass(frozen=True)
class FixedInputs:
    """What has to be the same for a template to be looked at: versions, settings and arguments."""

    root: str
    environment: str
    server: str
    versions: Mapping[str, str]
    x: tuple[str, ...]
    settings: str

    @classmethod
    def of(cls, workspace: Workspace, server: str) -> FixedInputs:
        """Give those of a workspace. `server` names the kind and version of the scratch server."""
        environment, file = workspace.environment, workspace.environment.file
        said = {
            "alembic": {key: value for key, value in file.alembic.items() if key != "sqlalchemy.url"},
            "migrator": dict(file.migrator or {}),
        }
        return cls(
            root=hashlib.sha256(os.fsencode(environment.root.resolve())).hexdigest()[:16],
            environment=environment.name,
            server=server,
            versions={
                "migrator": __version__,
                "alembic": version("alembic"),
                "sqlalchemy": version("sqlalchemy"),
                "python": ".".join(map(str, sys.version_info[:3])),
            },
            x=workspace.choice.x,
            settings=_digest(json.dumps(said, sort_keys=True).encode()),
        )


@dataclass(frozen=True)
class Manifest:
    """What a template holds, and what it was made of.

    `revisions` are the applied ones, with the hash of each version file; `files` are other files of the
    project, with None for one that was looked for in vain; `listings` are folders that were looked through.
    """

    fixed: FixedInputs
    revisions: Mapping[str, str]
    files: Mapping[str, str | None]
    listings: Mapping[str, str | None]

    def dumps(self) -> str:
        """Give it as JSON."""
        return json.dumps({"format": _FORMAT, **asdict(self)}, separators=(",", ":"), sort_keys=True)

    @classmethod
    def loads(cls, text: str) -> Manifest | None:
        """Read it from JSON; None for anything else."""
        try:
            said = json.loads(text)
            if said.pop("format") != _FORMAT:
                return None
            fixed = said.pop("fixed")
            return cls(FixedInputs(**{**fixed, "x": tuple(fixed["x"])}), **said)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    @property
    def key(self) -> str:
        """A short name: equal for equal templates."""
        return _digest(self.dumps().encode())[:16]

    def serves(self, fixed: FixedInputs, revisions: Mapping[str, str], root: Path) -> bool:
        """Whether it holds nothing but `revisions`, as they are now, and all else is as it was."""
        return (
            self.fixed == fixed
            and all(revisions.get(revision) == made for revision, made in self.revisions.items())
            and all(file_hash(root / path) == made for path, made in self.files.items())
            and all(listing_hash(root / path) == made for path, made in self.listings.items())
        )


def file_hash(path: Path) -> str | None:
    """Give the hash of a file's content, None where there is none to be read."""
    try:
        return _digest(path.read_bytes())
    except OSError:
        return None


def listing_hash(path: Path) -> str | None:
    """Give the hash of the names in a folder, None where there is none."""
    try:
        names = sorted(name for name in os.listdir(path) if name != "__pycache__")  # noqa: PTH208
    except OSError:
        return None
    return _digest("\0".join(names).encode(errors="surrogateescape"))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
