"""Judges statements: squawk's rules on PostgreSQL, and migrator's own everywhere."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from migrator import secrets
from migrator.lint.catalogue import Rule
from migrator.lint.ddl import Tokens, altered_table, makes_table, referenced, touched
from migrator.lint.excuses import Excuse, excuses
from migrator.lint.lint_settings import LintSettings, rule_named
from migrator.lint.new_objects import NewObjects
from migrator.lint.own_rules import TYPE_CHANGES, ends_transaction, own_rules
from migrator.lint.squawk import SYNTAX_ERROR, Squawk, SquawkStatement, find_squawk, squawk_version
from migrator.lint.tokens import in_block
from migrator.lint.tokens import statements as cut
from migrator.results.judged import LintFinding

# They change no table's shape, take no lock that squawk knows of, and hold parameters that it cannot read.
_ROWS = frozenset({"INSERT", "UPDATE", "DELETE", "SELECT", "WITH", "VALUES", "MERGE", "COPY"})
# The first says all that the second does, and more.
_SAY_MORE = {
    "adding-foreign-key-constraint": "constraint-missing-not-valid",
    "adding-serial-primary-key-field": "constraint-missing-not-valid",
    "disallowed-unique-constraint": "constraint-missing-not-valid",
    "narrowing": "changing-column-type",
    "ban-truncate-cascade": "truncate",
}
# A lock on these is one on tables that the statement does not name.
_ON = {"INDEX": "the table of {}", "DOMAIN": "tables with a column of {}"}
_LONGEST = 300


@dataclass(frozen=True)
class Statement:
    """One statement that a revision ran, in the order of the run.

    `file` is the path as it is shown, `line` that of the `op.*` call in it, None where that is not known.
    `in_transaction` is False inside an `autocommit_block`. `old_types` maps `table.column` (with the schema
    if the statement names it) to the column's type before the statement, as far as somebody knows it. Where
    Alembic copies a table it has both tables; the one statement stands here once for each operation that it
    carries out, with the columns which that one changes.
    """

    sql: str
    revision: str
    file: str
    line: int | None
    operation: str
    in_transaction: bool = True
    old_types: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Judgement:
    """The findings in the order of the statements, notes on excuses that excuse nothing, and who judged."""

    findings: tuple[LintFinding, ...]
    notes: tuple[str, ...] = ()
    tool: str = ""


@dataclass(frozen=True)
class _Piece:
    """One statement of SQL, and the rules that it breaks, by their names; a call may run several."""

    statement: Statement
    sql: str
    tokens: Tokens
    is_new: bool
    in_block: bool = False
    broken: dict[str, Rule] = field(default_factory=dict)


def judge(
    statements: Sequence[Statement],
    *,
    dialect: str,
    settings: LintSettings,
    sources: Callable[[str], str],
    only: Collection[str] | None = None,
) -> Judgement:
    """Judge the statements that a batch of revisions ran, in the order of the run.

    `dialect` is SQLAlchemy's name of it; `sources` gives the source of a version file by the path that the
    statements name. Tables that the batch makes are taken to be empty and unused. With `only` no rules count
    but those of migrator's own that it names: squawk is not asked, and no note given.

    Raises MissingExtraError on PostgreSQL without squawk, ConfigurationError when squawk fails,
    RevisionsError for a bad excuse.
    """
    files = dict.fromkeys(statement.file for statement in statements)
    verdicts = _Verdicts(dialect, settings, {file: excuses(sources(file), file) for file in files})
    pieces = _pieces(statements, dialect)
    for piece in pieces:
        piece.broken.update(_own(piece))
    tool = ""
    if uses_squawk(dialect) and only is None:
        squawk = Squawk(find_squawk(), settings.pg_version, settings.asked)
        tool = f"squawk {squawk_version(squawk.program)}"
        _add_squawk(squawk, pieces)
    findings = tuple(
        finding
        for piece in pieces
        for rule in _that_count(piece)
        if only is None or rule.name in only
        if (finding := verdicts.finding(piece, rule))
    )
    return Judgement(findings, tuple(verdicts.unused()) if only is None else (), tool)


def uses_squawk(dialect: str) -> bool:
    """Return whether squawk reads a dialect, and the rules know the locks of its statements."""
    return dialect == "postgresql"


def _pieces(statements: Iterable[Statement], dialect: str) -> list[_Piece]:
    fresh = NewObjects()
    pieces = []
    for statement in statements:
        for tokens in cut(statement.sql, dialect):
            sql = statement.sql[tokens[0].start : tokens[-1].end]
            pieces.append(_Piece(statement, sql, tokens, fresh.covers(tokens)))
            for inner, inside in in_block(tokens, dialect):
                pieces.append(_Piece(statement, inner, inside, fresh.covers(inside), in_block=True))
            fresh.learn(tokens)
    return pieces


def _own(piece: _Piece) -> dict[str, Rule]:
    names = [*own_rules(piece.tokens, piece.statement.old_types)]
    if piece.statement.in_transaction and ends_transaction(piece.tokens):
        names.append("transaction-nesting")
    return {name: rule_named(name) for name in names}


def _add_squawk(squawk: Squawk, pieces: Sequence[_Piece]) -> None:
    """Add the rules that squawk finds broken to those of each piece."""
    asked = [piece for piece in pieces if piece.tokens[0].word not in _ROWS]
    # squawk takes a table for new even where it may have been there. So it hears of all tables at last,
    # outside of the transactions: which ones are new is known here.
    asked.sort(key=lambda piece: makes_table(piece.tokens))
    for report in squawk.judge([_for_squawk(piece) for piece in asked]):
        piece = asked[report.index]
        if not _spared(report.rule, piece):
            piece.broken.setdefault(report.rule, rule_named(report.rule, report.message, report.help))


def _for_squawk(piece: _Piece) -> SquawkStatement:
    inside = piece.statement.in_transaction and not makes_table(piece.tokens)
    return SquawkStatement(piece.sql, piece.statement.revision if inside else None)


def _spared(rule: str, piece: _Piece) -> bool:
    """Whether squawk goes too far: it knows no old types, no NOT VALID on a domain, no PL/pgSQL."""
    if rule == SYNTAX_ERROR:
        return piece.in_block
    if rule in TYPE_CHANGES:
        known = piece.statement.old_types and altered_table(piece.tokens)
        return bool(known) and not TYPE_CHANGES & piece.broken.keys()
    words = [token.word for token in piece.tokens[-2:]]
    return rule == "ban-alter-domain-with-add-constraint" and words == ["NOT", "VALID"]


def _that_count(piece: _Piece) -> Iterator[Rule]:
    said = {_SAY_MORE[name] for name in piece.broken if name in _SAY_MORE}
    for name, rule in piece.broken.items():
        if name not in said and (rule.on_new or not piece.is_new):
            yield rule


@dataclass(frozen=True)
class _Verdicts:
    """Makes findings, and keeps account of the excuses that were needed."""

    dialect: str
    settings: LintSettings
    allowed: dict[str, tuple[Excuse, ...]]
    used: set[tuple[str, int, str]] = field(default_factory=set)

    def finding(self, piece: _Piece, rule: Rule) -> LintFinding | None:
        """Give what a rule says of a piece; None where the settings ignore it."""
        ran = piece.statement
        excuse = self._excuse(rule.name, ran)
        severity = self.settings.severity(rule)
        if severity is None:
            return None
        return LintFinding(
            rule=rule.name,
            severity=severity,
            revision=ran.revision,
            file=ran.file,
            line=ran.line,
            operation=ran.operation,
            statement=_one_line(piece.sql),
            message=rule.why,
            lock=_lock(rule, piece.tokens) if uses_squawk(self.dialect) else "",
            remedy=rule.remedy,
            excused_by=excuse.reason if excuse else None,
        )

    def _excuse(self, rule: str, ran: Statement) -> Excuse | None:
        # An excuse counts as needed where the settings ignore its rule: another environment may not.
        for excuse in self.allowed[ran.file]:
            if excuse.holds_for(rule, ran.line):
                self.used.add((ran.file, excuse.line, rule))
                return excuse
        return None

    def unused(self) -> Iterator[str]:
        """Name the excuses that were not needed, but for those in a `downgrade`, which may not have run."""
        for file, found in self.allowed.items():
            for excuse in sorted(found, key=lambda each: each.line):
                for rule in excuse.rules:
                    if not excuse.in_downgrade and (file, excuse.line, rule) not in self.used:
                        yield f"{file}:{excuse.line} allows {rule}, which nothing there needs"


def _lock(rule: Rule, tokens: Tokens) -> str:
    names = [_ON.get(each.kind, "{}").format(each.name) for each in touched(tokens)]
    if rule.name == "adding-foreign-key-constraint":
        names += [name for name in referenced(tokens) if name not in names]
    return f"{rule.lock} on {' and '.join(names)}" if rule.lock and names else rule.lock


def _one_line(sql: str) -> str:
    line = secrets.scrub(" ".join(sql.split()))
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
