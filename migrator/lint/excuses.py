"""Reads the excuses in version files: `# migrator: allow <rule>[, <rule>...] -- reason`."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass

from migrator.errors import RevisionsError
from migrator.lint.lint_settings import RULES, nearest
from migrator.lint.squawk import squawk_knows
from migrator.revisions.headers import not_python
from migrator.syntax import parse

# "allow" alone, or misspelt with a rule after it, must not pass for another comment.
_EXCUSE = re.compile(r"#[ \t]*migrator[ \t]*:[ \t]*allow\b(.*)")
_EXAMPLE = "# migrator: allow ban-drop-column -- unused since 2.3"


@dataclass(frozen=True)
class Excuse:
    """One comment: the rules it allows and why, and the first and last line it holds for.

    Those of the whole file hold for all lines, and for statements whose line is not known.
    """

    line: int
    rules: tuple[str, ...]
    reason: str
    first: int
    last: int
    whole_file: bool = False
    in_downgrade: bool = False

    def holds_for(self, rule: str, line: int | None) -> bool:
        """Whether it allows what `rule` finds in the statement of the call at `line`."""
        here = self.whole_file or (line is not None and self.first <= line <= self.last)
        return here and rule in self.rules


def excuses(source: str, shown: str) -> tuple[Excuse, ...]:
    """Read the excuses in the source of the version file `shown`, those of single statements first.

    A comment holds for the statement that it stands in, or directly above; before the first function it holds
    for the whole file. Raises RevisionsError, naming file and line, for a missing reason, an unknown rule and
    a source that is not Python.
    """
    if "allow" not in source:
        return ()
    try:
        comments = [
            (token.start[0], said[1])
            for token in tokenize.generate_tokens(io.StringIO(source).readline)
            if token.type == tokenize.COMMENT and (said := _EXCUSE.match(token.string))
        ]
        tree = parse(source) if comments else ast.Module([], [])
    except (SyntaxError, tokenize.TokenError) as exc:
        raise not_python(shown, exc) from exc
    places = _Places(tree, source)
    found = [places.excuse(line, *_read(text, f"{shown}, line {line},")) for line, text in comments]
    return tuple(sorted(found, key=lambda each: (each.whole_file, each.line)))


def _read(text: str, where: str) -> tuple[tuple[str, ...], str]:
    names, dashes, reason = text.partition("--")
    rules = tuple(name for name in re.split(r"[,\s]+", names) if name)
    if not dashes or not reason.strip():
        raise RevisionsError(f"{where} allows something without a reason.", hint=f"Write it as {_EXAMPLE}")
    if not rules:
        raise RevisionsError(f"{where} names no rule to allow.", hint=f"Write it as {_EXAMPLE}")
    for name in rules:
        if name not in RULES and not squawk_knows(name):
            raise RevisionsError(f"{where} allows an unknown rule: {name}.", hint=nearest(name))
    return rules, reason.strip()


class _Places:
    """The lines of the simple statements, and of the heads of blocks, in one file."""

    def __init__(self, tree: ast.Module, source: str) -> None:
        self._lines = source.splitlines()
        functions = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
        lines = {node: range(_first_line(node), (node.end_lineno or node.lineno) + 1) for node in functions}
        self._first_function = min((each.start for each in lines.values()), default=len(self._lines) + 1)
        self._downgrades = [each for node, each in lines.items() if node.name == "downgrade"]
        spans = (_span(node) for node in ast.walk(tree) if isinstance(node, ast.stmt))
        self._spans = sorted(span for span in spans if span[0] >= self._first_function)

    def excuse(self, line: int, rules: tuple[str, ...], reason: str) -> Excuse:
        whole = line < self._first_function
        first, last = (1, len(self._lines)) if whole else self._held(line)
        in_downgrade = any(line in each for each in self._downgrades)
        return Excuse(line, rules, reason, first, last, whole, in_downgrade)

    def _held(self, line: int) -> tuple[int, int]:
        above = [span for span in self._spans if span[0] <= line]
        if above and line <= above[-1][1]:
            return above[-1]
        below = line
        while below < len(self._lines) and self._lines[below].lstrip().startswith("#"):
            below += 1
        under = [span for span in self._spans if span[0] == below + 1]
        return under[-1] if under else (line, line)


def _first_line(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([node.lineno, *(each.lineno for each in node.decorator_list)])


def _span(node: ast.stmt) -> tuple[int, int]:
    """The lines of a statement; those of its head where it is a block."""
    body = getattr(node, "body", None)
    if not body:
        return node.lineno, node.end_lineno or node.lineno
    heads = [
        child.end_lineno or node.lineno
        for child in ast.walk(node)
        if isinstance(child, ast.expr) and child.lineno < body[0].lineno
    ]
    return node.lineno, max([node.lineno, *heads])
