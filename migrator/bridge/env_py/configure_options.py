"""Options for `context.configure()`: hide migrator's own tables, import types of other packages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.types import TypeEngine

from migrator.database.own.own_tables import OWN_SCHEMA, TableName, is_own_table
from migrator.faults import outside

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


def hide_own_tables(options: dict[str, Any], log_table: TableName | None) -> None:
    """Add filters to the options of Alembic's `configure()`, before those that env.py has itself."""
    include_name = options.get("include_name")
    include_object = options.get("include_object")

    def is_ours(name: str | None, type_: str, schema: str | None) -> bool:
        return type_ == "table" and name is not None and is_own_table(name, schema, log_table)

    def name_filter(name: str | None, type_: str, parents: dict[str, str | None]) -> bool:
        if (type_ == "schema" and name == OWN_SCHEMA) or is_ours(name, type_, parents.get("schema_name")):
            return False
        return include_name is None or bool(outside(include_name, name, type_, parents))

    def object_filter(obj: Any, name: str | None, type_: str, reflected: bool, compare_to: Any) -> bool:
        if is_ours(name, type_, getattr(obj, "schema", None)):
            return False
        if include_object is None:
            return True
        return bool(outside(include_object, obj, name, type_, reflected, compare_to))

    options["include_name"] = name_filter
    options["include_object"] = object_filter


def import_types(options: dict[str, Any]) -> None:
    """Let a type that is written as `module.Type()` bring `import module`; Alembic leaves that to a template.

    `options` are those of `context.configure()`; with `user_module_prefix` types are written otherwise.
    """
    theirs = options.get("render_item")
    if options.get("user_module_prefix"):
        return

    def render(kind: str, item: Any, context: AutogenContext) -> Any:
        said = theirs(kind, item, context) if theirs else False
        if said is False and kind == "type" and isinstance(item, TypeEngine):
            module = type(item).__module__
            if module != "sqlalchemy" and not module.startswith(("sqlalchemy.", "__")):
                context.imports.add(f"import {module}")
        return said

    options["render_item"] = render
