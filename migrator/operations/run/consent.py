"""Consent for what can hurt: in a protected environment, or by destroying data."""

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
    """Whether the environment's name was given or typed; False where nobody can be asked for it.

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
    """Get the consent to an upgrade: by name for what it destroys, else y/N in a protected environment.

    `what` begins the question, such as `Upgrade 12 tenants of`. Gives whether somebody was asked, who is
    shown the plan first. A deploy job, which cannot be asked, goes ahead where nothing is destroyed. Raises
    RefusedError for any answer but yes, and for a loss that nobody has agreed to.
    """
    environment = workspace.environment
    lossy = plan is not None and bool(plan.losses)
    if lossy or consent.confirm is not None:
        question = f"This destroys data. To apply it to {_named(workspace)}, type {environment.name}: "
        if not _is_confirmed(environment.name, consent, question, plan) and plan is not None:
            raise loss_refusal(workspace, plan)
        return consent.confirm is None
    if not environment.protected or consent.yes or not consent.can_ask:
        return False
    _ask_for_yes(workspace, f"{what} {_named(workspace)}? [y/N] ", consent, plan)
    return True


def agree_to_downgrade(workspace: Workspace, consent: Consent, plan: RunPlan) -> bool:
    """Get the consent to a downgrade: by name where the environment is protected, else y/N for lost rows.

    Gives whether somebody was asked. Raises RefusedError for any answer but yes, and for rows that nobody
    has given up.
    """
    if workspace.environment.protected:
        return require_consent(workspace, "downgrade it", consent, plan)
    if not plan.losses or consent.yes:
        return False
    if not consent.can_ask:
        raise loss_refusal(workspace, plan)
    _ask_for_yes(workspace, f"This loses rows. Downgrade {_named(workspace)}? [y/N] ", consent, plan)
    return True


def _ask_for_yes(workspace: Workspace, question: str, consent: Consent, plan: RunPlan | None) -> None:
    if plan is not None:
        consent.show(plan)
    if (consent.ask(question) or "").strip().lower() not in ("y", "yes"):
        raise RefusedError(
            f"The {plan.direction if plan else 'upgrade'} of {workspace.environment.name} was not agreed to.",
            effect=Effect.NOTHING_DONE,
            hint="Answer y, or give --yes.",
        )


def loss_refusal(workspace: Workspace, plan: RunPlan) -> RefusedError:
    """Give the error for a plan with losses that nobody has agreed to."""
    name, first = workspace.environment.name, plan.losses[0]
    what, hint = "destroys data", consent_hint(workspace, f"line {first.line} of {first.file}", first.rule)
    if plan.direction == "downgrade":
        what = "loses rows"
        hint = f"Where it is meant, run: {workspace.again(plan.direction, plan.target, '--yes')}"
    listed = "; ".join(f"{each.file}:{each.line}: {each.what} [{each.rule}]" for each in plan.losses)
    return RefusedError(
        f"The {plan.direction} of {name} {what}, and nobody has agreed to it: {listed}.",
        effect=Effect.NOTHING_DONE,
        hint=hint,
    )


def consent_hint(workspace: Workspace, place: str, rule: str) -> str:
    """Tell both ways to agree to a loss at a place, such as `line 9 of FILE`."""
    confirm = workspace.again("upgrade", "--confirm", workspace.environment.name)
    return f"Where it is meant, add to {place}: # migrator: allow {rule} -- reason; or run: {confirm}"


def confirmation(workspace: Workspace, what: str, consent: Consent) -> str | None:
    """Give the environment's name as it is typed; None where nobody can be asked."""
    name = workspace.environment.name
    return consent.ask(f"To {what} as databases of {name}, type {name}: ")


def _named(workspace: Workspace) -> str:
    """Name the environment with its database, so that nobody consents to the wrong one."""
    name = workspace.environment.name
    url = workspace.database.url if workspace.resolves_url else None
    return visible(name if url is None else f"{name} ({address(url)})")
