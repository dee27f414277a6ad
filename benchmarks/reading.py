"""The cases that read files and no database: help, completion, and what a folder of revisions holds."""

from __future__ import annotations

import shutil

from benchmarks.case import MORE_MEMORY, Case, ours, pair, theirs
from benchmarks.measure import Command
from benchmarks.others import others
from benchmarks.project import Project

# Bytecode of the packages is there from the runs before: this keeps that of the version files away.
_NO_NEW_BYTECODE = {"PYTHONDONTWRITEBYTECODE": "1"}
_READING = (
    "A third is start-up, the rest a read and a pattern for each of the files; nothing in it grows"
    " faster than their number."
)


def reading_cases(project: Project, larger: Project) -> list[Case]:
    """Give the cases of a project, and of one with many more revisions."""
    help_of_alembic = theirs(project, "--help", expected="upgrade")
    return [
        Case(
            "--help",
            *pair(project, "--help", expected="upgrade"),
            bound=0.50,
            runs=21,
            others=others(project, "--help", runs=7, expected="upgrade"),
        ),
        *(
            Case(
                f"{name}, against --help",
                command,
                help_of_alembic,
                bound=0.35,
                runs=21,
                reason="All of it is start-up and, for a revision, reading the header of each file.",
            )
            for name, command in {
                "--version": ours(project, "--version", expected="migrator"),
                "completion of an environment": _completion(project, "migrator upgrade --env te", "test"),
                f"completion of a revision, {project.revisions} revisions": _completion(
                    project, f"migrator upgrade {project.head[:-1]}", project.head
                ),
            }.items()
        ),
        *(
            Case(
                f"{command}, {of.revisions} revisions",
                *pair(of, command, expected=of.head),
                bound=bound,
                runs=runs,
                more_memory=MORE_MEMORY,
                reason=_READING,
                others=others(of, command, runs=fewer, expected=of.head),
            )
            for of, bound, runs, fewer in ((project, 0.35, 15, 4), (larger, 0.25, 7, 3))
            for command in ("heads", "history")
        ),
        *(
            Case(
                f"{command}, {larger.revisions} revisions, fresh checkout",
                *pair(larger, command, expected=larger.head, variables=_NO_NEW_BYTECODE),
                bound=0.15,
                runs=3,
                before=lambda: _drop_bytecode(larger),
                more_memory=MORE_MEMORY,
                reason=_READING,
            )
            for command in ("heads", "history")
        ),
    ]


def _completion(project: Project, line: str, expected: str) -> Command:
    """Complete the last word of a line, as the script for bash asks for it."""
    asked = {
        "_MIGRATOR_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(line.count(" ")),
    }
    return ours(project, expected=expected, variables=asked)


def _drop_bytecode(project: Project) -> None:
    shutil.rmtree(project.root / "versions/__pycache__", ignore_errors=True)
