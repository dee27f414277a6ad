"""Reads what a version file declares about itself, without executing it."""

from __future__ import annotations

import ast
import os
import re
import sys
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from migrator.errors import RevisionsError
from migrator.revisions.stock_headers import stock_values
from migrator.syntax import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Both rules are Alembic's (ScriptDirectory): which files it loads, and which names of files were
# revision ids before files declared them.
_VERSION_FILE = re.compile(r"^(?!\.\#|__init__)(.*\.py)$")
_ID_IN_NAME = re.compile(r"([a-f0-9]+)\.py$")

_CREATED = re.compile(r"^Create Date: *(.+)$", re.MULTILINE)
# What the column of Alembic's version table holds.
LONGEST_ID = 32

_NAMES = frozenset({"revision", "down_revision", "branch_labels", "depends_on"})


@dataclass(frozen=True)
class Header:
    """What a version file declares. `description` is its docstring, as Alembic shows it."""

    # A text: to make thousands of Paths takes longer than to read their files.
    file: str
    revision: str
    down_revision: tuple[str, ...]
    branch_labels: tuple[str, ...]
    depends_on: tuple[str, ...]
    description: str

    @property
    def path(self) -> Path:
        """The version file."""
        return Path(self.file)

    @property
    def doc(self) -> str:
        """The first paragraph of the docstring: the message of the revision."""
        return self.description.split("\n\n")[0]


class ComputedHeader(Exception):
    """A version file computes a header value, so only running the file can tell it."""

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name
        super().__init__(f"{path} computes its {name}.")


def created_in(description: str) -> str | None:
    """Return the date of creation that the docstring of a version file gives, None where it gives none."""
    found = _CREATED.search(description)
    return found[1].strip() if found else None


def read_header(path: Path | str) -> Header | None:
    """Return the header of the version file `path`, or None if the file declares no revision.

    Raises RevisionsError for a file that cannot be read or parsed, or whose header makes no sense,
    and ComputedHeader for one that cannot be known without running the file.
    """
    return header_of(path, read_source(path))


def header_of(path: Path | str, source: bytes) -> Header | None:
    """Return the header of `source`, the content of a version file at `path`, as `read_header` does."""
    stock = stock_values(source)
    if stock is not None:
        return Header(str(path), *stock[:-1], _shown(stock[-1]))
    path = Path(path)
    tree, bound = header_values(path, source)
    revision = _revision(path, bound)
    if revision is None:
        return None
    if "down_revision" not in bound:
        if "*" in bound:
            raise ComputedHeader(path, "down_revision")
        raise RevisionsError(
            f"The version file {path} declares revision {revision} but no down_revision.",
            hint="Add `down_revision = ...` with the id before it, or None for the first one.",
        )
    return Header(
        file=str(path),
        revision=revision,
        down_revision=_texts(path, bound, "down_revision"),
        branch_labels=_texts(path, bound, "branch_labels"),
        depends_on=_texts(path, bound, "depends_on"),
        description=_shown(ast.get_docstring(tree, clean=False) or ""),
    )


def _shown(docstring: str) -> str:
    """Give a docstring as a module has it: from Python 3.13 on, less the spaces that all lines begin with."""
    if sys.version_info >= (3, 13):
        first, *others = docstring.expandtabs().split("\n")
        margin = min((len(line) - len(line.lstrip(" ")) for line in others if line.strip(" ")), default=0)
        docstring = "\n".join([first.lstrip(" "), *(line[margin:] for line in others)])
    return docstring.strip()


def header_values(path: Path, source: bytes) -> tuple[ast.Module, dict[str, ast.expr | None]]:
    """Return the tree of `source`, and the value of each name that it binds at its top.

    A value is None where the name is bound by anything but a plain assignment. Raises RevisionsError for a
    source that does not parse.
    """
    tree = _parse(path, source)
    return tree, _bound(tree)


def version_files(folder: Path, *, recursive: bool = False) -> Iterator[Path]:
    """Yield the files that Alembic would load from `folder`, in its order; nothing if there is no folder."""
    return (Path(entry.path) for entry in version_entries(folder, recursive=recursive))


def version_entries(folder: Path | str, *, recursive: bool = False) -> Iterator[os.DirEntry[str]]:
    """Yield the same files as entries of their folders, which know what is a link."""
    try:
        with os.scandir(folder) as scanned:
            entries = sorted(scanned, key=attrgetter("name"))
    except OSError:
        return
    folders = []
    no_sources = os.path.basename(folder).endswith("__pycache__")  # noqa: PTH119
    for entry in entries:
        if _is_folder(entry):
            folders.append(entry)
        elif not no_sources and _VERSION_FILE.match(_real_name(entry)):
            yield entry
    for below in folders:
        if recursive and not below.is_symlink():
            yield from version_entries(below.path, recursive=True)


def _real_name(entry: os.DirEntry[str]) -> str:
    """Give the name that Alembic goes by: a link's is that of its file."""
    return os.path.basename(os.path.realpath(entry.path)) if entry.is_symlink() else entry.name  # noqa: PTH119


def real_version_files(folders: Iterable[Path], *, recursive: bool = False) -> Iterator[str]:
    """Yield the real path of each of the same files, folder by folder; a file that is there twice, twice."""
    for folder in folders:
        for entry in version_entries(folder.resolve(), recursive=recursive):
            yield os.path.realpath(entry.path) if entry.is_symlink() else entry.path


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link to itself, which is refused when it is read.
        return False


def find_revision(folder: Path, revision: str, *, recursive: bool = False) -> Path | None:
    """Return the file in `folder` that declares `revision`, or None; unreadable files are skipped."""
    for path in version_files(folder, recursive=recursive):
        try:
            source = path.read_bytes()
        except OSError:
            continue
        if declares(path, source, revision):
            return path
    return None


def declares(path: Path, source: bytes, revision: str) -> bool:
    """Return whether `source`, the content of a version file at `path`, declares `revision`.

    A source that does not parse or that computes its revision declares nothing.
    """
    # Parsing is ten times slower than looking for the id, and nearly every file lacks it. An id that is
    # not ASCII has other bytes in a file of another encoding.
    if revision.isascii() and revision != path.stem and revision.encode() not in source:
        return False
    try:
        return _revision(path, _bound(_parse(path, source))) == revision
    except (RevisionsError, ComputedHeader):
        return False


def read_source(path: Path | str, shown: str | None = None) -> bytes:
    """Return the content of a version file, called `shown`. Raises RevisionsError where it cannot be read."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            return file.read()
    except OSError as exc:
        raise RevisionsError(
            f"The version file {shown or path} cannot be read: {exc.strerror}.",
            hint="Check that the file exists and that you may read it.",
        ) from exc


def _parse(path: Path, source: bytes) -> ast.Module:
    try:
        return parse(source)
    except SyntaxError as exc:
        where = f"{path}, line {exc.lineno}" if exc.lineno else str(path)
        raise not_python(where, exc.msg) from exc


def not_python(where: str, why: object) -> RevisionsError:
    """Return the error for a version file that does not parse."""
    return RevisionsError(
        f"The version file {where} is not valid Python: {why}.",
        hint="Correct the file, or take it out of the version folder.",
    )


def _bound(tree: ast.Module) -> dict[str, ast.expr | None]:
    """Map each name bound at the top of `tree` to its value; None where that is not a plain assignment."""
    bound: dict[str, ast.expr | None] = {}
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=targets, value=value) if all(isinstance(t, ast.Name) for t in targets):
                bound.update({t.id: value for t in targets if isinstance(t, ast.Name)})
            case ast.AnnAssign(target=ast.Name(id=name), value=annotated):
                if annotated is not None:
                    bound[name] = annotated
            case _:
                bound.update(dict.fromkeys(_bound_by(statement)))
    return bound


def _bound_by(statement: ast.stmt) -> set[str]:
    """Return the header names (and `*`) that `statement`, anything but a plain assignment, binds."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            names = {name}
        case _:
            nodes = list(ast.walk(statement))
            names = {n.id for n in nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
            names |= {n.asname or n.name for n in nodes if isinstance(n, ast.alias)}
    return names & (_NAMES | {"*"})


def _revision(path: Path, bound: dict[str, ast.expr | None]) -> str | None:
    if "revision" not in bound:
        if "*" in bound:
            raise ComputedHeader(path, "revision")
        named = _ID_IN_NAME.match(path.name)
        return named.group(1) if named and "down_revision" in bound else None
    value = _literal(path, bound, "revision")
    if not isinstance(value, str):
        raise _not_text(path, "revision")
    return value


def _texts(path: Path, bound: dict[str, ast.expr | None], name: str) -> tuple[str, ...]:
    value = _literal(path, bound, name) if name in bound else None
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, (tuple, list, set)) or not all(isinstance(item, str) for item in value):
        raise _not_text(path, name)
    return tuple(sorted(value) if isinstance(value, set) else value)


def _literal(path: Path, bound: dict[str, ast.expr | None], name: str) -> object:
    node = bound[name]
    if node is None:
        raise ComputedHeader(path, name)
    try:
        value: object = ast.literal_eval(node)
    except (ValueError, TypeError, RecursionError) as exc:
        raise ComputedHeader(path, name) from exc
    return value


def _not_text(path: Path, name: str) -> RevisionsError:
    return RevisionsError(
        f"The {name} of the version file {path} is not text.",
        hint=f"Write it in quotes: {name} = 'an_id'.",
    )
