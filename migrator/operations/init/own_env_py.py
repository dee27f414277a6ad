"""Migrator's own env.py for a project whose env.py runs under another tool only."""

from __future__ import annotations

import ast
from importlib.resources import files

from migrator.operations.init.sources import Sources
from migrator.operations.init.templates import filled_in
from migrator.revisions.env_py_remarks import TOOLS
from migrator.revisions.env_py_source import Needs

_TEMPLATE = "adopted/env.py.mako"
# What advanced-alchemy passes by itself where its configuration says nothing else.
_VERSION_TABLE, _PREFIX = "alembic_versions", "sa."


def own_env_py(theirs: str, needs: Needs | None, named: str | None) -> bytes:
    """Give its source; `named` is the version table that the project's own configuration names."""
    options = ""
    if needs == "advanced-alchemy":
        table = named or _VERSION_TABLE
        options = f"version_table={table!r}, user_module_prefix={_PREFIX!r}".replace("'", '"')
    source = (files("migrator") / "templates" / _TEMPLATE).read_text(encoding="utf-8")
    return filled_in(source, {"theirs": theirs, "tool": TOOLS.get(needs or "", ""), "options": options})


def version_table(sources: Sources) -> str | None:
    """Give what the project passes as `version_table_name` to advanced-alchemy, None where it does not."""
    for module in sources.modules.values():
        for node in ast.walk(module.tree):
            match node:
                case ast.keyword(arg="version_table_name", value=ast.Constant(value=str(name))):
                    return name
    return None
