"""What `init` wrote, as plain lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import singledispatch

from migrator.plain import How
from migrator.results.initialized import Initialized, TemplateList


@singledispatch
def lines(result: object, _how: How) -> Iterable[str]:
    """Give the lines of a result. Each kind of result has its own function below."""
    raise TypeError(f"There is no text for a {type(result).__name__}.")


@lines.register
def _(result: Initialized, _how: How) -> Iterator[str]:
    would = "would " if result.dry_run else ""
    write, change = ("write", "add to") if result.dry_run else ("wrote", "added to")
    yield from (f"{would}{write} {path}" for path in result.written)
    yield from (f"{would}{change} {path}" for path in result.changed)
    yield from (f"kept {path}, which was there already" for path in result.kept)
    for each in result.environments:
        protected = ", protected" if each.protected else ""
        yield f"{each.name}: {each.config_file}, revisions in {each.version_folder}{protected}"
    if result.models:
        yield f"models: {', '.join(result.models)}"
    yield from (f"note: {note}" for note in result.notes)
    if result.next:
        yield f"next: {result.next}"


@lines.register
def _(result: TemplateList, _how: How) -> Iterator[str]:
    yield from (f"{each.name}\t{each.description}" for each in result.templates)
