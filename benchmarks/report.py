"""The figures as a table at the terminal, and as RESULTS.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from benchmarks.case import MORE_MEMORY, Measured
from benchmarks.others import TOOLS

_HEADINGS = ("case", "migrator s", "alembic s", "ratio", "bound", "", "cpu ratio", "MB more", "runs")
_OTHER_HEADINGS = ("case", "migrator s", *(head for tool in TOOLS for head in (f"{tool} s", "ratio")), "runs")
_PACKAGES = (
    *("migrator", "alembic", "sqlalchemy", "asyncpg", "typer"),
    *("flask-migrate", "flask-sqlalchemy", "flask", "psycopg", "advanced-alchemy", "rich-click"),
)
Row = tuple[str, ...]


def table(measured: Sequence[Measured]) -> str:
    """Give the figures in aligned columns; those against other tools are a table of their own."""
    tables = [[_HEADINGS, *(_cells(each) for each in measured)]]
    if other_cells := _all_other_cells(measured):
        tables.append([_OTHER_HEADINGS, *other_cells])
    return "\n".join(_aligned(rows) for rows in tables)


def _aligned(rows: Sequence[Row]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "".join(_line(row, widths) + "\n" for row in rows)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *figures = (
        cell.ljust(width) if column == 0 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join((name, *figures)).rstrip()


def _cells(each: Measured) -> Row:
    return (
        each.case.name,
        f"{each.ours.wall:.3f}",
        f"{each.theirs.wall:.3f}",
        f"{each.ratio:.2f}",
        f"{each.case.bound:.2f}",
        "ok" if each.ok else "MISS",
        f"{each.cpu_ratio:.2f}",
        f"{each.more_memory:+.0f}",
        str(each.case.runs),
    )


def _all_other_cells(measured: Sequence[Measured]) -> list[Row]:
    return [_other_cells(each) for each in measured if each.others]


def _other_cells(each: Measured) -> Row:
    tools = ((f"{each.others[tool].wall:.3f}", f"{each.ratio_to(tool):.2f}") for tool in TOOLS)
    figures = [cell for cells in tools for cell in cells]
    runs = max(side.runs for side in each.case.others.values())
    return (each.case.name, f"{each.ours.wall:.3f}", *figures, str(runs))


def _pipes(headings: Row, rows: Sequence[Row]) -> str:
    return "\n".join(
        f"| {' | '.join(row)} |" for row in (headings, ("---", *["---:"] * (len(headings) - 1)), *rows)
    )


def _missed(measured: Sequence[Measured]) -> str:
    """Give a section about the bounds that are missed: by how much, and why; nothing where all are kept."""
    lines = []
    for each in measured:
        misses = []
        if not each.is_quick:
            misses.append(f"{each.ratio:.2f} instead of {each.case.bound:.2f}")
        if each.case.more_memory is not None and not each.is_small:
            misses.append(f"{each.more_memory:.0f} MB more instead of {each.case.more_memory:.0f}")
        if misses:
            lines.append(f"- {each.case.name}: {', '.join(misses)}. {each.case.reason}".rstrip())
    return "\n".join(["\n## Missed\n", *lines, ""]) if lines else ""


def markdown(measured: Sequence[Measured], server_version: str) -> str:
    """Give the page RESULTS.md: the figures, where they were taken, and how to take them again."""
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return f"""\
# Measured against plain Alembic

{_pipes(_HEADINGS, [_cells(each) for each in measured])}

Seconds are medians of runs in turn, each a process of its own with its output in a pipe. `ratio` is
migrator's median as a part of plain Alembic's, and what `bound` limits. `cpu ratio` compares the processes'
user and system time: where the two disagree, the machine was busy with other things (the processes that do
the tenants are not in it). `MB more` compares the memory of each side's largest process at its peak: heads,
history, upgrade and check may need {MORE_MEMORY:.0f} MB more.
{_missed(measured)}
## Against other tools

{_pipes(_OTHER_HEADINGS, _all_other_cells(measured))}

Taken in the same turns as the figures above: migrator's seconds are the same ones, and the others run less
often (`runs`), as no bound is theirs. `ratio` is migrator's median as a part of the tool's.

## How

- All sides use the same version files: one line of revisions, each a `create_table` and a `CREATE INDEX`.
- `upgrade` begins with an empty database each time, on the embedded PostgreSQL without fsync (which would add
  the same time to all), through asyncpg, one transaction a revision. Plain Alembic runs its stock async
  env.py with `transaction_per_migration=True` added, so that both do the same.
- Bytecode is compiled by a first run of each, which is not counted. A fresh checkout is one whose version
  files have none, and get none.
- `check` compares the models with the database on both sides. migrator's compares the database with its
  history too, which the first run replays on a scratch server and later ones remember, and its log with
  the files.
- A tenant is a schema. Plain Alembic's env.py follows its cookbook (`SET search_path`), with a connection for
  each tenant: it goes through all of them in one process, or is started by a shell once for each with
  `-x tenant=NAME`. That loop runs once, after the runs that compile the bytecode.
- Flask-Migrate is `flask db COMMAND`, advanced-alchemy is `alchemy COMMAND`. Each has the ini and the env.py
  of its own template and the smallest application that it starts with, which imports the models for `check`
  only. Both are told to run one transaction a revision too, and advanced-alchemy to compare types in `check`
  and to name its version table as Alembic does.
- Flask-Migrate is synchronous: it reaches the server through psycopg, which sends a plain statement in one
  round trip where asyncpg takes three. advanced-alchemy goes through asyncpg, as plain Alembic does.
- Left out against them is what neither does: complete environments and revisions, lint, generate against the
  history, tenants, and `--version` (Flask-Migrate's is Flask's, advanced-alchemy has none). Left out as well
  is what would say nothing new: a fresh checkout (both load the files as Alembic does), and statement by
  statement (they know no other way: the row "held back" has theirs).

Taken on {datetime.now(UTC):%Y-%m-%d}: {platform.system()} {platform.machine()}, {os.cpu_count()} processors,
Python {platform.python_version()}, PostgreSQL {server_version}, {packages}.

Repeat with `make bench`; it writes this page, and ends with exit code 1 where a bound is missed.
"""
