"""Consent for what can hurt a protected environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from migrator.config.select import Workspace
from migrator.config.url import address
from migrator.errors import RefusedError


def _nobody(_question: str) -> None:
    return None


@dataclass(frozen=True)
class Consent:
    """How consent is given: what `--confirm` says, and a way to ask.

    `ask` is called with a question and gives the answer, or None where nobody can be asked.
    """

    confirm: str | None = None
    ask: Callable[[str], str | None] = _nobody


def require_consent(workspace: Workspace, what: str, consent: Consent) -> None:
    """Refuse to go on in a protected environment without its name as confirmation. Raises RefusedError."""
    environment = workspace.environment
    if not environment.protected:
        return
    answer = consent.confirm
    if answer is None:
        answer = consent.ask(f"{_named(workspace)} is protected. To {what}, type {environment.name}: ")
    if answer is None:
        raise RefusedError(
            f"The environment {environment.name} is protected; it was not confirmed to {what}.",
            hint=f"Add --confirm {environment.name}",
        )
    if answer.strip() != environment.name:
        raise RefusedError(
            f"The confirmation {answer.strip() or '(empty)'} is not the name of the environment"
            f" {environment.name}.",
            hint=f"Add --confirm {environment.name}",
        )


def _named(workspace: Workspace) -> str:
    """Name the environment with its database, so that nobody consents to the wrong one."""
    name = workspace.environment.name
    url = workspace.database.url if workspace.resolves_url else None
    return name if url is None else f"{name} ({address(url)})"
