"""What `doctor` finds in the databases that env.py reaches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from migrator.bridge.env_py.connected_database import ConnectedDatabase
from migrator.bridge.env_py.session import Needs, Session, database_session
from migrator.bridge.revision_files.plan import unknown_revisions
from migrator.config.select import Workspace
from migrator.config.url import address
from migrator.database.connecting.pooler import failed_by_pooler
from migrator.database.failures import causes, first_line, meaning_of
from migrator.database.kinds.interface import ErrorMeaning
from migrator.errors import ConfigurationError, DatabaseError, MigratorError, RefusedError
from migrator.operations.look.doctor.file_checks import problem_of
from migrator.operations.look.doctor.server_checks import (
    address_finding,
    invalid_indexes,
    look_again,
    pooled,
    privileges,
    server_version,
)
from migrator.operations.position.examine import (
    Examined,
    database_name,
    edited_revisions,
    examine,
    refuse_log_table,
    refuse_other_database,
    refuse_unknown_tables,
)
from migrator.operations.position.position import ahead_by, unknown_revision_error
from migrator.results.environment_status import Finding
from migrator.results.events import Report


def database_findings(workspace: Workspace, report: Report, *, files_load: bool) -> list[Finding]:
    """Look at each database that env.py reaches, writing nothing. Never fails.

    Without `files_load` the version files cannot be loaded, and what they would be compared with is left out.
    """
    if workspace.environment.settings.tenants is not None and workspace.tenant is None:
        asked = workspace.again("status", "--tenants", "all")
        return [Finding("connection", "note", "it has tenants, each with its own state", asked)]
    findings: list[Finding] = []
    needs = Needs(writes=False, models=False)
    try:
        with TemporaryDirectory() as empty:
            # A database can be looked at without the files, but Alembic wants to load some.
            folders = [] if files_load else [Path(empty)]
            with database_session(workspace, ["current"], report, needs, folders=folders) as session:
                examined = examine(session)
                for each in examined:
                    name = f"{database_name(each)}: " if len(examined) > 1 else ""
                    found = _of_one(session, each, files_load=files_load)
                    findings += [replace(finding, text=f"{name}{finding.text}") for finding in found]
    except MigratorError as exc:
        findings += _failure(workspace, exc)
    return findings


def _of_one(session: Session, examined: Examined, *, files_load: bool) -> Iterator[Finding]:
    workspace, found = session.workspace, examined.found
    in_sessions, asked = look_again(workspace, found)
    yield Finding("connection", "ok", address(found.url))
    yield from server_version(found.facts)
    yield from privileges(workspace, found, asked)
    yield from _log_table(workspace, found)
    yield from _mark(workspace, examined)
    if files_load and not examined.unknown_tables:
        yield from _revisions(session, examined)
        yield from _edited(session, examined)
    yield from invalid_indexes(found.facts)
    yield from in_sessions


def _log_table(workspace: Workspace, found: ConnectedDatabase) -> Iterator[Finding]:
    try:
        refuse_log_table(workspace, found)
    except ConfigurationError as exc:
        yield problem_of("log", exc, workspace)


def _mark(workspace: Workspace, examined: Examined) -> Iterator[Finding]:
    if not workspace.environment.managed or not examined.found.facts.may_read_records:
        return
    try:
        refuse_other_database(workspace, examined)
    except RefusedError as exc:
        said = problem_of("mark", exc, workspace)
        yield replace(said, severity="note") if examined.mark is None else said
        return
    try:
        refuse_unknown_tables(workspace, examined)
    except RefusedError as exc:
        yield problem_of("mark", exc, workspace)
        return
    name = database_name(examined)
    if examined.mark is not None:
        yield Finding("mark", "ok", f"{name} is marked for {examined.mark.environment}")
    else:
        mark = workspace.again("mark", "--confirm", name)
        yield Finding(
            "mark", "note", f"{name} carries no mark yet", f"The next upgrade writes it, or: {mark}"
        )


def _revisions(session: Session, examined: Examined) -> Iterator[Finding]:
    heads = examined.found.heads
    ahead = ahead_by(session, examined)
    if ahead:
        older = session.workspace.again("upgrade", "--allow-ahead")
        yield Finding(
            "revision",
            "note",
            f"the database is ahead of this checkout by {ahead} revision{'' if ahead == 1 else 's'}, at"
            f" {', '.join(heads)}",
            f"Deploy the newer version, or git pull; where this one is meant to run on it: {older}",
        )
        return
    unknown = unknown_revisions(session.scripts, heads)
    for revision in unknown:
        yield problem_of("revision", unknown_revision_error(session, revision), session.workspace)
    if not unknown:
        yield Finding("revision", "ok", f"at {', '.join(heads) or 'base'}")


def _edited(session: Session, examined: Examined) -> Iterator[Finding]:
    edited, workspace = edited_revisions(session, examined), session.workspace
    if edited:
        accept = workspace.again("mark", *(word for each in edited for word in ("--accept", each)))
        yield Finding(
            "edited",
            # There, no upgrade goes past them.
            "problem" if workspace.environment.protected else "note",
            f"edited after they had been applied: {', '.join(edited)}",
            f"Bring the files back as they were, or accept them as they are: {accept}",
        )
    elif examined.log:
        yield Finding("edited", "ok", "no file was edited after it had been applied")


def _failure(workspace: Workspace, error: MigratorError) -> Iterator[Finding]:
    url = workspace.database.url if workspace.resolves_url else None
    by_pooler = failed_by_pooler(error) if isinstance(error, DatabaseError) else None
    if by_pooler is not None:
        yield pooled(workspace, by_pooler)
        return
    finding, grant = problem_of(_topic(error), error, workspace), _grant(workspace, error)
    yield replace(finding, hint=grant) if grant else finding
    note = address_finding(workspace, url) if url is not None else None
    if note is not None:
        yield note


def _topic(error: MigratorError) -> str:
    if isinstance(error, RefusedError):
        return "url"
    in_env_py = isinstance(error, ConfigurationError) and error.in_env_py
    return "env.py" if in_env_py else "connection"


def _grant(workspace: Workspace, error: MigratorError) -> str | None:
    """Give the statement that grants what the version table could not be read without."""
    url = workspace.database.url if workspace.resolves_url else None
    role = workspace.environment.settings.role or (url.username if url is not None else None)
    for each in causes(error):
        denied = re.search(r"permission denied for table (\S+)", first_line(each))
        if denied and role and meaning_of(each) is ErrorMeaning.NO_PRIVILEGE:
            return f"As its owner: GRANT SELECT, INSERT, UPDATE, DELETE ON {denied[1]} TO {role}"
    return None
