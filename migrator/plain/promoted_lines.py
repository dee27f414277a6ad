"""What was promoted, as plain lines."""

from __future__ import annotations

from collections.abc import Iterator

from migrator.plain import How, Kind, Line, wrote
from migrator.plain.run_lines import count
from migrator.results.promoted import Promoted


def lines(result: Promoted, _how: How) -> Iterator[str]:
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
