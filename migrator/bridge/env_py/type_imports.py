"""Imports for types that come from another package than SQLAlchemy: SQLModel's, or the project's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.types import TypeEngine

if TYPE_CHECKING:
    # Most commands render nothing.
    from alembic.autogenerate.api import AutogenContext


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
