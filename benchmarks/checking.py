"""The case that compares models with a database."""

from __future__ import annotations

from benchmarks.case import MORE_MEMORY, Case, ours, theirs
from benchmarks.database import BenchDatabase
from benchmarks.others import others
from benchmarks.project import CHECK_INI, Project

_AGREES = "No new upgrade operations"


def check_case(name: str, project: Project, database: BenchDatabase, bound: float, reason: str) -> Case:
    """Give the case of a project whose database is at head and agrees with the models."""
    return Case(
        name,
        ours(project, "check", expected="agree"),
        theirs(project, "--config", CHECK_INI, "check", expected=_AGREES),
        bound=bound,
        runs=3,
        before=lambda: database.require_upgraded(project),
        more_memory=MORE_MEMORY,
        reason=reason,
        others=others(project, "check", runs=2, expected=_AGREES),
    )
