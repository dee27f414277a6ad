"""What `generate` asks before it writes: may it drop this, is that a rename."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from migrator.bridge.autogenerate.comparing import Comparison
from migrator.errors import UsageError
from migrator.operations.run.consent import Consent
from migrator.results.differences import Rename
from migrator.visible import visible

Compare = Callable[[tuple[Rename, ...]], Comparison]


def compare_with_renames(compare: Compare, given: tuple[Rename, ...], consent: Consent) -> Comparison:
    """Compare, ask about each likely rename, and compare again with those that are meant.

    No connection is open while somebody thinks. Raises UsageError for a given rename without a drop and an
    add that it joins.
    """
    wished, refused = list(given), set[Rename]()
    while True:
        comparison = compare(tuple(wished))
        _refuse_unmatched(given, comparison)
        meant = _asked(comparison.found.candidates, wished, refused, consent) if consent.can_ask else []
        if not meant:
            return comparison
        wished += meant


def _refuse_unmatched(given: Iterable[Rename], comparison: Comparison) -> None:
    for each in given:
        if each not in comparison.found.applied:
            what = {"table": "table", "column": "column", "value": "value of an enum"}[each.kind]
            raise UsageError(
                f"{each.option}: there is no {what} {_full(each, each.old)} that goes together with a new"
                f" {_full(each, each.new)}.",
                hint="The old name must be in the database alone, the new one in the models alone.",
            )


def _full(rename: Rename, name: str) -> str:
    return f"{rename.where}.{name}" if rename.where else name


def _asked(
    candidates: Iterable[Rename], wished: Iterable[Rename], refused: set[Rename], consent: Consent
) -> list[Rename]:
    """Ask about what is new; a name that has found its other half is not asked about again."""
    meant: list[Rename] = []
    for each in candidates:
        taken = [(one.where, name) for one in (*wished, *meant) for name in (one.old, one.new)]
        if each in refused or (each.where, each.old) in taken or (each.where, each.new) in taken:
            continue
        if _agreed(f"{visible(each.question)} [y/N] ", consent):
            meant.append(each)
        else:
            refused.add(each)
    return meant


def _agreed(question: str, consent: Consent) -> bool:
    """Ask until the answer is one: what no rename is would be dropped."""
    answer = (consent.ask(question) or "").strip().lower()
    while answer not in ("y", "yes", "n", "no", ""):
        answer = (consent.ask(f"Answer y or n.\n{question}") or "").strip().lower()
    return answer in ("y", "yes")


def parse_rename(kind: Literal["column", "table", "value"], text: str) -> Rename:
    """Read `TABLE.OLD=NEW`, or `OLD=NEW` for a table. Raises UsageError."""
    option = {"column": "--rename", "table": "--rename-table", "value": "--rename-value"}[kind]
    old, _, new = (part.strip() for part in text.partition("="))
    where, _, name = ("", "", old) if kind == "table" else old.rpartition(".")
    if not (name and new) or (kind != "table" and not where):
        example = {"table": "users=people", "column": "users.fullname=full_name", "value": "mood.sad=blue"}
        raise UsageError(f"{option} {text} is no rename.", hint=f"For example: {option} {example[kind]}")
    # The new name may be given in full, too.
    return Rename(kind, where, name, new.removeprefix(f"{where}.") if where else new)
