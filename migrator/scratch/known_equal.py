"""Remembers which databases a history was seen to make, so that the next time nothing is replayed to say so.

It is kept beside the project's other state as one file for each state of the history: the manifest of its
template, and the digests of the databases that were equal to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from migrator.bridge.env_py.session import file_session
from migrator.bridge.revision_files.loading import translated
from migrator.bridge.revision_files.plan import applied_revisions
from migrator.config.private_folder import STATE, private_folder, write_whole
from migrator.config.select import Workspace
from migrator.errors import RevisionsError
from migrator.scratch.manifest import FixedInputs, Manifest, file_hash

# The tenants of a fleet each have a digest of their own.
_DIGESTS = 2000
_FILES = 5


def is_known_equal(workspace: Workspace, heads: tuple[str, ...], digest: str) -> bool:
    """Whether a database of this digest was equal to the history up to `heads`, as its files are now.

    Raises RevisionsError.
    """
    workspace = workspace.without_tenant()
    with suppress(OSError):
        known = [manifest for _, manifest, digests in _all(workspace) if digest in digests]
        wanted = wanted_revisions(workspace, heads) if known else None
        if wanted is not None:
            fixed, root = FixedInputs.of(workspace, ""), workspace.environment.root
            return any(each.revisions == wanted and each.serves(fixed, wanted, root) for each in known)
    return False


def remember_equal(workspace: Workspace, manifest: Manifest, digest: str) -> None:
    """Note that a database of this digest was equal to what a template holds.

    Where it cannot be written nothing is remembered.
    """
    # The server's version is a part of the digest.
    manifest = replace(manifest, fixed=replace(manifest.fixed, server=""))
    with suppress(OSError):
        path = private_folder(workspace.environment.root, "known") / f"{manifest.key}.json"
        before = next((digests for each, _, digests in _all(workspace) if each == path), [])
        digests = [*(each for each in before if each != digest), digest][-_DIGESTS:]
        text = json.dumps({"manifest": manifest.dumps(), "equal": digests})
        write_whole(path, text, mode=0o600)
        environment = manifest.fixed.environment
        ours = [path for path, each, _ in _all(workspace) if each.fixed.environment == environment]
        for old in ours[:-_FILES]:
            old.unlink(missing_ok=True)


def _all(workspace: Workspace) -> Iterator[tuple[Path, Manifest, list[str]]]:
    """Give the files, the oldest first, with what they say; one that says something else is not there."""
    folder = workspace.environment.root / STATE / "known"
    for path in sorted(folder.glob("*.json"), key=lambda each: each.stat().st_mtime):
        with suppress(ValueError, KeyError, TypeError):
            said = json.loads(path.read_text(encoding="utf-8"))
            manifest, digests = Manifest.loads(said["manifest"]), [str(each) for each in said["equal"]]
            if manifest is not None:
                yield path, manifest, digests


def wanted_revisions(workspace: Workspace, targets: tuple[str, ...]) -> dict[str, str] | None:
    """Give the revisions that targets (`heads`, ids, `base`) mean, with the hashes of their files.

    None where only a replay tells: an env.py of somebody else's may name other folders.
    Raises RevisionsError.
    """
    try:
        scripts = file_session(workspace, ["heads"], new_folder=True).scripts
        with translated(workspace):
            found = [script for each in targets for script in scripts.get_revisions(each) if script]
    except RevisionsError:
        if workspace.environment.managed:
            raise
        return None
    applied = applied_revisions(scripts, tuple(script.revision for script in found))
    paths = {revision: Path(scripts.get_revision(revision).path) for revision in applied}
    return {revision: file_hash(path) or "" for revision, path in paths.items()}
