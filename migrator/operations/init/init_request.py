"""What `init` is asked for, and how it asks for what it was not told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Database = Literal["embedded", "url", "sqlite"]
Ask = Callable[[str], str | None]

DATABASES: tuple[Database, ...] = ("embedded", "url", "sqlite")
DEFAULT_NAMES = ("testing", "production")


@dataclass(frozen=True)
class InitRequest:
    """What the command line says; None and empty where it says nothing.

    `template` is the name of one that comes with migrator, or a folder.
    """

    models: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    database: Database | None = None
    shared: bool | None = None
    template: str = "default"
    adopt: Path | None = None
    section: str = "alembic"
    dry_run: bool = False


def no_answer(_question: str) -> None:
    """Stand for a person where nobody can be asked."""
    return
