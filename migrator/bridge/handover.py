"""What a command hands to env.py, through the Config that both see."""

from __future__ import annotations

from dataclasses import dataclass

from alembic.config import Config
from sqlalchemy import URL

from migrator.config.select import Workspace

_KEY = "migrator"


@dataclass(frozen=True)
class Handover:
    """The workspace, the database's URL (None where a connection was handed in), and what the command needs.

    `writes` is false for a command that only reads; `needs_models` is false where models play no part, so
    that a broken model does not stop a look at the database.
    """

    workspace: Workspace
    url: URL | None
    writes: bool = True
    needs_models: bool = True


def hand_over(config: Config, handover: Handover) -> None:
    """Put a handover where env.py finds it."""
    config.attributes[_KEY] = handover


def handed_over(config: Config) -> Handover | None:
    """Give what the running command handed over; None under plain Alembic."""
    found = config.attributes.get(_KEY)
    return found if isinstance(found, Handover) else None
