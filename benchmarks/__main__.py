"""`python -m benchmarks`: measures, prints the table, writes RESULTS.md. Exit code 1 on a missed bound."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.cases import FEW, REVISIONS, Case, Measured, cases, measure
from benchmarks.database import bench_database
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
    with embedded_server(_HERE, durable=False) as server, bench_database(server) as database:
        project, few = (_project(folder, revisions, database.url) for revisions in (REVISIONS, FEW))
        return [_said_and_measured(case) for case in cases(project, few, database)], database.server_version()


def _project(folder: Path, revisions: int, url: str) -> Project:
    root = folder / str(revisions)
    root.mkdir()
    return write_project(root, revisions, url)


def _said_and_measured(case: Case) -> Measured:
    sys.stderr.write(f"{case.name}: {case.runs} runs of each ...\n")
    return measure(case)


if __name__ == "__main__":
    sys.exit(main())
