"""`migrator diff`: what one environment has that another has not, in files and in the schemas they make."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from alembic.script import Script

from migrator.bridge.scripts import contents
from migrator.bridge.session import file_session
from migrator.config.select import Workspace
from migrator.operations.two_environments import compare_histories, naming
from migrator.results.diffed import Diffed, Single, Twin
from migrator.results.events import Report
from migrator.revisions.twins import twins


@dataclass(frozen=True)
class _Side:
    """One environment: its revisions by id, oldest first, and the content of each."""

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
    renamed = twins(one.contents, other.contents)
    both = [each for each in one.scripts if each in other.scripts]
    changed = [each for each in both if one.contents[each] != other.contents[each]]
    return Diffed(
        one.name,
        other.name,
        only=(*_only(one, other, renamed), *_only(other, one, renamed.values())),
        renamed=_pairs(one, other, renamed.items()),
        changed=_pairs(one, other, zip(changed, changed, strict=True)),
        differences=compare_histories(left, right, report, fresh=fresh),
    )


def _side(workspace: Workspace) -> _Side:
    with naming(workspace):
        scripts = file_session(workspace, ["heads"], new_folder=True).scripts
        upwards = list(reversed(list(scripts.walk_revisions())))
    return _Side(workspace, {script.revision: script for script in upwards}, contents(upwards))


def _only(side: _Side, other: _Side, elsewhere: Collection[str]) -> list[Single]:
    return [
        Single(side.name, revision, " ".join(script.doc.split()), side.path(revision))
        for revision, script in side.scripts.items()
        if revision not in other.scripts and revision not in elsewhere
    ]


def _pairs(one: _Side, other: _Side, ids: Iterable[tuple[str, str]]) -> tuple[Twin, ...]:
    return tuple(Twin(left, right, one.path(left), other.path(right)) for left, right in ids)
