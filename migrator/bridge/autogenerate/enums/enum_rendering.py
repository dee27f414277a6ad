"""How enum types are written in a file: whether creating a table makes the type, too."""

from __future__ import annotations

from typing import Any

from alembic.autogenerate.api import AutogenContext
from sqlalchemy import ARRAY, Enum
from sqlalchemy.dialects.postgresql import ENUM

from migrator.bridge.autogenerate.enums.enum_types import Key, enum_key, enum_of


def write_types(autogen: AutogenContext, there: set[Key]) -> None:
    """Write the types that are `there` before a table is created so that creating it leaves them alone."""
    options = autogen.migration_context.opts
    theirs = options.get("render_item")

    def render(kind: str, item: Any, context: AutogenContext) -> Any:
        said = theirs(kind, item, context) if theirs else False
        if said is not False or kind != "type":
            return said
        return _rendered(item, context, there)

    # The context's own options: whoever compares after this does it in a context of their own.
    options["render_item"] = render


def _rendered(item: Any, context: AutogenContext, there: set[Key]) -> str | bool:
    enum = enum_of(item, context.dialect)
    if enum is None:
        return False
    if isinstance(item, ARRAY):
        return _array(item, context, there)
    if enum_key(enum, context.dialect.default_schema_name) not in there:
        return False
    context.imports.add("from sqlalchemy.dialects import postgresql")
    schema = f", schema={str(enum.schema)!r}" if enum.schema else ""
    labels = "".join(f"{label!r}, " for label in enum.enums)
    return f"postgresql.ENUM({labels}name={str(enum.name)!r}{schema}, create_type=False)"


def _array(item: ARRAY[Any], context: AutogenContext, there: set[Key]) -> str | bool:
    """Alembic finds the type of an array's items with a pattern, which odd values break."""
    inner = _rendered(item.item_type, context, there)
    if inner is False:
        if type(item.item_type) not in (Enum, ENUM):
            return False
        inner = f"{_module(item.item_type, context)}.{item.item_type!r}"
    dimensions = f", dimensions={item.dimensions}" if item.dimensions else ""
    return f"{_module(item, context)}.ARRAY({inner}{dimensions})"


def _module(item: Any, context: AutogenContext) -> str:
    if type(item).__module__.startswith("sqlalchemy.dialects"):
        context.imports.add("from sqlalchemy.dialects import postgresql")
        return "postgresql"
    return "sa"
