"""What `init` wrote, as plain lines."""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch

from migrator.plain import How, Kind, Line, no_lines, wrote
from migrator.results.initialized import Initialized, TemplateList

lines = singledispatch(no_lines)


@lines.register
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


@lines.register
def _(result: TemplateList, _how: How) -> Iterator[str]:
    yield from (f"{each.name}\t{each.description}" for each in result.templates)
