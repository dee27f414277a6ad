"""Finds what a text of SQL destroys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

UNKNOWN = "?"
_FLAGS = re.DOTALL | re.IGNORECASE
# No statements: comments, texts in quotes, and the bodies of functions, which a migration does not run.
_QUOTED = re.compile(
    r"""(?P<gone>--[^\n]*|/\*.*?\*/|\bE'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*')|"(?:[^"]|"")*"|`[^`]*`""", _FLAGS
)
_BODY = re.compile(r"\bCREATE\s+(?:OR\s+REPLACE\s+)?(?:FUNCTION|PROCEDURE)\b[^;]*?(\$\w*\$).*?\1", _FLAGS)
_PART = r"""(?:"(?:[^"]|"")+"|`[^`]+`|[\w$?]+)"""
_NAME = rf"(?:ONLY\s+)?{_PART}(?:\.{_PART})*"
_NAMES = rf"\s*({_NAME}(?:\s*,\s*{_NAME})*)?"
_LOSSES = (
    re.compile(rf"\b(DROP\s+(?:TABLE|SCHEMA|TYPE|DATABASE))\b(?:\s+IF\s+EXISTS\b)?{_NAMES}", _FLAGS),
    # After its comma comes the next action of ALTER TABLE.
    re.compile(rf"\b(DROP\s+COLUMN)\b(?:\s+IF\s+EXISTS\b)?\s*({_NAME})?", _FLAGS),
    # TRUNCATE is also a privilege and an event of a trigger: it counts where a statement begins.
    re.compile(rf"(?:\A|[;$]|\b(?:BEGIN|THEN|ELSE|LOOP)\b)\s*(TRUNCATE)\b(?:\s+TABLE\b)?{_NAMES}", _FLAGS),
    re.compile(rf"\b(DELETE\s+FROM)\b{_NAMES}(?![^;]*\bWHERE\b)", _FLAGS),
)
_ALTERED = re.compile(rf"\bALTER\s+TABLE\b(?:\s+IF\s+EXISTS\b)?\s*({_NAME})[^;]*\Z", _FLAGS)
_RETYPED = re.compile(
    rf"\b(?:ALTER\s+(?:COLUMN\s+)?({_PART})\s+(?:SET\s+DATA\s+)?TYPE|MODIFY\s+(?:COLUMN\s+)?({_PART}))\s+"
    r"([\w ]+?(?:\([\d\s,]*\))?)\s*(?=[,;]|\b(?:USING|COLLATE|NOT|NULL|DEFAULT)\b|\Z)",
    _FLAGS,
)
_RENAMED_TYPE = re.compile(rf"\bALTER\s+TYPE\s+({_NAME})\s+RENAME\s+TO\s+({_PART})", _FLAGS)
_CASCADE = re.compile(r"[^;]*\bCASCADE\b", _FLAGS)
_MADE = re.compile(rf"\s*CREATE\s+(?:\w+\s+)?TABLE\s+(?!IF\b)({_NAME})", _FLAGS)


@dataclass(frozen=True)
class Destruction:
    """One thing that goes with what it holds, such as `drop column users.email`, and the line of the call.

    `kind` is how it is done, in lower case: `drop table`, `drop column`, `drop type`, `drop schema`,
    `drop database`, `truncate`, `truncate cascade`, `delete from` or `change type`. `tables` are those whose
    content goes, as far as they are named. A `change type` may destroy nothing: it has the `column`, and the
    types before and after as SQL writes them, empty where they are computed or not said.
    """

    what: str
    line: int
    kind: str
    tables: tuple[str, ...] = ()
    column: str = ""
    old_type: str = ""
    new_type: str = ""


def superseded_types(sql: str) -> frozenset[str]:
    """Return the new names of the types that SQL renames, to replace each by a type of the old name."""
    names = (found.group(1, 2) for found in _RENAMED_TYPE.finditer(sql))
    return frozenset(plain_name(".".join([*old.split(".")[:-1], new])) for old, new in names)


def retyped(table: str, column: str, old: str, new: str, line: int) -> Destruction:
    """Return the change of a column's type from `old` to `new`."""
    return Destruction(
        f"change type of {table}.{column}", line, "change type", (plain_name(table),), column, old, new
    )


def destroyed_by_sql(sql: str, line: int) -> Iterator[Destruction]:
    """Yield what each statement of `sql` destroys, shortened to its first words and what it names."""
    plain = _BODY.sub(" ", _QUOTED.sub(lambda found: " " if found["gone"] else found[0], sql)).strip()
    found = [match for pattern in _LOSSES for match in pattern.finditer(plain)]
    for match in sorted(found, key=re.Match.start):
        words = " ".join(match[1].upper().split())
        cascades = words in ("TRUNCATE", "DROP TYPE") and _CASCADE.match(plain, match.end()) is not None
        what = f"{words} {_named(match[2])}{' CASCADE' if cascades else ''}"
        kind = "truncate cascade" if cascades and words == "TRUNCATE" else words.lower()
        tables = (plain_name(name) for name in _tables(plain, match).split(",") if name.strip())
        yield Destruction(what, line, kind, tuple(tables))
    for match in _RETYPED.finditer(plain):
        table, column = _altered(plain, match) or UNKNOWN, plain_name(match[1] or match[2])
        yield retyped(table, column, "", " ".join(match[3].lower().split()), line)


def _tables(plain: str, found: re.Match[str]) -> str:
    what = found[1].upper().split()[-1]
    if what in ("TYPE", "SCHEMA", "DATABASE"):
        return ""
    return _altered(plain, found) if what == "COLUMN" else found[2] or ""


def _altered(plain: str, found: re.Match[str]) -> str:
    """Return the table of the ALTER TABLE that an action belongs to; empty if there is none."""
    altered = _ALTERED.search(plain, 0, found.start())
    return altered[1] if altered else ""


def _named(names: str | None) -> str:
    return re.sub(r"\bONLY\s+", "", " ".join(names.split()), flags=re.IGNORECASE) if names else UNKNOWN


def plain_name(name: str) -> str:
    """Return a name without quotes and without the default schema `public`."""
    return _named(name).replace('"', "").replace("`", "").removeprefix("public.")


def table_made_by(sql: str) -> str | None:
    """Return the table that a statement creates even if one exists; None for another statement."""
    made = _MADE.match(sql)
    return plain_name(made[1]) if made else None
