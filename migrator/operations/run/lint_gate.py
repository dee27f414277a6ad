"""`lint_gate`: refuses an upgrade that would destroy something which nobody has excused.

It judges by the text of the version files alone, so that a deploy machine needs no scratch server and no
squawk. What only `lint` sees, such as a type that gets narrower, does not stop it; nor does the end of a
table that the same plan makes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from migrator.config.select import Workspace
from migrator.errors import Effect, RefusedError
from migrator.results.run import RunPlan

if TYPE_CHECKING:
    from migrator.revisions.destructive import Destruction

# The rule that forbids each kind of destruction. Another type is none: it may be a wider one.
_RULES = {
    "drop table": "ban-drop-table",
    "drop column": "ban-drop-column",
    "drop type": "ban-drop-type",
    "drop schema": "ban-drop-schema",
    "drop database": "ban-drop-database",
    "truncate": "truncate",
    "truncate cascade": "ban-truncate-cascade",
    "delete from": "delete-without-where",
}


def gate_refusal(workspace: Workspace, plan: RunPlan) -> RefusedError | None:
    """Give the error with which an upgrade is refused, None where it may go ahead or nothing says otherwise.

    Raises ConfigurationError for a rule in the settings that nobody knows, RevisionsError for a bad excuse.
    """
    if plan.direction != "upgrade" or not workspace.environment.settings.lint_gate:
        return None
    if not plan.before:
        # What a whole history drops it has made itself, and nobody has used it yet.
        return None
    found = list(_forbidden(workspace, plan))
    if not found:
        return None
    first, rule, _what = found[0]
    file, _colon, line = first.rpartition(":")
    listed = "; ".join(f"{place}: {what} [{rule}]" for place, rule, what in found)
    return RefusedError(
        f"lint_gate of {workspace.environment.name} refuses the upgrade: {listed}.",
        effect=Effect.NOTHING_DONE,
        hint=f"Where it is meant, add to line {line} of {file}: # migrator: allow {rule} -- reason",
    )


def _forbidden(workspace: Workspace, plan: RunPlan) -> Iterator[tuple[str, str, str]]:
    """Yield place, rule and what is destroyed, for each error that is not excused."""
    # Imported here: most environments have no gate.
    from migrator.lint.excuses import excuses
    from migrator.lint.lint_settings import RULES, lint_settings_of, source_reader

    settings, read = lint_settings_of(workspace), source_reader(workspace)
    allowed = {step.path: excuses(read(step.path), step.path) for step in plan.steps}
    for path, each in _destroyed(workspace.environment.root, plan):
        rule = _RULES.get(each.kind)
        if rule is None or settings.severity(RULES[rule]) != "error":
            continue
        if not any(excuse.holds_for(rule, each.line) for excuse in allowed[path]):
            yield f"{path}:{each.line}", rule, each.what


def _destroyed(root: Path, plan: RunPlan) -> Iterator[tuple[str, Destruction]]:
    """Yield what the plan destroys of that which it has not made itself, with the file's path as shown."""
    from migrator.revisions.destructive import destructive, tables_made

    new: set[str] = set()
    for step in plan.steps:
        made = list(tables_made(root / step.path))
        for each in destructive(root / step.path):
            new.update(table for table, line in made if line < each.line)
            made = [(table, line) for table, line in made if line >= each.line]
            if not each.tables or not new.issuperset(each.tables):
                yield step.path, each
            if each.kind == "drop table":
                # Another may take its name.
                new.difference_update(each.tables)
        new.update(table for table, _line in made)
