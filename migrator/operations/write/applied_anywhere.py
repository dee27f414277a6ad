"""Makes sure that no database has revisions whose files are about to change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from alembic.script import ScriptDirectory

from migrator.bridge.revision_files.loading import folders_of
from migrator.bridge.revision_files.plan import applied_revisions, unknown_revisions
from migrator.config.environments import BrokenEnvironment, Environment, discover
from migrator.config.folders import version_folders
from migrator.config.select import ChosenBy, Workspace
from migrator.errors import ConfigurationError, Effect, RefusedError
from migrator.operations.look.status import statuses
from migrator.results.environment_status import EnvironmentStatus

_SECONDS = 10.0


def require_unapplied(workspace: Workspace, scripts: ScriptDirectory, revisions: Sequence[str]) -> None:
    """Ask every environment that uses the version folders of `scripts` whether its database has `revisions`.

    All are asked at once, for ten seconds each, writing nothing. Raises RefusedError where one has any of
    them, and where one cannot be asked.
    """
    asked = statuses(_users(workspace, folders_of(scripts)), workspace.environment.name, _SECONDS)
    for status in asked:
        found = applied_revisions(scripts, status.current).intersection(revisions)
        if found:
            names = ", ".join(each for each in revisions if each in found)
            raise RefusedError(
                f"The database of {status.name} ({status.database}) has {names}.",
                effect=Effect.NOTHING_CHANGED,
                hint=f"Join the heads instead: {workspace.again('merge', 'heads', '-m', 'merge')}",
            )
    what = revisions[0] if len(revisions) == 1 else f"any of {', '.join(revisions)}"
    hint = "Where it is certain that no database has it, add --unapplied."
    _refuse_unasked(workspace, scripts, asked, what, hint)


def require_applied(workspace: Workspace, scripts: ScriptDirectory, revision: str) -> None:
    """Ask every environment that uses the version folders of `scripts` whether its database has `revision`.

    One without any revision is none that could lack it. Raises RefusedError where one is below it, and where
    one cannot be asked.
    """
    asked = statuses(_users(workspace, folders_of(scripts)), workspace.environment.name, _SECONDS)
    for status in asked:
        if status.error is None and status.current:
            known = applied_revisions(scripts, status.current)
            if known and revision not in known:
                at = ", ".join(status.current)
                raise RefusedError(
                    f"The database of {status.name} ({status.database}) is at {at}, and has not applied"
                    f" {revision}.",
                    effect=Effect.NOTHING_CHANGED,
                    hint=f"Upgrade it first: migrator upgrade {revision} --env {status.name}",
                )
    hint = "Where it is certain that every database in use has it, add --applied."
    _refuse_unasked(workspace, scripts, asked, revision, hint)


def _refuse_unasked(
    workspace: Workspace,
    scripts: ScriptDirectory,
    asked: Iterable[EnvironmentStatus],
    what: str,
    hint: str,
) -> None:
    """Refuse where not every database could be asked whether it has something."""
    reasons = [reason for status in asked for reason in _not_asked(status, scripts)]
    reasons += [f"{each.name}: {_part(each.error.message)}" for each in _broken(workspace)]
    if reasons:
        raise RefusedError(
            f"Whether {what} is applied cannot be told of {'; of '.join(reasons)}.",
            effect=Effect.NOTHING_CHANGED,
            hint=hint,
        )


def _users(workspace: Workspace, folders: Iterable[Path]) -> list[Workspace]:
    """Give the workspace, and one for each other environment of the project with a folder in common."""
    ours = {folder.resolve() for folder in folders}
    everybody = (workspace.environment, *workspace.others)
    plain = replace(workspace.choice, url=None)
    return [
        workspace,
        *(
            Workspace(other, tuple(each for each in everybody if each is not other), ChosenBy.LISTING, plain)
            for other in workspace.others
            if _may_use(other, ours)
        ),
    ]


def _may_use(environment: Environment, folders: set[Path]) -> bool:
    try:
        return any(folder.resolve() in folders for folder in version_folders(environment))
    except ConfigurationError:
        # Its status will say what is wrong with it.
        return True


def _broken(workspace: Workspace) -> list[BrokenEnvironment]:
    """Give the environments of which not even the folder can be told."""
    if not workspace.environment.managed or (workspace.by_file and not workspace.others):
        return []
    return discover(workspace.environment.root, section=workspace.choice.section)[1]


def _not_asked(status: EnvironmentStatus, scripts: ScriptDirectory) -> list[str]:
    """Say why a database cannot be told about; nothing where it can."""
    if status.state == "not configured":
        why = ", ".join(status.notes) or "no database is configured for it here"
    elif status.error is not None:
        why = status.error
    elif unknown := unknown_revisions(scripts, status.current):
        why = f"it is at {', '.join(unknown)}, which no file here has"
    else:
        return []
    return [f"{status.name}: {_part(why)}"]


def _part(sentence: str) -> str:
    return sentence.strip().removesuffix(".")
