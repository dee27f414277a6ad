"""`migrator lint`: judges the SQL that revisions really run, on a scratch database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alembic.script import Script, ScriptDirectory

from migrator.bridge.env_py.session import Needs, database_session, file_session
from migrator.bridge.revision_files.loading import folders_of, translated
from migrator.bridge.revision_files.plan import (
    applied_revisions,
    planned,
    script_of,
    stands_on,
    upgrade_plan,
)
from migrator.config.select import Workspace
from migrator.errors import ConfigurationError, DatabaseError, UsageError
from migrator.lint.catalogue.losing import LOSING
from migrator.lint.judgement import judge, uses_squawk
from migrator.lint.lint_settings import lint_settings_of, source_reader
from migrator.lint.squawk import find_squawk
from migrator.operations.judge.captured_statements import Capture
from migrator.operations.position.position import refuse_unknown
from migrator.results.events import Report
from migrator.results.judged import Linted, LintFinding
from migrator.revisions.git import NoCommonCommit, NoHistory, UnknownReference, changed_since
from migrator.scratch import Scratch, scratch

_LOSING = frozenset(rule.name for rule in LOSING)


@dataclass(frozen=True)
class LintRequest:
    """What to judge: ids, beginnings of ids, `head`, or ranges `START:END` without their start.

    With `since`, a name that git knows, it is the revisions whose files are new or changed since HEAD and
    that one parted. Without any of them it is what is pending in the environment's database. With `fresh` no
    kept template is used.
    """

    targets: tuple[str, ...] = ()
    fresh: bool = False
    since: str | None = None


def lint(workspace: Workspace, request: LintRequest, report: Report) -> Linted:
    """Run revisions on a scratch database, and judge each statement that they run there.

    A database of the environment is only asked for what is pending, where no revision is named. Raises
    ConfigurationError (MissingExtraError without squawk on PostgreSQL, unknown rules in the settings),
    UsageError where git cannot tell what has changed, RevisionsError, ScratchFailedError, RefusedError and
    DatabaseError.
    """
    settings = lint_settings_of(workspace)
    if request.targets or request.since is not None:
        scripts = file_session(workspace, ["heads"], new_folder=True).scripts
        wanted = _named(scripts, request.targets, workspace)
        if request.since is not None:
            wanted |= _changed(scripts, request.since, workspace)
    else:
        scripts, wanted = _pending(workspace, report)
    if not wanted:
        return Linted(workspace.environment.name, ())
    with scratch(workspace, report, fresh=request.fresh) as place:
        if uses_squawk(place.backend):
            # Said before the history is replayed.
            find_squawk()
        capture = _captured(place, scripts, wanted, workspace)
        judgement = judge(
            capture.statements,
            dialect=place.backend,
            settings=replace(settings, pg_version=capture.server_major),
            sources=source_reader(workspace),
        )
    return Linted(
        environment=workspace.environment.name,
        revisions=tuple(capture.revisions),
        findings=judgement.findings,
        statements=len(capture.statements),
        tool=judgement.tool,
        notes=judgement.notes,
    )


def losses(workspace: Workspace, report: Report) -> list[LintFinding]:
    """Run the whole history on a scratch database, and judge each revision by itself.

    What an earlier revision has made is taken to be full: `lint` of a range takes it to be empty. Only rules
    about losing data count, all of them migrator's own, so that squawk is not needed. Raises
    ConfigurationError, RevisionsError, ScratchFailedError, RefusedError and DatabaseError.
    """
    settings = lint_settings_of(workspace)
    scripts = file_session(workspace, ["heads"], new_folder=True).scripts
    wanted = frozenset(script.revision for script in scripts.walk_revisions())
    if not wanted:
        return []
    with scratch(workspace, report) as place:
        ran, dialect = _captured(place, scripts, wanted, workspace), place.backend
    settings = replace(settings, pg_version=ran.server_major)
    sources = source_reader(workspace)
    statements = defaultdict(list)
    for each in ran.statements:
        statements[each.revision].append(each)
    return [
        finding
        for revision in ran.revisions
        for finding in judge(
            statements[revision], dialect=dialect, settings=settings, sources=sources, only=_LOSING
        ).findings
    ]


def _named(scripts: ScriptDirectory, targets: tuple[str, ...], workspace: Workspace) -> frozenset[str]:
    found: set[str] = set()
    with translated(workspace):
        for target in targets:
            start, colon, end = target.partition(":")
            if colon:
                found.update(_range(scripts, start or "base", end or "heads"))
            else:
                found.update(each.revision for each in scripts.get_revisions(target) if each is not None)
    return frozenset(found)


def _range(scripts: ScriptDirectory, start: str, end: str) -> Iterator[str]:
    lower = {each.revision for each in scripts.get_revisions(start) if each is not None}
    for script in scripts.walk_revisions(base=start, head=end):
        if script.revision not in lower:
            yield script.revision


def _changed(scripts: ScriptDirectory, since: str, workspace: Workspace) -> frozenset[str]:
    """Give the revisions whose files the branch changes. Raises UsageError where git cannot tell."""
    if not since.strip():
        raise UsageError("--since is empty.", hint="Name a commit that git knows, such as origin/main.")
    try:
        files = changed_since(workspace.environment.root, folders_of(scripts), since)
    except UnknownReference as exc:
        fetch = "in a pipeline, check out with all commits (fetch-depth: 0, GIT_DEPTH: 0)"
        raise UsageError(f"git knows no commit {since} here.", hint=f"Fetch it; {fetch}.") from exc
    except NoCommonCommit as exc:
        raise UsageError(
            f"git cannot tell where HEAD and {since} parted.",
            hint="The clone has too few commits for that: git fetch --unshallow",
        ) from exc
    except NoHistory as exc:
        raise UsageError(
            f"git cannot tell what has changed since {since}.",
            hint=f"Name the revisions instead: {workspace.again('lint', 'head')}",
        ) from exc
    return frozenset(
        script.revision for script in scripts.walk_revisions() if Path(script.path).resolve() in files
    )


def _pending(workspace: Workspace, report: Report) -> tuple[ScriptDirectory, frozenset[str]]:
    needs = Needs(writes=False, models=False, absent_is_empty=True)
    try:
        with database_session(workspace, ["current"], report, needs) as session:
            heads = session.read_heads()
            refuse_unknown(session, heads)
            steps = planned(upgrade_plan(session.scripts, "heads"), heads, workspace)
            return session.scripts, frozenset(s.revision for s in map(script_of, steps) if s is not None)
    except (DatabaseError, ConfigurationError) as exc:
        # Whoever has a database that cannot be asked can do without one.
        named = f"name revisions, for which no database is needed: {workspace.again('lint', 'head')}"
        exc.hint = f"{exc.hint.removesuffix('.')}; or {named}" if exc.hint else f"N{named[1:]}"
        raise


def _captured(
    place: Scratch, scripts: ScriptDirectory, wanted: frozenset[str], workspace: Workspace
) -> Capture:
    """Run the wanted revisions, and give what they ran. Raises as `lint` does."""

    def capture() -> Capture:
        return Capture(workspace.environment, folders_of(scripts), wanted)

    below = applied_revisions(scripts, tuple(wanted))
    upwards = [script for script in scripts.walk_revisions() if script.revision in below][::-1]
    ground, tops = _ground(scripts, wanted, upwards), _tops(scripts, wanted, upwards)
    if len(wanted) == 1:
        with place.reading(*ground) as database:
            tried = capture()
            if not database.is_template:
                database.upgrade(tops[0], tried.watch)
                return tried
            # Undone afterwards, it needs no copy of a database of many tables.
            if database.try_out(tops[0], tried.watch):
                return tried
    ran = capture()
    with place.at(*ground) as database:
        for target in tops:
            database.upgrade(target, ran.watch)
    return ran


def _ground(scripts: ScriptDirectory, wanted: frozenset[str], upwards: Sequence[Script]) -> tuple[str, ...]:
    """Give the heads of all that is below the wanted revisions and stands on none of them."""
    above = set(wanted)
    heads: dict[str, None] = {}
    for script in upwards:
        needed = stands_on(scripts, script)
        if script.revision in above or above.intersection(needed):
            above.add(script.revision)
            continue
        for each in needed:
            heads.pop(each, None)
        heads[script.revision] = None
    return tuple(heads) or ("base",)


def _tops(scripts: ScriptDirectory, wanted: frozenset[str], upwards: Sequence[Script]) -> list[str]:
    """Give those of the wanted revisions that no other wanted one is above of."""
    covered: set[str] = set()
    tops = []
    for script in reversed(upwards):
        if script.revision in wanted and script.revision not in covered:
            tops.append(script.revision)
        if script.revision in wanted or script.revision in covered:
            covered.update(stands_on(scripts, script))
    return tops
