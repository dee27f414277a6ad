"""What two environments do not have alike, as plain lines."""

from __future__ import annotations

from collections.abc import Iterator

from migrator.plain import How, Kind, Line
from migrator.plain.run_lines import count, named
from migrator.results.diffed import Diffed, EnvironmentPosition


def lines(result: Diffed, _how: How) -> Iterator[str]:
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
