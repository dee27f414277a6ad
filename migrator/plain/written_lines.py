"""What was written, and what models and database differ in, as plain lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import singledispatch

from migrator.plain import How
from migrator.plain.run_lines import count, run_lines
from migrator.results.changes import Change
from migrator.results.written import Generated, Rebased, Squashed, VersionsReset


@singledispatch
def lines(result: object, _how: How) -> Iterable[str]:
    """Give the lines of a result. Each kind of result has its own function below."""
    raise TypeError(f"There is no text for a {type(result).__name__}.")


@lines.register
def _(result: Generated, _how: How) -> Iterator[str]:
    yield from change_lines(result.changes)
    for written in result.written:
        yield f"wrote {written.path}"
    if not result.written:
        yield "nothing changed: no revision was written"
    yield from (f"note: {note}" for note in result.notes)


def change_lines(changes: tuple[Change, ...]) -> Iterator[str]:
    """Give a line for each difference."""
    yield from (change.text for change in changes)


@lines.register
def _(result: Rebased, _how: How) -> Iterator[str]:
    moved, wrote = ("would move", "would rewrite") if result.dry_run else ("moved", "rewrote")
    before = f", no longer after {', '.join(result.before)}" if result.before else ""
    yield f"{wrote} {result.path}: {result.revisions[0]} comes after {result.onto}{before}"
    yield f"{moved} {', '.join(result.revisions)} on top of {result.onto}"


@lines.register
def _(result: VersionsReset, how: How) -> Iterator[str]:
    would = "would " if result.dry_run else ""
    archive, write = ("archive", "write") if result.dry_run else ("archived", "wrote")
    yield from (f"{would}{archive} {path}" for path in result.archived)
    yield f"{would}{'move' if result.dry_run else 'moved'} them to {result.archive}"
    if result.written is not None:
        yield f"{would}{write} {result.written.path} (creates {', '.join(result.tables)})"
        if result.dry_run and result.upgrades:
            yield f"would upgrade {how.environment} to {result.written.revision}"
        if result.dry_run and result.restamps:
            yield f"would stamp {how.environment} with {result.written.revision}"
    for done in (result.upgraded, result.stamped):
        if done is not None:
            yield from run_lines(done, how.environment)


@lines.register
def _(result: Squashed, how: How) -> Iterator[str]:
    would = "would " if result.dry_run else ""
    if result.written is None:
        yield "nothing to squash: it is the first revision"
        return
    moved, wrote = ("move", "write") if result.dry_run else ("moved", "wrote")
    yield f"{would}{moved} {count(result.squashed)} to {result.archive}: {', '.join(result.squashed)}"
    yield f"{would}{wrote} {result.written.path} (creates {', '.join(result.tables)})"
    new = result.written.revision
    if not result.stamps:
        yield f"the schemas are equal; no database has to be changed, as {new} keeps its id"
    elif result.stamped is not None:
        yield from run_lines(result.stamped, how.environment)
    else:
        yield f"would stamp {how.environment} with {new}"
