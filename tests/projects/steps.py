"""A project of testing and production whose revisions each make a table, and one that waits for its test."""

from __future__ import annotations

from pathlib import Path

from tests.projects.small import revision_text, versions, write_project

# Taken by a test, it holds up the revision that `wait_in` writes; PostgreSQL only.
HELD = 4711


def write_steps(root: Path, *revisions: str) -> Path:
    """Write the project, with a line of revisions in both environments; only production is protected."""
    write_project(root, "test", "online", settings="models = shop:metadata\nlock_timeout = off")
    (root / "shop.py").write_text(
        "from sqlalchemy import Column, Integer, MetaData, Table\n\n"
        "metadata = MetaData()\n"
        + "".join(f'Table("{each}", metadata, Column("id", Integer))\n' for each in revisions)
    )
    for suffix in ("test", "online"):
        down = None
        for revision in revisions:
            write_step(versions(root, suffix), revision, down)
            down = revision
    return root


def write_step(folder: Path, revision: str, down: str | None, *first: str) -> Path:
    """Write a revision that makes a table of its name; the lines `first` go before that."""
    up = "\n".join((*first, f'op.execute("CREATE TABLE {revision} (id integer)")'))
    path = folder / f"{revision}.py"
    path.write_text(revision_text(revision, down, up, f'op.execute("DROP TABLE {revision}")'))
    return path


def wait_in(folder: Path, revision: str, down: str | None) -> Path:
    """Write a revision that has made a table and then waits until the lock HELD is free."""
    return write_step(
        folder,
        revision,
        down,
        f'op.execute("CREATE TABLE half_{revision} (id integer)")',
        f'op.execute("SELECT pg_advisory_xact_lock({HELD})")',
    )
