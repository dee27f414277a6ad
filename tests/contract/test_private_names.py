"""Private names of other packages: each is used in one package of migrator only, and is known to be.

Alembic's are in `bridge/`, and are those of `test_alembic_private`. SQLAlchemy's and asyncpg's are in
`database/round_trips/`, where each has an ordinary way beside it: `test_renamed_names` takes that.
"""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from migrator.database.round_trips.probe import MissingName, missing_names
from tests.conftest import ROOT, Database
from tests.contract.test_alembic_private import PRIVATE as OF_ALEMBIC

PACKAGE = ROOT / "migrator"
# What breaks without each, or rather: becomes slower.
OF_SQLALCHEMY = {
    "_transaction": "no statement travels with BEGIN, another statement or COMMIT (one_trip.py)",
    "_handle_exception": "a text would fail with other errors: no statement is sent so (one_trip.py)",
    "_rowcount": "the rows that a text met could not be told: no statement is sent so (probe.py)",
    "_started": "as _transaction, in SQLAlchemy 2.0 (one_trip.py)",
}
OF_ASYNCPG = {
    "_top_xact": "a driver's own transaction would be no savepoint: no statement is sent so (one_trip.py)",
}
# Names that begin as private ones do, and are documented, or migrator's own.
NOT_PRIVATE = {
    "_replace": "Python documents it of named tuples",
    "_exit": "Python documents os._exit",
    "_fields": "Python documents it of syntax trees",
    "_getframe": "Python documents sys._getframe",
    "_typeshed": "type checkers know it",
    "_shown": "migrator's own (testing/fixtures.py)",
}
_PRIVATE = re.compile(r"_[a-z]\w*")
_BY_NAME = {"getattr", "hasattr", "setattr", "delattr", "vars"}


@dataclass(frozen=True)
class Use:
    """A private name of another object than `self`, in a file below `migrator/`."""

    file: str
    line: int
    name: str

    @property
    def place(self) -> str:
        """The package that may use it."""
        return next((each for each in ("bridge/", "database/round_trips/") if self.file.startswith(each)), "")


def uses() -> list[Use]:
    """Give every use of a private name in migrator."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        file = path.relative_to(PACKAGE).as_posix()
        found += [Use(file, line, name) for line, name in names_in(tree) if name not in NOT_PRIVATE]
    return found


def names_in(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Give the private names in a syntax tree, each with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                continue
            case ast.Attribute(attr=name):
                found = [name]
            case ast.Call(func=ast.Name(id=called)) if called in _BY_NAME:
                found = [text for argument in node.args for text in _texts(argument)]
            case ast.Call():
                found = [keyword.arg for keyword in node.keywords if keyword.arg is not None]
            case ast.ImportFrom(module=str(module)) if not module.startswith("migrator"):
                found = [*module.split("."), *(alias.name for alias in node.names)]
            case ast.Compare(left=ast.Constant(value=str(name))):
                found = [name]
            case ast.Assign(value=ast.List() | ast.Tuple() as listed):
                found = list(_texts(listed))
            case _:
                continue
        yield from ((node.lineno, name) for name in found if _PRIVATE.fullmatch(name))


def _texts(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value


@pytest.mark.parametrize(
    ("place", "table"),
    [
        ("bridge/", OF_ALEMBIC),
        ("database/round_trips/", {**OF_SQLALCHEMY, **OF_ASYNCPG}),
        ("", {}),
    ],
)
def test_every_private_use_is_in_its_package_and_in_its_table(place: str, table: dict[str, object]) -> None:
    found = [each for each in uses() if each.place == place]

    assert [each for each in found if each.name not in table] == []
    assert {each.name for each in found} == set(table)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("connection._protocol.get_settings()", "_protocol"),
        ("getattr(cursor, '_cursor', None)", "_cursor"),
        ("setattr(cursor, '_rowcount' if new else 'rowcount', 1)", "_rowcount"),
        ("NullPool(make, _dispatch=dispatch)", "_dispatch"),
        ("from asyncpg.protocol import _codecs", "_codecs"),
        ("from sqlalchemy.engine._py_row import BaseRow", "_py_row"),
        ("'_revision_map' in vars(found)", "_revision_map"),
        ("wanted = ['_transaction']", "_transaction"),
    ],
)
def test_a_private_name_is_found_however_it_is_used(source: str, name: str) -> None:
    assert name in [found for _line, found in names_in(ast.parse(source))]


def test_nothing_is_missing_of_the_installed_releases(postgres_database: Database) -> None:
    url = make_url(postgres_database.url).set(drivername="postgresql+asyncpg")

    async def missing() -> tuple[MissingName, ...]:
        async with create_async_engine(url, poolclass=NullPool).connect() as connection:
            return await connection.run_sync(missing_names)

    assert asyncio.run(missing()) == ()
