"""What was written, and what models and database differ in, as plain lines."""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch
from typing import get_args

from migrator.plain import How, Kind, Line, no_lines, wrote
from migrator.plain.run_lines import count, run_lines
from migrator.results.changes import Added, Altered, Change, Dropped
from migrator.results.written import Generated, Rebased, Squashed, VersionsReset

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(get_args(Added), Kind.ADDED),
    **dict.fromkeys(get_args(Dropped), Kind.DROPPED),
    **dict.fromkeys(get_args(Altered), Kind.ALTERED),
}

lines = singledispatch(no_lines)


@lines.register
def _(result: Generated, _how: How) -> Iterator[str]:
    yield from change_lines(result.changes)
    for written in result.written:
        yield wrote(written.path)
    if not result.written:
        yield "nothing changed: no revision was written"
    yield from (f"note: {note}" for note in result.notes)


def change_lines(changes: tuple[Change, ...]) -> Iterator[str]:
    """Give a line for each difference."""
    for change in changes:
        yield Line(change.text, _KINDS.get(change.kind, Kind.PLAIN))


@lines.register
def _(result: Rebased, _how: How) -> Iterator[str]:
    moved, rewrote = ("would move", "would rewrite") if result.dry_run else ("moved", "rewrote")
    before = f", no longer after {', '.join(result.before)}" if result.before else ""
    yield f"{rewrote} {result.path}: {result.revisions[0]} comes after {result.onto}{before}"
    yield f"{moved} {', '.join(result.revisions)} on top of {result.onto}"


@lines.register
def _(result: VersionsReset, how: How) -> Iterator[str]:
    archived, moved = ("would archive", "would move") if result.dry_run else ("archived", "moved")
    yield from (f"{archived} {path}" for path in result.archived)
    yield f"{moved} them to {result.archive}"
    if result.written is not None:
        creates = f" (creates {', '.join(result.tables)})"
        yield wrote(result.written.path, creates, dry_run=result.dry_run)
        if result.dry_run and result.upgrades:
            yield f"would upgrade {how.environment} to {result.written.revision}"
        if result.dry_run and result.restamps:
            yield f"would stamp {how.environment} with {result.written.revision}"
    for done in (result.upgraded, result.stamped):
        if done is not None:
            yield from run_lines(done, how.environment)


@lines.register
def _(result: Squashed, how: How) -> Iterator[str]:
    if result.written is None:
        yield "nothing to squash: it is the first revision"
        return
    moved = "would move" if result.dry_run else "moved"
    yield f"{moved} {count(result.squashed)} to {result.archive}: {', '.join(result.squashed)}"
    yield wrote(result.written.path, f" (creates {', '.join(result.tables)})", dry_run=result.dry_run)
    new = result.written.revision
    if not result.stamps:
        yield f"the schemas are equal; no database has to be changed, as {new} keeps its id"
    elif result.stamped is not None:
        yield from run_lines(result.stamped, how.environment)
    else:
        yield f"would stamp {how.environment} with {new}"
