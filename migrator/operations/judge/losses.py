"""What the revisions of a history destroy, each as it is run on a database in use."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from migrator.bridge.env_py.session import file_session
from migrator.config.select import Workspace
from migrator.lint.catalogue.losing import LOSING
from migrator.lint.judgement import judge
from migrator.lint.lint_settings import lint_settings_of, source_reader
from migrator.operations.judge.scratch_run import RevisionBatch, captured
from migrator.results.events import Report
from migrator.results.findings import Linted
from migrator.scratch import scratch

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
