"""Results at a terminal: tables and colours, with the same facts as the plain lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import singledispatch
from math import ceil

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from migrator.plain import How, Kind, Line, lines
from migrator.plain.environment_status_lines import environment_cells, status_cells
from migrator.plain.fleet_lines import details, summary, total
from migrator.plain.records_lines import log_cells
from migrator.plain.revisions_lines import ahead_words, marks, parents
from migrator.results.environment_status import (
    Diagnosis,
    EnvironmentInfo,
    EnvironmentList,
    EnvironmentStatus,
    State,
    StatusList,
)
from migrator.results.fleet import FleetResult, TenantOutcome
from migrator.results.records import LogList
from migrator.results.revisions import Current, History, Revision
from migrator.results.written import Initialized

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
        count = len(self._environments)
        # As few tables as possible, of much the same size.
        size = ceil(count / ceil(count / most)) if count else 1
        for start in range(0, count, size):
            if start:
                yield Text("")
            yield _environment_table(self._environments[start : start + size])
        for each in self._environments:
            yield from _remarks(each)


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


_COLOURS = {
    Kind.ADDED: "green",
    Kind.DROPPED: "red",
    Kind.ALTERED: "yellow",
    Kind.DONE: "bold green",
    Kind.GOOD: "green",
    Kind.WRONG: "bold red",
    Kind.OPEN: "yellow",
    Kind.NEXT: "bold",
    Kind.DETAIL: "dim",
}


@singledispatch
def rendered(result: object, how: How) -> RenderableType:
    """Give what Rich prints for a result: its plain lines, coloured, unless it has a table of its own."""
    return Group(*(_coloured(line) for line in lines(result, how)))


def _coloured(line: Line, *, whole: bool = False) -> Text:
    style = _COLOURS.get(line.kind, "")
    return Text(line, style=style, no_wrap=whole, overflow="ignore" if whole else None)


@rendered.register
def _(result: History, how: How) -> RenderableType:
    if how.verbose or not result.revisions:
        return rendered.dispatch(object)(result, how)
    asked = result.current is not None
    table = _table(*(["state"] if asked else []), "revision", "after", "date", "message")
    for revision in result.revisions:
        name = f"{revision.revision}{marks(revision, state=False)}"
        table.add_row(
            *([_state(revision)] if asked else []),
            Text(name, style="bold" if revision.is_head else ""),
            Text(parents(revision), style="dim"),
            Text((revision.created or "")[:16], style="dim"),
            Text(revision.message),
        )
    if result.current is None:
        return table
    pending = sum(revision.applied is False for revision in result.revisions)
    where = ", ".join(result.current) or "base"
    return Group(table, Text(f"{how.environment} is at {where}, {pending} pending"))


def _state(revision: Revision) -> Text:
    if revision.current:
        return Text("current", style="bold green")
    return Text("applied", style="green") if revision.applied else Text("pending", style="yellow")


@rendered.register
def _(result: Current, how: How) -> RenderableType:
    if result.ahead:
        where = f"{how.environment} is at {', '.join(result.heads)} {ahead_words(result)}"
        return Text(where, style="yellow")
    if not result.revisions:
        return Text(f"{how.environment} is at base: no revision is applied")
    if how.verbose:
        return rendered.dispatch(object)(result, how)
    return Group(*(_standing(revision, how) for revision in result.revisions))


def _standing(revision: Revision, how: How) -> Text:
    name = f"{revision.revision}{marks(revision, state=False)}"
    return Text.assemble(f"{how.environment} is at ", (name, "bold"), (f"  {revision.message}", "dim"))


@rendered.register
def _(result: LogList, how: How) -> RenderableType:
    if not result.entries:
        where = "has no log yet" if result.table is None else f"{result.table} has no such rows"
        return Text(f"{how.environment}: {where}")
    table = _table("when", "what", "revision", "took", "who")
    for entry in result.entries:
        table.add_row(*log_cells(entry)[:5])
    return table


@rendered.register
def _(result: Initialized, how: How) -> RenderableType:
    # A command that is to be copied must not be broken into lines.
    return Group(*(_coloured(line, whole=True) for line in lines(result, how)))


_SEVERITIES = {"ok": "green", "note": "yellow", "problem": "bold red"}


@rendered.register
def _(result: Diagnosis, _how: How) -> RenderableType:
    table = Table(show_header=False, box=None, padding=(0, 1), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in result.findings:
        severity = Text(finding.severity, style=_SEVERITIES[finding.severity])
        hint = (f"\n{finding.hint}" if finding.hint else "", "dim")
        table.add_row(severity, Text(finding.topic), Text.assemble(finding.text, hint))
    return table


@rendered.register
def _(result: EnvironmentList, _how: How) -> RenderableType:
    return Group(*(_environment(info) for info in result.environments))


def _environment(info: EnvironmentInfo) -> RenderableType:
    """A block for each environment: six columns do not fit into 80."""
    name, file, folder, url, origin, flags = environment_cells(info)
    title = Text.assemble(name, ("" if flags == "-" else f"  {flags}", "yellow"), style="bold")
    table = Table(show_header=False, box=None, padding=(0, 1), pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("  file", Text(file))
    table.add_row("  versions", Text(folder))
    table.add_row("  database", Text(url, style="red" if info.error else ""))
    table.add_row("  from", Text(origin))
    return Group(title, table)


_OUTCOMES: dict[TenantOutcome, str] = {
    "failed": "bold red",
    "nothing to do": "dim",
    "skipped": "yellow",
    "planned": "yellow",
    "no": "yellow",
    "done": "green",
    "yes": "green",
}


@rendered.register
def _(result: FleetResult, how: How) -> RenderableType:
    shown: list[Text] = []
    for answer in result.tenants:
        outcome = (summary(answer), _OUTCOMES.get(answer.outcome, ""))
        shown += [
            Text.assemble((f"{answer.tenant}: ", "bold"), outcome),
            *map(_coloured, details(answer, how)),
        ]
    tenants, outcomes = total(result)
    return Group(*shown, Text.assemble((f"{tenants}: ", "bold"), outcomes))


@rendered.register
def _(result: StatusList, _how: How) -> RenderableType:
    return StatusTable(result)


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, no_wrap=column in ("state", "date"), overflow="fold")
    return table
