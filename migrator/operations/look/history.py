"""`migrator history`: the revisions of an environment, newest first."""

from __future__ import annotations

from migrator.config.select import Workspace
from migrator.errors import UsageError
from migrator.operations.look.revision_listing import revisions_in_files
from migrator.results.events import Report
from migrator.results.revisions import History


def history(
    workspace: Workspace, report: Report, *, rev_range: str | None = None, indicate_current: bool = False
) -> History:
    """Give the history, or the range `[start]:[end]` of it.

    Only with `indicate_current`, or `current` in the range, the database is asked; it is never written to.
    Raises UsageError for a range without a colon, RevisionsError, and DatabaseError.
    """
    start, end = _split(rev_range)
    if not indicate_current and "current" not in (start, end):
        base, head = start or "base", end or "heads"
        walked = revisions_in_files(
            workspace,
            lambda graph: graph.walk(base, head),
            lambda scripts: scripts.walk_revisions(base=base, head=head),
        )
        return History(walked)
    return _in_database(workspace, report, start, end)


def _in_database(workspace: Workspace, report: Report, start: str, end: str) -> History:
    # Imported here: without -i no database is asked.
    from migrator.bridge.env_py.session import Needs, database_session
    from migrator.bridge.revision_files.loading import translated
    from migrator.operations.position.position import infos_in_database, known_heads

    with database_session(workspace, ["history", "-i"], report, Needs(writes=False, models=False)) as session:
        heads = known_heads(session)
        with translated(workspace):
            walked = session.scripts.walk_revisions(
                base=_or_current(start, heads) or "base",
                head=_or_current(end, heads) or "heads",
            )
            return History(infos_in_database(walked, session, heads), current=heads)


def _split(rev_range: str | None) -> tuple[str, str]:
    if rev_range is None:
        return "", ""
    if rev_range.count(":") != 1:
        raise UsageError(
            f"The range {rev_range} is not of the form [start]:[end].",
            hint="For example: -r base:current, -r 1975ea:, -r :head",
        )
    start, end = rev_range.strip().split(":")
    return start, end


def _or_current(said: str, heads: tuple[str, ...]) -> str:
    if said != "current":
        return said
    if len(heads) > 1:
        raise UsageError(
            f"The database is at several revisions ({', '.join(heads)}), so that 'current' is not one point.",
            hint="Name one of them in the range.",
        )
    return heads[0] if heads else "base"
