"""Turns plain functions into commands with the common options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import typer

from migrator.cli.common import take_common, with_common
from migrator.cli.invocation import Invocation, Outcome
from migrator.cli.targets import TargetCommand

CommandFunction = Callable[..., Outcome]


@dataclass(frozen=True)
class Command:
    """One command: its name, its function, the group it is listed under, and an example for its help."""

    name: str
    function: CommandFunction
    panel: str
    example: str
    alias_of: str | None = None
    settings: dict[str, Any] | None = None


def register(app: typer.Typer, command: Command) -> None:
    """Add a command to the Typer application."""
    app.command(
        command.name,
        cls=TargetCommand,
        rich_help_panel=command.panel,
        epilog=f"Example: {command.example}",
        hidden=command.alias_of is not None,
        context_settings=command.settings,
        no_args_is_help=False,
    )(_callable(command))


def _callable(command: Command) -> Callable[..., Outcome]:
    def call(ctx: typer.Context, **values: Any) -> Outcome:
        invocation: Invocation = ctx.obj
        invocation.common = invocation.common.joined(take_common(values))
        invocation.command = command.alias_of or command.name
        return command.function(invocation, **values)

    return with_common(command.function, call, skip=1)
