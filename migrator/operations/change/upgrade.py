"""`migrator upgrade`: moves a database to a later revision."""

from __future__ import annotations

from migrator.bridge.env_py.session import Needs, database_session
from migrator.bridge.revision_files.plan import upgrade_plan
from migrator.config.select import Workspace
from migrator.errors import UsageError
from migrator.operations.run.execute import Terms, execute
from migrator.operations.run.run_account import Run
from migrator.results.events import Report
from migrator.results.run import RunPlan, RunResult


def upgrade(
    workspace: Workspace, target: str, terms: Terms, report: Report, *, tag: str | None = None
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
