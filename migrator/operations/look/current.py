"""`migrator current`: where a database stands."""

from __future__ import annotations

from migrator.bridge.env_py.session import Needs, database_session
from migrator.bridge.revision_files.loading import translated
from migrator.config.select import Workspace
from migrator.config.url import address
from migrator.operations.position.position import heads_and_ahead, infos_in_database
from migrator.results.events import Report
from migrator.results.revisions import Current


def current(workspace: Workspace, report: Report) -> Current:
    """Read the revisions of the environment's database, writing nothing.

    A database ahead of this checkout has heads that no file has. Raises RevisionsError for any other such
    revision, DatabaseError, ConfigurationError.
    """
    with database_session(workspace, ["current"], report, Needs(writes=False, models=False)) as session:
        heads, ahead = heads_and_ahead(session)
        url = session.connected_to
        where = address(url) if url is not None else ""
        if ahead:
            return Current((), heads, at_heads=True, database=where, ahead=ahead)
        with translated(workspace):
            # With depends_on a database stands at more heads than its version table holds.
            scripts = session.scripts.get_all_current(heads)
            revisions = infos_in_database(sorted(scripts, key=lambda s: s.revision), session, heads)
            at_heads = set(heads) == set(session.scripts.get_heads(consider_depends_on=True))
        return Current(revisions, heads, at_heads, where)
