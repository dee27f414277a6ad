"""Revisions as plain lines: as Alembic shows them, with further brackets for what migrator knows more of."""

from __future__ import annotations

from collections.abc import Iterator

from migrator.plain import How, counted, text_lines
from migrator.results.revisions import Current, Edited, History, Revision, RevisionList


@text_lines.register
def _(result: RevisionList, how: How) -> Iterator[str]:
    for revision in result.revisions:
        if how.verbose:
            yield from _verbose(revision)
            continue
        yield f"{revision.revision}{marks(revision)}"
        if revision.is_branch_point:
            yield from (f"{' ' * len(revision.revision)} -> {after}" for after in revision.next_revisions)


@text_lines.register
def _(result: History, how: How) -> Iterator[str]:
    for revision in result.revisions:
        if how.verbose:
            yield from _verbose(revision)
        else:
            yield f"{parents(revision)} -> {revision.revision}{marks(revision)}, {revision.message}"


@text_lines.register
def _(result: Current, how: How) -> Iterator[str]:
    if how.verbose:
        yield f"Current revision(s) for {result.database}:"
    if result.ahead:
        yield from (f"{head} {ahead_words(result)}" for head in result.heads)
    for revision in result.revisions:
        yield from _verbose(revision) if how.verbose else [f"{revision.revision}{_head(revision)}"]


def ahead_words(result: Current) -> str:
    """Say that a database is ahead of this checkout."""
    return f"(ahead of this checkout by {counted(result.ahead or 0, 'revision')})"


def parents(revision: Revision) -> str:
    """Give what a revision comes after, `<base>` for a first one."""
    down = ", ".join(revision.down_revisions) or "<base>"
    return f"{down} ({', '.join(revision.depends_on)})" if revision.depends_on else down


def marks(revision: Revision, *, state: bool = True) -> str:
    """Give the bracketed facts of a revision: its labels, its place in the graph, its state in a database."""
    labels = f" ({', '.join(revision.branch_labels)})" if revision.branch_labels else ""
    return labels + _points(revision, state=state)


def _points(revision: Revision, *, state: bool = True) -> str:
    points = (
        (state and revision.current is True, "current"),
        (revision.is_branch_point, "branchpoint"),
        (revision.is_merge_point, "mergepoint"),
        (state and revision.applied is False, "pending"),
        (state and revision.applied is True and not revision.current, "applied"),
    )
    return _head(revision) + "".join(f" ({name})" for true, name in points if true)


def _head(revision: Revision) -> str:
    if not revision.is_head:
        return ""
    # One that others depend on is not in the version table once they are.
    return " (effective head)" if revision.is_effective_head else " (head)"


def _verbose(revision: Revision) -> Iterator[str]:
    yield f"Rev: {revision.revision}{_points(revision)}"
    label = "Merges" if revision.is_merge_point else "Parent"
    yield f"{label}: {', '.join(revision.down_revisions) or '<base>'}"
    if revision.depends_on:
        yield f"Also depends on: {', '.join(revision.depends_on)}"
    if revision.is_branch_point:
        yield f"Branches into: {', '.join(revision.next_revisions)}"
    if revision.branch_labels:
        yield f"Branch names: {', '.join(revision.branch_labels)}"
    yield f"Path: {revision.path}"
    yield ""
    yield from (f"    {line}".rstrip() for line in revision.description.splitlines())
    yield ""


@text_lines.register
def _(result: Edited, _how: How) -> Iterator[str]:
    yield from (f"edited {path}" for path in result.paths)
