"""What is measured, how often, and the most that migrator may take of plain Alembic's time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.database import BenchDatabase
from benchmarks.measure import Command, Time, alternate, nothing, run
from benchmarks.project import Project, program

REVISIONS = 1000
# Of the cases that run revisions.
FEW = 200
# Round trip in seconds to the database that is far away.
DISTANCE = 0.005


@dataclass(frozen=True)
class Projects:
    """The projects that are measured: of many and of few revisions, and two of few that are far away."""

    many: Project
    few: Project
    far_one_by_one: Project
    far_held: Project


@dataclass(frozen=True)
class Case:
    """One comparison. `bound` is the highest ratio of the two medians that is accepted."""

    name: str
    ours: Command
    theirs: Command
    bound: float
    runs: int
    before: Callable[[], None] = nothing
    after: Callable[[], None] = nothing


@dataclass(frozen=True)
class Measured:
    """What came out of a case."""

    case: Case
    ours: Time
    theirs: Time

    @property
    def ratio(self) -> float:
        """Our median on the clock, as a part of plain Alembic's."""
        return self.ours.wall / self.theirs.wall

    @property
    def cpu_ratio(self) -> float:
        """The same of the processor's time, which other processes on the machine disturb less."""
        return self.ours.cpu / self.theirs.cpu

    @property
    def ok(self) -> bool:
        """Whether the bound is kept."""
        return self.ratio <= self.case.bound


def cases(projects: Projects, database: BenchDatabase) -> list[Case]:
    """Give the cases, the quick ones first."""
    project, few = projects.many, projects.few

    def pair(*arguments: str, expected: str = "", of: Project = project) -> tuple[Command, Command]:
        ours = Command([program("migrator"), *arguments], of.root, {"DATABASE_URL": of.url}, expected)
        return ours, Command([program("alembic"), *arguments], of.root, {}, expected)

    def at_head(of: Project) -> Callable[[], None]:
        return lambda: database.require_revision(of.head)

    def migrator(*arguments: str, expected: str) -> Command:
        """Give a command that needs no database of the project: a scratch server is its own."""
        return Command([program("migrator"), *arguments], project.root, {}, expected)

    upgrade_few = pair("upgrade", "head", of=few)

    def upgraded() -> None:
        if not database.is_at(few.head):
            database.make_anew()
            run(upgrade_few[0])

    many = f"{REVISIONS} revisions"
    generate = ("generate", "-m", "nothing", "--against", "history")
    return [
        Case("--help", *pair("--help", expected="upgrade"), bound=0.60, runs=21),
        Case(f"heads, {many}", *pair("heads", expected=project.head), bound=0.35, runs=15),
        Case(f"history, {many}", *pair("history", expected=project.head), bound=0.35, runs=15),
        Case(
            f"upgrade, {many}",
            *pair("upgrade", "head"),
            bound=1.25,
            runs=3,
            before=database.make_anew,
            after=at_head(project),
        ),
        Case(
            f"upgrade, {FEW} revisions",
            *upgrade_few,
            bound=1.30,
            runs=9,
            before=database.make_anew,
            after=at_head(few),
        ),
        *(
            Case(
                f"upgrade, {FEW} revisions, {DISTANCE * 1000:g} ms away, {how}",
                *pair("upgrade", "head", of=far),
                bound=bound,
                runs=3,
                before=database.make_anew,
                after=at_head(far),
            )
            for how, far, bound in (
                ("statement by statement", projects.far_one_by_one, 0.5),
                ("held back", projects.far_held, 0.3),
            )
        ),
        Case(
            f"upgrade, nothing to do, {FEW} revisions",
            *upgrade_few,
            bound=1.25,
            runs=15,
            before=upgraded,
            after=at_head(few),
        ),
        Case(
            f"generate again, {many}, against the first time",
            migrator(*generate, expected="nothing changed"),
            migrator(*generate, "--fresh", expected="nothing changed"),
            bound=0.3,
            runs=3,
        ),
        Case(
            f"lint of one of {many}, against upgrade --sql",
            migrator("lint", "head", expected="of 1 revision"),
            Command(
                [program("alembic"), "upgrade", f"{project.before}:{project.head}", "--sql"],
                project.root,
                {},
                expected=f"table_{REVISIONS}",
            ),
            bound=1.5,
            runs=9,
        ),
    ]


def measure(case: Case) -> Measured:
    """Run a case. Raises RuntimeError where a command fails."""
    return Measured(case, *alternate(case.ours, case.theirs, case.runs, before=case.before, after=case.after))
