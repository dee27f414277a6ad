"""What is measured, how often, and the most that migrator may take of plain Alembic's time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.case import MORE_MEMORY, Case, pair, theirs
from benchmarks.checking import check_case
from benchmarks.database import BenchDatabase
from benchmarks.fleets import Fleet, fleet_cases
from benchmarks.measure import Command
from benchmarks.others import others
from benchmarks.project import Project, program
from benchmarks.reading import reading_cases

REVISIONS = 1000
# Of the cases that only read files.
MORE = 5000
# Of the cases that run revisions.
FEW = 200
# Of the case that compares models with a database that is far away: one table a revision.
FAR_TABLES = 300
# Round trip in seconds to the database that is far away.
DISTANCE = 0.005


@dataclass(frozen=True)
class Projects:
    """The projects that are measured: of many, still more and few revisions, and those that are far away."""

    many: Project
    more: Project
    few: Project
    far_one_by_one: Project
    far_held: Project
    far_tables: Project
    fleet: Fleet


def cases(projects: Projects, database: BenchDatabase) -> list[Case]:
    """Give the cases, the quick ones first."""
    far = f"{DISTANCE * 1000:g} ms away"
    return [
        *reading_cases(projects.many, projects.more),
        *_upgrades(projects, database, far),
        *_on_scratch(projects.many),
        check_case(
            f"check, {REVISIONS} tables",
            projects.many,
            database,
            bound=0.75,
            reason="The comparison with the models takes 0.6 of Alembic's time; the rest is the comparison"
            " with the history, for which the catalogue and the hashes of all files are read, that of the log"
            " with the files, and start-up.",
        ),
        check_case(
            f"check, {FAR_TABLES} tables, {far}",
            projects.far_tables,
            database,
            bound=0.4,
            reason="54 round trips are waited for, whatever the number of tables (Alembic: 54, and one for"
            " each table); the rest is the processor's, most of it start-up.",
        ),
        *fleet_cases(projects.fleet, database),
    ]


def _upgrades(projects: Projects, database: BenchDatabase, far: str) -> list[Case]:
    few = projects.few

    def at_head(of: Project) -> Callable[[], None]:
        return lambda: database.require_revision(of.head)

    return [
        Case(
            f"upgrade, {REVISIONS} revisions",
            *pair(projects.many, "upgrade", "head"),
            bound=0.9,
            runs=3,
            before=database.make_anew,
            after=at_head(projects.many),
            more_memory=MORE_MEMORY,
            reason="It takes 1.3 times Alembic's processor time (for each revision the lock is looked at, a"
            " row of the log written, and each statement watched), and saves as much on the way to the"
            " server and back.",
            others=others(projects.many, "upgrade", "head", runs=2),
        ),
        Case(
            f"upgrade, {FEW} revisions",
            *pair(few, "upgrade", "head"),
            bound=1.30,
            runs=9,
            before=database.make_anew,
            after=at_head(few),
            more_memory=MORE_MEMORY,
            others=others(few, "upgrade", "head", runs=3),
        ),
        *(
            Case(
                f"upgrade, {FEW} revisions, {far}, {how}",
                *pair(project, "upgrade", "head"),
                bound=bound,
                runs=3,
                before=database.make_anew,
                after=at_head(project),
                reason=f"{trips} waited for; the rest is what the same takes"
                " without any distance, which is as long as Alembic's.",
                others=at_a_distance,
            )
            for how, project, bound, trips, at_a_distance in (
                (
                    "statement by statement",
                    projects.far_one_by_one,
                    0.5,
                    "Three round trips of each revision are",
                    {},
                ),
                (
                    "held back",
                    projects.far_held,
                    0.3,
                    "One round trip of each revision is",
                    others(projects.far_held, "upgrade", "head", runs=2),
                ),
            )
        ),
        Case(
            f"upgrade, nothing to do, {FEW} revisions",
            *pair(few, "upgrade", "head"),
            bound=1.25,
            runs=15,
            before=lambda: database.require_upgraded(few),
            after=at_head(few),
            more_memory=MORE_MEMORY,
            others=others(few, "upgrade", "head", runs=5),
        ),
    ]


def _on_scratch(project: Project) -> list[Case]:
    def migrator(*arguments: str, expected: str) -> Command:
        """Give a command that needs no database of the project: a scratch server is its own."""
        return Command([program("migrator"), *arguments], project.root, {}, expected)

    many = f"{REVISIONS} revisions"
    generate = ("generate", "-m", "nothing", "--against", "history")
    return [
        Case(
            f"generate again, {many}, against the first time",
            migrator(*generate, expected="nothing changed"),
            migrator(*generate, "--fresh", expected="nothing changed"),
            bound=0.3,
            runs=3,
            reason="The second time leaves out the replay, and nothing else: start-up, reading the files, and"
            " comparing the models with the tables that the replay made take as long in both.",
        ),
        Case(
            f"lint of one of {many}, against upgrade --sql",
            migrator("lint", "head", expected="of 1 revision"),
            theirs(
                project,
                "upgrade",
                f"{project.before}:{project.head}",
                "--sql",
                expected=f"table_{REVISIONS}",
            ),
            bound=1.5,
            runs=9,
        ),
    ]
