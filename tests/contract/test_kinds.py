"""What differs between kinds of databases is known in one module for each of them."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from migrator.database.kinds import KINDS, kind_of
from migrator.database.kinds.interface import DatabaseKind, OtherKind
from tests.conftest import ROOT

PACKAGE = ROOT / "migrator"
NAMES = {"postgresql", "sqlite", "mysql", "mariadb"}
# Here a dialect may be named: what these folders hold is about the SQL of each kind.
FOLDERS = ("database/kinds", "database/catalog", "lint", "bridge/autogenerate")
# How often a file may name a dialect, and why it has to.
EXCEPTIONS = {
    "config/shared_databases.py": (3, "default ports: config/ may not import database/"),
    "config/url.py": (3, "the URL of POSTGRES_*, postgres://, and which URLs name a file: as above"),
    "database/embedded/server_home.py": (1, "the name of the embedded server's folder"),
    "database/connecting/engine.py": (2, "the extras of this package that bring a driver"),
    "database/connecting/opening.py": (1, "the URL of the embedded server"),
    "database/own/own_tables.py": (
        1,
        "SQLAlchemy's variant of a column, chosen by the dialect that compiles it",
    ),
    "operations/init/adopt.py": (1, "an answer to `init --database`"),
    "operations/init/adopted_files.py": (1, "an answer to `init --database`"),
    "operations/init/layout.py": (2, "an answer to `init --database`"),
    "operations/init/questions.py": (2, "an answer to `init --database`"),
    "scratch/foreign_connections.py": (2, "the class of a driver's connection: a pool tells nothing else"),
    "scratch/choose_store.py": (2, "the embedded server, where a project names no database"),
}


def _named_in(path: Path) -> Iterator[int]:
    """Give the lines in which a file names a dialect, in code and not in prose."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and node.value in NAMES:
            yield node.lineno


def _files() -> Iterator[tuple[str, list[int]]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        file = path.relative_to(PACKAGE).as_posix()
        if not file.startswith(tuple(f"{each}/" for each in FOLDERS)):
            yield file, sorted(_named_in(path))


def test_a_dialect_is_named_only_where_its_kind_is_described() -> None:
    more = {
        file: lines
        for file, lines in _files()
        if len(lines) > (EXCEPTIONS[file][0] if file in EXCEPTIONS else 0)
    }

    assert more == {}, "ask kind_of(...) instead, or give the kind a new answer"


def test_no_exception_is_left_over() -> None:
    found = {file: len(lines) for file, lines in _files() if lines}

    assert found == {file: count for file, (count, _why) in EXCEPTIONS.items()}


def _members() -> Iterator[str]:
    yield from DatabaseKind.__annotations__
    yield from (name for name, member in vars(DatabaseKind).items() if _is_method(name, member))


def _is_method(name: str, member: object) -> bool:
    return inspect.isfunction(member) and not name.startswith("_")


@pytest.mark.parametrize("kind", [*KINDS, OtherKind("oracle")], ids=lambda kind: kind.name)
def test_a_kind_answers_all_that_is_asked(kind: DatabaseKind) -> None:
    missing = [name for name in _members() if not hasattr(kind, name)]

    assert missing == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_answers_nothing_that_is_not_asked_and_takes_what_it_is_asked_with(kind: DatabaseKind) -> None:
    asked, own = {*_members()}, vars(type(kind))

    assert {name for name in own if not name.startswith("_")} - asked == set()
    for name in asked & {name for name, member in own.items() if _is_method(name, member)}:
        theirs: Callable[..., Any] = getattr(DatabaseKind, name)
        assert inspect.signature(own[name]) == inspect.signature(theirs), name


def test_a_dialect_leads_to_its_kind() -> None:
    assert [kind_of(name).name for name in ("postgresql", "sqlite", "mysql", "mariadb")] == [
        *("postgresql", "sqlite", "mysql"),
        "mysql",
    ]
    assert isinstance(kind_of("oracle"), OtherKind)
