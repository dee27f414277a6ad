"""Consent for what can hurt a protected environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from migrator.config.select import Workspace
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
        answer = consent.ask(f"{environment.name} is protected. To {what}, type its name: ")
    if answer is None:
        raise RefusedError(
            f"The environment {environment.name} is protected, and to {what} was not confirmed.",
            hint=f"Add --confirm {environment.name}",
        )
    if answer.strip() != environment.name:
        raise RefusedError(
            f"The confirmation {answer.strip() or '(empty)'} is not the name of the environment"
            f" {environment.name}.",
            hint=f"Add --confirm {environment.name}",
        )
