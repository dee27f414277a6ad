"""Environments, where their databases stand, and what `doctor` found, as plain lines."""

from __future__ import annotations

from collections.abc import Iterator

from migrator.plain import How, counted, text_lines
from migrator.plain.run_lines import count, named
from migrator.results.environment_status import (
    Diagnosis,
    EnvironmentInfo,
    EnvironmentList,
    EnvironmentStatus,
    LastRun,
    StatusList,
    Waited,
)


@text_lines.register
def _(result: EnvironmentList, _how: How) -> Iterator[str]:
    """Give a line for each environment, its facts separated by tabs."""
    for info in result.environments:
        yield "\t".join(environment_cells(info))


def environment_cells(info: EnvironmentInfo) -> tuple[str, ...]:
    """Give the facts of an environment, one text for each column."""
    unknown = "as env.py says" if info.origin else "not configured here"
    chosen = f"chosen by {info.chosen_by}"
    flags = (("default", info.default), (chosen, info.chosen_by), ("protected", info.protected))
    return (
        ", ".join((info.name, *info.aliases)),
        info.config_file,
        ", ".join(info.version_folders) or "-",
        f"error: {info.error}" if info.error else info.url or unknown,
        info.origin or "-",
        ", ".join(name for name, true in flags if true) or "-",
    )


_MOST_IDS = 5


@text_lines.register
def _(result: StatusList, _how: How) -> Iterator[str]:
    for status in result.environments:
        yield "\t".join(" ".join(cell.split()) for cell in status_cells(status))


def status_cells(status: EnvironmentStatus) -> tuple[str, ...]:
    """Give the facts of an environment's database, one text for each column.

    They are name, state, database, reachable, mark, current, head, pending, edited, last run, what else is to
    be said, and what to do.
    """
    shared = f"one version folder with {', '.join(status.shared_with)}" if status.shared_with else ""
    asked = status.reachable is not None and not status.error
    return (
        status.name,
        state_words(status),
        status.database or "-",
        {True: "yes", False: "no", None: "-"}[status.reachable],
        status.mark or "-",
        named(status.current) if asked or status.current else "-",
        ", ".join(status.head) or "-",
        _ids(status.pending),
        _ids(status.edited),
        _last_run(status.last_run),
        "; ".join(filter(None, (shared, *status.notes, status.error))) or "-",
        status.hint or "-",
    )


def state_words(status: EnvironmentStatus) -> str:
    """Say in words how a database stands."""
    if status.state == "not configured":
        return "not configured here"
    ahead = f"ahead of this checkout by {counted(status.ahead, 'revision')}" if status.ahead else ""
    if status.state in ("ahead", "edited"):
        return ", ".join(filter(None, ("edited" if status.edited else "", ahead)))
    return status.state


def _ids(revisions: tuple[str, ...]) -> str:
    if not revisions:
        return "-"
    more = f" and {len(revisions) - _MOST_IDS} more" if len(revisions) > _MOST_IDS else ""
    return f"{len(revisions)}: {', '.join(revisions[:_MOST_IDS])}{more}"


def _last_run(last: LastRun | None) -> str:
    if last is None:
        return "-"
    took = "" if last.duration_ms is None else f" ({last.duration_ms / 1000:.2f}s)"
    at = last.started_at[:19].replace("T", " ") + "Z"
    revision = f" {last.revision}" if last.revision else ""
    return f"{at} {last.direction}{revision} by {last.user_name or '?'}@{last.host or '?'}{took}"


@text_lines.register
def _(result: Waited, how: How) -> Iterator[str]:
    after = f" (after {result.seconds:.1f}s)" if result.seconds >= 1 else ""
    if result.goal == "database":
        yield f"{how.environment} answers: {result.database}{after}"
    elif result.ahead is not None:
        by = f"ahead of this checkout by {counted(result.ahead, 'revision')}"
        yield f"{how.environment} is at {named(result.current)}, {by}{after}"
    elif result.reached:
        yield f"{how.environment} is at head ({named(result.current)}){after}"
    else:
        yield f"{how.environment} is at {named(result.current)}, behind by {count(result.pending)}{after}"


@text_lines.register
def _(result: Diagnosis, _how: How) -> Iterator[str]:
    """Give a line for each finding: severity, topic, text and any hint, separated by tabs."""
    for finding in result.findings:
        facts = (finding.severity, finding.topic, finding.text, finding.hint)
        yield "\t".join(" ".join(fact.split()) for fact in facts if fact)
