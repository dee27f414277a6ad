"""Consent to risky commands: in a protected environment, or if they destroy data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from migrator.config.select import Workspace
from migrator.config.url import address
from migrator.errors import Effect, RefusedError
from migrator.results.run import RunPlan
from migrator.visible import visible


@dataclass(frozen=True)
class Consent:
    """What `--confirm` and `--yes` say, and how to ask the user.

    `ask` takes a question and returns the answer, or None if the command must not ask. `show` shows a plan
    before the question.
    """

    confirm: str | None = None
    ask: Callable[[str], str | None] = lambda _question: None
    yes: bool = False
    show: Callable[[RunPlan], None] = lambda _plan: None
    can_ask: bool = False


NO_CONSENT = Consent()
"""No option, and no way to ask."""


def require_consent(workspace: Workspace, what: str, consent: Consent, plan: RunPlan | None = None) -> bool:
    """Raise RefusedError in a protected environment unless its name is given or typed.

    The user sees the `plan` before the question. Returns whether there was a question.
    """
    if not workspace.environment.protected:
        return False
    name = workspace.environment.name
    question = f"{_named(workspace)} is protected. To {what}, type {name}: "
    if not _is_confirmed(name, consent, question, plan):
        raise RefusedError(
            f"The environment {name} is protected; it was not confirmed to {what}.",
            hint=f"Add --confirm {name}",
        )
    return consent.confirm is None


def _is_confirmed(name: str, consent: Consent, question: str, plan: RunPlan | None) -> bool:
    """Return whether the environment's name was given or typed; False if the command must not ask.

    Raises RefusedError for another name.
    """
    answer = consent.confirm
    if answer is None:
        if plan is not None and consent.can_ask:
            consent.show(plan)
        answer = consent.ask(question)
    if answer is not None and answer.strip() != name:
        raise RefusedError(
            f"The confirmation {answer.strip() or '(empty)'} is not the name of the environment {name}.",
            hint=f"Add --confirm {name}",
        )
    return answer is not None


def agree_to_upgrade(workspace: Workspace, what: str, consent: Consent, plan: RunPlan | None = None) -> bool:
    """Ask for consent to an upgrade: by name if it destroys data, by y/N in a protected environment.

    `what` begins the question, such as `Upgrade 12 tenants of`. Returns whether there was a question. A
    deploy job, where no question is possible, goes ahead if the upgrade destroys nothing. Raises RefusedError
    for any other answer, and for a loss without consent.
    """
    environment = workspace.environment
    lossy = plan is not None and bool(plan.losses)
    if lossy or (environment.protected and consent.confirm is not None):
        question = f"This destroys data. To apply it to {_named(workspace)}, type {environment.name}: "
        if not _is_confirmed(environment.name, consent, question, plan) and plan is not None:
            raise loss_refusal(workspace, plan)
        return consent.confirm is None
    if not environment.protected or consent.yes or not consent.can_ask:
        return False
    _ask_for_yes(workspace, f"{what} {_named(workspace)}? [y/N] ", consent, plan)
    return True


def agree_to_downgrade(workspace: Workspace, consent: Consent, plan: RunPlan) -> bool:
    """Ask for consent to a downgrade: by name if protected, elsewhere by y/N if it deletes rows.

    Returns whether there was a question. Raises RefusedError for any other answer, and for a loss without
    consent.
    """
    if workspace.environment.protected:
        return require_consent(workspace, "downgrade it", consent, plan)
    if not plan.losses or consent.yes:
        return False
    if consent.confirm is not None:
        _is_confirmed(workspace.environment.name, consent, "", plan)
        return False
    if not consent.can_ask:
        raise loss_refusal(workspace, plan)
    _ask_for_yes(workspace, f"This deletes rows. Downgrade {_named(workspace)}? [y/N] ", consent, plan)
    return True


def _ask_for_yes(workspace: Workspace, question: str, consent: Consent, plan: RunPlan | None) -> None:
    if plan is not None:
        consent.show(plan)
    if (consent.ask(question) or "").strip().lower() not in ("y", "yes"):
        raise RefusedError(
            f"The {plan.direction if plan else 'upgrade'} of {workspace.environment.name} was declined.",
            effect=Effect.NOTHING_DONE,
            hint="Answer y, or give --yes.",
        )


def loss_refusal(workspace: Workspace, plan: RunPlan) -> RefusedError:
    """Return the error for a plan that destroys data without consent."""
    name, first = workspace.environment.name, plan.losses[0]
    what, hint = "destroys data", consent_hint(workspace, f"line {first.line} of {first.file}", first.rule)
    if plan.direction == "downgrade":
        what = "deletes rows"
        hint = f"If you want that: {workspace.again(plan.direction, plan.target, '--yes')}"
    listed = "; ".join(f"{each.file}:{each.line}: {each.what} [{each.rule}]" for each in plan.losses)
    return RefusedError(
        f"The {plan.direction} of {name} {what}, which needs consent: {listed}.",
        effect=Effect.NOTHING_DONE,
        hint=hint,
    )


def consent_hint(workspace: Workspace, place: str, rule: str) -> str:
    """Return both ways to consent to a loss at a place, such as `line 9 of FILE`."""
    confirm = workspace.again("upgrade", "--confirm", workspace.environment.name)
    return f"If you want that, add to {place}: # migrator: allow {rule} -- reason; or run: {confirm}"


def confirmation(workspace: Workspace, what: str, consent: Consent) -> str | None:
    """Return the environment's name as the user types it; None if the command must not ask."""
    name = workspace.environment.name
    return consent.ask(f"To {what} as databases of {name}, type {name}: ")


def _named(workspace: Workspace) -> str:
    """Name the environment with its database, so that the user sees which one it is."""
    name = workspace.environment.name
    url = workspace.database.url if workspace.resolves_url else None
    return visible(name if url is None else f"{name} ({address(url)})")
