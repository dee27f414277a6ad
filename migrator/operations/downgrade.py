"""`migrator downgrade`: moves a database back to an earlier revision."""

from __future__ import annotations

from migrator.bridge.plan import downgrade_plan
from migrator.bridge.session import Needs, database_session
from migrator.config.select import Workspace
from migrator.errors import UsageError
from migrator.operations.consent import Consent, require_consent
from migrator.operations.execute import execute
from migrator.operations.outcome import Run
from migrator.results.events import Report
from migrator.results.run import RunResult


def downgrade(
    workspace: Workspace, target: str, consent: Consent, report: Report, *, tag: str | None = None
) -> RunResult:
    """Downgrade the environment's database to `target`, such as `-1`, `base` or an id.

    Raises as `upgrade` does, and RefusedError for a protected environment that was not confirmed.
    """
    if ":" in target:
        raise UsageError(f"The range {target} needs --sql.", hint="Give the target alone.")
    require_consent(workspace, "downgrade it", consent)
    with database_session(workspace, ["downgrade", "--", target], report, Needs()) as session:
        plan = downgrade_plan(session.scripts, target)
        return execute(session, Run("downgrade", (target,), plan, tag=tag), report)
