"""Revisions that run on a scratch database: the statements that they run there, and what they destroy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from alembic.script import Script, ScriptDirectory

from migrator.bridge.env_py.session import file_session
from migrator.bridge.revision_files.loading import folders_of
from migrator.bridge.revision_files.plan import applied_revisions, stands_on
from migrator.config.select import Workspace
from migrator.lint.catalogue.losing import LOSING
from migrator.lint.judgement import judge
from migrator.lint.lint_settings import lint_settings_of, source_reader
from migrator.operations.judge.captured_statements import Capture
from migrator.results.events import Report
from migrator.results.judged import Linted
from migrator.scratch import Scratch, scratch


@dataclass(frozen=True)
class RevisionBatch:
    """The wanted revisions, in a history whose revisions up to them are `upwards`, oldest first."""

    scripts: ScriptDirectory
    wanted: frozenset[str]
    upwards: Sequence[Script]

    @classmethod
    def of(cls, scripts: ScriptDirectory, wanted: frozenset[str]) -> RevisionBatch:
        """Give the batch of the wanted revisions."""
        below = applied_revisions(scripts, tuple(wanted))
        return cls(scripts, wanted, [s for s in scripts.walk_revisions() if s.revision in below][::-1])

    @property
    def ground(self) -> tuple[str, ...]:
        """The heads of all that is below the wanted revisions and stands on none of them."""
        above = set(self.wanted)
        heads: dict[str, None] = {}
        for script in self.upwards:
            needed = stands_on(self.scripts, script)
            if script.revision in above or above.intersection(needed):
                above.add(script.revision)
                continue
            for each in needed:
                heads.pop(each, None)
            heads[script.revision] = None
        return tuple(heads) or ("base",)

    @property
    def tops(self) -> tuple[str, ...]:
        """Those of the wanted revisions that no other wanted one is above of."""
        covered: set[str] = set()
        tops = []
        for script in reversed(self.upwards):
            if script.revision in self.wanted and script.revision not in covered:
                tops.append(script.revision)
            if script.revision in self.wanted or script.revision in covered:
                covered.update(stands_on(self.scripts, script))
        return tuple(tops)


def captured(place: Scratch, batch: RevisionBatch, workspace: Workspace) -> Capture:
    """Run the revisions, and give what they ran.

    Raises ScratchFailedError for one that fails, RefusedError, RevisionsError and ConfigurationError.
    """

    def capture() -> Capture:
        return Capture(workspace.environment, folders_of(batch.scripts), batch.wanted)

    ground, tops = batch.ground, batch.tops
    if len(batch.wanted) == 1:
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


_LOSING = frozenset(rule.name for rule in LOSING)


def losses(workspace: Workspace, report: Report) -> Linted:
    """Run the whole history on a scratch database, and judge each revision by itself.

    What an earlier revision has made is taken to be full: `lint` of a range takes it to be empty. Only rules
    about losing data count, all of them migrator's own, so that squawk is not needed. Raises
    ConfigurationError, RevisionsError, ScratchFailedError, RefusedError and DatabaseError.
    """
    environment, settings = workspace.environment, lint_settings_of(workspace)
    scripts = file_session(workspace, ["heads"], new_folder=True).scripts
    wanted = frozenset(script.revision for script in scripts.walk_revisions())
    if not wanted:
        return Linted(environment.name, ())
    with scratch(workspace, report) as place:
        ran, dialect = captured(place, RevisionBatch.of(scripts, wanted), workspace), place.backend
    statements = defaultdict(list)
    for each in ran.statements:
        statements[each.revision].append(each)
    judged = [
        judge(
            statements[revision],
            dialect=dialect,
            settings=replace(settings, pg_version=ran.server_major),
            sources=source_reader(workspace),
            only=_LOSING,
        )
        for revision in ran.revisions
    ]
    findings = tuple(finding for judgement in judged for finding in judgement.findings)
    return Linted(environment.name, tuple(ran.revisions), findings, statements=len(ran.statements))
