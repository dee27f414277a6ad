"""Consent for what can hurt: in a protected environment, or by destroying data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from migrator.config.select import Workspace
from migrator.config.url import address
from migrator.errors import Effect, RefusedError
from migrator.results.run import RunPlan


def _nobody(_question: str) -> None:
    return None


def _unseen(_plan: RunPlan) -> None:
    return None


@dataclass(frozen=True)
class Consent:
    """How consent is given: what `--confirm` and `--yes` say, and a way to ask.

    `ask` is called with a question and gives the answer, or None where nobody can be asked; `show` shows a
    plan to whoever is about to be asked.
    """

    confirm: str | None = None
    ask: Callable[[str], str | None] = _nobody
    yes: bool = False
    show: Callable[[RunPlan], None] = _unseen
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
    question = f"{_named(workspace)} is protected. To {what}, type {environment.name}: "
    if not _is_confirmed(workspace, consent, question, plan):
        raise RefusedError(
            f"The environment {environment.name} is protected; it was not confirmed to {what}.",
            hint=f"Add --confirm {environment.name}",
        )
    return consent.confirm is None


def _is_confirmed(workspace: Workspace, consent: Consent, question: str, plan: RunPlan | None) -> bool:
    """Whether the environment's name was given or typed; False where nobody can be asked for it.

    Raises RefusedError for another name.
    """
    name, answer = workspace.environment.name, consent.confirm
    if answer is None:
        if plan is not None and consent.can_ask:
            consent.show(plan)
        answer = consent.ask(question)
    if answer is None:
        return False
    if answer.strip() != name:
        raise RefusedError(
            f"The confirmation {answer.strip() or '(empty)'} is not the name of the environment {name}.",
            effect=Effect.NOTHING_DONE,
            hint=f"Add --confirm {name}",
        )
    return True


def agree_to_upgrade(workspace: Workspace, consent: Consent, plan: RunPlan) -> bool:
    """Get the consent to an upgrade: for what it destroys, by name; else y/N where somebody can be asked.

    Gives whether somebody was asked. A deploy job, which cannot be, goes ahead where nothing is destroyed.
    Raises RefusedError for any answer but yes, and where nobody has agreed to a loss.
    """
    if plan.losses or consent.confirm is not None:
        name = workspace.environment.name
        question = f"This destroys data. To apply it to {_named(workspace)}, type {name}: "
        if not _is_confirmed(workspace, consent, question, plan):
            raise loss_refusal(workspace, plan)
        return consent.confirm is None
    if not workspace.environment.protected or consent.yes or not consent.can_ask:
        return False
    consent.show(plan)
    count = len(plan.steps)
    answer = consent.ask(f"Apply {count} revision{'s' if count != 1 else ''} to {_named(workspace)}? [y/N] ")
    _refuse_no(workspace, answer)
    return True


def agree_to_downgrade(workspace: Workspace, consent: Consent, plan: RunPlan) -> bool:
    """Get the consent to a downgrade: of a protected environment by name, for rows that are lost y/N.

    Gives whether somebody was asked. Raises RefusedError for any answer but yes, and where nobody can be
    asked.
    """
    if workspace.environment.protected:
        return require_consent(workspace, "downgrade it", consent, plan)
    if not plan.losses or consent.yes:
        return False
    if not consent.can_ask:
        raise loss_refusal(workspace, plan)
    consent.show(plan)
    question = f"This loses rows. Downgrade {_named(workspace)}? [y/N] "
    _refuse_no(workspace, consent.ask(question), plan.direction)
    return True


def loss_refusal(workspace: Workspace, plan: RunPlan) -> RefusedError:
    """Give the error for a plan with losses that nobody has agreed to."""
    name, first = workspace.environment.name, plan.losses[0]
    listed = "; ".join(f"{each.file}:{each.line}: {each.what} [{each.rule}]" for each in plan.losses)
    if plan.direction == "upgrade":
        what, hint = (
            "destroys data",
            consent_hint(workspace, f"line {first.line} of {first.file}", first.rule),
        )
    else:
        what = "loses rows"
        hint = f"Where it is meant, run: {workspace.again(plan.direction, plan.target, '--yes')}"
    return RefusedError(
        f"The {plan.direction} of {name} {what}, and nobody has agreed to it: {listed}.",
        effect=Effect.NOTHING_DONE,
        hint=hint,
    )


def consent_hint(workspace: Workspace, place: str, rule: str) -> str:
    """Tell both ways to agree to a loss at a place, such as `line 9 of FILE`."""
    confirm = workspace.again("upgrade", "--confirm", workspace.environment.name)
    return f"Where it is meant, add to {place}: # migrator: allow {rule} -- reason; or run: {confirm}"


def agree_to_fleet_upgrade(workspace: Workspace, tenants: str, consent: Consent) -> None:
    """Get the consent to upgrade `tenants`, such as `12 tenants`, at once. Raises RefusedError as for one."""
    if workspace.environment.protected and not (consent.yes or consent.confirm) and consent.can_ask:
        answer = consent.ask(f"Upgrade {tenants} of {_named(workspace)}? [y/N] ")
        _refuse_no(workspace, answer)


def confirmation(workspace: Workspace, what: str, consent: Consent) -> str | None:
    """Give the environment's name as it is typed; None where nobody can be asked."""
    name = workspace.environment.name
    return consent.ask(f"To {what} as databases of {name}, type {name}: ")


def _refuse_no(workspace: Workspace, answer: str | None, direction: str = "upgrade") -> None:
    if (answer or "").strip().lower() not in ("y", "yes"):
        raise RefusedError(
            f"The {direction} of {workspace.environment.name} was not agreed to.",
            effect=Effect.NOTHING_DONE,
            hint="Answer y, or give --yes.",
        )


def _named(workspace: Workspace) -> str:
    """Name the environment with its database, so that nobody consents to the wrong one."""
    name = workspace.environment.name
    url = workspace.database.url if workspace.resolves_url else None
    return name if url is None else f"{name} ({address(url)})"
