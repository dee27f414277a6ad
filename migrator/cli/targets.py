"""Lets `-1` be a target, and nothing else that begins with a dash.

The parser takes `-1` for an option, and its way out (`ignore_unknown_options`) turns a mistyped option into a
target. Here the arguments are sorted into options and the rest first, and only `-<digits>` joins the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from typer.core import TyperCommand

from migrator.errors import UsageError

# How the help calls the value of an option that is a revision.
_REVISIONS = ("REV", "REVISION", "TARGET")


class TargetCommand(TyperCommand):
    """A command whose arguments may be relative targets such as `-1`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse as usual, with targets moved behind `--`."""
        take_as_typed(self.get_params(ctx))
        # The arguments of `run` are another command's, and stay as they are.
        if ctx.allow_interspersed_args and any(re.fullmatch(r"-\d+", arg) for arg in args):
            args = targets_last(args, _taking_values(self.params))
        rest = super().parse_args(ctx, args)
        if ctx.allow_interspersed_args:
            self._refuse_empty(ctx)
        return rest

    def _refuse_empty(self, ctx: Any) -> None:
        """Refuse an argument or a revision without a text: a variable of a script that is not set."""
        for param in self.params:
            argument = param.param_type_name == "argument"
            given = ctx.params.get(param.name) if argument or param.metavar in _REVISIONS else None
            values = given if isinstance(given, list | tuple) else [given]
            if any(each == "" for each in values):
                named = "An argument" if argument else f"The option {param.opts[0]}"
                raise UsageError(
                    f"{named} of {ctx.info_name} is empty.",
                    hint="Is a variable of the script not set? Leave it out, or give one.",
                )


def _taking_values(params: Iterable[Any]) -> set[str]:
    return {
        opt
        for param in params
        if param.param_type_name == "option" and not getattr(param, "is_flag", False)
        for opt in param.opts
    }


def targets_last(args: list[str], taking_values: set[str]) -> list[str]:
    """Sort arguments: options with their values first, then `--`, then the rest.

    `taking_values` are the options that take a value, which may look like a target.
    """
    options: list[str] = []
    rest: list[str] = []
    waiting = iter(args)
    for arg in waiting:
        if arg == "--":
            rest.extend(waiting)
        elif re.fullmatch(r"-\d+", arg) or not arg.startswith("-") or arg == "-":
            rest.append(arg)
        else:
            options.append(arg)
            if _value_follows(arg, taking_values):
                options.extend([value for value in [next(waiting, None)] if value is not None])
    return [*options, "--", *rest]


def _value_follows(arg: str, taking_values: set[str]) -> bool:
    if arg.startswith("--"):
        return arg in taking_values
    # In a cluster such as -vx only the last letter can be waiting for a value.
    for index, letter in enumerate(arg[1:], start=1):
        if f"-{letter}" in taking_values:
            return index == len(arg) - 1
    return False


class _AsTyped:
    """Stands before Typer's own conversion of one parameter's values.

    Typer 0.29 hands every value that is not a flag to pydantic, and imports it for options that were not even
    given: a sixth of the time that `heads` takes. A text needs no conversion.
    """

    def __init__(self, annotation: object, conversion: Callable[[], Any]) -> None:
        self._is_text = annotation in (str, list[str])
        self._conversion = conversion

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Give a value as the command gets it."""
        if value is not None and not self._is_text:
            return self._conversion().coerce(value, param=param, ctx=ctx)
        return list(value or ()) if param.multiple or param.nargs == -1 else value


def take_as_typed(params: Iterable[Any]) -> None:
    """Keep Typer from converting texts, and options that were not given.

    Typer 0.28, which has no such conversion, is left as it is.
    """
    for param in params:
        descriptor = getattr(param, "type_descriptor", None)
        if descriptor is not None:
            param.get_runtime_param = partial(_AsTyped, descriptor.annotation, param.get_runtime_param)
