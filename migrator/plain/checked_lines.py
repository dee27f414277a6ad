"""What `check` found, as plain lines."""

from __future__ import annotations

from collections.abc import Iterator

from migrator.plain import How, Kind, Line
from migrator.plain.run_lines import count
from migrator.plain.written_lines import change_lines
from migrator.results.checked import Checked


def lines(result: Checked, how: How) -> Iterator[str]:
    """Give what is wrong, then what agrees, then what was not compared."""
    yield from (Line(f"wrong: {problem}", Kind.WRONG) for problem in result.problems)
    if result.pending:
        yield f"{how.environment} is behind by {count(result.pending)}, so that no models were compared"
        yield from (Line(f"pending {revision}", Kind.OPEN) for revision in result.pending)
    yield from change_lines(result.changes)
    yield from (each.describe("the database", "its history") for each in result.drift)
    yield from (f"edited after it was applied: {revision}" for revision in result.edited)
    if "models" in result.compared and not result.changes and not result.problems:
        yield Line(f"models and {result.against} agree", Kind.GOOD)
    if "history" in result.compared and not result.drift:
        yield "database and its history agree"
    for skipped in result.skipped:
        # That models were not compared has been said, with the reason.
        if skipped.what == "history":
            hint = f" {skipped.hint}" if skipped.hint else ""
            yield f"note: the database was not compared with its history: {skipped.why}.{hint}"
        elif how.verbose:
            yield f"not compared: {skipped.what}, as {skipped.why}"
    if how.verbose and result.not_compared:
        yield f"not compared: {', '.join(result.not_compared)}"
