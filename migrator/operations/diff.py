"""`migrator diff`: what one environment has that another has not, in files and in the schemas they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from alembic.script import Script

from migrator.bridge.session import file_session
from migrator.config.select import Workspace
from migrator.operations.two_environments import compare_histories
from migrator.results.diffed import Diffed, Single, Twin
from migrator.results.events import Report
from migrator.revisions.fingerprint import content_hash


@dataclass(frozen=True)
class _Side:
    """One environment: its revisions by id, and the id of each content."""

    workspace: Workspace
    scripts: Mapping[str, Script]
    contents: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.workspace.environment.name

    def path(self, revision: str) -> str:
        return self.workspace.environment.shown(Path(self.scripts[revision].path))


def diff(left: Workspace, right: Workspace, report: Report, *, fresh: bool = False) -> Diffed:
    """Compare two environments by their version files, and by what these make on scratch databases.

    No database of either is contacted. Raises ConfigurationError where there is no scratch server or the two
    are not of one kind, RevisionsError, ScratchFailedError, each naming the environment.
    """
    one, other = _side(left), _side(right)
    renamed = [
        Twin(revision, other.contents[content], one.path(revision), other.path(other.contents[content]))
        for content, revision in one.contents.items()
        if content in other.contents
        and revision not in other.scripts
        and other.contents[content] not in one.scripts
    ]
    there = {twin.left for twin in renamed} | {twin.right for twin in renamed}
    return Diffed(
        one.name,
        other.name,
        only=(*_only(one, other, there), *_only(other, one, there)),
        renamed=tuple(renamed),
        changed=tuple(_changed(one, other)),
        differences=compare_histories(left, right, report, fresh=fresh),
    )


def _side(workspace: Workspace) -> _Side:
    scripts = file_session(workspace, ["heads"], new_folder=True).scripts
    # Oldest first.
    all_ = {script.revision: script for script in reversed(list(scripts.walk_revisions()))}
    contents = {content_hash(Path(script.path).read_bytes()): id_ for id_, script in all_.items()}
    return _Side(workspace, all_, contents)


def _only(side: _Side, other: _Side, elsewhere: set[str]) -> list[Single]:
    return [
        Single(side.name, revision, " ".join(script.doc.split()), side.path(revision))
        for revision, script in side.scripts.items()
        if revision not in other.scripts and revision not in elsewhere
    ]


def _changed(one: _Side, other: _Side) -> list[Twin]:
    contents = {revision: content for content, revision in other.contents.items()}
    return [
        Twin(revision, revision, one.path(revision), other.path(revision))
        for content, revision in one.contents.items()
        if revision in contents and contents[revision] != content
    ]
