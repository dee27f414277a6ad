"""Turns plain functions into commands with the common options, each when it is asked for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import typer

from migrator.cli.echo import echoing
from migrator.cli.fleet_options import FleetOptions, parse_fleet_options
from migrator.cli.invocation import Invocation, Outcome
from migrator.cli.options import Common, parameters_of, parse_options, with_common
from migrator.cli.targets import TargetCommand

CommandFunction = Callable[..., Outcome]


@dataclass(frozen=True)
class Command:
    """One command: its name, its function, the group it is listed under, and an example for its help.

    One `for_tenants` takes the options that say for which. `refused` are common options that it cannot take.
    """

    name: str
    function: CommandFunction
    panel: str
    example: str
    alias_of: str | None = None
    settings: dict[str, Any] | None = None
    for_tenants: bool = False
    refused: tuple[str, ...] = ()


class Commands(Mapping[str, Any]):
    """The commands by name. Making all of them takes longer than what most of them do before they connect.

    `markup` is Typer's `rich_markup_mode`.
    """

    def __init__(self, table: Iterable[Command], markup: Any) -> None:
        self._table = {command.name: command for command in table}
        self._made: dict[str, Any] = {}
        self._markup = markup

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = _make(self._table[name], self._markup)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)


def _make(command: Command, markup: Any) -> Any:
    app = typer.Typer(add_completion=False, rich_markup_mode=markup)
    app.command(
        command.name,
        cls=TargetCommand,
        rich_help_panel=command.panel,
        epilog=f"Example: {command.example}",
        hidden=command.alias_of is not None,
        context_settings=command.settings,
        no_args_is_help=False,
    )(_callable(command))
    return typer.main.get_command(app)


def _callable(command: Command) -> Callable[..., Outcome]:
    own = inspect.signature(command.function).parameters

    def call(ctx: typer.Context, **values: Any) -> Outcome:
        invocation: Invocation = ctx.obj
        invocation.begun = True
        invocation.common = invocation.common.joined(parse_options(Common, values, keep=own))
        if command.for_tenants:
            invocation.fleet = parse_fleet_options(values)
        invocation.json = invocation.common.json or bool(invocation.fleet and invocation.fleet.json_lines)
        invocation.command = command.alias_of or command.name
        with echoing(invocation.messages, wanted=invocation.common.echo):
            return command.function(invocation, **values)

    more = parameters_of(FleetOptions, "Tenants") if command.for_tenants else []
    return with_common(command.function, call, skip=1, more=more, refused=command.refused)
