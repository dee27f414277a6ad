"""Results as plain lines: what a pipe, a log file and a script get.

Lines about revisions look as Alembic's do, with what migrator knows more of in further brackets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass
from functools import singledispatch

from migrator.results.changes import Change
from migrator.results.environments import EnvironmentInfo, EnvironmentList
from migrator.results.revisions import Current, Edited, History, Revision, RevisionList
from migrator.results.run import CommandRun, RunResult, SqlScript, Step, VersionTable
from migrator.results.written import Checked, Generated, VersionsReset


@dataclass(frozen=True)
class How:
    """How to show a result: whole files or one line each, and the environment's name."""

    verbose: bool = False
    environment: str = ""


@singledispatch
def lines(result: object, _how: How) -> Iterable[str]:
    """Give the lines of a result. Each kind of result has its own function below."""
    raise TypeError(f"There is no text for a {type(result).__name__}.")


@lines.register
def _(result: RevisionList, how: How) -> Iterator[str]:
    for revision in result.revisions:
        yield from _verbose(revision) if how.verbose else [f"{revision.revision}{marks(revision)}"]
        for after in () if how.verbose else result_branches(revision):
            yield f"{' ' * len(revision.revision)} -> {after}"


def result_branches(revision: Revision) -> tuple[str, ...]:
    """Give what a branch point branches into, and nothing for other revisions."""
    return revision.next_revisions if revision.is_branch_point else ()


@lines.register
def _(result: History, how: How) -> Iterator[str]:
    for revision in result.revisions:
        if how.verbose:
            yield from _verbose(revision)
        else:
            yield f"{parents(revision)} -> {revision.revision}{marks(revision)}, {revision.message}"


@lines.register
def _(result: Current, how: How) -> Iterator[str]:
    if how.verbose:
        yield f"Current revision(s) for {result.database}:"
    for revision in result.revisions:
        yield from _verbose(revision) if how.verbose else [f"{revision.revision}{_head(revision)}"]


def parents(revision: Revision) -> str:
    """Give what a revision comes after, `<base>` for a first one."""
    down = ", ".join(revision.down_revisions) or "<base>"
    return f"{down} ({', '.join(revision.depends_on)})" if revision.depends_on else down


def marks(revision: Revision, *, state: bool = True) -> str:
    """Give the bracketed facts of a revision: its labels, its place in the graph, its state in a database."""
    labels = f" ({', '.join(revision.branch_labels)})" if revision.branch_labels else ""
    points = (
        (revision.is_head, "head"),
        (state and revision.current is True, "current"),
        (revision.is_branch_point, "branchpoint"),
        (revision.is_merge_point, "mergepoint"),
        (state and revision.applied is False, "pending"),
        (state and revision.applied is True and not revision.current, "applied"),
    )
    return labels + "".join(f" ({name})" for true, name in points if true)


def _head(revision: Revision) -> str:
    return " (head)" if revision.is_head else ""


def _verbose(revision: Revision) -> Iterator[str]:
    points = marks(revision).replace(f" ({', '.join(revision.branch_labels)})", "", 1)
    yield f"Rev: {revision.revision}{points if revision.branch_labels else marks(revision)}"
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


@lines.register
def _(result: RunResult, how: How) -> Iterator[str]:
    yield from run_lines(result, how.environment)


def run_lines(result: RunResult, environment: str) -> Iterator[str]:
    """Say where a run began, where the database is now, and what was done on the way."""
    where = "unknown" if result.after is None else named(result.after)
    if result.failed is not None or result.remaining:
        yield from _unfinished(result, where)
    elif not result.applied and result.before == result.after:
        yield f"{environment} is already at {_target(result)}: nothing to do"
    elif result.after is None:
        yield f"{_done(result)} {environment}: {_count(result.applied)} (not read again: in memory)"
    else:
        seconds = sum(step.seconds or 0.0 for step in result.applied)
        yield f"{_done(result)} {environment}: {named(result.before)} -> {where}" + (
            "" if result.direction == "stamp" else f" ({_count(result.applied)}, {seconds:.2f}s)"
        )


def _target(result: RunResult) -> str:
    where = named(result.before)
    return f"head ({where})" if result.target in ("head", "heads") and result.before else where


def _done(result: RunResult) -> str:
    return {"upgrade": "upgraded", "downgrade": "downgraded", "stamp": "stamped"}[result.direction]


def named(heads: tuple[str, ...]) -> str:
    """Name where a database stands; without a revision it is at base."""
    return ", ".join(heads) or "base"


def _count(revisions: Sized) -> str:
    return f"{len(revisions)} revision{'' if len(revisions) == 1 else 's'}"


def _unfinished(result: RunResult, where: str) -> Iterator[str]:
    done = "undone" if result.direction == "downgrade" else "applied"
    yield from (f"{done}: {_step(step)}" for step in result.applied)
    if result.failed is not None:
        yield f"failed: {_step(result.failed.step)}"
        if result.failed.line:
            yield f"  at {result.failed.file}:{result.failed.line}"
        if result.failed.statement:
            yield f"  statement: {result.failed.statement}"
    yield from (f"remaining: {_step(step)}" for step in result.remaining)
    yield f"the database is at {where}"


def _step(step: Step) -> str:
    return f"{step.revision} {step.message}".rstrip()


@lines.register
def _(result: SqlScript, _how: How) -> Iterator[str]:
    yield result.sql.rstrip("\n")


@lines.register
def _(result: VersionTable, _how: How) -> Iterator[str]:
    yield f"created {result.table}" if result.created else f"{result.table} is there already"


@lines.register
def _(_result: CommandRun, _how: How) -> Iterable[str]:
    return ()


@lines.register
def _(result: Edited, _how: How) -> Iterator[str]:
    yield from (f"edited {path}" for path in result.paths)


@lines.register
def _(result: Generated, _how: How) -> Iterator[str]:
    yield from change_lines(result.changes)
    for written in result.written:
        yield f"wrote {written.path}"
    if not result.written:
        yield "nothing changed: no revision was written"


def change_lines(changes: tuple[Change, ...]) -> Iterator[str]:
    """Give a line for each difference."""
    yield from (change.text for change in changes)


@lines.register
def _(result: Checked, how: How) -> Iterator[str]:
    if result.pending:
        yield f"{how.environment} is behind by {_count(result.pending)}, so that nothing was compared"
        yield from (f"pending {revision}" for revision in result.pending)
    elif result.changes:
        yield from change_lines(result.changes)
    else:
        yield "models and database agree"


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
    if result.upgraded is not None:
        yield from run_lines(result.upgraded, how.environment)


@lines.register
def _(result: EnvironmentList, _how: How) -> Iterator[str]:
    for info in result.environments:
        yield "\t".join(environment_cells(info))


def environment_cells(info: EnvironmentInfo) -> tuple[str, ...]:
    """Give the facts of an environment, one text for each column."""
    chosen = f"chosen by {info.chosen_by}"
    flags = (("default", info.default), (chosen, info.chosen_by), ("protected", info.protected))
    return (
        ", ".join((info.name, *info.aliases)),
        info.config_file,
        ", ".join(info.version_folders) or "-",
        _database_cell(info),
        info.origin or "-",
        ", ".join(name for name, true in flags if true) or "-",
    )


def _database_cell(info: EnvironmentInfo) -> str:
    if info.error:
        return f"error: {info.error}"
    return info.url or ("as env.py says" if info.origin else "not configured here")
