"""Shell completion of environments and revisions. It reads files only, and executes none of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import typer


def complete_environment(incomplete: str) -> list[tuple[str, str]]:
    """Give the environments, with their files, whose name or alias starts with what was typed."""
    from migrator.config.environments import discover, find_root
    from migrator.errors import MigratorError

    root = find_root(Path.cwd())
    if root is None:
        return []
    try:
        found, _broken = discover(root)
    except MigratorError:
        return []
    return [
        (name, each.shown(each.config_file))
        for each in found
        for name in (each.name, *each.aliases)
        if name.startswith(incomplete)
    ]


def complete_revision(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Give the targets and revisions, with their messages, that start with what was typed."""
    named = [(name, "") for name in ("head", "heads", "base", "current")]
    return [(name, text) for name, text in (*named, *_revisions(ctx)) if name.startswith(incomplete)]


def _revisions(ctx: typer.Context) -> Iterator[tuple[str, str]]:
    from migrator.config.folders import version_folders
    from migrator.config.select import Choice, choose
    from migrator.errors import MigratorError
    from migrator.revisions.version_folder import readable_headers

    before = ctx.parent.params if ctx.parent is not None else {}
    choice = Choice(
        env=ctx.params.get("env") or before.get("env"),
        config=ctx.params.get("config") or before.get("config"),
        cwd=Path.cwd(),
        process=os.environ,
    )
    try:
        headers = readable_headers(version_folders(choose(choice).environment))
    except MigratorError:
        return
    for header in headers:
        yield header.revision, " ".join(header.doc.split())
