"""The cases that compare models with a database."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchmarks.case import MORE_MEMORY, Case, ours, theirs
from benchmarks.database import BenchDatabase
from benchmarks.project import CHECK_INI, Project


def check_cases(checked: Mapping[str, tuple[Project, float]], database: BenchDatabase) -> list[Case]:
    """Give a case for each project and its bound. Plain Alembic compares with the models alone."""

    def at_head(project: Project) -> Callable[[], None]:
        return lambda: database.require_upgraded(project)

    return [
        Case(
            name,
            ours(project, "check"),
            theirs(project, "--config", CHECK_INI, "check", expected="No new upgrade operations"),
            bound=bound,
            runs=3,
            before=at_head(project),
            more_memory=MORE_MEMORY,
        )
        for name, (project, bound) in checked.items()
    ]
