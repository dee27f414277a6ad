"""Compares the defaults of enum columns as texts.

Alembic lets PostgreSQL compare two defaults, which fails where the models have a value that the type in the
database has not yet.
"""

from __future__ import annotations

import re
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import Column

from migrator.bridge.enum_columns import default_sql, same_default
from migrator.bridge.enum_types import enum_of

_NAME = "migrator.enum_defaults"
_OPTION = "autogenerate_plugins"
_LITERAL = re.compile(r"'(?:[^']|'')*'(?:::[^']*)?")


def compare_enum_defaults(context: MigrationContext) -> None:
    """Make the comparisons of one context, and no other, do so. What env.py has said of defaults stands."""
    if context.opts.get("compare_server_default") is True and context.dialect.name == "postgresql":
        plugins = context.opts.get(_OPTION) or ["alembic.autogenerate.*"]
        context.opts[_OPTION] = [*plugins, *([] if _NAME in plugins else [_NAME])]


def _compare(
    autogen: AutogenContext,
    alter: ops.AlterColumnOp,
    _schema: str | None,
    _table: str,
    _name: str,
    old: Column[Any],
    new: Column[Any],
) -> PriorityDispatchResult:
    dialect = autogen.dialect
    if enum_of(old.type, dialect) is None and enum_of(new.type, dialect) is None:
        return PriorityDispatchResult.CONTINUE
    before, after = (default_sql(each.server_default, dialect) for each in (old, new))
    if not all(each is None or _LITERAL.fullmatch(each) for each in (before, after)):
        return PriorityDispatchResult.CONTINUE
    if old.server_default is not None:
        alter.existing_server_default = old.server_default
    if not same_default(before, after):
        alter.modify_server_default = new.server_default
    return PriorityDispatchResult.STOP


# Registered for all, and used only where a context names it.
Plugin(_NAME).add_autogenerate_comparator(
    _compare, "column", "server_default", qualifier="postgresql", priority=DispatchPriority.FIRST
)
