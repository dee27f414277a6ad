"""Reads what a version file declares about itself, without executing it."""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from migrator.errors import RevisionsError
from migrator.syntax import parse

# Alembic's rule (ScriptDirectory): which names of files were revision ids before files declared them.
_ID_IN_NAME = re.compile(r"([a-f0-9]+)\.py$")
_CREATED = re.compile(r"^Create Date: *(.+)$", re.MULTILINE)
# What the column of Alembic's version table holds.
LONGEST_ID = 32

_NAMES = frozenset({"revision", "down_revision", "branch_labels", "depends_on"})

# Most files are laid out as Alembic's template lays them out. A pattern reads those ten times as fast as a
# parser, and what it does not know for certain it leaves to the parser.
_HEADER_NAME = rb"\b(?:(?:down_)?revision|branch_labels|depends_on)\b"
_TEXT = rb"""(?:'[^'"\\\r\n]*'|"[^'"\\\r\n]*")"""
_VALUE = rb"(?:None|%(text)s|\(%(text)s(?:,[ ]%(text)s)*,?\))" % {b"text": _TEXT}
# The quantifiers with a + behind them take back nothing, so that no file can keep the pattern busy for long.
_STOCK = re.compile(
    rb"""
    \"{3}(?P<doc>(?:[^"\\\r\0\x0c]+|"(?!""))*+)\"{3}[ \t]*\n
    (?:(?:\#[^\r\n]*|(?:from[ ][\w.]+[ ])?import[ ](?![^\n]*%(name)s)[\w., ]+)?+\n)*+
    revision%(hint)s[ ]=[ ](?P<revision>%(text)s)[ \t]*\n
    down_revision%(hint)s[ ]=[ ](?P<down_revision>%(value)s)[ \t]*\n
    (?:branch_labels%(hint)s[ ]=[ ](?P<branch_labels>%(value)s)[ \t]*\n)?
    (?:depends_on%(hint)s[ ]=[ ](?P<depends_on>%(value)s)[ \t]*\n)?
    """
    % {b"name": _HEADER_NAME, b"text": _TEXT, b"value": _VALUE, b"hint": rb"(?::[ ]?[\w.,|\[\] ]+?)?"},
    re.VERBOSE,
)
# Whatever may bind one of the names again, or names that nobody sees.
_BINDS_MORE = re.compile(_HEADER_NAME + rb"|\bimport[ \t(]*\*")
# One of these is in all of that. To look for them is five times as fast, and nearly no file has one.
_NEEDED = (b"revision", b"branch_labels", b"depends_on", b"*")
_EACH_TEXT = re.compile(_TEXT)


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
    stock = stock_header(path, source)
    if stock is not None:
        return stock
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


def stock_header(path: Path | str, source: bytes) -> Header | None:
    """Return the header of a version file's source, or None for a source that only a parser can tell."""
    found = _STOCK.match(source)
    if found is None:
        return None
    needed = any(source.find(each, found.end()) >= 0 for each in _NEEDED)
    if needed and _BINDS_MORE.search(source, found.end()):
        return None
    head = found[0]
    if not head.isascii() and b"coding" in head:
        return None
    doc, revision, *others = found.groups()
    try:
        down_revision, branch_labels, depends_on = map(_stock_texts, others)
        return Header(
            str(path), revision[1:-1].decode(), down_revision, branch_labels, depends_on, _shown(doc.decode())
        )
    except UnicodeDecodeError:
        return None


def _stock_texts(value: bytes | None) -> tuple[str, ...]:
    return tuple(text[1:-1].decode() for text in _EACH_TEXT.findall(value or b""))


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
    try:
        tree = parse(source)
    except SyntaxError as exc:
        where = f"{path}, line {exc.lineno}" if exc.lineno else str(path)
        raise not_python(where, exc.msg) from exc
    return tree, _bound(tree)


def declares(path: Path, source: bytes, revision: str) -> bool:
    """Return whether `source`, the content of a version file at `path`, declares `revision`.

    A source that does not parse or that computes its revision declares nothing.
    """
    # Parsing is ten times slower than looking for the id, and nearly every file lacks it. An id that is
    # not ASCII has other bytes in a file of another encoding.
    if revision.isascii() and revision != path.stem and revision.encode() not in source:
        return False
    try:
        return _revision(path, header_values(path, source)[1]) == revision
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
