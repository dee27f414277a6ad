"""One comparison, and what came out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from benchmarks.measure import Command, Side, Taken, alternate, nothing
from benchmarks.project import Project, program

# What migrator may need more than plain Alembic at the peak, in megabytes.
MORE_MEMORY = 30.0
_NO_VARIABLES: Mapping[str, str] = {}


@dataclass(frozen=True)
class Case:
    """One comparison. `bound` is the highest ratio of the two medians that is accepted.

    `more_memory` bounds the megabytes that ours needs more, None where nobody minds. `reason` is why it takes
    what it takes, as a profile showed: for the page, should the bound be missed. Without `warm` the first run
    of each counts too. `others` are further tools that do the same, by name; no bound is theirs.
    """

    name: str
    ours: Command
    theirs: Command
    bound: float
    runs: int
    before: Callable[[], None] = nothing
    after: Callable[[], None] = nothing
    more_memory: float | None = None
    reason: str = ""
    warm: bool = True
    others: Mapping[str, Side] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """What came out of a case."""

    case: Case
    ours: Taken
    theirs: Taken
    others: Mapping[str, Taken]

    @property
    def ratio(self) -> float:
        """Our median on the clock, as a part of plain Alembic's."""
        return self.ours.wall / self.theirs.wall

    @property
    def cpu_ratio(self) -> float:
        """The same of the processor's time, which other processes on the machine disturb less."""
        return self.ours.cpu / self.theirs.cpu

    @property
    def more_memory(self) -> float:
        """The megabytes that ours needed more than plain Alembic."""
        return self.ours.memory - self.theirs.memory

    def ratio_to(self, tool: str) -> float:
        """Our median on the clock, as a part of that of one of the other tools."""
        return self.ours.wall / self.others[tool].wall

    @property
    def is_quick(self) -> bool:
        """Whether the bound of the time is kept."""
        return self.ratio <= self.case.bound

    @property
    def is_small(self) -> bool:
        """Whether the bound of the memory is kept, or there is none."""
        return self.case.more_memory is None or self.more_memory <= self.case.more_memory

    @property
    def ok(self) -> bool:
        """Whether both bounds are kept."""
        return self.is_quick and self.is_small


def measure(case: Case) -> Measured:
    """Run a case. Raises RuntimeError where a command fails."""
    both = [Side(case.ours, case.runs), Side(case.theirs, case.runs)]
    ours, theirs, *others = alternate(
        [*both, *case.others.values()], before=case.before, after=case.after, warm=case.warm
    )
    return Measured(case, ours, theirs, dict(zip(case.others, others, strict=True)))


def pair(
    project: Project, *arguments: str, expected: str = "", variables: Mapping[str, str] = _NO_VARIABLES
) -> tuple[Command, Command]:
    """Give the same command of both tools."""
    return (
        ours(project, *arguments, expected=expected, variables=variables),
        theirs(project, *arguments, expected=expected, variables=variables),
    )


def ours(
    project: Project, *arguments: str, expected: str = "", variables: Mapping[str, str] = _NO_VARIABLES
) -> Command:
    """Give a command of migrator, which works on the project's database."""
    added = {"DATABASE_URL": project.url, **variables}
    return Command([program("migrator"), *arguments], project.root, added, expected)


def theirs(
    project: Project, *arguments: str, expected: str = "", variables: Mapping[str, str] = _NO_VARIABLES
) -> Command:
    """Give a command of plain Alembic, which has the database's URL in its ini."""
    return Command([program("alembic"), *arguments], project.root, variables, expected)
