"""The page of all commands, from the Typer application: usage, arguments, options and example of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import typer

from migrator.cli.app import COMMANDS, Command, build_app

_HEAD = """\
# Commands

Written by `make docs` from the program itself; `migrator COMMAND --help` says the same.
[Common options](#common-options) stand before a command's name or after it. What the exit codes mean is in
the [README](../../README.md#exit-codes).
"""
_TENANTS = "Tenants"
_COMMON = "Common options"
# Where more is told about a command than its options.
_DEVELOPERS = "[several developers, one history](../how-to/developers.md)"
_PROMOTE = "[revisions from one environment to the next](../how-to/promote.md)"
_SQUASH = "[shorten a long history](../how-to/squash.md)"
_A_RUN = "[how a run works](../explanation/a-run.md)"
_COMPARING = "[what is compared](../explanation/comparing.md)"
_TOLD = {
    "init": "[the tutorial](../tutorial.md)",
    "generate": _COMPARING,
    "merge": _DEVELOPERS,
    "rebase": _DEVELOPERS,
    "promote": _PROMOTE,
    "diff": _PROMOTE,
    "squash": _SQUASH,
    "reset-versions": _SQUASH,
    "upgrade": _A_RUN,
    "downgrade": _A_RUN,
    "stamp": _A_RUN,
    "mark": _A_RUN,
    "check": _COMPARING,
    "lint": "[risky changes](../how-to/lint.md)",
    "verify": "[the way back](../how-to/verify.md)",
}


def commands_page() -> str:
    """Give the page as Markdown."""
    group: Any = typer.main.get_command(build_app(rich=False))
    parts = [_HEAD]
    for panel, commands in groupby(COMMANDS, key=lambda command: command.panel):
        parts.append(f"## {panel}\n")
        parts += [_section(command, group.commands[command.name]) for command in commands]
    parts.append(f"## {_COMMON}\n\n{_options(group.params, _COMMON)}")
    one_for_tenants = next(command.name for command in COMMANDS if command.for_tenants)
    parts.append(
        "## Options for tenants\n\n"
        f"Of those commands that can be run for many [tenants](../fleets.md) at once.\n\n"
        f"{_options(group.commands[one_for_tenants].params, _TENANTS)}"
    )
    return "\n".join(parts)


def _section(command: Command, made: Any) -> str:
    if command.alias_of is not None:
        return f"### {command.name}\n\nThe same as [{command.alias_of}](#{command.alias_of}).\n"
    arguments = [each for each in made.params if each.param_type_name == "argument"]
    parts = [
        f"### {command.name}",
        _purpose(made),
        f"    migrator {command.name} {' '.join(['[OPTIONS]', *map(_argument, arguments)])}",
    ]
    if arguments:
        parts.append(_table("argument", ((_argument(each), _explained(each)) for each in arguments)))
    own = _options(made.params, None)
    if own:
        parts.append(own.rstrip("\n"))
    parts.append(f"Example: `{command.example}`")
    parts += _links(command)
    return "\n\n".join(parts) + "\n"


def _links(command: Command) -> Iterator[str]:
    tenants = "Takes the [options for tenants](#options-for-tenants) too." if command.for_tenants else ""
    told = f"See {_TOLD[command.name]}." if command.name in _TOLD else ""
    if tenants or told:
        yield " ".join(filter(None, (tenants, told)))


def _purpose(made: Any) -> str:
    return str(made.help).partition("\n")[0].strip()


def _argument(argument: Any) -> str:
    name = str(argument.metavar or argument.name.upper())
    return name if argument.required else f"[{name}]"


def _options(params: Iterable[Any], panel: str | None) -> str:
    shown = [
        each
        for each in params
        if each.param_type_name == "option" and each.rich_help_panel == panel and not each.hidden
    ]
    own = [each for each in shown if each.name not in ("help", "install_completion", "show_completion")]
    rows = ((_named(each), _explained(each)) for each in own if each.name != "version")
    return _table("option", rows) + "\n" if own else ""


def _named(option: Any) -> str:
    names = sorted([*option.opts, *option.secondary_opts], key=lambda name: (name.startswith("--"), name))
    value = f" {option.metavar}" if option.metavar and not option.is_flag else ""
    return ", ".join(f"`{name}{value if name == names[-1] else ''}`" for name in names)


def _explained(param: Any) -> str:
    text = str(param.help or "").replace("|", "\\|")
    # What Typer itself adds to a help text differs from one version to the next.
    default = param.default if isinstance(param.default, str | int) and not _is_flag(param) else None
    repeatable = param.param_type_name == "option" and param.multiple and "(repeatable)" not in text
    return (
        text
        + (" Repeatable." if repeatable else "")
        + (f" Default: `{default}`." if default not in (None, "") else "")
    )


def _is_flag(param: Any) -> bool:
    return bool(getattr(param, "is_flag", False))


def _table(what: str, rows: Iterable[tuple[str, str]]) -> str:
    lines = [f"| {what} | meaning |", "|---|---|"]
    for name, text in rows:
        cell = name if name.startswith("`") else f"`{name}`"
        lines.append(f"| {cell.replace('|', chr(92) + '|')} | {text} |")
    return "\n".join(lines)
