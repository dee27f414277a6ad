"""What `check`, `diff`, `lint` and `verify` found, as plain lines."""

from __future__ import annotations

from collections.abc import Iterator

from migrator.plain import How, Kind, Line, counted, text_lines
from migrator.plain.run_lines import count, named
from migrator.plain.written_lines import change_lines
from migrator.results.differences import Difference
from migrator.results.judged import (
    Checked,
    Diffed,
    EnvironmentPosition,
    Linted,
    LintFinding,
    Verified,
)


@text_lines.register
def _(result: Checked, how: How) -> Iterator[str]:
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


@text_lines.register
def _(result: Diffed, _how: How) -> Iterator[str]:
    """Give the revisions first, then the schemas; of one version folder where the databases stand."""
    if result.shared_folder is not None:
        yield from _positions(result)
        return
    for single in result.only:
        yield f"only in {single.environment}: {single.revision}, {single.message} ({single.path})"
    for twin in result.renamed:
        yield (
            f"same content: {twin.left} of {result.left} and {twin.right} of {result.right}"
            f" ({twin.left_path}, {twin.right_path})"
        )
    for twin in result.changed:
        yield f"other content: {twin.left} ({twin.left_path}, {twin.right_path})"
    if not (result.only or result.renamed or result.changed):
        yield f"{result.left} and {result.right} have the same revisions"
    yield from (each.describe(result.left, result.right) for each in result.differences)
    if result.ok:
        yield f"the schemas of {result.left} and {result.right} are equal"


def _positions(result: Diffed) -> Iterator[str]:
    folder = f"one version folder, {result.shared_folder}"
    yield f"{result.left} and {result.right} have {folder}: the same revisions"
    yield from (_position(each) for each in result.positions)
    for each in result.positions:
        if each.pending:
            yield Line(f"next: migrator upgrade --env {each.environment}", Kind.NEXT)


def _position(each: EnvironmentPosition) -> str:
    if not each.known:
        return f"{each.environment} could not be asked: {each.note}"
    behind = f", behind by {count(each.pending)}" if each.pending else ""
    return f"{each.environment} is at {named(each.current)}{behind}"


@text_lines.register
def _(result: Linted, how: How) -> Iterator[str]:
    """Give each finding as a block of lines, then the notes, then the sum.

    The first line of a block is `file:line: severity [rule] message`, as compilers have it.
    """
    for finding in result.findings:
        yield from finding_lines(finding)
    yield from (f"note: {note}" for note in result.notes)
    yield _sum(result, how.environment or result.environment)


def finding_lines(finding: LintFinding) -> Iterator[str]:
    """Give the block of one finding."""
    place = finding.file if finding.line is None else f"{finding.file}:{finding.line}"
    if finding.excused_by is not None:
        yield Line(f"{place}: excused [{finding.rule}] {finding.excused_by}", Kind.GOOD)
    else:
        kind = Kind.WRONG if finding.severity == "error" else Kind.OPEN
        yield Line(f"{place}: {finding.severity} [{finding.rule}] {finding.message}", kind)
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
        counted(errors, "error"),
        counted(len(open_) - errors, "warning"),
        f"{len(result.findings) - len(open_)} excused",
    )
    judged = f"{counted(result.statements, 'statement')} of {count(result.revisions)}"
    by = f", {result.tool}" if result.tool else ""
    return f"{environment}: {judged}: {', '.join(parts)}{by}"


@text_lines.register
def _(result: Verified, _how: How) -> Iterator[str]:
    """Give a line for each finding, and what is in order at the end."""
    yield from wrong_lines(result)
    yield from (f"models: {change.text}" for change in result.changes)
    yield from (
        f"irreversible: {each.revision} in {each.path} ({each.reason})" for each in result.irreversible
    )
    if result.seed is not None:
        yield f"with rows of {result.seed}"
    yield f"{count(result.revisions)} verified: up, down and up"
    if not result.compared:
        why = (
            "the history does not run to its end"
            if result.not_verified or result.failed
            else "none are named"
        )
        yield f"models not compared: {why}"
    elif not result.changes:
        yield Line("models and the end of the history agree", Kind.GOOD)


def wrong_lines(result: Verified) -> Iterator[str]:
    """Give the lines about revisions that do not run, or leave something else behind than they found."""
    for unlike in result.unlike:
        where = f"the {unlike.phase} of {unlike.revision} in {unlike.path}"
        yield from (f"{where} {_verb(each, unlike.phase == 'downgrade')}" for each in unlike.differences)
    for failed in result.failed:
        yield Line(f"failed: {failed.phase} of {failed.revision} in {failed.path}", Kind.WRONG)
        yield f"    {failed.cause}"
        yield f"    hint: {failed.hint}"
    if result.not_verified and result.failed:
        yield f"not verified: {', '.join(result.not_verified)}"


def _verb(each: Difference, down: bool) -> str:
    what = f"{each.kind} {each.name}"
    if each.left is None:
        return f"leaves behind {what}" if down else f"makes {what}, which the first one did not"
    if each.right is None:
        return f"does not bring back {what}" if down else f"does not make {what}, as the first one did"
    return f"changes {what}: {each.left} | {each.right}"
