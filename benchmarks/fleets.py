"""Many tenants, a schema each: `migrator upgrade --tenants all` against two ways of doing it with Alembic."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.case import MORE_MEMORY, Case, ours, theirs
from benchmarks.database import BenchDatabase
from benchmarks.measure import Command
from benchmarks.project import CONFIGURE, Project, program, stock_env, write_project

TENANTS = 100
REVISIONS = 20

_NAMES = "tenants.txt"
_MIGRATE = "def do_run_migrations(connection: Connection) -> None:\n"
_CONNECT = """\
    async with connectable.connect() as connection:
        await connection.run_sync(do_run_migrations)
"""
# The recipe of Alembic's cookbook: one tenant that `-x tenant=NAME` names, or else each in turn.
_TENANT_ENV = {
    "from sqlalchemy import pool\n": "from pathlib import Path\n\nfrom sqlalchemy import pool, text\n",
    _MIGRATE: """\
def do_run_migrations(connection: Connection, tenant: str) -> None:
    connection.execute(text(f'SET search_path TO "{tenant}"'))
    connection.commit()
    connection.dialect.default_schema_name = tenant
""",
    _CONNECT: f"""\
    named = context.get_x_argument(as_dictionary=True).get("tenant")
    for tenant in [named] if named else Path("{_NAMES}").read_text().split():
        async with connectable.connect() as connection:
            await connection.run_sync(do_run_migrations, tenant)
""",
}


@dataclass(frozen=True)
class Fleet:
    """A project, and the names of its tenants."""

    project: Project
    names: tuple[str, ...]


def write_fleet(root: Path, url: str) -> Fleet:
    """Write a project whose env.py, either tool's, knows tenants, into a new folder."""
    names = tuple(f"tenant_{index:03}" for index in range(1, TENANTS + 1))
    project = write_project(root, REVISIONS, url, f"tenants = file:{_NAMES}\n")
    (root / _NAMES).write_text("\n".join(names) + "\n")
    (root / "stock/env.py").write_text(stock_env({**CONFIGURE, **_TENANT_ENV}))
    return Fleet(project, names)


def fleet_cases(fleet: Fleet, database: BenchDatabase) -> list[Case]:
    """Give both comparisons. The loop is run once: it takes minutes, and is not a near thing."""
    project = fleet.project

    def case(name: str, other: Command, bound: float, runs: int, reason: str) -> Case:
        return Case(
            f"upgrade of {TENANTS} tenants, {REVISIONS} revisions each, {name}",
            ours(project, "upgrade", "--tenants", "all", "--jobs", "2"),
            other,
            bound,
            runs,
            before=_empty(fleet, database),
            after=_at_head(fleet, database),
            more_memory=MORE_MEMORY,
            reason=reason,
            warm=runs > 1,
        )

    return [
        case(
            "against one process",
            theirs(project, "upgrade", "head"),
            bound=0.5,
            runs=3,
            reason="Each of the two processes takes about Alembic's time for a tenant (its mark, lock, log"
            " and checks cost what statements that are held back save), and they share two processors with"
            " the server.",
        ),
        case(
            "against a loop over the command line",
            _loop(fleet),
            bound=0.07,
            runs=1,
            reason="For the statements of a revision the server alone takes 6 ms, which of two processes is"
            " 0.06 of the loop's time; the start of Alembic, which is saved, is only half of what a tenant"
            " takes.",
        ),
    ]


def _loop(fleet: Fleet) -> Command:
    alembic = shlex.quote(program("alembic"))
    line = f"for name in {' '.join(fleet.names)}; do {alembic} -x tenant=$name upgrade head || exit 1; done"
    return Command(["sh", "-c", line], fleet.project.root, {}, "")


def _empty(fleet: Fleet, database: BenchDatabase) -> Callable[[], None]:
    def make() -> None:
        database.make_anew()
        database.make_schemas(fleet.names)

    return make


def _at_head(fleet: Fleet, database: BenchDatabase) -> Callable[[], None]:
    def require() -> None:
        for name in fleet.names:
            database.require_revision(fleet.project.head, name)

    return require
