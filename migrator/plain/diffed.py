"""What two environments do not have alike, as plain lines."""

from __future__ import annotations

from collections.abc import Iterator

from migrator.plain import How
from migrator.results.diffed import Diffed


def lines(result: Diffed, _how: How) -> Iterator[str]:
    """Give the revisions first, then the schemas."""
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
