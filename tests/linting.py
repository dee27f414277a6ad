"""Statements for lint, written short."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from migrator.lint.judge import Judgement, judge
from migrator.lint.settings import LintSettings
from migrator.lint.statements import Statement

NO_SETTINGS = LintSettings()
NO_TYPES: Mapping[str, str] = {}


def ran(
    sql: str,
    line: int | None = 1,
    *,
    revision: str = "a1",
    inside: bool = True,
    old: Mapping[str, str] = NO_TYPES,
) -> Statement:
    """Give a statement that a revision ran, inside its transaction or not."""
    return Statement(sql, revision, f"versions/{revision}.py", line, "op.execute", inside, old)


def judged(
    *statements: str | Statement,
    dialect: str = "postgresql",
    settings: LintSettings = NO_SETTINGS,
    sources: Mapping[str, str] = NO_TYPES,
) -> Judgement:
    """Judge statements; those given as text ran one below the other in one revision."""
    batch = [ran(each, at) if isinstance(each, str) else each for at, each in enumerate(statements, start=1)]
    return judge(batch, dialect=dialect, settings=settings, sources=lambda file: sources.get(file, ""))


def rules(judgement: Judgement) -> Sequence[str]:
    """Give the rules of the findings, in their order."""
    return [finding.rule for finding in judgement.findings]
