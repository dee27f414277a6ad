"""Alembic's `ScriptDirectory`, loaded strictly: what Alembic only warns of is an error."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakKeyDictionary

from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from alembic.script.revision import RevisionError, RevisionMap
from alembic.util import CommandError, to_tuple

from migrator.bridge.config import alembic_config
from migrator.bridge.revision_files.loading_errors import (
    broken_file,
    graph_error,
    nameless_file,
    refuse_duplicates,
    revisions_error,
)
from migrator.bridge.tenant_cache import has_tenant_cache
from migrator.config.environments import Environment
from migrator.config.folders import version_folders
from migrator.config.select import Workspace
from migrator.errors import ConfigurationError, Effect, RevisionsError
from migrator.faults import is_own_fault, outside, own_fault
from migrator.results.revisions import Revision
from migrator.revisions.fingerprint import content_hash
from migrator.revisions.headers import LONGEST_ID, created_in
from migrator.revisions.version_folder import version_files

_Stamp = tuple[tuple[str, int, int, int], ...]
# The version files as they were read last, without those that were given out to be run; those that were asked
# for last are at the end. A command reads the same ones several times, and executing a thousand takes longer
# than all the rest of it. Two environments and a draft are in play at the most.
_loaded: dict[_Stamp, RevisionMap] = {}
_KEPT = 3
_read_as: WeakKeyDictionary[RevisionMap, _Stamp] = WeakKeyDictionary()


def load_scripts(
    config: Config, workspace: Workspace, *, missing_folder_ok: bool = False, to_run: bool = False
) -> ScriptDirectory:
    """Load the version files of a workspace; with `to_run` nobody else is given the modules afterwards.

    Raises ConfigurationError for a missing folder, RevisionsError for a broken file, a duplicate or too long
    revision id, a missing down revision or a cycle; each names the file.
    """
    scripts = find_scripts(config, workspace)
    if workspace.environment.managed and not missing_folder_ok:
        _refuse_missing(folders_of(scripts), workspace)
    read_scripts(scripts, workspace, to_run=to_run)
    if workspace.environment.managed:
        _refuse_long_ids(scripts, workspace)
    return scripts


def scripts_of(workspace: Workspace) -> ScriptDirectory:
    """Load the version files of a workspace. Raises ConfigurationError and RevisionsError."""
    return load_scripts(alembic_config(workspace), workspace)


def read_scripts(scripts: ScriptDirectory, workspace: Workspace, *, to_run: bool = True) -> None:
    """Read the version files; Alembic does so when they are first asked for. Raises RevisionsError."""
    if "_revision_map" in vars(scripts.revision_map):
        return
    stamp = _stamp(scripts)
    known = _loaded.pop(stamp, None) if not scripts.sourceless else None
    if known is not None:
        scripts.revision_map = known
    else:
        with _strictly(folders_of(scripts), workspace):
            outside(scripts.get_heads)
    _read_as[scripts.revision_map] = stamp
    if not to_run or has_tenant_cache():
        # A module that has run may have kept something: it is not for another database, but for all tenants.
        _loaded[stamp] = scripts.revision_map
    while len(_loaded) > _KEPT:
        del _loaded[next(iter(_loaded))]


def forget_loaded() -> None:
    """Read version files anew when they are asked for next: somebody is about to write some."""
    _loaded.clear()


def refuse_changed(scripts: ScriptDirectory, workspace: Workspace, apart_from: Collection[Path] = ()) -> None:
    """Refuse version files that are not as they were read, `apart_from` some. Raises RevisionsError.

    Whoever adds a revision behind the head that he has read would make a second one.
    """
    before = _read_as.get(scripts.revision_map)
    if before is None:
        return
    own = {str(path) for path in apart_from}
    changed = sorted({file[0] for file in set(before) ^ set(_stamp(scripts))} - own)
    if changed:
        raise RevisionsError(
            f"Somebody has written or changed {workspace.environment.shown(changed[0])} since the version"
            " files were read.",
            effect=Effect.NOTHING_WRITTEN,
            hint="Another command is at work here? Run this one again.",
        )


def _stamp(scripts: ScriptDirectory) -> _Stamp:
    """Give what tells whether the version files are the ones that were read: names, times and sizes."""
    files = []
    for folder in folders_of(scripts):
        for path in version_files(folder, recursive=scripts.recursive_version_locations):
            found = path.stat()
            files.append((str(path), found.st_mtime_ns, found.st_size, found.st_ino))
    return tuple(files)


def folders_of(scripts: ScriptDirectory) -> tuple[Path, ...]:
    """Give the absolute version folders of a ScriptDirectory, which has no public name for them."""
    return tuple(Path(folder) for folder in scripts._version_locations)


def find_scripts(config: Config, workspace: Workspace) -> ScriptDirectory:
    """Give the ScriptDirectory of a workspace without reading a version file. Raises ConfigurationError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return ScriptDirectory.from_config(config)
    except CommandError as exc:
        raise ConfigurationError(
            f"{_config_file(workspace)}: {exc}", hint="Correct script_location in its [alembic] section."
        ) from exc


def _config_file(workspace: Workspace) -> str:
    return workspace.environment.shown(workspace.environment.config_file)


def _refuse_missing(folders: Iterable[Path], workspace: Workspace) -> None:
    for folder in folders:
        if not folder.is_dir():
            otherwise = first_revision(workspace)
            raise ConfigurationError(
                f"The version folder {workspace.environment.shown(folder)} of the environment"
                f" {workspace.environment.name} does not exist.",
                hint=f"Correct version_locations in {_config_file(workspace)}, or {otherwise}",
            )


def first_revision(workspace: Workspace) -> str:
    """Say how there comes to be a first revision: from an environment that has some, else a new one."""
    name, other = workspace.environment.name, other_with_revisions(workspace)
    if other is not None:
        return f"bring over those of {other.name}: migrator promote --from {other.name} --to {name}"
    return f"write the first revision: {workspace.again('generate', '-m', 'initial')}"


def other_with_revisions(workspace: Workspace) -> Environment | None:
    """Give another environment of the project that has version files, None where none has."""
    others = () if workspace.by_file else workspace.others
    return next((each for each in others if has_revisions(each)), None)


def has_revisions(environment: Environment) -> bool:
    """Whether an environment has version files, so far as its configuration can be read."""
    with contextlib.suppress(ConfigurationError):
        return any(file for folder in version_folders(environment) for file in version_files(folder))
    return False


def _refuse_long_ids(scripts: ScriptDirectory, workspace: Workspace) -> None:
    # Walking them in their order would take ten times as long, and there is no public name for them all.
    for script in scripts.revision_map._revision_map.values():
        if isinstance(script, Script) and len(script.revision) > LONGEST_ID:
            raise RevisionsError(
                f"The revision id {script.revision} in {workspace.environment.shown(Path(script.path))} has"
                f" {len(script.revision)} characters; alembic_version holds {LONGEST_ID}.",
                hint="Shorten it in that file, and in the down_revision of the files after it.",
            )


@contextmanager
def _strictly(folders: tuple[Path, ...], workspace: Workspace) -> Iterator[None]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            # What a version file prints is no data of ours.
            with contextlib.redirect_stdout(sys.stderr):
                yield
        except CommandError as exc:
            raise nameless_file(exc, folders, workspace) from exc
        except (RevisionError, KeyError) as exc:
            raise graph_error(exc, folders, workspace) from exc
        except (Exception, SystemExit) as exc:
            if is_own_fault(exc):
                raise own_fault(exc) from exc
            # A version file is anybody's code and may raise anything.
            raise broken_file(exc, folders, workspace) from exc
    if any(Path(warning.filename).parent.name == "script" for warning in caught):
        refuse_duplicates(folders, workspace)


@contextmanager
def translated(workspace: Workspace) -> Iterator[None]:
    """Translate what Alembic raises about revisions while the block runs."""
    try:
        yield
    except CommandError as exc:
        raise revisions_error(exc, workspace) from exc


def revision_info(
    script: Script, workspace: Workspace, *, applied: bool | None = None, current: bool | None = None
) -> Revision:
    """Give the facts of a revision file as plain data."""
    return Revision(
        revision=script.revision,
        down_revisions=down_revisions(script),
        depends_on=to_tuple(script.dependencies, default=()),
        branch_labels=tuple(sorted(script.branch_labels)),
        message=" ".join(script.doc.split()),
        description=script.longdoc,
        path=workspace.environment.shown(script.path),
        created=created_in(script.longdoc),
        is_head=script.is_head,
        is_branch_point=script.is_branch_point,
        is_merge_point=script.is_merge_point,
        is_effective_head=script.is_head and not script._is_real_head,
        next_revisions=tuple(sorted(script.nextrev)),
        applied=applied,
        current=current,
    )


def down_revisions(script: Script) -> tuple[str, ...]:
    """Give the revisions that a version file comes after: several for a merge."""
    return to_tuple(script.down_revision, default=())


def contents(scripts: Iterable[Script]) -> dict[str, str]:
    """Give what the file of each revision contains, as a hash (`content_hash`)."""
    return {script.revision: content_hash(Path(script.path).read_bytes()) for script in scripts}


def own_labels(script: Script) -> tuple[str, ...]:
    """Give the branch labels that a version file itself declares, without those of its branch."""
    return to_tuple(getattr(script.module, "branch_labels", None), default=())
