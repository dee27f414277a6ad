"""`migrator mark`: says which environment a database belongs to, and accepts files as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from migrator.bridge.env_py.connected_database import ask
from migrator.bridge.env_py.session import Needs, Session, database_session
from migrator.bridge.revision_files.loading import translated
from migrator.bridge.revision_files.plan import applied_revisions
from migrator.config.select import Workspace
from migrator.database.connecting.second_connection import SecondConnection, as_one_transaction
from migrator.errors import RefusedError, RevisionsError, UsageError
from migrator.operations.command_requests import MarkRequest
from migrator.operations.look.log import refuse_unreadable
from migrator.operations.position.examine import (
    Examined,
    belongs,
    database_name,
    edited_revisions,
    examine,
    has_moved,
    is_copy,
    refuse_other_database,
)
from migrator.operations.run.consent import Consent
from migrator.operations.run.recording import Recorder
from migrator.operations.run.run_lock import exclusive_lock, run_lock
from migrator.results.events import Report
from migrator.results.records import Marked


class MovedError(RefusedError):
    """The database has changed since it was looked at."""


def mark(workspace: Workspace, request: MarkRequest, consent: Consent, report: Report) -> Marked:
    """Mark the environment's database as its own, or accept edited files in its log.

    `consent.confirm` is the database's name. Marking what carries that mark already does nothing. Raises
    RefusedError without the right confirmation, or for the very database where another environment's mark was
    written; and as `upgrade` does where nothing was begun.
    """
    if not workspace.environment.managed and not request.accepts:
        raise UsageError(
            "A plain Alembic configuration has no marks.",
            hint="Add a [migrator] section to it: then its database can be marked.",
        )
    with database_session(workspace, ["current"], report, Needs(models=False)) as session:
        while True:
            reached = examine(session)
            if len(reached) != 1:
                raise UsageError("This env.py reaches several databases; mark them one by one, with --url.")
            (examined,) = reached
            if request.accepts:
                return _accept(session, examined, request, report)
            try:
                return _mark(session, examined, request, consent, report)
            except MovedError:
                # Tenants that share a database share its mark: another one's may be what has changed it.
                if workspace.tenant is None:
                    raise


def _mark(
    session: Session, examined: Examined, request: MarkRequest, consent: Consent, report: Report
) -> Marked:
    name, database = session.workspace.environment.name, database_name(examined)
    _require_name(session.workspace, database, consent)
    carried = examined.mark
    if carried is not None and not is_copy(examined):
        if carried.environment == name and not examined.unknown_tables:
            return Marked(name, database, changed=False)
        if not belongs(session.workspace, carried.environment) and not request.force:
            raise RefusedError(
                f"The database {database} is the very one that was marked for {carried.environment}, on"
                f" {carried.marked_at:%Y-%m-%d}.",
                hint="If it has changed hands, add --force.",
            )
    recorder = Recorder(session, examined)
    if not recorder.keeps_mark:
        raise RefusedError(
            f"The role {examined.found.facts.role} may make no table for a mark in {database}.",
            hint=f"Grant it: GRANT CREATE ON DATABASE {database} TO {examined.found.facts.role}",
        )
    with _writing(session, examined, report, for_mark=True) as connection:
        ask(connection, examined.found, as_one_transaction(recorder.mark))
    return Marked(name, database, changed=True)


def _require_name(workspace: Workspace, database: str, consent: Consent) -> None:
    answer = consent.confirm
    if workspace.tenant is not None:
        # One name is for all: the tenants' databases have many.
        database = workspace.environment.name
    if answer is None:
        name = workspace.environment.name
        answer = consent.ask(f"To mark {database} as the database of {name}, type {database}: ")
    if answer is None or answer.strip() != database:
        said = "was not confirmed" if answer is None else f"is not called {answer.strip() or '(empty)'}"
        raise RefusedError(
            f"The database {database} {said}; it was not marked for {workspace.environment.name}.",
            hint=f"Add --confirm {database}",
        )


def _accept(session: Session, examined: Examined, request: MarkRequest, report: Report) -> Marked:
    refuse_other_database(session.workspace, examined)
    refuse_unreadable(examined.found.facts)
    name, database = session.workspace.environment.name, database_name(examined)
    edited = edited_revisions(session, examined)
    wanted = edited if request.accept_all else _named(session, examined, request.accept)
    accepted = tuple(each for each in wanted if each in edited)
    if accepted:
        recorder = Recorder(session, examined)
        with _writing(session, examined, report) as connection:
            ask(connection, examined.found, as_one_transaction(lambda c: recorder.accept(c, accepted)))
    return Marked(name, database, changed=bool(accepted), accepted=accepted)


def _named(session: Session, examined: Examined, said: Sequence[str]) -> list[str]:
    with translated(session.workspace):
        scripts = [script for each in said for script in session.scripts.get_revisions(each) if script]
    applied = applied_revisions(session.scripts, examined.found.heads)
    for script in scripts:
        if script.revision not in applied:
            raise RevisionsError(
                f"The revision {script.revision} is not applied in this database.",
                hint=f"See what is: {session.workspace.again('history', '-i')}",
            )
    return [script.revision for script in scripts]


@contextmanager
def _writing(
    session: Session, examined: Examined, report: Report, *, for_mark: bool = False
) -> Iterator[SecondConnection]:
    """Give a connection to write records with, while no run is at work.

    With `for_mark` the mark is written, which all tenants of a database share: they are kept out, too.
    """
    workspace, seconds = session.workspace, session.workspace.environment.settings.lock_wait
    with ExitStack() as held:
        connection = held.enter_context(run_lock(examined.found, seconds, seconds, report)).connection
        if connection is None:
            raise UsageError("A database in memory cannot be marked: it ends with its connection.")
        if has_moved(connection, workspace, examined):
            raise MovedError(
                f"The database {database_name(examined)} has been changed in this very moment.",
                hint="Look at it with migrator log, then run this again.",
            )
        if for_mark and workspace.tenant is not None:
            held.enter_context(exclusive_lock(connection, examined.found, seconds, report))
            if has_moved(connection, workspace, examined):
                # `mark` begins again.
                raise MovedError
        yield connection
