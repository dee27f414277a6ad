"""Makes one version file of several, each of which goes on as a function of its own in it.

Nothing is left out: data migrations, hand-written SQL and helpers stay as they are. What cannot stand inside
a function is refused.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from migrator.errors import RevisionsError
from migrator.revisions.destructive import refuses_downgrade
from migrator.revisions.version_text import docstring_safe
from migrator.syntax import parse

_HEADER = frozenset({"revision", "down_revision", "branch_labels", "depends_on"})
_TEMPLATE_COMMENT = re.compile(r"#[ \t]*revision identifiers, used by Alembic\.?[ \t]*$")
_OURS = re.compile(r"#[ \t]*migrator[ \t]*:[ \t]*(?P<said>.*)")
_FUTURE = "__future__"
# They mean the module, which is another one afterwards.
_OF_MODULE = frozenset({"globals", "__file__", "__name__", "__loader__", "__spec__"})
_STRINGS = {
    getattr(tokenize, f"{kind}_START"): getattr(tokenize, f"{kind}_END")
    for kind in ("FSTRING", "TSTRING")
    if hasattr(tokenize, f"{kind}_START")
}


@dataclass(frozen=True)
class Part:
    """One version file that becomes a part of another: its id, its message and where it is."""

    revision: str
    message: str
    path: Path


@dataclass(frozen=True)
class Heading:
    """What the new file declares. `lines` come into its docstring, below the date."""

    revision: str
    down_revision: str | None
    depends_on: tuple[str, ...]
    message: str
    created: str
    lines: tuple[str, ...]


def compose(parts: Sequence[Part], heading: Heading) -> bytes:
    """Return the source of one version file that does what `parts` do, in their order.

    Its downgrade takes them back in the opposite order; it is irreversible where one of them is. Raises
    RevisionsError, naming the file, for what cannot stand in a function.
    """
    files = [_File(part) for part in parts]
    future = sorted({name for file in files for name in file.future})
    blocks = [
        f'"""{_docstring(heading)}\n"""',
        *([f"from __future__ import {', '.join(future)}"] if future else []),
        *_settings(files),
        _header(heading),
        *(file.function() for file in files),
        f"_REVISIONS = ({''.join(f'{file.name}(), ' for file in files).rstrip()})",
        "def upgrade() -> None:\n    for up, _down in _REVISIONS:\n        up()",
        _downgrade(files),
    ]
    return ("\n\n\n".join(block.rstrip() for block in blocks) + "\n").encode()


def _docstring(heading: Heading) -> str:
    lines = (
        docstring_safe(heading.message),
        "",
        f"Revision ID: {heading.revision}",
        f"Revises: {heading.down_revision or ''}",
        f"Create Date: {heading.created}",
        *(docstring_safe(line) for line in heading.lines),
    )
    return "\n".join(line.rstrip() for line in lines)


def _header(heading: Heading) -> str:
    needs = heading.depends_on or None
    return (
        f"revision = {heading.revision!r}\ndown_revision = {heading.down_revision!r}\n"
        f"branch_labels = None\ndepends_on = {needs!r}"
    )


def _settings(files: Sequence[_File]) -> Iterator[str]:
    """Yield what the files ask migrator for, which only counts at the top of a file."""
    asked: dict[str, tuple[str, _File]] = {}
    for file in files:
        for word in file.asked:
            name = word.partition("=")[0]
            said, by = asked.setdefault(name, (word, file))
            if said != word:
                raise file.refused(
                    f"asks for {word}, and {by.part.path.name} for {said}", "Let them ask for the same."
                )
    words = [word for word, _file in asked.values() if word != "irreversible"]
    if words:
        yield f"# migrator: {' '.join(words)}"


def _downgrade(files: Sequence[_File]) -> str:
    final = next((file.part.revision for file in files if file.irreversible), None)
    if final is not None:
        return f'def downgrade() -> None:\n    raise NotImplementedError("{final} cannot be taken back")'
    return "def downgrade() -> None:\n    for _up, down in reversed(_REVISIONS):\n        down()"


class _File:
    """One file, and what of it has to be elsewhere in the new one."""

    def __init__(self, part: Part) -> None:
        self.part = part
        try:
            source = part.path.read_bytes()
            self._tree = parse(source)
            encoding = tokenize.detect_encoding(io.BytesIO(source).readline)[0]
            text = source.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
        except (OSError, SyntaxError, UnicodeDecodeError) as exc:
            raise self.refused(f"cannot be read: {exc}", "Correct it.") from exc
        self._lines = text.split("\n")
        self._text = text
        self.future: set[str] = set()
        self.asked: list[str] = []
        self.name = "_revision_" + re.sub(r"\W", "_", part.revision)
        defined = {node.name for node in self._tree.body if isinstance(node, ast.FunctionDef)}
        self._has = defined
        if "upgrade" not in defined:
            raise self.refused("has no function upgrade() of its own", "Write it, if only with: pass")
        self._refuse_what_means_the_module()
        self._body = self._body_lines()
        self.irreversible = (
            "downgrade" not in defined or "irreversible" in self.asked or refuses_downgrade(part.path)
        )

    def refused(self, why: str, hint: str) -> RevisionsError:
        return RevisionsError(f"{self.part.path} cannot become a part of another file: it {why}.", hint=hint)

    def function(self) -> str:
        """Give the file as a function that returns its upgrade and its downgrade."""
        down = "downgrade" if "downgrade" in self._has else "None"
        message = " ".join(self.part.message.split())
        return "\n".join(
            [
                f"def {self.name}():",
                f'    """{docstring_safe(f"{self.part.revision}: {message}")}"""',
                *self._body,
                *([""] if self._body[-1] else []),
                f"    return upgrade, {down}",
            ]
        )

    def _refuse_what_means_the_module(self) -> None:
        for node in ast.walk(self._tree):
            match node:
                case ast.Global():
                    raise self.refused("has a global statement", "Hand the value over as an argument.")
                case ast.Name(id=name) if name in _OF_MODULE:
                    raise self.refused(f"uses {name}", "Promote this revision by itself.")
                case ast.ImportFrom(names=names) if any(each.name == "*" for each in names):
                    raise self.refused("imports *", "Name what it imports.")

    def _body_lines(self) -> list[str]:
        gone = self._gone_lines()
        kept = self._inside_strings()
        lines: list[str] = []
        for number, line in enumerate(self._lines, start=1):
            if number in gone:
                continue
            if number in kept:
                lines.append(line)
            elif line.strip() or (lines and lines[-1]):
                # Of several empty lines one is left, as inside of functions.
                lines.append(f"    {line}" if line.strip() else "")
        return lines

    def _gone_lines(self) -> set[int]:
        """Give the lines of docstring and header, and of what stands at the top of the new file."""
        gone: set[int] = set()
        for at, statement in enumerate(self._tree.body):
            if not self._goes(statement, first=at == 0):
                continue
            lines = range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
            if any(line in gone for line in lines) or self._shares_line(at):
                raise self.refused(
                    f"has two statements in line {statement.lineno}", "Give each a line of its own."
                )
            gone.update(lines)
        first = min((node.lineno for node in self._tree.body if isinstance(node, ast.FunctionDef)), default=0)
        for token in tokenize.generate_tokens(io.StringIO(self._text).readline):
            alone = token.type == tokenize.COMMENT and not token.line[: token.start[1]].strip()
            at_the_top = alone and token.start[0] < first
            if (at_the_top and self._is_ours(token.string)) or (
                alone and _TEMPLATE_COMMENT.match(token.string)
            ):
                gone.add(token.start[0])
        return gone

    def _goes(self, statement: ast.stmt, *, first: bool) -> bool:
        match statement:
            case ast.Expr(value=ast.Constant(value=str())):
                return first
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                return name in _HEADER
            case ast.ImportFrom(module=module, names=names) if module == _FUTURE:
                self.future.update(each.name for each in names)
                return True
        return False

    def _shares_line(self, at: int) -> bool:
        body = self._tree.body
        following = body[at + 1] if at + 1 < len(body) else None
        return following is not None and following.lineno == body[at].end_lineno

    def _is_ours(self, comment: str) -> bool:
        found = _OURS.match(comment)
        if found is None:
            return False
        if found["said"].split()[:1] == ["allow"]:
            raise self.refused(
                "excuses something for the whole file", "Excuse it at the line where it is needed."
            )
        self.asked += found["said"].split()
        return True

    def _inside_strings(self) -> set[int]:
        """Give the lines that begin inside of a string, and so keep their beginning."""
        inside: set[int] = set()
        opened: list[int] = []
        for token in tokenize.generate_tokens(io.StringIO(self._text).readline):
            if token.type == tokenize.STRING:
                inside.update(range(token.start[0] + 1, token.end[0] + 1))
            elif token.type in _STRINGS:
                opened.append(token.start[0])
            elif token.type in _STRINGS.values():
                inside.update(range(opened.pop() + 1, token.end[0] + 1))
        return inside
