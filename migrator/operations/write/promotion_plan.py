"""Which revisions a promotion takes, and what each comes after in its new place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alembic.script import Script, ScriptDirectory

from migrator.bridge.revision_files.loading import contents, down_revisions, own_labels, translated
from migrator.bridge.revision_files.loading_errors import several_heads
from migrator.bridge.revision_files.plan import applied_revisions, dependencies
from migrator.config.select import Workspace
from migrator.errors import Effect, RevisionsError
from migrator.revisions.archives import made_of
from migrator.revisions.fingerprint import pair_by_content

PROMOTED = "Promoted from"


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
    squashed = {each: script.revision for script in theirs for each in made_of(script.longdoc)}
    known = squashed | {each: each for each in ids}
    there = {}
    for script in upwards:
        inside = made_of(script.longdoc)
        if script.revision in known:
            there[script.revision] = known[script.revision]
        elif inside and all(each in known for each in inside):
            there[script.revision] = known[inside[-1]]
    here = {script.revision for script in upwards}
    left = contents(script for script in upwards if script.revision not in there)
    return there | pair_by_content(left, contents(script for script in theirs if script.revision not in here))


def origin_line(script: Script, source: str) -> str:
    """Give where a file will have come from: the environments that it went through, the first one first."""
    found = re.search(rf"^{PROMOTED}: *(.+)$", script.longdoc, re.MULTILINE)
    stations = re.split(r",\s*", found[1].strip()) if found else []
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
        f"{script.revision} cannot be promoted: it {why}.",
        effect=Effect.NOTHING_WRITTEN,
        hint=hint or "Write a revision with the same changes for the target.",
    )
