"""Compares plain defaults of text and enum columns as texts.

Alembic lets PostgreSQL compare two defaults, which fails where the models have a value that the type in the
database has not yet, or a text with a quote in it.
"""

from __future__ import annotations

import re
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import Column, String
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import DefaultClause

from migrator.bridge.autogenerate.enums.enum_columns import default_sql, same_default
from migrator.bridge.autogenerate.enums.enum_types import enum_of

_NAME = "migrator.literal_defaults"
_OPTION = "autogenerate_plugins"
_LITERAL = re.compile(r"'(?:[^']|'')*'(?:::[^']*)?")


def compare_literal_defaults(context: MigrationContext) -> None:
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
    defaults = (old.server_default, new.server_default)
    if all(each is None for each in defaults):
        return PriorityDispatchResult.CONTINUE
    before, after = (default_sql(each, autogen.dialect) for each in defaults)
    if not (
        all(_is_textual(each.type, autogen.dialect) for each in (old, new))
        and all(each is None or isinstance(each, DefaultClause) for each in defaults)
        and all(each is None or _LITERAL.fullmatch(each) for each in (before, after))
    ):
        return PriorityDispatchResult.CONTINUE
    alter.existing_server_default = old.server_default
    if not same_default(before, after):
        alter.modify_server_default = new.server_default
    return PriorityDispatchResult.STOP


def _is_textual(type_: Any, dialect: Dialect) -> bool:
    return enum_of(type_, dialect) is not None or isinstance(type_.dialect_impl(dialect), String)


# Registered for all, and used only where a context names it.
Plugin(_NAME).add_autogenerate_comparator(
    _compare, "column", "server_default", qualifier="postgresql", priority=DispatchPriority.FIRST
)
