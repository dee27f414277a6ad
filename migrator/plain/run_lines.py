"""What was done to a database, as plain lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from functools import singledispatch

from migrator.plain import How, Kind, Line, no_lines
from migrator.results.run import CommandRun, RunPlan, RunResult, SqlScript, Step, VersionTableEnsured

lines = singledispatch(no_lines)


@lines.register
def _(result: RunResult, how: How) -> Iterator[str]:
    yield from run_lines(result, how.environment)


@lines.register
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


def run_lines(result: RunResult, environment: str) -> Iterator[str]:
    """Say where a run began, where the database is now, and what was done on the way."""
    where = "unknown" if result.after is None else named(result.after)
    if result.failed is not None or result.remaining:
        yield from _unfinished(result, where)
    elif result.ahead:
        by = f"{result.ahead} revision{'' if result.ahead == 1 else 's'}"
        yield f"{environment} is at {where}, ahead of this checkout by {by}: nothing to do"
    elif not result.applied and result.before == result.after:
        yield f"{environment} is already at {_target(result)}: nothing to do"
    elif result.after is None:
        told = f"{_done(result)} {environment}: {count(result.applied)} (not read again: in memory)"
        yield Line(told, Kind.DONE)
    else:
        seconds = sum(step.seconds or 0.0 for step in result.applied)
        took = "" if result.direction == "stamp" else f" ({count(result.applied)}, {seconds:.2f}s)"
        yield Line(f"{_done(result)} {environment}: {named(result.before)} -> {where}{took}", Kind.DONE)


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
    return f"{len(revisions)} revision{'' if len(revisions) == 1 else 's'}"


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


@lines.register
def _(result: SqlScript, _how: How) -> Iterator[str]:
    yield result.sql.rstrip("\n")


@lines.register
def _(result: VersionTableEnsured, _how: How) -> Iterator[str]:
    yield f"created {result.table}" if result.created else f"{result.table} is there already"


@lines.register
def _(_result: CommandRun, _how: How) -> Iterable[str]:
    return ()
