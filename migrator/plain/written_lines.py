"""What was written, as plain lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from migrator.plain import How, Kind, Line, lines, text_lines, wrote
from migrator.plain.run_lines import count
from migrator.results.differences import Added, Altered, Change, Dropped
from migrator.results.written import (
    Generated,
    Initialized,
    Promoted,
    Rebased,
    Squashed,
    TemplateList,
    VersionsReset,
)

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(get_args(Added), Kind.ADDED),
    **dict.fromkeys(get_args(Dropped), Kind.DROPPED),
    **dict.fromkeys(get_args(Altered), Kind.ALTERED),
}


@text_lines.register
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


@text_lines.register
def _(result: Rebased, _how: How) -> Iterator[str]:
    moved, rewrote = ("would move", "would rewrite") if result.dry_run else ("moved", "rewrote")
    before = f", no longer after {', '.join(result.before)}" if result.before else ""
    yield f"{rewrote} {result.path}: {result.revisions[0]} comes after {result.onto}{before}"
    yield f"{moved} {', '.join(result.revisions)} on top of {result.onto}"


@text_lines.register
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
            yield from lines(done, how)


@text_lines.register
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
        yield from lines(result.stamped, how)
    else:
        yield f"would stamp {how.environment} with {new}"


@text_lines.register
def _(result: Promoted, _how: How) -> Iterator[str]:
    """Give a line for each file, what was proved, and what to type next."""
    way = f"from {result.source} to {result.target}"
    if not result.revisions:
        yield f"nothing to promote {way}"
    for each in result.revisions:
        after = ", ".join(each.down_revisions) or "<base>"
        yield wrote(each.path, f" (after {after})", dry_run=result.dry_run)
    if result.revisions:
        proved = (
            "the schemas are equal" if result.equal else "applied, taken back and applied again on scratch"
        )
        promoted = "would be promoted" if result.dry_run else "promoted"
        yield f"{count(result.revisions)} {promoted} {way}: {proved}"
    yield from (f"note: {note}" for note in result.notes)
    if result.revisions and not result.dry_run:
        yield Line(f"next: migrator upgrade --env {result.target}", Kind.NEXT)


@text_lines.register
def _(result: Initialized, _how: How) -> Iterator[str]:
    added = "would add to" if result.dry_run else "added to"
    yield from (wrote(path, dry_run=result.dry_run) for path in result.written)
    yield from (f"{added} {path}" for path in result.changed)
    yield from (f"kept {path}, which was there already" for path in result.kept)
    for each in result.environments:
        protected = ", protected" if each.protected else ""
        yield f"{each.name}: {each.config_file}, revisions in {each.version_folder}{protected}"
    if result.models:
        yield f"models: {', '.join(result.models)}"
    yield from (f"note: {note}" for note in result.notes)
    if result.next:
        yield Line(f"next: {result.next}", Kind.NEXT)


@text_lines.register
def _(result: TemplateList, _how: How) -> Iterator[str]:
    yield from (f"{each.name}\t{each.description}" for each in result.templates)
