"""`migrator status`: where the databases of all environments stand."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC

from migrator import secrets
from migrator.bridge.env_py.session import Needs, Session, database_session
from migrator.bridge.env_py.tenancy import refuse_none_of_many
from migrator.config.environments import BrokenEnvironment, discover
from migrator.config.folders import shared_folder
from migrator.config.select import Choice, ChosenBy, Workspace, choose, project_root
from migrator.config.url import DatabaseSource, address, find_database, names_database
from migrator.database.connecting.opening import AbsentFileError, is_missing_file, no_files_made
from migrator.errors import ConfigurationError, DatabaseError, MigratorError
from migrator.operations.position.examine import Examined, edited_revisions, examine, refuse_log_table
from migrator.operations.position.ownership import refuse_other_database
from migrator.operations.position.position import behind, missing_from
from migrator.processes.side_by_side import Unanswered, side_by_side
from migrator.results.environment_status import EnvironmentStatus, LastRun, State, StatusList
from migrator.results.events import ignore
from migrator.results.records import LogEntry

_NEEDS = Needs(writes=False, models=False, absent_is_empty=True)
_RUNS = ("upgrade", "downgrade", "stamp")


@dataclass(frozen=True)
class _Question:
    """A workspace that is to be asked, and what is known of it before that."""

    workspace: Workspace
    known: EnvironmentStatus


def status_of_one(workspace: Workspace, seconds: float) -> StatusList:
    """Ask the database of one environment, writing nothing, for at most `seconds`.

    Raises ConfigurationError where it has no database here, and UsageError where it has tenants.
    """
    refuse_none_of_many(workspace)
    known = replace(_blank(workspace), database=_address(workspace))
    return StatusList(_answers([_Question(workspace, known)], seconds))


def status_of_all(choice: Choice, seconds: float) -> StatusList:
    """Ask the databases of all environments at once, for at most `seconds` each, writing nothing.

    What is wrong with one stands in its status, and does not hide the others. Raises ConfigurationError
    outside of a project.
    """
    chosen = _chosen(choice)
    if chosen is not None and chosen.by_file:
        return status_of_one(chosen, seconds)
    root = project_root(choice)
    found, broken = discover(root, section=choice.section)
    workspaces = [
        Workspace(
            environment, tuple(each for each in found if each is not environment), ChosenBy.LISTING, choice
        )
        for environment in found
    ]
    asked = statuses(workspaces, None if chosen is None else chosen.environment.name, seconds)
    known = [_broken(each) for each in broken]
    return StatusList(tuple(sorted((*asked, *known), key=lambda each: each.config_file)))


def statuses(
    workspaces: Sequence[Workspace], chosen: str | None, seconds: float
) -> tuple[EnvironmentStatus, ...]:
    """Ask the databases of workspaces at once, for at most `seconds` each, writing nothing, in their order.

    `chosen` is the environment that a shared source of the URL belongs to. What is wrong with one stands in
    its status.
    """
    looked = [_look(each, is_chosen=each.environment.name == chosen) for each in workspaces]
    answers = iter(_answers([each for each in looked if isinstance(each, _Question)], seconds))
    return tuple(next(answers) if isinstance(each, _Question) else each for each in looked)


def _chosen(choice: Choice) -> Workspace | None:
    try:
        return choose(choice)
    except ConfigurationError:
        # All are asked, whether or not one would be taken where none is named.
        return None


def _look(workspace: Workspace, *, is_chosen: bool) -> EnvironmentStatus | _Question:
    """Say what is to be asked of an environment, or why nothing is."""
    blank, environment, process = _blank(workspace), workspace.environment, workspace.choice.process
    if environment.settings.tenants is not None:
        again = workspace.again("status", "--tenants", "all")
        return replace(blank, state="not configured", notes=(f"it has tenants: {again}",))
    try:
        if is_chosen and (workspace.choice.url is not None or not workspace.resolves_url):
            return _Question(workspace, replace(blank, database=_address(workspace)))
        if not names_database(environment, process):
            return replace(blank, state="not configured")
        source = find_database(environment, process)
        if not is_chosen and not source.own:
            # What environments share is the database of the one that is chosen.
            return replace(blank, state="not configured", notes=(f"{source.origin} is not its own",))
        return _Question(workspace, replace(blank, database=_address(workspace)))
    except ConfigurationError as exc:
        return _failed(blank, exc)


def _address(workspace: Workspace) -> str | None:
    return _shown(workspace.database) if workspace.resolves_url else None


def _shown(source: DatabaseSource) -> str:
    return address(source.url) if source.url is not None else "embedded"


def _blank(workspace: Workspace) -> EnvironmentStatus:
    environment = workspace.environment
    shared = [each.name for each in workspace.others if shared_folder(environment, each) is not None]
    file = environment.shown(environment.config_file)
    return EnvironmentStatus(environment.name, file, "wrong", shared_with=tuple(shared))


def _broken(broken: BrokenEnvironment) -> EnvironmentStatus:
    file = f"configs/{broken.config_file.name}"
    return _failed(EnvironmentStatus(broken.name, file, "wrong"), broken.error)


def _failed(known: EnvironmentStatus, error: MigratorError) -> EnvironmentStatus:
    """Say what is wrong. It crosses from one process to another: nobody there knows the passwords."""
    down = isinstance(error, DatabaseError)
    return replace(
        known,
        state="unreachable" if down else "wrong",
        reachable=False if down else known.reachable,
        # What an error did not do was not asked of it.
        error=secrets.scrub(error.what),
        hint=secrets.scrub(error.hint),
    )


def _answers(questions: Sequence[_Question], seconds: float) -> tuple[EnvironmentStatus, ...]:
    told = side_by_side(_ask, [_portable(each) for each in questions], seconds)
    return tuple(
        _unanswered(question.known, answer) if isinstance(answer, Unanswered) else answer
        for question, answer in zip(questions, told, strict=True)
    )


def _portable(question: _Question) -> _Question:
    return replace(question, workspace=question.workspace.portable())


def _unanswered(known: EnvironmentStatus, answer: Unanswered) -> EnvironmentStatus:
    if not answer.late:
        return replace(known, error=answer.reason)
    hint = "Look whether it waits for a lock; or give it longer with --timeout."
    return replace(known, state="unreachable", reachable=False, error=answer.reason, hint=hint)


def _ask(question: _Question) -> EnvironmentStatus:
    """Ask one database, in a process of its own: env.py is run there, from the root of its project."""
    workspace, known = question.workspace, question.known
    os.chdir(workspace.environment.root)
    try:
        absent = workspace.resolves_url and is_missing_file(workspace.database.url)
        with no_files_made(), database_session(workspace, ["current"], ignore, _NEEDS) as session:
            known = replace(known, head=tuple(sorted(session.scripts.get_heads())))
            return _absent(session, known) if absent else _look_at(session, known)
    except MigratorError as exc:
        return _failed(known, exc)


def _absent(session: Session, known: EnvironmentStatus) -> EnvironmentStatus:
    """Say that everything is pending, where an SQLite file is yet to be made."""
    missing = replace(known, reachable=False, pending=missing_from((), session), notes=("no database yet",))
    return replace(missing, state=_state(missing))


def _look_at(session: Session, known: EnvironmentStatus) -> EnvironmentStatus:
    try:
        examined = examine(session)
    except AbsentFileError as exc:
        return _absent(session, replace(known, database=session.workspace.environment.shown(exc.file)))
    if session.connected_to is not None:
        known = replace(known, database=address(session.connected_to))
    hidden = [each.found.facts.role for each in examined if not each.found.facts.may_read_records]
    notes = [f"the role {role} may not read the mark and the log" for role in hidden]
    notes += [note for each in examined if (note := _without_log(session.workspace, each)) is not None]
    return _stands(session, examined, replace(known, reachable=True, notes=tuple(notes)))


def _without_log(workspace: Workspace, examined: Examined) -> str | None:
    try:
        refuse_log_table(workspace, examined.found)
    except ConfigurationError as exc:
        return exc.what.removesuffix(".")
    return None


def _stands(session: Session, examined: Sequence[Examined], known: EnvironmentStatus) -> EnvironmentStatus:
    """Add what databases say of themselves: several where env.py reaches several."""
    known = replace(
        known,
        mark=", ".join(dict.fromkeys(each.mark.environment for each in examined if each.mark)) or None,
        current=_joined(each.found.heads for each in examined),
        last_run=_last_run([entry for each in examined for entry in each.log]),
    )
    try:
        for each in examined:
            # One without a mark is for the first run to adopt, or to refuse.
            if each.mark is not None:
                refuse_other_database(session.workspace, each)
        lacks = [behind(session, each) for each in examined]
    except MigratorError as exc:
        return replace(_failed(known, exc), reachable=known.reachable)
    known = replace(
        known,
        pending=_joined(each.pending for each in lacks),
        edited=_joined(edited_revisions(session, each) for each in examined),
        ahead=max((each.ahead for each in lacks if each.ahead is not None), default=None),
    )
    return replace(known, state=_state(known))


def _state(known: EnvironmentStatus) -> State:
    if known.edited:
        return "edited"
    if known.pending:
        return "pending"
    return "ok" if known.ahead is None else "ahead"


def _joined(each: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for texts in each for text in texts))


def _last_run(entries: Sequence[LogEntry]) -> LastRun | None:
    runs = [entry for entry in entries if entry.direction in _RUNS]
    if not runs:
        return None
    last = max(runs, key=lambda entry: (entry.started_at, entry.id))
    return LastRun(
        last.direction,
        last.revision,
        last.started_at.astimezone(UTC).isoformat(timespec="milliseconds"),
        last.duration_ms,
        last.user_name,
        last.host,
    )
