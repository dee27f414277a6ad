"""What was done to a database, as plain lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized

from migrator.plain import How, Kind, Line, counted, text_lines
from migrator.results.run import CommandRun, RunPlan, RunResult, SqlScript, Step, VersionTableEnsured


@text_lines.register
def _(result: RunPlan, _how: How) -> Iterator[str]:
    where = f" {result.database}" if result.database else ""
    if not result.steps:
        yield f"{result.direction}{where}: nothing to do, it is at {named(result.before)}"
    else:
        yield f"{result.direction}{where} from {named(result.before)}: {count(result.steps)}"
    for step in result.steps:
        yield f"  {_step(step)}"
        yield from (Line(f"    destroys: {lost}", Kind.LOST) for lost in step.destroys)
    yield from (f"note: {note}" for note in result.notes)


@text_lines.register
def _(result: RunResult, how: How) -> Iterator[str]:
    """Say where a run began, where the database is now, and what was done on the way."""
    where = "unknown" if result.after is None else named(result.after)
    if result.failed is not None or result.remaining:
        yield from _unfinished(result, where)
    elif result.ahead:
        by = counted(result.ahead, "revision")
        yield f"{how.environment} is at {where}, ahead of this checkout by {by}: nothing to do"
    elif not result.applied and result.before == result.after:
        yield f"{how.environment} is already at {_target(result)}: nothing to do"
    elif result.after is None:
        told = f"{_done(result)} {how.environment}: {count(result.applied)} (not read again: in memory)"
        yield Line(told, Kind.DONE)
    else:
        seconds = sum(step.seconds or 0.0 for step in result.applied)
        took = "" if result.direction == "stamp" else f" ({count(result.applied)}, {seconds:.2f}s)"
        yield Line(f"{_done(result)} {how.environment}: {named(result.before)} -> {where}{took}", Kind.DONE)


def _target(result: RunResult) -> str:
    where = named(result.before)
    return f"head ({where})" if result.target in ("head", "heads") and result.before else where


def _done(result: RunResult) -> str:
    return {"upgrade": "upgraded", "downgrade": "downgraded", "stamp": "stamped"}[result.direction]


def named(heads: tuple[str, ...]) -> str:
    """Name where a database stands; without a revision it is at base."""
    return ", ".join(heads) or "base"


def count(revisions: Sized) -> str:
    """Count revisions in words."""
    return counted(len(revisions), "revision")


def _unfinished(result: RunResult, where: str) -> Iterator[str]:
    done = "undone" if result.direction == "downgrade" else "applied"
    yield from (f"{done}: {_step(step)}" for step in result.applied)
    if result.failed is not None:
        step = result.failed.step
        what = _step(step) if step else "the commit after the last revision"
        yield Line(f"failed: {what}", Kind.WRONG)
        if result.failed.line:
            yield f"  at {result.failed.file}:{result.failed.line}"
        if result.failed.statement:
            yield f"  statement: {result.failed.statement}"
        yield from (f"  committed: {statement}" for statement in result.failed.committed)
    yield from (Line(f"remaining: {_step(step)}", Kind.OPEN) for step in result.remaining)
    yield f"the database is at {where}"


def _step(step: Step) -> str:
    return f"{step.revision} {step.message}".rstrip()


@text_lines.register
def _(result: SqlScript, _how: How) -> Iterator[str]:
    yield result.sql.rstrip("\n")


@text_lines.register
def _(result: VersionTableEnsured, _how: How) -> Iterator[str]:
    yield f"created {result.table}" if result.created else f"{result.table} is there already"


@text_lines.register
def _(_result: CommandRun, _how: How) -> Iterable[str]:
    return ()
