"""`migrator diff`: what one environment has that another has not, in files and in the schemas they make."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from alembic.script import Script

from migrator.bridge.env_py.session import file_session
from migrator.bridge.revision_files.loading import contents
from migrator.config.folders import shared_folder, version_folders
from migrator.config.select import Workspace
from migrator.errors import ExitCode, UsageError
from migrator.operations.judge.two_environments import SECONDS, compare_histories, named_in_errors, why_silent
from migrator.operations.look.status import statuses
from migrator.results.environment_status import EnvironmentStatus
from migrator.results.events import Report
from migrator.results.judged import Diffed, EnvironmentPosition, OneSided, SameContent, UnknownPositionError
from migrator.revisions.fingerprint import pair_by_content


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

    No database of either is contacted, unless both have one version folder: then it is compared where their
    databases stand. Raises ConfigurationError where there is no scratch server or the two
    are not of one kind, RevisionsError, ScratchFailedError, each naming the environment; for one folder
    UnknownPositionError where a database cannot be asked, and UsageError for `fresh`.
    """
    names = left.environment.name, right.environment.name
    folder = shared_folder(left.environment, right.environment)
    if folder is not None and _same_folders(left, right):
        shown = left.environment.shown(folder)
        if fresh:
            raise UsageError(
                f"{names[0]} and {names[1]} have one version folder, {shown}: there is nothing to replay.",
                hint="Leave out --fresh: it is compared where their databases stand.",
            )
        return _compare_positions(left, right, shown)
    one, other = _side(left), _side(right)
    renamed = pair_by_content(one.contents, other.contents)
    both = [each for each in one.scripts if each in other.scripts]
    changed = [each for each in both if one.contents[each] != other.contents[each]]
    return Diffed(
        *names,
        only=(*_only(one, other, renamed), *_only(other, one, renamed.values())),
        renamed=_pairs(one, other, renamed.items()),
        changed=_pairs(one, other, zip(changed, changed, strict=True)),
        differences=compare_histories(left, right, report, fresh=fresh),
    )


def _same_folders(left: Workspace, right: Workspace) -> bool:
    one, other = ({f.resolve() for f in version_folders(each.environment)} for each in (left, right))
    return one == other


def _compare_positions(left: Workspace, right: Workspace, folder: str) -> Diffed:
    names = left.environment.name, right.environment.name
    found = statuses([left, right], None, SECONDS)
    result = Diffed(*names, shared_folder=folder, positions=tuple(_position(each) for each in found))
    # What is wrong with a database that answers makes it a no, as for `status`.
    for state, code in (("unreachable", ExitCode.DATABASE), ("not configured", ExitCode.CONFIGURATION)):
        silent = [each for each in found if each.state == state]
        if silent:
            raise UnknownPositionError(
                f"Whether {names[0]} and {names[1]} are at one place is not known:"
                f" {' and '.join(each.name for each in silent)} could not be asked.",
                result,
                code,
                hint=silent[0].hint or "See which database each one has: migrator envs",
            )
    return result


def _position(status: EnvironmentStatus) -> EnvironmentPosition:
    note = why_silent(status)
    if note is not None:
        return EnvironmentPosition(status.name, known=False, note=note)
    return EnvironmentPosition(status.name, known=True, current=status.current, pending=status.pending)


def _side(workspace: Workspace) -> _Side:
    with named_in_errors(workspace):
        scripts = file_session(workspace, ["heads"], new_folder=True).scripts
        upwards = list(reversed(list(scripts.walk_revisions())))
    return _Side(workspace, {script.revision: script for script in upwards}, contents(upwards))


def _only(side: _Side, other: _Side, elsewhere: Collection[str]) -> list[OneSided]:
    return [
        OneSided(side.name, revision, " ".join(script.doc.split()), side.path(revision))
        for revision, script in side.scripts.items()
        if revision not in other.scripts and revision not in elsewhere
    ]


def _pairs(one: _Side, other: _Side, ids: Iterable[tuple[str, str]]) -> tuple[SameContent, ...]:
    return tuple(SameContent(left, right, one.path(left), other.path(right)) for left, right in ids)
