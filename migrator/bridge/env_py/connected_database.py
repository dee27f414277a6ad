"""A database that env.py has reached, seen through the MigrationContext that Alembic made for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from alembic.runtime.migration import MigrationContext
from sqlalchemy import URL, Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from migrator.bridge.config import is_our_env
from migrator.bridge.tenant_cache import cached, has_tenant_cache
from migrator.config.select import Workspace
from migrator.config.shared_databases import identity
from migrator.config.url import address
from migrator.database.connecting.connected_url import url_of
from migrator.database.connecting.engine import Role
from migrator.database.connecting.pooler import past_pooler
from migrator.database.connecting.second_connection import HeldSeconds, SecondConnection, can_connect_again
from migrator.database.failures import database_error, means
from migrator.database.kinds import kind_of
from migrator.database.kinds.interface import DatabaseKind, ErrorMeaning
from migrator.database.own.facts import Facts
from migrator.database.own.own_tables import TableName
from migrator.errors import LockedError
from migrator.results.run import Holder, describe_holder


def has_version_table(context: MigrationContext) -> bool:
    """Whether the database of a context has a version table."""
    return context._has_version_table()


def ensure_version_table(context: MigrationContext) -> None:
    """Make the version table where there is none; offline, write the SQL for it."""
    context._ensure_version_table()


def share_version_table(context: MigrationContext) -> None:
    """Let the contexts of tenants describe a version table of one name by one object.

    What SQLAlchemy has compiled for one tenant then serves the next.
    """
    primary_key = context.opts.get("version_table_pk", True)
    key = (type(context.impl), context.version_table, context.version_table_schema, primary_key)
    context._version = cached(key, lambda: context._version)


T = TypeVar("T")


@dataclass(frozen=True)
class ConnectedDatabase:
    """A database, how env.py looks at it, and where it stands.

    `url` is where the connection leads to, also where its engine has a creator and a bare URL.
    `by_our_env` is false for an env.py that knows nothing of migrator. `sees_schemas` tells whether its
    autogenerate looks at every schema. `past_pooler` says how to reach the server without a pooler.
    """

    engine: Engine
    url: URL
    facts: Facts
    heads: tuple[str, ...]
    version_table: str
    version_schema: str | None
    has_version_table: bool
    by_our_env: bool
    sees_schemas: bool
    past_pooler: str

    @property
    def kind(self) -> DatabaseKind:
        """The kind of the database."""
        return kind_of(self.facts.backend)

    @property
    def qualified_version_table(self) -> str:
        """The version table's name with its schema, as it stands in the log."""
        schema = self.facts.schema or self.version_schema
        return f"{schema}.{self.version_table}" if schema else self.version_table


def connected_database(
    heads: tuple[str, ...], context: MigrationContext, workspace: Workspace
) -> ConnectedDatabase:
    """Ask the database of a context what it is, in one round trip."""
    connection = connection_of(context)
    return ConnectedDatabase(
        engine=connection.engine,
        url=url_of(connection),
        facts=kind_of(connection.dialect.name).read_facts(
            connection,
            TableName(context.version_table_schema, context.version_table),
            log_table_name(workspace),
        ),
        heads=tuple(heads),
        version_table=context.version_table,
        version_schema=context.version_table_schema,
        has_version_table=bool(heads) or has_version_table(context),
        by_our_env=is_our_env(context.config) if context.config is not None else False,
        sees_schemas=bool(context.opts.get("include_schemas")),
        past_pooler=past_pooler(workspace),
    )


def connection_of(context: MigrationContext) -> Connection:
    """Give the connection of a context that is not offline."""
    if context.connection is None:
        raise RuntimeError("Alembic's context has no connection.")
    return context.connection


def log_table_name(workspace: Workspace) -> TableName | None:
    """Give the name that the configuration has for the log, None where it has none of its own."""
    settings = workspace.environment.settings
    if settings.log_table is None or settings.log_off:
        return None
    schema, _dot, name = settings.log_table.rpartition(".")
    return TableName(schema or None, name)


def configured_role(workspace: Workspace) -> Role | None:
    """Give the role that the configuration has for a run, None where it has none."""
    environment = workspace.environment
    if not environment.settings.role:
        return None
    return Role(environment.settings.role, environment.shown(environment.config_file))


def connect_again(found: ConnectedDatabase, application_name: str) -> SecondConnection | None:
    """Connect once more as env.py's engine does, with the schema and the role of env.py's own connection.

    None where that cannot be: a database in memory, or a driver's pool that is bound to env.py's event loop.
    Raises what the driver raises.
    """
    if not can_connect_again(found.engine):
        return None

    def prepare(connection: Connection) -> None:
        found.kind.prepare_second(connection, found.facts, application_name)

    if has_tenant_cache() and found.kind.has_schemas:
        seconds = cached(HeldSeconds, HeldSeconds, HeldSeconds.close)
        return seconds.connect((identity(found.url), found.facts.user), found.engine, prepare)
    try:
        return SecondConnection(found.engine, prepare)
    except RuntimeError:
        return None


def heads_again(connection: Connection, found: ConnectedDatabase) -> tuple[str, ...]:
    """Read the version table on another connection than env.py's."""
    options = {"version_table": found.version_table, "version_table_schema": found.version_schema}
    return MigrationContext.configure(connection, opts=options).get_current_heads()


def ask(connection: SecondConnection, found: ConnectedDatabase, work: Callable[[Connection], T]) -> T:
    """Run `work` on a second connection and return its result.

    Raises LockedError where it waited for a lock in vain, and DatabaseError if it fails otherwise.
    """
    try:
        return connection.call(work)
    except (SQLAlchemyError, OSError) as exc:
        if means(exc, ErrorMeaning.LOCKED):
            raise _blocked(connection, found) from exc
        raise database_error(exc, address(found.url), "env.py") from exc


def _blocked(connection: SecondConnection, found: ConnectedDatabase) -> LockedError:
    """Make the error for a wait in vain: the server does not say for whom, but who holds locks is seen."""
    holders: tuple[Holder, ...] = ()
    with suppress(SQLAlchemyError, OSError):
        holders = connection.call(found.kind.lock_holders)
    who = "; ".join(map(describe_holder, holders)) or "another session"
    ends = "; ".join(found.kind.end_session(each.pid) for each in holders)
    return LockedError(
        f"A statement of migrator waited in vain for a lock in the database {found.facts.database}, which is"
        f" held by {who}.",
        hint=f"Wait until it ends, or end it{f' ({ends})' if ends else ''}; then run this again.",
    )
