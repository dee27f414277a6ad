"""`python -m benchmarks`: measures, prints the table, writes RESULTS.md. Exit code 1 on a missed bound."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.cases import DISTANCE, FEW, REVISIONS, Case, Measured, Projects, cases, measure
from benchmarks.database import bench_database
from benchmarks.distance import far_away
from benchmarks.project import Project, write_project
from benchmarks.report import markdown, table
from migrator.database.embedded import embedded_server

_HERE = Path(__file__).parent


def main() -> int:
    """Run every case, and give the exit code."""
    with tempfile.TemporaryDirectory(prefix="migrator-bench-") as folder:
        measured, server_version = _measure_all(Path(folder))
    sys.stdout.write(table(measured))
    (_HERE / "RESULTS.md").write_text(markdown(measured, server_version))
    return 0 if all(each.ok for each in measured) else 1


def _measure_all(folder: Path) -> tuple[list[Measured], str]:
    # The server's data stay from one call to the next, so that it is set up once.
    with (
        embedded_server(_HERE, durable=False) as server,
        bench_database(server) as database,
        far_away(server.host, server.port, DISTANCE) as port,
    ):
        far = database.through(port)
        projects = Projects(
            many=_project(folder / "many", REVISIONS, database.url),
            few=_project(folder / "few", FEW, database.url),
            far_one_by_one=_project(folder / "far", FEW, far, "hold_statements = false\n"),
            far_held=_project(folder / "far held", FEW, far),
        )
        return [_said_and_measured(case) for case in cases(projects, database)], database.server_version()


def _project(root: Path, revisions: int, url: str, settings: str = "") -> Project:
    root.mkdir()
    return write_project(root, revisions, url, settings)


def _said_and_measured(case: Case) -> Measured:
    sys.stderr.write(f"{case.name}: {case.runs} runs of each ...\n")
    return measure(case)


if __name__ == "__main__":
    sys.exit(main())
