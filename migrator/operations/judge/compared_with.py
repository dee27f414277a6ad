"""What models are compared with: the environment's database, or its history replayed on a scratch one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from migrator.bridge.env_py.session import Needs, Session, database_session
from migrator.config.select import Workspace
from migrator.config.settings import Against
from migrator.operations.fleet.tenant_listing import reference_tenant
from migrator.results.events import Connecting, Report
from migrator.scratch import scratch


def against_of(workspace: Workspace, asked: Against | None) -> Against:
    """Give what is compared with: what was asked for, else what the configuration says."""
    return asked or workspace.environment.settings.against


@contextmanager
def history_session(
    workspace: Workspace, command: Sequence[str], report: Report, *, fresh: bool = False
) -> Iterator[Session]:
    """Give a session on a scratch database that is at the heads of the environment's version files.

    No database of the environment is contacted. With `fresh` the history is replayed from its beginning.
    Raises ConfigurationError (MissingExtraError) where there is no scratch server, ScratchFailedError for a
    revision that does not run there, and RevisionsError.
    """
    environment = workspace.environment
    file = environment.shown(environment.config_file)
    report(Connecting(environment.name, file, "a scratch database", "its history"))
    with (
        scratch(workspace, report, fresh=fresh) as place,
        place.reading("heads") as database,
        database.session(command, Needs(writes=False)) as session,
    ):
        yield session


@contextmanager
def compared_session(
    workspace: Workspace, against: Against, command: Sequence[str], report: Report, *, fresh: bool = False
) -> Iterator[Session]:
    """Give a session for writing a revision: what is missing, a folder or an SQLite file, counts as empty.

    Where the environment has tenants, the database is the first one's.
    """
    if against == "history":
        with history_session(workspace, command, report, fresh=fresh) as session:
            yield session
        return
    needs = Needs(writes=False, absent_is_empty=True)
    with (
        reference_tenant(workspace, report) as reached,
        database_session(reached, command, report, needs, new_folder=True) as session,
    ):
        yield session
