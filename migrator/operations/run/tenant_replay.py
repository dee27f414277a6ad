"""Sends to a tenant what a revision has sent to others, without working it out anew.

Where a function does nothing but call operations with literals, what it sends is the same on every database
of a server. That it is, is seen with two tenants before it is taken for granted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from functools import cache
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData, Table, literal

from migrator.bridge.env_py.connected_database import connection_of
from migrator.bridge.tenant_cache import cached, has_tenant_cache, remembers
from migrator.database.round_trips.one_trip import OneTrip
from migrator.faults import outside

_STATEMENT_EVENTS = ("before_execute", "after_execute", "before_cursor_execute", "after_cursor_execute")
_TABLE_EVENTS = ("before_create", "after_create", "before_drop", "after_drop")


class _Sent:
    """What functions have sent in this process, by all that it may depend on."""

    def __init__(self) -> None:
        self._first: dict[Hashable, tuple[str, ...] | None] = {}
        self._agreed: dict[Hashable, tuple[str, ...]] = {}

    def agreed(self, key: Hashable) -> tuple[str, ...] | None:
        """Give what two runs have sent alike, None where that is not known."""
        return self._agreed.get(key)

    def note(self, key: Hashable, sent: tuple[str, ...] | None) -> None:
        """Take down what one run has sent, None where that was not statements alone."""
        if key not in self._first:
            self._first[key] = sent
        elif sent is not None and self._first[key] == sent:
            self._agreed[key] = sent
        else:
            self._first[key] = None


def apply_step(
    function: Callable[..., Any], arguments: dict[str, Any], context: MigrationContext, one_trip: OneTrip
) -> None:
    """Call a revision's function, whose statements are held back; or hold those that it is known to send."""
    key = _key(function, context) if has_tenant_cache() else None
    if key is None:
        outside(function, **arguments)
        return
    sent = cached(_Sent, _Sent)
    known = sent.agreed(key)
    if known is not None and one_trip.repeat(known):
        return
    outside(function, **arguments)
    # Types that Alembic has made, and will not make again in this run.
    sent.note(key, one_trip.sent if not remembers(context) else None)


def _key(function: Callable[..., Any], context: MigrationContext) -> Hashable | None:
    """Give all that what a function sends may depend on; None where that has no end."""
    connection = connection_of(context)
    options = connection.get_execution_options()
    if remembers(context) or "schema_translate_map" in options or _somebody_listens(connection):
        return None
    metadata = context.opts.get("target_metadata")
    naming = getattr(metadata, "naming_convention", None) or {}
    dialect = connection.dialect
    # Backslashes are written as the server says that it takes them, which each of its databases may set.
    backslash = literal("\\").compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    server = dialect.name, dialect.server_version_info, str(backslash)
    return function, *server, repr(sorted(naming.items(), key=str))


@cache
def _any_table() -> Table:
    """Give one that has no listeners but those of all tables, also of those that come later."""
    return Table("any", MetaData())


def _somebody_listens(connection: Connection) -> bool:
    """Whether anybody would miss that statements are made, or adds some."""
    engine, table = connection.engine, _any_table()
    return (
        logging.getLogger("sqlalchemy.engine.Engine").isEnabledFor(logging.INFO)
        or any(bool(getattr(engine.dispatch, name)) for name in _STATEMENT_EVENTS)
        or any(bool(getattr(table.dispatch, name)) for name in _TABLE_EVENTS)
    )
