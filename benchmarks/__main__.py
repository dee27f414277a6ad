"""`python -m benchmarks`: measures, prints the table, writes RESULTS.md. Exit code 1 on a missed bound.

With words after it only the cases that have one of them in their names are measured, and nothing is written.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.case import Case, Measured, measure
from benchmarks.cases import DISTANCE, FAR_TABLES, FEW, MORE, REVISIONS, Projects, cases
from benchmarks.database import bench_database
from benchmarks.distance import far_away
from benchmarks.fleets import write_fleet
from benchmarks.others import write_others
from benchmarks.project import write_project
from benchmarks.report import markdown, table
from migrator.database.embedded import embedded_server

_HERE = Path(__file__).parent


def main(words: Sequence[str]) -> int:
    """Run every case, or those that a word chooses, and give the exit code."""
    with tempfile.TemporaryDirectory(prefix="migrator-bench-") as folder:
        measured, server_version = _measure_all(Path(folder), words)
    sys.stdout.write(table(measured))
    if not words:
        (_HERE / "RESULTS.md").write_text(markdown(measured, server_version))
    return 0 if all(each.ok for each in measured) else 1


def _measure_all(folder: Path, words: Sequence[str]) -> tuple[list[Measured], str]:
    # The server's data stay from one call to the next, so that it is set up once.
    with (
        embedded_server(_HERE, durable=False) as server,
        bench_database(server) as database,
        far_away(server.host, server.port, DISTANCE) as port,
    ):
        far = database.through(port)
        projects = Projects(
            many=write_project(folder / "many", REVISIONS, database.url),
            more=write_project(folder / "more", MORE, database.url),
            few=write_project(folder / "few", FEW, database.url),
            far_one_by_one=write_project(folder / "far", FEW, far, "hold_statements = false\n"),
            far_held=write_project(folder / "far held", FEW, far),
            far_tables=write_project(folder / "far tables", FAR_TABLES, far),
            fleet=write_fleet(folder / "fleet", database.url),
        )
        for project in (projects.many, projects.more, projects.few, projects.far_held, projects.far_tables):
            write_others(project)
        chosen = [
            case
            for case in cases(projects, database)
            if not words or any(word in case.name for word in words)
        ]
        return [_said_and_measured(case) for case in chosen], database.server_version()


def _said_and_measured(case: Case) -> Measured:
    sys.stderr.write(f"{case.name}: {case.runs} runs of each ...\n")
    return measure(case)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
