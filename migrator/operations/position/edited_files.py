"""Finds version files that were changed after a database had applied them."""

from __future__ import annotations

from pathlib import Path

from migrator.bridge.env_py.session import Session
from migrator.bridge.revision_files.plan import applied_revisions, known_script
from migrator.operations.position.examine import Examined
from migrator.revisions.archives import stood_for
from migrator.revisions.fingerprint import file_hash, tree_hash


def edited_revisions(session: Session, examined: Examined) -> tuple[str, ...]:
    """Give the revisions of a database whose files no longer do what the log says was applied, oldest first.

    Reformatting a file, or changing a comment in it, is no edit.
    """
    logged = {
        entry.revision: entry for entry in examined.log if entry.revision and entry.direction != "downgrade"
    }
    if not logged:
        return ()
    applied = applied_revisions(session.scripts, examined.found.heads)
    return tuple(
        revision
        for revision, entry in logged.items()
        if revision in applied and _differs(session, revision, entry.hash, entry.file_hash)
    )


def _differs(session: Session, revision: str, tree: str | None, file: str | None) -> bool:
    script = known_script(session.scripts, revision)
    if script is None or tree is None:
        return False
    content = Path(script.path).read_bytes()
    # Parsing every file of a long history would take longer than anything else that is done here.
    if file_hash(content) == file or tree_hash(content) == tree:
        return False
    # A file that was made of that one and those before it, with proof, is no edit.
    return tree not in stood_for(content)
