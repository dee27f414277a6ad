"""Which tables and types the version files make, read from their text without running them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from migrator.revisions.destructive import argument, shown
from migrator.revisions.destructive_sql import UNKNOWN
from migrator.syntax import parse

_NAME = r'((?:"[^"]+"|[\w$]+)(?:\s*\.\s*(?:"[^"]+"|[\w$]+))?)'
_IN_SQL = (
    re.compile(
        r"\bCREATE\s+(?:(?:GLOBAL|LOCAL)\s+)?(?:TEMP\w*\s+|UNLOGGED\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?"
        + _NAME,
        re.IGNORECASE,
    ),
    re.compile(r"\bALTER\s+TABLE\b[^;]*?\bRENAME\s+TO\s+" + _NAME, re.IGNORECASE),
)


@dataclass(frozen=True)
class CreatedTables:
    """Names of tables that version files make, with their schema where it is said.

    `anything` is set where a file makes whatever the models have (`metadata.create_all`).
    """

    names: frozenset[str]
    anything: bool = False

    def has(self, table: str, schema: str | None) -> bool:
        """Whether a revision may have made a table."""
        return (
            self.anything or table in self.names or (schema is not None and f"{schema}.{table}" in self.names)
        )


def created_tables(paths: Iterable[Path]) -> CreatedTables:
    """Give the tables that the files create, under the names they were given or renamed to.

    A file that makes tables in a way that cannot be read (a name from a variable) counts every text in it
    as a name, so that too many are taken for made, not too few. Unreadable files are skipped.
    """
    names: set[str] = set()
    anything = False
    for text in _texts(paths):
        try:
            tree = parse(text)
        except SyntaxError:
            continue
        names.update(_names(tree), _in_sql(text))
        attributes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
        anything = anything or any(node.attr == "create_all" for node in attributes)
    return CreatedTables(frozenset(names), anything)


def _texts(paths: Iterable[Path]) -> Iterator[str]:
    for path in paths:
        try:
            yield path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="create_table")):
                yield from _name(tree, node, 0, "table_name")
            case ast.Call(func=ast.Attribute(attr="rename_table")):
                yield from _name(tree, node, 1, "new_table_name")


def _name(tree: ast.AST, call: ast.Call, position: int, keyword: str) -> Iterator[str]:
    match argument(call, keyword, position):
        case ast.Constant(value=str(name)):
            yield name
            schema = shown(argument(call, "schema"))
            if schema != UNKNOWN:
                yield f"{schema}.{name}"
        case given if not isinstance(given, ast.Constant):
            texts = (each.value for each in ast.walk(tree) if isinstance(each, ast.Constant))
            yield from (text for text in texts if isinstance(text, str))


def _in_sql(text: str) -> Iterator[str]:
    for pattern in _IN_SQL:
        for match in pattern.finditer(text):
            parts = [part.strip().strip('"') for part in match[1].split(".")]
            yield parts[-1]
            yield ".".join(parts)


def types_mentioned(paths: Iterable[Path], names: Iterable[str]) -> frozenset[str]:
    """Give those of the names that a version file has as the name of a type, in Python or in SQL."""
    patterns = {
        name: re.compile(
            rf"""\bname\s*=\s*(['"]){re.escape(name)}\1|\bTYPE\s+(?:[\w"$]+\.)?"?{re.escape(name)}(?![\w$])""",
            re.IGNORECASE,
        )
        for name in names
    }
    found: set[str] = set()
    for text in _texts(paths) if patterns else ():
        found.update(name for name, pattern in patterns.items() if name in text and pattern.search(text))
    return frozenset(found)
