"""A fleet's answers as lines: one for each tenant, and what it has to say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from migrator.plain import How, Line, counted, lines, text_lines
from migrator.plain.run_lines import count, named
from migrator.results.fleet import FleetResult, TenantAnswer
from migrator.results.run import RunPlan, RunResult

_ORDER = ("done", "planned", "read", "yes", "nothing to do", "no", "failed", "skipped")


@text_lines.register
def _(result: FleetResult, how: How) -> Iterator[str]:
    """Give the lines of all tenants, and their numbers in the end."""
    for answer in result.tenants:
        yield f"{answer.tenant}: {summary(answer)}"
        yield from details(answer, how)
    yield ": ".join(total(result))


def total(result: FleetResult) -> tuple[str, str]:
    """Give the number of tenants in words, and how many had each outcome."""
    counts = result.counts
    told = [f"{counts[outcome]} {outcome}" for outcome in _ORDER if outcome in counts]
    return counted(len(result.tenants), "tenant"), ", ".join(told) or "none"


def summary(answer: TenantAnswer) -> str:
    """Give what became of a tenant in one line, without its name."""
    if answer.outcome == "failed":
        return f"failed ({answer.code}): {answer.error}"
    if answer.outcome == "skipped":
        return f"skipped: {answer.error}"
    if isinstance(answer.result, RunResult | RunPlan):
        return f"{answer.outcome}: {_run(answer.result)}"
    return answer.outcome


def details(answer: TenantAnswer, how: How) -> Iterator[Line]:
    """Give the lines below the one of a tenant."""
    if answer.hint:
        yield Line(f"  hint: {answer.hint}")
    for note in answer.notes:
        yield Line(f"  note: {note}")
    for traced in answer.trace.splitlines():
        yield Line(f"  {traced}")
    # What a run that went well has to say is in the tenant's one line.
    told = isinstance(answer.result, RunResult | RunPlan) and answer.outcome != "failed"
    if answer.result is not None and not told:
        for line in lines(answer.result, replace(how, environment=answer.tenant)):
            yield Line(f"  {line}", line.kind)


def _run(result: RunResult | RunPlan) -> str:
    before = named(result.before)
    if isinstance(result, RunPlan):
        steps = ", ".join(step.revision for step in result.steps)
        return f"{result.direction} from {before}: {steps}" if steps else f"at {before}"
    after = "an unknown revision" if result.after is None else named(result.after)
    return f"{before} -> {after}, {count(result.applied)}" if result.applied else f"at {after}"
