"""The files that a promotion writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alembic.script import ScriptDirectory
from alembic.util import rev_id

from migrator.bridge.revision_files.loading import folders_of, new_file
from migrator.config.folders import version_folders
from migrator.config.select import Workspace
from migrator.operations.write.promotion_plan import COLLAPSES, PROMOTED, Promotion, origin_line
from migrator.results.promoted import PromotedRevision
from migrator.revisions.composing import Heading, Part, compose
from migrator.revisions.rewriting import KEEP, NewHeader, label_docstring, rewrite_header


@dataclass(frozen=True)
class NewFile:
    """A file that is to be written, by its path in the target's folder."""

    path: Path
    content: bytes
    result: PromotedRevision


def folder_for(target: Workspace, scripts: ScriptDirectory, promotion: Promotion) -> Path:
    """Give the folder for the new files: that of the target's head, else the first one."""
    if promotion.head is None:
        return version_folders(target.environment)[0]
    path = Path(scripts.get_revision(promotion.head).path)
    real = {folder.resolve(): folder for folder in folders_of(scripts)}
    return next((real[each] for each in path.resolve().parents if each in real), path.parent)


def moved_files(promotion: Promotion, folder: Path, source: Workspace, target: Workspace) -> list[NewFile]:
    """Give the files as they will be in the target's folder. Raises RevisionsError."""
    files = []
    for moved in promotion.moved:
        script, path = moved.script, Path(moved.script.path)
        down: str | tuple[str, ...] | None = moved.down_revisions or None
        if len(moved.down_revisions) == 1:
            down = moved.down_revisions[0]
        needs = moved.depends_on if script.dependencies else KEEP
        content = rewrite_header(path.read_bytes(), path, NewHeader(down_revision=down, depends_on=needs))
        content = label_docstring(content, path, PROMOTED, origin_line(script, source.environment.name))
        message = " ".join(script.doc.split())
        new = folder / path.name
        result = PromotedRevision(
            script.revision, moved.down_revisions, message, target.environment.shown(new)
        )
        files.append(NewFile(new, content, result))
    return files


def collapsed_file(
    promotion: Promotion,
    folder: Path,
    scripts: ScriptDirectory,
    source: Workspace,
    target: Workspace,
    message: str,
) -> NewFile:
    """Give the one file that does what all of them do. Raises RevisionsError as `compose` does."""
    moved = [each.script for each in promotion.moved]
    ids = tuple(script.revision for script in moved)
    needs = [each for every in promotion.moved for each in every.depends_on if each not in ids]
    revision = rev_id()
    path, created = new_file(scripts, folder, revision, message)
    heading = Heading(
        revision=revision,
        down_revision=promotion.head,
        depends_on=tuple(dict.fromkeys(needs)),
        message=message,
        created=created,
        lines=(
            f"{PROMOTED}: {origin_line(moved[0], source.environment.name)}",
            f"{COLLAPSES}: {', '.join(ids)}",
        ),
    )
    parts = [Part(each.revision, each.doc, Path(each.path)) for each in moved]
    below = (promotion.head,) if promotion.head is not None else ()
    shown = target.environment.shown(path)
    return NewFile(path, compose(parts, heading), PromotedRevision(revision, below, message, shown, ids))
