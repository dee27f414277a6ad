"""The options that every command takes, those of commands for many tenants, and those that several share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Container, Sequence
from copy import copy
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from migrator.cli.complete import complete_environment, complete_revision
from migrator.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Options = TypeVar("Options", bound=DataclassInstance)


@dataclass(frozen=True)
class Common:
    """The values of the common options."""

    env: Annotated[
        str | None,
        typer.Option(
            "--env",
            "-e",
            metavar="NAME",
            help="Environment, such as production or testing.",
            autocompletion=complete_environment,
        ),
    ] = None
    config: Annotated[
        str | None,
        typer.Option(
            "--config", "-c", metavar="FILE", help="Any Alembic ini or pyproject.toml, instead of --env."
        ),
    ] = None
    name: Annotated[
        str | None,
        typer.Option("--name", "-n", metavar="SECTION", help="Section of the ini file, instead of alembic."),
    ] = None
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="Database URL; goes before every other source.")
    ] = None
    x: Annotated[
        list[str] | None,
        typer.Option("-x", metavar="KEY=VALUE", help="Argument for env.py (context.get_x_argument)."),
    ] = None
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No banner and no progress on stderr.")] = False
    echo: Annotated[bool, typer.Option("--echo", help="Show the SQL on stderr as it runs.")] = False
    traceback: Annotated[bool, typer.Option("--traceback", help="Show where an error came from.")] = False
    no_input: Annotated[bool, typer.Option("--no-input", help="Never ask a question.")] = False

    def joined(self, later: Common) -> Common:
        """Join options before the command with those after it. Raises UsageError where they disagree."""
        values: dict[str, Any] = {}
        for each in fields(self):
            first, second = getattr(self, each.name), getattr(later, each.name)
            if each.name == "x":
                values["x"] = [*(first or []), *(second or [])]
            elif first and second and first != second:
                # A URL may hold a password that nobody knows of yet.
                values_said = "" if each.name == "url" else f", as {first} and as {second}"
                raise UsageError(f"--{each.name} is given twice{values_said}.", hint="Give it once.")
            else:
                values[each.name] = first or second
        return Common(**values)


@dataclass(frozen=True)
class FleetOptions:
    """What the command line says about tenants."""

    tenants: Annotated[
        list[str] | None,
        typer.Option(
            "--tenants",
            metavar="all|NAME|GLOB|file:F",
            help="Do it for these tenants of the environment (repeatable).",
        ),
    ] = None
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", metavar="N", min=1, max=1000, help="Tenants at a time."),
    ] = None
    keep_going: Annotated[
        bool | None,
        typer.Option(
            "--keep-going/--fail-fast",
            help="After a tenant failed: go on, or begin no other. Protected environments fail fast.",
            show_default=False,
        ),
    ] = None
    canary: Annotated[
        int | None,
        typer.Option(
            "--canary", metavar="N", min=1, help="So many tenants first; the rest if they went well."
        ),
    ] = None
    shard: Annotated[
        str | None,
        typer.Option("--shard", metavar="I/N", help="Only part I, from 0, of N parts of the tenants."),
    ] = None
    executor: Annotated[
        str | None,
        typer.Option("--executor", metavar="local|dask", help="Processes here, or a Dask cluster."),
    ] = None
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", metavar="ADDRESS", help="Of the Dask cluster."),
    ] = None
    json_lines: Annotated[
        bool,
        typer.Option(
            "--json-lines", help="JSON on stdout: a line for each tenant as it ends, then the document."
        ),
    ] = False


@cache
def parameters_of(options: type[DataclassInstance], panel: str) -> list[inspect.Parameter]:
    """Return options, the fields of a dataclass, as parameters that help shows in a panel of their own."""
    hints = inspect.get_annotations(options, eval_str=True)
    for each in fields(options):
        hints[each.name].__metadata__[0].rich_help_panel = panel
    return [
        inspect.Parameter(
            each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=hints[each.name]
        )
        for each in fields(options)
    ]


def _unlisted(parameter: inspect.Parameter) -> inspect.Parameter:
    (option,) = parameter.annotation.__metadata__
    unlisted = copy(option)
    unlisted.hidden = True
    return parameter.replace(annotation=Annotated[parameter.annotation.__origin__, unlisted])


def parse_options(options: type[Options], values: dict[str, Any], keep: Container[str] = ()) -> Options:
    """Take options, the fields of a dataclass, out of a command's arguments, but for those of `keep`."""
    return options(**{each.name: values.pop(each.name) for each in fields(options) if each.name not in keep})


def parse_fleet_options(values: dict[str, Any]) -> FleetOptions:
    """Take the options out of a command's arguments. Raises UsageError where they need others."""
    options = parse_options(FleetOptions, values)
    if not options.tenants:
        given = [name for name, value in vars(options).items() if value not in (None, False, [])]
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


def with_common(
    function: Callable[..., Any],
    wrapper: Callable[..., Any],
    *,
    more: Sequence[inspect.Parameter] = (),
    refused: Container[str] = (),
) -> Callable[..., Any]:
    """Give `wrapper` the signature of `function`, but for its Invocation `run`, and the common options.

    `more` are options between the two. A common option that the function has itself is the function's own;
    those that are `refused` are understood, so that an error can say why, and stand in no help.

    Typer builds a command from the signature; written out, ten options would stand in every function.
    """
    signature = inspect.signature(function, eval_str=True)
    own = [
        each.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for each in signature.parameters.values()
        if each.name != "run"
    ]
    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    names = {each.name for each in own}
    common = [
        _unlisted(each) if each.name in refused else each
        for each in parameters_of(Common, "Common options")
        if each.name not in names
    ]
    parameters = [context, *own, *more, *common]
    wrapper.__doc__ = function.__doc__
    wrapper.__name__ = function.__name__
    wrapper.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=parameters, return_annotation=Any
    )
    wrapper.__annotations__ = {each.name: each.annotation for each in parameters}
    return wrapper


Target = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help="head, base, an id or its beginning, +2, -1, label@head.",
        autocompletion=complete_revision,
    ),
]
Targets = Annotated[
    list[str],
    typer.Argument(
        metavar="TARGET...", help="Revisions; heads for all heads.", autocompletion=complete_revision
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Everything that each file says.")]
Sql = Annotated[bool, typer.Option("--sql", help="Print the SQL instead of running it.")]
Tag = Annotated[
    str | None, typer.Option("--tag", metavar="TAG", help="Tag for env.py (context.get_tag_argument).")
]
Confirm = Annotated[
    str | None,
    typer.Option("--confirm", metavar="ENVIRONMENT", help="Name of the environment, where it is protected."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would happen, and change nothing.")]
LockWait = Annotated[
    str | None,
    typer.Option("--lock-wait", metavar="TIME", help="How long to wait for another run, such as 60s."),
]
Backup = Annotated[
    bool, typer.Option("--backup/--no-backup", help="Copy an SQLite file to .migrator/backups first.")
]
Message = Annotated[
    str | None, typer.Option("--message", "-m", metavar="TEXT", help="What the revision does.")
]
RevId = Annotated[
    str | None, typer.Option("--rev-id", metavar="ID", help="Id of the revision, instead of a random one.")
]
BranchLabel = Annotated[
    str | None, typer.Option("--branch-label", metavar="LABEL", help="Label of the branch that begins here.")
]
AgainstOption = Annotated[
    str | None,
    typer.Option("--against", metavar="history|database", help="What the models are compared with."),
]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="Replay the history from its beginning, as if for the first time.")
]
Summary = Annotated[
    str | None,
    typer.Option("--summary", metavar="FILE", help="Append the answer to a file too, in Markdown."),
]


def comparing_with(text: str | None) -> Literal["history", "database"] | None:
    """Read what `--against` says, None where it is not given. Raises UsageError."""
    match text:
        case None | "history" | "database":
            return text
    raise UsageError(f"--against {text} is not known.", hint="Give --against history or --against database.")
