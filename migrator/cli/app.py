"""The table of commands, and the Typer application made of it: each command when it is asked for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from migrator import __version__
from migrator.cli.commands import change_commands as change
from migrator.cli.commands import init_commands as start
from migrator.cli.commands import judge_commands as judge
from migrator.cli.commands import look_commands as look
from migrator.cli.commands import write_commands as write
from migrator.cli.invocation import Invocation, Outcome
from migrator.cli.options import (
    Common,
    FleetOptions,
    parameters_of,
    parse_fleet_options,
    parse_options,
    with_common,
)
from migrator.cli.targets import TargetCommand, take_as_typed


@dataclass(frozen=True)
class Command:
    """One command: its name, its function, the group it is listed under, and an example for its help.

    One `for_tenants` takes the options that say for which. `refused` are common options that it cannot take.
    """

    name: str
    function: Callable[..., Outcome]
    panel: str
    example: str
    alias_of: str | None = None
    settings: dict[str, Any] | None = None
    for_tenants: bool = False
    refused: tuple[str, ...] = ()


_WRITE, _CHANGE, _LOOK, _JUDGE = "Write revisions", "Change a database", "Look", "Judge"

# Of the common options, what names one environment where a command is about two.
_ONE_PLACE = ("env", "config", "url")

COMMANDS = (
    Command("init", start.init, _WRITE, "migrator init --models app.models", refused=("config", "url", "x")),
    Command("generate", write.generate, _WRITE, 'migrator generate -m "add orders"'),
    Command("revision", write.generate, _WRITE, 'migrator revision -m "add orders"', alias_of="generate"),
    Command("merge", write.merge, _WRITE, 'migrator merge heads -m "merge"'),
    Command("rebase", write.rebase, _WRITE, "migrator rebase 16619171fa2e"),
    Command(
        "promote",
        write.promote,
        _WRITE,
        "migrator promote --from testing --to production",
        refused=_ONE_PLACE,
    ),
    Command("edit", write.edit, _WRITE, "EDITOR=nano migrator edit head"),
    Command("squash", write.squash, _WRITE, "migrator squash --to 268165bdf2db"),
    Command("reset-versions", write.reset_versions, _WRITE, "migrator reset-versions --dry-run"),
    Command("upgrade", change.upgrade, _CHANGE, "migrator upgrade --env production", for_tenants=True),
    Command("downgrade", change.downgrade, _CHANGE, "migrator downgrade -1", for_tenants=True),
    Command("stamp", change.stamp, _CHANGE, "migrator stamp head", for_tenants=True),
    Command(
        "mark", change.mark, _CHANGE, "migrator mark --env staging --confirm app_staging", for_tenants=True
    ),
    Command("ensure-version", change.ensure_version, _CHANGE, "migrator ensure-version"),
    Command("wait", look.wait, _CHANGE, "migrator wait --env production --for head --timeout 60s"),
    Command(
        "run",
        change.run,
        _CHANGE,
        "migrator run -- uvicorn examples.api.main:app",
        settings={"allow_interspersed_args": False},
    ),
    Command(
        "current", look.current, _LOOK, "migrator current --env production --check-heads", for_tenants=True
    ),
    Command("history", look.history, _LOOK, "migrator history -i"),
    Command("heads", look.heads, _LOOK, "migrator heads"),
    Command("branches", look.branches, _LOOK, "migrator branches"),
    Command("show", look.show, _LOOK, "migrator show head"),
    Command("status", look.status, _LOOK, "migrator status", for_tenants=True),
    Command("log", look.log, _LOOK, "migrator log --env production --limit 5", for_tenants=True),
    Command("envs", look.envs, _LOOK, "migrator envs"),
    Command("doctor", look.doctor, _LOOK, "migrator doctor --env production"),
    Command("check", judge.check, _JUDGE, "migrator check", for_tenants=True),
    Command("diff", judge.diff, _JUDGE, "migrator diff production testing", refused=_ONE_PLACE),
    Command("lint", judge.lint, _JUDGE, "migrator lint head"),
    Command("verify", judge.verify, _JUDGE, "migrator verify --from 16619171fa2e"),
)


class Commands(Mapping[str, Any]):
    """The commands by name. Making all of them takes longer than what most of them do before they connect.

    `markup` is Typer's `rich_markup_mode`.
    """

    def __init__(self, markup: Any) -> None:
        self._table = {command.name: command for command in COMMANDS}
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
        invocation.json = invocation.common.json or invocation.fleet.json_lines
        invocation.command = command.alias_of or command.name
        with invocation.echoing():
            return command.function(invocation, **values)

    more = parameters_of(FleetOptions, "Tenants") if command.for_tenants else []
    return with_common(command.function, call, more=more, refused=command.refused)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"migrator {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Alembic migrations that know environments."""


def _take_root(ctx: typer.Context, **values: Any) -> None:
    invocation: Invocation = ctx.obj
    invocation.common = invocation.common.joined(parse_options(Common, values))


class _RootGroup(TyperGroup):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "commands": Commands(settings["rich_markup_mode"])})

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        take_as_typed(self.get_params(ctx))
        return super().parse_args(ctx, args)


def build_app(*, rich: bool) -> typer.Typer:
    """Make the application. With `rich`, help is drawn for a terminal; without it, Rich is not imported."""
    app = typer.Typer(
        name="migrator",
        cls=_RootGroup,
        rich_markup_mode="rich" if rich else None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    app.callback(epilog="Example: migrator upgrade --env production")(with_common(_root, _take_root))
    return app
