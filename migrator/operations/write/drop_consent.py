"""Agreement to what a new revision would destroy."""

from __future__ import annotations

from collections.abc import Sequence

from migrator.errors import RefusedError
from migrator.operations.run.consent import Consent
from migrator.results.changes import Change
from migrator.results.renames import Rename

_DROPS = ("drop_table", "drop_column")


def agree_to_drops(changes: Sequence[Change], candidates: Sequence[Rename], consent: Consent) -> None:
    """Ask about tables and columns that would be dropped, with what they hold.

    Raises RefusedError for any answer but yes, and where nobody can be asked; its hint names the options,
    those for likely renames too.
    """
    dropped = [change.text.removeprefix("drop ") for change in changes if change.kind in _DROPS]
    if not dropped:
        return
    if consent.can_ask:
        listed = "".join(f"\n  {each}" for each in dropped)
        answer = consent.ask(f"The revision drops, with all that is in it:{listed}\nWrite it? [y/N] ")
        if (answer or "").strip().lower() in ("y", "yes"):
            return
    raise RefusedError(
        f"The revision would drop {', '.join(dropped)}; nothing was written.", hint=_hint(candidates)
    )


def _hint(candidates: Sequence[Rename]) -> str:
    likely = list(dict.fromkeys(each.option for each in candidates if each.kind != "value"))
    if not likely:
        return "If that is meant, add --allow-drop"
    return f"If it is a rename, add {' or '.join(likely)}; if it is meant, add --allow-drop"
