"""Requires that a database is at the heads of the version files, by one query on the caller's engine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from migrator.api.requests import Request
from migrator.api.waiting_calls import call_and_await, call_and_wait
from migrator.config.select import Workspace
from migrator.config.version_table_name import VersionTableName, version_table
from migrator.errors import NotAtHeadError, UnknownRevisionError, UsageError
from migrator.operations.look.revision_listing import graph_in_files
from migrator.results.events import ignore
from migrator.results.revisions import RevisionList
from migrator.revisions.graph import UnclearGraph

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


@dataclass(frozen=True)
class RequiredHead:
    """What is required: `request` asks for the revisions; the rest is `migrator.api.requests.HeadOptions`.

    A `version_table` or `version_table_schema` that is None is what env.py says.
    """

    request: Request
    version_table: str | None = None
    version_table_schema: str | None = None
    allow_ahead: bool = False


@dataclass(frozen=True)
class _Expected:
    """What the files say: the version table, the heads, and every revision that is known here."""

    workspace: Workspace
    table: VersionTableName
    heads: frozenset[str]
    known: frozenset[str]


def require_head(engine: Engine | Connection, wanted: RequiredHead) -> None:
    """Raise where a database is not at head; see `Migrator.require_head`."""
    from sqlalchemy import Connection, Engine

    from migrator.database.own.version_rows import version_rows

    _refuse_other(engine, (Engine, Connection), "require_head", "an Engine or a Connection of SQLAlchemy")
    expected = _by_headers(wanted) or _by_files(wanted, call_and_wait(wanted.request, ignore))
    with (
        _usable(engine),
        nullcontext(engine) if isinstance(engine, Connection) else engine.connect() as connection,
    ):
        rows = version_rows(connection, expected.table.name, expected.table.schema)
    _judge(rows, expected, wanted, engine)


async def arequire_head(engine: AsyncEngine | AsyncConnection, wanted: RequiredHead) -> None:
    """Do as `require_head`, without blocking the event loop."""
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from migrator.database.own.version_rows import version_rows

    kinds = "an AsyncEngine or an AsyncConnection of SQLAlchemy"
    _refuse_other(engine, (AsyncEngine, AsyncConnection), "arequire_head", kinds)
    # A long history takes a while to read.
    expected = await asyncio.to_thread(_by_headers, wanted)
    if expected is None:
        expected = _by_files(wanted, await call_and_await(wanted.request, ignore))
    with _usable(engine):
        async with nullcontext(engine) if isinstance(engine, AsyncConnection) else engine.connect() as opened:
            rows = await opened.run_sync(version_rows, expected.table.name, expected.table.schema)
    _judge(rows, expected, wanted, engine)


def _refuse_other(engine: object, kinds: tuple[type, ...], method: str, said: str) -> None:
    if not isinstance(engine, kinds):
        raise UsageError(
            f"{method} takes {said}; it was given: {type(engine).__name__}.",
            hint="require_head is for sync engines, arequire_head for async ones.",
        )


def _by_headers(wanted: RequiredHead) -> _Expected | None:
    """Read what is expected from the headers of the version files; None where those do not tell."""
    workspace = wanted.request.workspace()
    try:
        graph = graph_in_files(workspace)
    except UnclearGraph:
        return None
    heads = (node.revision for node in graph.real_heads)
    return _expected(wanted, workspace, heads, (node.revision for node in graph.nodes))


def _by_files(wanted: RequiredHead, loaded: RevisionList) -> _Expected:
    """Take what is expected from the version files as Alembic loads them."""
    found = loaded.revisions
    heads = (each.revision for each in found if each.is_head and not each.is_effective_head)
    return _expected(wanted, wanted.request.workspace(), heads, (each.revision for each in found))


def _expected(
    wanted: RequiredHead, workspace: Workspace, heads: Iterable[str], known: Iterable[str]
) -> _Expected:
    table = version_table(workspace.environment, wanted.version_table, _schema(wanted, workspace))
    return _Expected(workspace, table, frozenset(heads), frozenset(known))


def _schema(wanted: RequiredHead, workspace: Workspace) -> str | None:
    """Give the schema that is known without env.py. Raises UsageError where each tenant has its own."""
    if wanted.version_table_schema is not None:
        return wanted.version_table_schema
    if workspace.tenant is not None:
        return workspace.tenant.schema
    settings = workspace.environment.settings
    if settings.tenants is not None and settings.tenant_url is None:
        raise UsageError(
            f"The environment {workspace.environment.name} has tenants, and none was named.",
            hint='Name one: Migrator(tenant="..."); or say version_table_schema="...".',
        )
    return None


@contextmanager
def _usable(engine: Any) -> Iterator[None]:
    """Translate what goes wrong with the caller's engine. Raises DatabaseError."""
    from migrator.database.failures import database_error, is_database_failure

    try:
        yield
    except Exception as exc:
        if not is_database_failure(exc):
            raise
        raise database_error(exc, _address(engine), "the engine that was given") from exc


def _address(engine: Any) -> str:
    from migrator.config.url import address

    # A connection knows its engine. A bare URL stays one: to ask the database would be a second query.
    return address(getattr(engine, "engine", engine).url)


def _judge(rows: tuple[str, ...] | None, expected: _Expected, wanted: RequiredHead, engine: Any) -> None:
    """Raise NotAtHeadError, or UnknownRevisionError, where a database is not at the heads."""
    current, again = rows or (), expected.workspace.again
    unknown = [each for each in current if each not in expected.known]
    if set(current) == expected.heads or (unknown and wanted.allow_ahead):
        return
    kind, hint = NotAtHeadError, f"Upgrade it: {again('upgrade')}"
    where = f"is at {', '.join(current) or 'base'}"
    if rows is None:
        table = ".".join(each for each in (expected.table.schema, expected.table.name) if each)
        where = f"has no table {table}: it was never upgraded"
    elif unknown:
        where = f"is at {', '.join(unknown)}, which no version file here has"
        kind = UnknownRevisionError
        hint = (
            f"A newer version has upgraded it? Deploy that, or say allow_ahead=True. See: {again('status')}"
        )
    environment, heads = expected.workspace.environment.name, tuple(sorted(expected.heads))
    raise kind(
        f"The database {_address(engine)} {where}; {environment} is at {', '.join(heads) or 'base'} here.",
        environment=environment,
        current=current,
        expected=heads,
        hint=hint,
    )
