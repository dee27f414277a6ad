"""`migrator downgrade`: moves a database back to an earlier revision."""

from __future__ import annotations

from migrator.bridge.env_py.session import Needs, database_session
from migrator.bridge.revision_files.plan import downgrade_plan
from migrator.config.select import Workspace
from migrator.errors import UsageError
from migrator.operations.run.execute import Terms, execute
from migrator.operations.run.run_account import Run
from migrator.results.events import Report
from migrator.results.run import RunPlan, RunResult


def downgrade(
    workspace: Workspace, target: str, terms: Terms, report: Report, *, tag: str | None = None
) -> RunResult | RunPlan:
    """Downgrade the environment's database to `target`, such as `-1`, `base` or an id.

    Raises as `upgrade` does; a protected environment has to be confirmed.
    """
    if ":" in target:
        raise UsageError(f"The range {target} needs --sql.", hint="Give the target alone.")
    with database_session(workspace, ["downgrade", "--", target], report, Needs()) as session:
        plan = downgrade_plan(session.scripts, target)
        return execute(session, Run("downgrade", (target,), plan, tag=tag), terms, report)
