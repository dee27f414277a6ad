"""The options of commands that can run for many tenants."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial
from typing import Annotated, Any

import typer

from migrator.cli.options import parse_options
from migrator.errors import UsageError

_option = partial(typer.Option, rich_help_panel="Tenants")


@dataclass(frozen=True)
class FleetOptions:
    """What the command line says about tenants."""

    tenants: Annotated[
        list[str] | None,
        _option(
            "--tenants",
            metavar="all|NAME|GLOB|file:F",
            help="Do it for these tenants of the environment (repeatable).",
        ),
    ] = None
    jobs: Annotated[
        int | None,
        _option("--jobs", metavar="N", min=1, max=1000, help="Tenants at a time."),
    ] = None
    keep_going: Annotated[
        bool | None,
        _option(
            "--keep-going/--fail-fast",
            help="After a tenant failed: go on, or begin no other. Protected environments fail fast.",
            show_default=False,
        ),
    ] = None
    canary: Annotated[
        int | None,
        _option("--canary", metavar="N", min=1, help="So many tenants first; the rest if they went well."),
    ] = None
    shard: Annotated[
        str | None,
        _option("--shard", metavar="I/N", help="Only part I, from 0, of N parts of the tenants."),
    ] = None
    executor: Annotated[
        str | None,
        _option("--executor", metavar="local|dask", help="Processes here, or a Dask cluster."),
    ] = None
    scheduler: Annotated[
        str | None,
        _option("--scheduler", metavar="ADDRESS", help="Of the Dask cluster."),
    ] = None
    json_lines: Annotated[
        bool,
        _option("--json-lines", help="JSON on stdout: a line for each tenant as it ends, then the document."),
    ] = False


def parse_fleet_options(values: dict[str, Any]) -> FleetOptions:
    """Take the options out of a command's arguments. Raises UsageError where they need others."""
    options = parse_options(FleetOptions, values)
    if not options.tenants:
        given = [
            each.name for each in fields(options) if getattr(options, each.name) not in (None, False, [])
        ]
        # A --fail-fast is False too.
        given += ["fail_fast"] if options.keep_going is False else []
        if given:
            name = given[0].replace("_", "-")
            raise UsageError(f"--{name} needs --tenants.", hint="For example: --tenants all")
    if options.executor not in (None, "local", "dask"):
        raise UsageError(f"--executor {options.executor} is not known.", hint="Give local or dask.")
    if (options.executor == "dask") != (options.scheduler is not None):
        raise UsageError(
            "--executor dask and --scheduler belong together.",
            hint="For example: --executor dask --scheduler tcp://127.0.0.1:8786",
        )
    return options
