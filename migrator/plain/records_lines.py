"""Marks and the log as plain lines."""

from __future__ import annotations

from collections.abc import Iterator

from migrator.plain import How, text_lines
from migrator.results.records import LogEntry, LogList, Marked


@text_lines.register
def _(result: LogList, _how: How) -> Iterator[str]:
    """Give a line for each row, its facts separated by tabs."""
    for entry in result.entries:
        yield "\t".join(log_cells(entry))


def log_cells(entry: LogEntry) -> tuple[str, ...]:
    """Give the facts of a row of the log, one text for each column."""
    took = "-" if entry.duration_ms is None else f"{entry.duration_ms / 1000:.2f}s"
    return (
        f"{entry.started_at:%Y-%m-%d %H:%M:%SZ}",
        entry.direction,
        entry.revision or "-",
        took,
        f"{entry.user_name or '?'}@{entry.host or '?'}",
        entry.environment,
        (entry.git_commit or "-")[:10],
    )


@text_lines.register
def _(result: Marked, _how: How) -> Iterator[str]:
    if result.accepted:
        yield from (f"accepted {revision}" for revision in result.accepted)
    elif result.accepted is not None:
        yield "no file was edited after it had been applied: nothing to do"
    elif not result.changed:
        yield f"{result.database} is marked for {result.environment} already: nothing to do"
    else:
        yield f"marked {result.database} as the database of {result.environment}"
