"""`migrator stamp`: writes revisions into the version table without running them."""

from __future__ import annotations

from collections.abc import Sequence

from migrator.bridge.env_py.session import Needs, database_session
from migrator.bridge.revision_files.plan import stamp_plan
from migrator.config.select import Workspace
from migrator.operations.run.execute import Terms, execute
from migrator.operations.run.run_account import Run
from migrator.results.events import Report
from migrator.results.run import RunPlan, RunResult


def stamp(
    workspace: Workspace,
    targets: Sequence[str],
    terms: Terms,
    report: Report,
    *,
    purge: bool = False,
    tag: str | None = None,
) -> RunResult | RunPlan:
    """Stamp the environment's database with `targets`.

    With `purge` the version table is emptied first, which also gets rid of a revision that no file has.
    Raises as `upgrade` does; a protected environment has to be confirmed.
    """
    with database_session(workspace, ["stamp", "--", *targets], report, Needs(models=False)) as session:
        plan = stamp_plan(session.scripts, targets)
        run = Run("stamp", tuple(targets), plan, purge=purge, tag=tag)
        return execute(session, run, terms, report)
