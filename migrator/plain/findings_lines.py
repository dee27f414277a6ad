"""What `lint` found, as plain lines."""

from __future__ import annotations

from collections.abc import Iterator

from migrator.plain import How, Kind, Line
from migrator.plain.run_lines import count
from migrator.results.findings import Linted, LintFinding


def lines(result: Linted, how: How) -> Iterator[str]:
    """Give each finding as a block of lines, then the notes, then the sum.

    The first line of a block is `file:line: severity [rule] message`, as compilers have it.
    """
    for finding in result.findings:
        yield from finding_lines(finding)
    yield from (f"note: {note}" for note in result.notes)
    yield _sum(result, how.environment or result.environment)


def place(finding: LintFinding) -> str:
    """Give file and line of a finding."""
    return finding.file if finding.line is None else f"{finding.file}:{finding.line}"


def finding_lines(finding: LintFinding) -> Iterator[str]:
    """Give the block of one finding."""
    if finding.excused_by is not None:
        yield Line(f"{place(finding)}: excused [{finding.rule}] {finding.excused_by}", Kind.GOOD)
    else:
        kind = Kind.WRONG if finding.severity == "error" else Kind.OPEN
        yield Line(f"{place(finding)}: {finding.severity} [{finding.rule}] {finding.message}", kind)
    yield Line(f"  {finding.operation} of {finding.revision}: {finding.statement}", Kind.DETAIL)
    if finding.excused_by is not None:
        return
    if finding.lock:
        yield Line(f"  lock: {finding.lock}", Kind.DETAIL)
    first, *code = finding.remedy.splitlines() or [""]
    if first:
        yield f"  instead: {first}"
        yield from (Line(f"  {line}", Kind.DETAIL) for line in code)


def _sum(result: Linted, environment: str) -> str:
    open_ = [each for each in result.findings if each.excused_by is None]
    errors = sum(each.severity == "error" for each in open_)
    parts = (
        _number(errors, "error"),
        _number(len(open_) - errors, "warning"),
        f"{len(result.findings) - len(open_)} excused",
    )
    judged = f"{_number(result.statements, 'statement')} of {count(result.revisions)}"
    by = f", {result.tool}" if result.tool else ""
    return f"{environment}: {judged}: {', '.join(parts)}{by}"


def _number(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
