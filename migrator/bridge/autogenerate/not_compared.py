"""What may differ between models and database without being seen."""

from __future__ import annotations

from alembic.runtime.migration import MigrationContext

_ALWAYS = ("views", "triggers", "functions", "sequences", "expressions of computed columns")


def not_compared(context: MigrationContext) -> tuple[str, ...]:
    """Give what a comparison leaves out, with the options that its env.py has passed."""
    found = list(_ALWAYS)
    if context.dialect.name == "postgresql":
        found.append("text of CHECK constraints")
    else:
        found.append("CHECK constraints")
    if context.opts.get("compare_server_default") in (False, None):
        found.append("server defaults (compare_server_default in env.py)")
    if context.opts.get("compare_type") is False:
        found.append("types of columns and enums (compare_type in env.py)")
    return tuple(found)
