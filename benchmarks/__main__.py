"""`python -m benchmarks`: measures, prints the table, writes RESULTS.md. Exit code 1 on a missed bound."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.cases import REVISIONS, Measured, cases, measure
from benchmarks.database import BenchDatabase
from benchmarks.project import write_project
from benchmarks.report import markdown, table
from migrator.database.embedded import embedded_server

_RESULTS = Path(__file__).parent / "RESULTS.md"


def main() -> int:
    """Run every case, and give the exit code."""
    with tempfile.TemporaryDirectory(prefix="migrator-bench-") as folder:
        measured, server_version = _measure_all(Path(folder))
    sys.stdout.write(table(measured))
    _RESULTS.write_text(markdown(measured, server_version))
    return 0 if all(each.ok for each in measured) else 1


def _measure_all(folder: Path) -> tuple[list[Measured], str]:
    with embedded_server(folder / "server", durable=False) as server:
        database = BenchDatabase(server)
        root = folder / "project"
        root.mkdir()
        measured = []
        for case in cases(write_project(root, REVISIONS, database.url), database):
            sys.stderr.write(f"{case.name}: {case.runs} runs of each ...\n")
            measured.append(measure(case))
        return measured, database.server_version()


if __name__ == "__main__":
    sys.exit(main())
