"""What `status` and `wait` ask of one database, in a process of its own, which runs env.py."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC

# env.py imports these two, and each process would do so by itself otherwise.
import asyncpg  # type: ignore[import-untyped]  # noqa: F401

import migrator.env  # noqa: F401
from migrator.bridge.env_py.session import Needs, Session, database_session
from migrator.config.select import Workspace
from migrator.config.url import address, named_database
from migrator.database.connecting.opening import AbsentFileError, is_missing_file, no_files_made
from migrator.errors import ConfigurationError, MigratorError
from migrator.operations.position.examine import (
    Examined,
    edited_revisions,
    examine,
    refuse_log_table,
    refuse_other_database,
    refuse_unknown_tables,
)
from migrator.operations.position.position import Behind, behind, missing_from
from migrator.results.environment_status import EnvironmentStatus, Goal, LastRun, State, Waited
from migrator.results.events import Connecting, Report, ignore
from migrator.results.records import LogEntry

_NEEDS = Needs(writes=False, models=False, absent_is_empty=True)
_RUNS = ("upgrade", "downgrade", "stamp")


def database_status(
    asked: tuple[Workspace, EnvironmentStatus, bool | None], report: Report
) -> EnvironmentStatus:
    """Return where a database stands, given what is known already.

    Of all environments only those are asked that have a database of their own here, and the one that is
    chosen; None stands for one that was named. Reports the database. Raises ConfigurationError where one that
    was named has none.
    """
    workspace, known, is_chosen = asked
    try:
        notes = None if is_chosen is None else _not_asked(workspace, is_chosen=is_chosen)
        if notes is not None:
            return replace(known, state="not configured", notes=notes)
        if workspace.resolves_url:
            url = workspace.database.url
            known = replace(known, database="embedded" if url is None else address(url))
            report(Connecting(known.name, known.config_file, known.database or "", workspace.database.origin))
    except ConfigurationError as exc:
        if is_chosen is None:
            raise
        return known.failed(exc)
    os.chdir(workspace.environment.root)
    try:
        absent = workspace.resolves_url and is_missing_file(workspace.database.url)
        with no_files_made(), database_session(workspace, ["current"], ignore, _NEEDS) as session:
            known = replace(known, head=tuple(sorted(session.scripts.get_heads())))
            return _absent(session, known) if absent else _look_at(session, known)
    except MigratorError as exc:
        return known.failed(exc)


def _not_asked(workspace: Workspace, *, is_chosen: bool) -> tuple[str, ...] | None:
    """Return the notes on an environment that is not asked, None for one that is."""
    environment, process = workspace.environment, workspace.choice.process
    if environment.settings.tenants is not None:
        return (f"it has tenants: {workspace.again('status', '--tenants', 'all')}",)
    if is_chosen and (workspace.choice.url is not None or not workspace.resolves_url):
        return None
    source = named_database(environment, process)
    if source is None:
        return ()
    # What environments share is the database of the one that is chosen.
    return None if is_chosen or source.own else (f"{source.origin} is not its own",)


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
            refuse_unknown_tables(session.workspace, each)
        lacks = _behind_in_all(session, examined)
    except MigratorError as exc:
        return replace(known.failed(exc), reachable=known.reachable)
    known = replace(
        known,
        pending=lacks.pending,
        edited=_joined(edited_revisions(session, each) for each in examined),
        ahead=lacks.ahead,
    )
    return replace(known, state=_state(known))


def _behind_in_all(session: Session, examined: Sequence[Examined]) -> Behind:
    lacks = [behind(session, each) for each in examined]
    ahead = max((each.ahead for each in lacks if each.ahead is not None), default=None)
    return Behind(_joined(each.pending for each in lacks), ahead)


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


def database_goal(asked: tuple[Workspace, Goal], report: Report) -> Waited:  # noqa: ARG001
    """Return whether a database answers or, for the goal `head`, is at head. Raises DatabaseError."""
    workspace, goal = asked
    os.chdir(workspace.environment.root)
    needs = Needs(writes=False, models=False, whoever_lives_there=goal == "database")
    with no_files_made(), database_session(workspace, ["current"], ignore, needs) as session:
        if goal == "database":
            session.read_heads()
            return Waited("database", reached=True, database=_connected(session))
        examined = examine(session)
        lacks = _behind_in_all(session, examined)
        return Waited(
            goal="head",
            reached=not lacks.pending,
            database=_connected(session),
            current=_joined(each.found.heads for each in examined),
            pending=lacks.pending,
            ahead=lacks.ahead,
        )


def _connected(session: Session) -> str:
    return "" if session.connected_to is None else address(session.connected_to)
