"""Consent for what can hurt a protected environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from migrator.config.select import Workspace
from migrator.config.url import address
from migrator.errors import Effect, RefusedError
from migrator.results.run import RunPlan


@dataclass(frozen=True)
class Consent:
    """How consent is given: what `--confirm` and `--yes` say, and a way to ask.

    `ask` is called with a question and gives the answer, or None where nobody can be asked; `show` shows a
    plan to whoever is about to be asked.
    """

    confirm: str | None = None
    ask: Callable[[str], str | None] = lambda _question: None
    yes: bool = False
    show: Callable[[RunPlan], None] = lambda _plan: None
    can_ask: bool = False


NO_CONSENT = Consent()
"""Consent where nobody can be asked and nothing was said."""


def require_consent(workspace: Workspace, what: str, consent: Consent, plan: RunPlan | None = None) -> bool:
    """Refuse to go on in a protected environment without its name as confirmation. Raises RefusedError.

    Whoever is asked is shown the `plan` first. Gives whether somebody was asked.
    """
    environment = workspace.environment
    if not environment.protected:
        return False
    answer = consent.confirm
    if answer is None:
        if plan is not None and consent.can_ask:
            consent.show(plan)
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
    return consent.confirm is None


def agree_to_upgrade(workspace: Workspace, what: str, consent: Consent, plan: RunPlan | None = None) -> bool:
    """Ask y/N where the environment is protected and somebody can be asked, after showing the plan.

    `what` begins the question, such as `Upgrade 12 tenants of`. Gives whether somebody was asked. A deploy
    job, which cannot be, goes ahead. Raises RefusedError for any answer but yes.
    """
    if not workspace.environment.protected or consent.yes or not consent.can_ask:
        return False
    if plan is not None:
        consent.show(plan)
    answer = consent.ask(f"{what} {_named(workspace)}? [y/N] ")
    if (answer or "").strip().lower() not in ("y", "yes"):
        raise RefusedError(
            f"The upgrade of {workspace.environment.name} was not agreed to.",
            effect=Effect.NOTHING_DONE,
            hint="Answer y, or give --yes.",
        )
    return True


def confirmation(workspace: Workspace, what: str, consent: Consent) -> str | None:
    """Give the environment's name as it is typed; None where nobody can be asked."""
    name = workspace.environment.name
    return consent.ask(f"To {what} as databases of {name}, type {name}: ")


def _named(workspace: Workspace) -> str:
    """Name the environment with its database, so that nobody consents to the wrong one."""
    name = workspace.environment.name
    url = workspace.database.url if workspace.resolves_url else None
    return name if url is None else f"{name} ({address(url)})"
