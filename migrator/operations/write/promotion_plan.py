"""Which revisions a promotion takes, and what each comes after in its new place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alembic.script import Script, ScriptDirectory
from alembic.util import rev_id

from migrator.bridge.revision_files.loading import (
    contents,
    down_revisions,
    folders_of,
    new_file,
    own_labels,
    translated,
)
from migrator.bridge.revision_files.loading_errors import several_heads
from migrator.bridge.revision_files.plan import applied_revisions, dependencies
from migrator.config.folders import version_folders
from migrator.config.select import Workspace
from migrator.errors import RevisionsError
from migrator.results.promoted import PromotedRevision
from migrator.revisions.composing import Heading, Part, compose
from migrator.revisions.fingerprint import pair_by_content
from migrator.revisions.rewriting import KEEP, NewHeader, label_docstring, rewrite_header

COLLAPSES, PROMOTED = "Collapses", "Promoted from"


@dataclass(frozen=True)
class MovedRevision:
    """A revision on its way: its file in the source, and what it will come after and depend on."""

    script: Script
    down_revisions: tuple[str, ...]
    depends_on: tuple[str, ...]


@dataclass(frozen=True)
class Promotion:
    """The revisions to promote, oldest first, on top of the target's `head`; `whole` if that is all there is.

    `notes` say what the target has under another name.
    """

    moved: tuple[MovedRevision, ...]
    head: str | None
    whole: bool
    notes: tuple[str, ...]


def plan_promotion(
    source: Workspace,
    target: Workspace,
    scripts: tuple[ScriptDirectory, ScriptDirectory],
    named: Sequence[str],
) -> Promotion:
    """Choose what the target lacks, or of that the `named` revisions with what they need.

    `scripts` are those of source and target. Raises RevisionsError for an unknown name, a target with several
    heads, and what the target cannot have in the same shape.
    """
    mine, theirs = scripts
    heads = theirs.get_heads()
    if len(heads) > 1:
        several = several_heads({each: Path(theirs.get_revision(each).path) for each in heads}, target)
        raise RevisionsError(several.message, hint=several.hint)
    upwards = list(reversed(list(mine.walk_revisions())))
    there = _there(upwards, list(reversed(list(theirs.walk_revisions()))))
    wanted = {script.revision for script in upwards}
    if named:
        with translated(source):
            asked = [each.revision for name in named for each in mine.get_revisions(name) if each]
        wanted = applied_revisions(mine, tuple(asked))
    chosen = [script for script in upwards if script.revision in wanted and script.revision not in there]
    head = heads[0] if heads else None
    labels = frozenset(label for script in theirs.walk_revisions() for label in own_labels(script))
    shape = _Shape(mine, frozenset(each.revision for each in chosen), there, head, labels)
    moved = tuple(shape.moved(script) for script in chosen)
    _require_one_head(chosen)
    notes = (f"{mine_} is there as {as_}" for mine_, as_ in there.items() if mine_ != as_)
    return Promotion(moved, head, not named, tuple(notes))


def _there(upwards: Sequence[Script], theirs: Sequence[Script]) -> dict[str, str]:
    """Give what the target has already, and under which id; both are given oldest first."""
    ids = {script.revision for script in theirs}
    collapsed = {each: script.revision for script in theirs for each in collapsed_ids(script)}
    known = collapsed | {each: each for each in ids}
    there = {}
    for script in upwards:
        inside = collapsed_ids(script)
        if script.revision in known:
            there[script.revision] = known[script.revision]
        elif inside and all(each in known for each in inside):
            there[script.revision] = known[inside[-1]]
    here = {script.revision for script in upwards}
    left = contents(script for script in upwards if script.revision not in there)
    return there | pair_by_content(left, contents(script for script in theirs if script.revision not in here))


def collapsed_ids(script: Script) -> tuple[str, ...]:
    """Give the ids of the revisions that a file says it was made of."""
    return tuple(_labelled(script, COLLAPSES))


def _labelled(script: Script, label: str) -> list[str]:
    found = re.search(rf"^{label}: *(.+)$", script.longdoc, re.MULTILINE)
    return re.split(r",\s*", found[1].strip()) if found else []


def origin_line(script: Script, source: str) -> str:
    """Give where a file will have come from: the environments that it went through, the first one first."""
    stations = _labelled(script, PROMOTED)
    return ", ".join(stations if stations[-1:] == [source] else [*stations, source])


@dataclass(frozen=True)
class _Shape:
    """Sees that revisions keep their places among each other."""

    mine: ScriptDirectory
    chosen: frozenset[str]
    there: Mapping[str, str]
    head: str | None
    labels: frozenset[str]

    def moved(self, script: Script) -> MovedRevision:
        """Give a revision with its new place. Raises RevisionsError where it has none."""
        for label in own_labels(script):
            if label in self.labels:
                raise _refused(script, f"has the branch label {label}, which the target has too")
        below = down_revisions(script)
        inside = [each for each in below if each in self.chosen]
        if len(below) > 1 and len(inside) < len(below):
            there = _listed(set(below) - set(inside))
            raise _refused(
                script, f"merges {', '.join(below)}, of which the target has {there} in one line already"
            )
        above = tuple(inside) or ((self.head,) if self.head is not None else ())
        needed = dependencies(self.mine, script)
        return MovedRevision(script, above, tuple(self.there.get(each, each) for each in needed))


def _require_one_head(chosen: Sequence[Script]) -> None:
    """Refuse a promotion that would leave several heads."""
    needed = {each for script in chosen for each in down_revisions(script)}
    heads = [script for script in chosen if script.revision not in needed]
    if len(heads) > 1:
        raise _refused(
            heads[-1],
            f"would be one of {len(heads)} heads: {_listed(each.revision for each in heads)}",
            "Merge them in the source first, or name the revisions of one branch.",
        )


def _listed(revisions: Iterable[str]) -> str:
    return ", ".join(sorted(revisions))


def _refused(script: Script, why: str, hint: str = "") -> RevisionsError:
    return RevisionsError(
        f"{script.revision} cannot be promoted: it {why}; nothing was written.",
        hint=hint or "Write a revision with the same changes for the target.",
    )


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
