"""Two environments of one project: which ones are meant, and what `migrator diff` says of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from alembic.script import Script

from migrator.bridge.env_py.session import file_session
from migrator.bridge.revision_files.loading import contents
from migrator.config.environments import Environment, discover
from migrator.config.folders import shared_folder, version_folders
from migrator.config.select import Choice, Workspace, choose, project_root
from migrator.database.catalog.objects import Catalog, differences
from migrator.errors import ConfigurationError, ExitCode, MigratorError, UsageError
from migrator.operations.judge.drift import scratch_catalog
from migrator.operations.look.status import statuses
from migrator.results.differences import Difference
from migrator.results.environment_status import EnvironmentStatus
from migrator.results.events import Report, Waiting
from migrator.results.judged import Diffed, EnvironmentPosition, OneSided, SameContent, UnknownPositionError
from migrator.revisions.fingerprint import pair_by_content
from migrator.scratch import scratch

# How long each database may take to answer where it stands.
SECONDS = 10.0


def compared_pair(choice: Choice, names: tuple[str, ...]) -> tuple[Workspace, Workspace]:
    """Choose two environments by their names; those that there are, where it has two and none is named.

    Raises UsageError where they are not two, ConfigurationError for an unknown one.
    """
    example = "For example: migrator diff production testing"
    if not names:
        names = tuple(each.name for each in _all(choice, example))
    if len(names) != 2:
        said = ", ".join(names) or "none"
        raise UsageError(f"Two environments are compared, not {len(names)} ({said}).", hint=example)
    return _pair(choice, (names[0], "the arguments"), (names[1], "the arguments"), example)


def promoting_pair(choice: Choice, source: str | None, target: str | None) -> tuple[Workspace, Workspace]:
    """Choose where revisions come from, and where they go.

    Of two environments the one that is not named is the other one; where neither is named, what is not
    protected goes to what is. Raises UsageError and ConfigurationError.
    """
    example = "For example: migrator promote --from testing --to production"
    found = _all(choice, example)
    if (source is None or target is None) and len(found) == 2:
        said = source or target
        if said is not None:
            other = next((each.name for each in found if not each.answers_to(said)), None)
            source, target = (source, other) if source is not None else (other, target)
        elif found[0].protected != found[1].protected:
            source, target = (each.name for each in sorted(found, key=lambda each: each.protected))
    if source is None or target is None:
        missing = "--from" if source is None else "--to"
        raise UsageError(f"{missing} is not given.", hint=example)
    return _pair(choice, (source, "--from"), (target, "--to"), example)


def _all(choice: Choice, example: str) -> list[Environment]:
    if choice.config is not None or choice.url is not None:
        raise UsageError("Environments are given by their names, without --config and --url.", hint=example)
    return discover(project_root(choice), section=choice.section)[0]


def _pair(
    choice: Choice, one: tuple[str, str], other: tuple[str, str], example: str
) -> tuple[Workspace, Workspace]:
    """Choose two environments by their names, each with what has named it."""
    left, right = (choose(replace(choice, env=name, env_by=by)) for name, by in (one, other))
    if left.environment.name == right.environment.name:
        raise UsageError(f"{one[0]} and {other[0]} are one environment.", hint=example)
    return left, right


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


def compare_histories(
    left: Workspace, right: Workspace, report: Report, *, fresh: bool
) -> tuple[Difference, ...]:
    """Give what two histories make otherwise, replayed to their heads on scratch databases.

    Raises ConfigurationError where there is no scratch server or the two are not of one kind, RevisionsError
    and ScratchFailedError, each naming the environment.
    """
    one, kind = _catalog(left, report, fresh=fresh)
    other, other_kind = _catalog(right, report, fresh=fresh)
    if kind != other_kind:
        hint = "Give both the same scratch server: scratch_url = URL, in their [migrator] sections."
        if kind.split()[0] != other_kind.split()[0]:
            hint = "Their databases are of two kinds, so that nothing can tell whether they would be alike."
        raise ConfigurationError(
            f"{left.environment.name} is replayed on {kind}, {right.environment.name} on {other_kind}: two"
            " schemas can be compared on one kind of server only.",
            hint=hint,
        )
    return differences(one, other)


def _catalog(workspace: Workspace, report: Report, *, fresh: bool) -> tuple[Catalog, str]:
    report(Waiting(f"replaying the history of {workspace.environment.name} on a scratch database"))
    with (
        named_in_errors(workspace),
        scratch(workspace, report, fresh=fresh) as place,
        place.reading("heads") as database,
    ):
        return scratch_catalog(database), f"{place.backend} {place.major}".strip()


def why_silent(status: EnvironmentStatus) -> str | None:
    """Give why a database could not be asked where it stands, None where it has answered."""
    if status.state == "not configured" or status.error is not None:
        return status.error or ", ".join(status.notes) or "no database is configured for it here"
    return None


@contextmanager
def named_in_errors(workspace: Workspace) -> Iterator[None]:
    """Let every MigratorError say which environment it is about."""
    try:
        yield
    except MigratorError as exc:
        exc.what = f"{workspace.environment.name}: {exc.what}"
        raise
