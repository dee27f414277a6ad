"""Options for `context.configure()`: hide tables and schemas, write types of other packages."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy.types import TypeEngine

from migrator.database.own.own_tables import OWN_SCHEMA, TableName, is_own_table
from migrator.faults import outside

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


def hide_own_tables(options: dict[str, Any], log_table: TableName | None) -> None:
    """Hide the tables of migrator itself, and the schema that they are in."""
    hide_tables(options, lambda name, schema: is_own_table(name, schema, log_table), hidden_schema=OWN_SCHEMA)


def hide_tables(
    options: dict[str, Any], is_hidden: Callable[[str, str | None], bool], *, hidden_schema: str = ""
) -> None:
    """Add filters to the options of Alembic's `configure()`, before those that env.py has itself.

    They filter both sides: a table kept out of the database's alone would be created again.
    """
    include_name = options.get("include_name")
    include_object = options.get("include_object")

    def hides(name: str | None, type_: str, schema: str | None) -> bool:
        return type_ == "table" and name is not None and is_hidden(name, schema)

    def name_filter(name: str | None, type_: str, parents: dict[str, str | None]) -> bool:
        if (type_ == "schema" and name == hidden_schema) or hides(name, type_, parents.get("schema_name")):
            return False
        return include_name is None or bool(outside(include_name, name, type_, parents))

    def object_filter(obj: Any, name: str | None, type_: str, reflected: bool, compare_to: Any) -> bool:
        if hides(name, type_, getattr(obj, "schema", None)):
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
    if options.get("user_module_prefix"):
        return

    def write(item: Any, context: AutogenContext) -> Literal[False]:
        module = type(item).__module__
        if isinstance(item, TypeEngine) and not f"{module}.".startswith(("sqlalchemy.", "__")):
            context.imports.add(f"import {module}")
        return False

    write_types_with(options, write)


def write_types_with(
    options: dict[str, Any], write: Callable[[Any, AutogenContext], str | Literal[False]]
) -> None:
    """Let `write` write the types that env.py's own `render_item` leaves; False leaves them to Alembic."""
    theirs = options.get("render_item")

    def render(kind: str, item: Any, autogen: AutogenContext) -> Any:
        said = theirs(kind, item, autogen) if theirs else False
        return write(item, autogen) if said is False and kind == "type" else said

    options["render_item"] = render
