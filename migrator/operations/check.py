"""`migrator check`: whether models agree with the database, or with the history."""

from __future__ import annotations

from pathlib import Path

from alembic.runtime.migration import MigrationContext

from migrator.bridge.comparing import Comparison
from migrator.bridge.plan import applied_revisions
from migrator.bridge.session import Needs, Session, database_session, file_session
from migrator.bridge.several_heads import several_heads
from migrator.config.select import Workspace
from migrator.errors import RevisionsError
from migrator.operations.compared import Against, against_of, history_session
from migrator.operations.standing import refuse_unknown
from migrator.results.events import Report
from migrator.results.written import Checked
from migrator.scratch import ScratchFailedError


def check(
    workspace: Workspace, report: Report, against: Against | None = None, *, fresh: bool = False
) -> Checked:
    """Compare the models with the environment's database, or with its history, and write nothing.

    `against` is None for what the configuration says. What is wrong with the history is a part of the answer.
    Raises ModelsError, RevisionsError, DatabaseError and ConfigurationError.
    """
    if against_of(workspace, against) == "history":
        return _with_history(workspace, report, fresh=fresh)
    return _with_database(workspace, report)


def _with_history(workspace: Workspace, report: Report, *, fresh: bool) -> Checked:
    problems: list[str] = []
    try:
        problems += _heads(file_session(workspace, ["check"], new_folder=True))
        with history_session(workspace, ["check"], report, fresh=fresh) as session:
            comparison = Comparison(session, autogenerate=True)
            comparison.compare(lambda _heads, _context: True)
    except (RevisionsError, ScratchFailedError) as exc:
        # With files that do not load, or do not run, there is nothing to compare with.
        return Checked("history", (), (), problems=(*problems, f"{exc.message} {exc.hint}".strip()))
    found = comparison.found.not_compared
    return Checked("history", comparison.changes, (), tuple(found), tuple(problems))


def _heads(session: Session) -> list[str]:
    heads = session.scripts.get_heads()
    if len(heads) < 2:
        return []
    files = {each: Path(session.scripts.get_revision(each).path) for each in heads}
    several = several_heads(files, session.workspace)
    return [f"{several.message} {several.hint}"]


def _with_database(workspace: Workspace, report: Report) -> Checked:
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
