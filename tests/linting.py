"""Statements for lint, written short, and the command `lint` with what it finds."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from migrator.lint.judgement import Judgement, Statement, judge
from migrator.lint.lint_settings import LintSettings
from migrator.results.judged import LintFinding
from tests.conftest import Ran
from tests.projects.books import BooksProject

NO_SETTINGS = LintSettings()
NO_TYPES: Mapping[str, str] = {}
Lint = Callable[..., Ran]


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


def findings_of_each(
    statements: Sequence[tuple[str, bool]], settings: LintSettings = NO_SETTINGS
) -> tuple[Sequence[LintFinding], ...]:
    """Judge statements, inside a transaction or not, in one call of squawk; return the findings of each.

    Each of them is a revision of its own. None may use a table that another one creates.
    """
    batch = [ran(sql, revision=f"r{at}", inside=inside) for at, (sql, inside) in enumerate(statements)]
    found = judged(*batch, settings=settings).findings
    return tuple([each for each in found if each.revision == f"r{at}"] for at in range(len(batch)))


def rules(judgement: Judgement) -> Sequence[str]:
    """Give the rules of the findings, in their order."""
    return [finding.rule for finding in judgement.findings]


def linting(books: BooksProject, migrator: Callable[..., Ran], url: str) -> Lint:
    """Give what runs `migrator lint` in a project with a database, and expects an exit code."""

    def run(*arguments: str, code: int, **env: str) -> Ran:
        ran = migrator("lint", *arguments, cwd=books.root, env={"TESTING_DATABASE_URL": url, **env})
        assert ran.code == code, ran.out + ran.err
        return ran

    return run


def findings(ran: Ran) -> list[dict[str, Any]]:
    """Give the findings of the JSON document."""
    return list(json.loads(ran.out)["data"]["findings"])


def line_of(path: Path, text: str) -> int:
    """Give the line of a file that has a text."""
    return next(at for at, line in enumerate(path.read_text().splitlines(), start=1) if text in line)
