"""What a command hands to env.py, through the Config that both see."""

from __future__ import annotations

from dataclasses import dataclass, field

from alembic.config import Config
from sqlalchemy import URL

from migrator.config.select import Workspace
from migrator.database.round_trips.first_questions import Answers

_KEY = "migrator"
_OURS = "migrator_env"


@dataclass(frozen=True)
class Handover:
    """The workspace, the database's URL (None where a connection was handed in), and what the command needs.

    `writes` is false for a command that only reads; `needs_models` is false where models play no part, so
    that a broken model does not stop a look at the database. With `guarded` the command sets timeouts itself.
    `known` is what servers were asked before.
    """

    workspace: Workspace
    url: URL | None
    writes: bool = True
    needs_models: bool = True
    guarded: bool = False
    known: Answers = field(default_factory=dict)


def hand_over(config: Config, handover: Handover) -> None:
    """Put a handover where env.py finds it."""
    config.attributes[_KEY] = handover


def received_handover(config: Config) -> Handover | None:
    """Give what the running command handed over; None under plain Alembic."""
    found = config.attributes.get(_KEY)
    return found if isinstance(found, Handover) else None


def say_our_env(config: Config) -> None:
    """Note that the env.py that runs is one that calls `migrator.env.run_migrations`."""
    config.attributes[_OURS] = True


def is_our_env(config: Config) -> bool:
    """Whether the env.py that ran calls `migrator.env.run_migrations`."""
    return bool(config.attributes.get(_OURS))
