"""`migrator diff`: what one environment has that another has not, in files and in the schemas they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from alembic.script import Script

from migrator.bridge.session import file_session
from migrator.config.environments import discover
from migrator.config.select import Choice, Workspace, choose, project_root
from migrator.database.catalog import Catalog, differences
from migrator.errors import ConfigurationError, MigratorError, UsageError
from migrator.operations.catalog_view import scratch_catalog
from migrator.results.diffed import Diffed, Single, Twin
from migrator.results.differences import Difference
from migrator.results.events import Report, Waiting
from migrator.revisions.fingerprint import content_hash
from migrator.scratch import scratch

_EXAMPLE = "For example: migrator diff production testing"


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


def two_workspaces(choice: Choice, names: tuple[str, ...]) -> tuple[Workspace, Workspace]:
    """Choose two environments of a project; those that there are, where it has two and none is named.

    Raises UsageError where they are not two, ConfigurationError for an unknown one.
    """
    if choice.config is not None or choice.url is not None:
        raise UsageError("Environments are compared by their names.", hint=_EXAMPLE)
    if not names:
        found, _broken = discover(project_root(choice), section=choice.section)
        names = tuple(each.name for each in found)
    if len(names) != 2:
        said = ", ".join(names) or "none"
        raise UsageError(f"Two environments are compared, not {len(names)} ({said}).", hint=_EXAMPLE)
    left, right = (choose(replace(choice, env=name)) for name in names)
    if left.environment.name == right.environment.name:
        raise UsageError(f"{names[0]} and {names[1]} are one environment.", hint=_EXAMPLE)
    return left, right


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
        differences=_compared(one, other, report, fresh=fresh),
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


def _compared(one: _Side, other: _Side, report: Report, *, fresh: bool) -> tuple[Difference, ...]:
    left, kind = _catalog(one, report, fresh=fresh)
    right, other_kind = _catalog(other, report, fresh=fresh)
    if kind != other_kind:
        raise ConfigurationError(
            f"{one.name} is compared on {kind}, {other.name} on {other_kind}: two schemas are equal on one"
            " kind of server only.",
            hint="Give both the same scratch server: scratch_url = URL, in their [migrator] sections.",
        )
    return differences(left, right)


def _catalog(side: _Side, report: Report, *, fresh: bool) -> tuple[Catalog, str]:
    report(Waiting(f"replaying the history of {side.name} on a scratch database"))
    try:
        with (
            scratch(side.workspace, report, fresh=fresh) as place,
            place.at("heads" if side.scripts else "base") as database,
        ):
            return scratch_catalog(database), f"{place.backend} {place.major}".strip()
    except MigratorError as exc:
        exc.message = f"{side.name}: {exc.message}"
        raise
