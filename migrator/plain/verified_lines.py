"""What `verify` found, as plain lines."""

from __future__ import annotations

from collections.abc import Iterator

from migrator.plain import How, Kind, Line
from migrator.results.differences import Difference
from migrator.results.verified import Unlike, Verified


def lines(result: Verified, _how: How) -> Iterator[str]:
    """Give a line for each finding, and what is in order at the end."""
    yield from wrong_lines(result)
    yield from (f"models: {change.text}" for change in result.changes)
    yield from (
        f"irreversible: {each.revision} in {each.path} ({each.reason})" for each in result.irreversible
    )
    if result.seed is not None:
        yield f"with rows of {result.seed}"
    count = len(result.revisions)
    yield f"{count} {'revision' if count == 1 else 'revisions'} verified: up, down and up"
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
        yield from _unlike_lines(unlike)
    for failed in result.failed:
        yield Line(f"failed: {failed.phase} of {failed.revision} in {failed.path}", Kind.WRONG)
        yield f"    {failed.cause}"
        yield f"    hint: {failed.hint}"
    if result.not_verified and result.failed:
        yield f"not verified: {', '.join(result.not_verified)}"


def _unlike_lines(unlike: Unlike) -> Iterator[str]:
    where = f"the {unlike.phase} of {unlike.revision} in {unlike.path}"
    for each in unlike.differences:
        yield f"{where} {_verb(each, unlike.phase == 'downgrade')}"


def _verb(each: Difference, down: bool) -> str:
    what = f"{each.kind} {each.name}"
    if each.left is None:
        return f"leaves behind {what}" if down else f"makes {what}, which the first one did not"
    if each.right is None:
        return f"does not bring back {what}" if down else f"does not make {what}, as the first one did"
    return f"changes {what}: {each.left} | {each.right}"
