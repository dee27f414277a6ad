"""`status` at a terminal: one table, with a column for each environment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from migrator.plain.environment_status_lines import status_cells
from migrator.results.environment_status import EnvironmentStatus, State, StatusList

_STATE_COLOURS: dict[State, str] = {
    "ok": "green",
    "ahead": "cyan",
    "pending": "yellow",
    "not configured": "dim",
}
_LABELS = ("database", "reachable", "mark", "current", "head", "pending", "edited", "last run")
_LABEL_WIDTH, _LEAST_WIDTH = 11, 22


class StatusTable:
    """Where the databases stand: a row for each fact, as ten facts in a row fit into no terminal.

    Where there are more environments than fit side by side the table goes on below. What is wrong with one,
    and what to do, stands under the table in whole lines.
    """

    def __init__(self, result: StatusList) -> None:
        self._environments = result.environments

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        """Give the table, or tables, that fit into the width."""
        most = max(1, (options.max_width - _LABEL_WIDTH) // _LEAST_WIDTH)
        for number, part in enumerate(_parts(self._environments, most)):
            if number:
                yield Text("")
            yield _environment_table(part)
        for each in self._environments:
            yield from _remarks(each)


def _parts(environments: Sequence[EnvironmentStatus], most: int) -> Iterator[Sequence[EnvironmentStatus]]:
    """Give as few parts as possible, of much the same size."""
    parts = ceil(len(environments) / most) or 1
    size = ceil(len(environments) / parts) or 1
    for start in range(0, len(environments), size):
        yield environments[start : start + size]


def _environment_table(environments: Sequence[EnvironmentStatus]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("", style="dim", no_wrap=True)
    cells = [status_cells(each) for each in environments]
    for each in cells:
        table.add_column(Text(each[0], style="bold"), overflow="fold")
    states = (
        Text(texts[1], style=_STATE_COLOURS.get(each.state, "bold red"))
        for each, texts in zip(environments, cells, strict=True)
    )
    table.add_row("state", *states)
    for row, label in enumerate(_LABELS, start=2):
        # A row in which nothing is known, such as that of edited files, says nothing.
        if any(texts[row] != "-" for texts in cells):
            table.add_row(label, *(Text(texts[row]) for texts in cells))
    return table


def _remarks(status: EnvironmentStatus) -> Iterator[Text]:
    name, *_facts, note, hint = status_cells(status)
    if note != "-":
        yield Text(f"{name}: ", style="bold").append(note, style="red" if status.error else "not bold")
    if hint != "-":
        yield Text(f"  {hint}", style="dim")
