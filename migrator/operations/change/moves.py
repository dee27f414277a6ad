"""`migrator upgrade`, `downgrade` and `stamp`: move a database to another revision."""

from __future__ import annotations

from collections.abc import Sequence

from migrator.bridge.env_py.session import Needs, database_session
from migrator.bridge.revision_files.plan import downgrade_plan, stamp_plan, upgrade_plan
from migrator.config.select import Workspace
from migrator.errors import UsageError
from migrator.operations.run.execute import RunTerms, execute
from migrator.operations.run.run_account import Run
from migrator.results.events import Report
from migrator.results.run import RunPlan, RunResult


def upgrade(
    workspace: Workspace, target: str, terms: RunTerms, report: Report, *, tag: str | None = None
) -> RunResult | RunPlan:
    """Upgrade the environment's database to `target`, such as `head`, `+2` or an id.

    Raises MigrationFailedError with what was applied, LockedError where another run is at it, and
    RefusedError, RevisionsError, DatabaseError or ConfigurationError where nothing was begun.
    """
    if ":" in target:
        raise UsageError(f"The range {target} needs --sql.", hint="Give the target alone.")
    with database_session(workspace, ["upgrade", target], report, Needs()) as session:
        plan = upgrade_plan(session.scripts, target)
        return execute(session, Run("upgrade", (target,), plan, tag=tag), terms, report)


def downgrade(
    workspace: Workspace, target: str, terms: RunTerms, report: Report, *, tag: str | None = None
) -> RunResult | RunPlan:
    """Downgrade the environment's database to `target`, such as `-1`, `base` or an id.

    Raises as `upgrade` does; a protected environment has to be confirmed.
    """
    if ":" in target:
        raise UsageError(f"The range {target} needs --sql.", hint="Give the target alone.")
    with database_session(workspace, ["downgrade", "--", target], report, Needs()) as session:
        plan = downgrade_plan(session.scripts, target)
        return execute(session, Run("downgrade", (target,), plan, tag=tag), terms, report)


def stamp(
    workspace: Workspace,
    targets: Sequence[str],
    terms: RunTerms,
    report: Report,
    *,
    purge: bool = False,
    tag: str | None = None,
    expected: frozenset[str] | None = None,
) -> RunResult | RunPlan:
    """Stamp the environment's database with `targets`.

    With `purge` the version table is emptied first, which also gets rid of a revision that no file has. A
    database that is not at the `expected` revisions is refused. Raises as `upgrade` does; a protected
    environment has to be confirmed.
    """
    with database_session(workspace, ["stamp", "--", *targets], report, Needs(models=False)) as session:
        plan = stamp_plan(session.scripts, targets)
        run = Run("stamp", tuple(targets), plan, purge=purge, tag=tag, expected=expected)
        return execute(session, run, terms, report)
