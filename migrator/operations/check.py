"""`migrator check`: whether models and database agree."""

from __future__ import annotations

from alembic.runtime.migration import MigrationContext

from migrator.bridge.comparing import Comparison
from migrator.bridge.plan import applied_revisions
from migrator.bridge.session import Needs, database_session
from migrator.config.select import Workspace
from migrator.operations.standing import refuse_unknown
from migrator.results.events import Report
from migrator.results.written import Checked


def check(workspace: Workspace, report: Report) -> Checked:
    """Compare the models with the environment's database, writing nothing.

    A database that has not been upgraded to head is the answer no, with the pending revisions; it is not
    compared. Raises ModelsError, RevisionsError, DatabaseError and ConfigurationError.
    """
    pending: list[str] = []
    with database_session(workspace, ["check"], report, Needs(writes=False)) as session:

        def at_head(heads: tuple[str, ...], _context: MigrationContext) -> bool:
            refuse_unknown(session, heads)
            applied = applied_revisions(session.scripts, heads)
            walked = [script.revision for script in session.scripts.walk_revisions()]
            pending.extend(revision for revision in reversed(walked) if revision not in applied)
            return not pending

        comparison = Comparison(session, autogenerate=True)
        comparison.compare(at_head)
    return Checked("database", comparison.changes, tuple(pending), tuple(comparison.found.not_compared))
