"""`migrator check`: whether models agree with the database, or with the history."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alembic.runtime.migration import MigrationContext

from migrator.bridge.autogenerate.comparing import Comparison
from migrator.bridge.env_py.session import Needs, Session, database_session, file_session
from migrator.bridge.revision_files.loading_errors import several_heads
from migrator.config.select import Workspace
from migrator.config.settings import Against
from migrator.errors import RevisionsError
from migrator.operations.judge.compared_with import against_of, history_session
from migrator.operations.judge.drift import NotComparableError, ObservedDatabase, drift, observe_database
from migrator.operations.position.examine import Examined, edited_revisions, examined
from migrator.operations.position.position import missing_from, refuse_unknown
from migrator.results.differences import Difference
from migrator.results.events import Report
from migrator.results.judged import Checked, Part, Skipped
from migrator.scratch import ScratchFailedError


def check(
    workspace: Workspace, report: Report, against: Against | None = None, *, fresh: bool = False
) -> Checked:
    """Compare the models with the environment's database, or with its history, and write nothing.

    A database is compared with its own history too, replayed to where it stands, and its log with the files.
    `against` is None for what the configuration says. What is wrong with the history is a part of the answer.
    Raises ModelsError, RevisionsError, DatabaseError and ConfigurationError.
    """
    if against_of(workspace, against) == "history":
        return _with_history(workspace, report, fresh=fresh)
    asked = workspace.environment.managed or against == "database"
    return _with_database(workspace, report, asked=asked, fresh=fresh)


def _with_history(workspace: Workspace, report: Report, *, fresh: bool) -> Checked:
    problems: list[str] = []
    try:
        problems += _heads(file_session(workspace, ["check"], new_folder=True))
        with history_session(workspace, ["check"], report, fresh=fresh) as session:
            comparison = Comparison(session, autogenerate=True)
            comparison.compare(lambda _heads, _context: True)
    except (RevisionsError, ScratchFailedError) as exc:
        # With files that do not load, or do not run, there is nothing to compare with.
        skipped = Skipped("models", "the history does not run to its end")
        wrong = (*problems, f"{exc.message} {exc.hint}".strip())
        return Checked("history", ("files", "heads"), (skipped,), problems=wrong)
    return Checked(
        "history",
        ("files", "heads", "models"),
        changes=comparison.changes,
        not_compared=tuple(comparison.found.not_compared),
        problems=tuple(problems),
    )


def _heads(session: Session) -> list[str]:
    heads = session.scripts.get_heads()
    if len(heads) < 2:
        return []
    files = {each: Path(session.scripts.get_revision(each).path) for each in heads}
    several = several_heads(files, session.workspace)
    return [f"{several.message} {several.hint}"]


def _with_database(workspace: Workspace, report: Report, *, asked: bool, fresh: bool) -> Checked:
    """Do as `check`. A database behind head is the answer no, and the models are not compared with it."""
    pending: list[str] = []
    seen: list[Examined] = []
    observed: list[ObservedDatabase] = []
    with database_session(workspace, ["check"], report, Needs(writes=False)) as session:

        def at_head(heads: tuple[str, ...], context: MigrationContext) -> bool:
            refuse_unknown(session, heads)
            seen.append(examined(heads, context, session))
            if asked and heads:
                observed.append(observe_database(workspace, heads, context))
            pending.extend(missing_from(heads, session))
            return not pending

        comparison = Comparison(session, autogenerate=True)
        comparison.compare(at_head)
        edited = [revision for each in seen for revision in edited_revisions(session, each)]
    compared, skipped = _said(seen, pending, workspace)
    found: tuple[Difference, ...] = ()
    try:
        if not asked:
            # Somebody else's project is not replayed, and gets no folder for it, without being asked to.
            raise NotComparableError(
                "this is a plain Alembic configuration", hint="Ask for it: --against database"
            )
        found = drift(workspace, _only(observed, len(seen)), report, fresh=fresh)
        compared.append("history")
    except NotComparableError as exc:
        skipped.append(Skipped("history", exc.message, exc.hint))
    return Checked(
        "database",
        tuple(compared),
        tuple(skipped),
        changes=comparison.changes,
        pending=tuple(pending),
        drift=found,
        edited=tuple(edited),
        not_compared=tuple(comparison.found.not_compared),
    )


def _said(
    seen: Sequence[Examined], pending: Sequence[str], workspace: Workspace
) -> tuple[list[Part], list[Skipped]]:
    """Say what the answer about models and edited files is made of."""
    compared: list[Part] = []
    skipped = []
    if pending:
        hint = f"Upgrade it first: {workspace.again('upgrade')}"
        skipped.append(Skipped("models", "the database is behind", hint))
    else:
        compared.append("models")
    if any(examined.log for examined in seen):
        compared.append("edited files")
    else:
        skipped.append(Skipped("edited files", "the database has no log"))
    return compared, skipped


def _only(observed: Sequence[ObservedDatabase], reached: int) -> ObservedDatabase:
    if reached != 1:
        raise NotComparableError(f"env.py reaches {reached} databases")
    if not observed:
        raise NotComparableError("the database has no revision yet")
    return observed[0]
