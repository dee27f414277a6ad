"""The command that makes a project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from migrator.cli.invocation import Invocation, Outcome
from migrator.cli.options import DryRun
from migrator.errors import UsageError


def init(
    run: Invocation,
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE", help="Alembic ini or pyproject.toml to make environments of."),
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--models", metavar="NAME", help="Package of the models, or package.module:Base (repeatable)."
        ),
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option(
            "--env",
            "-e",
            metavar="NAME",
            help="An environment to make (repeatable) [testing, production].",
        ),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            "--database", metavar="embedded|url|sqlite", help="What is used while developing [embedded]."
        ),
    ] = None,
    shared: Annotated[
        bool | None,
        typer.Option("--shared/--separate", help="One version folder for all, or one for each [separate]."),
    ] = None,
    template: Annotated[
        str, typer.Option("--template", metavar="DIR", help="Folder of a template, or the name of one.")
    ] = "default",
    list_templates: Annotated[
        bool, typer.Option("--list-templates", help="List the templates that have names.")
    ] = False,
    dry_run: DryRun = False,
) -> Outcome:
    """Make a project of this folder, or of an Alembic project."""
    from migrator.operations.init import init as operation
    from migrator.operations.init.questions import InitRequest, parse_database, parse_models
    from migrator.operations.init.templates import list_templates as templates

    if list_templates:
        return Outcome(templates())
    _refuse_places(run)
    if run.common.name and from_ is None:
        raise UsageError(
            "--name is a section of the file of --from.", hint="Give that file too, or leave it out."
        )
    before = [run.common.env] if run.common.env is not None else []
    request = InitRequest(
        models=parse_models(models or ()),
        names=tuple(dict.fromkeys([*before, *(env or ())])),
        database=None if database is None else parse_database(database),
        shared=shared,
        template=template,
        adopt=None if from_ is None else Path(run.path(from_)),
        section=run.common.name or "alembic",
        dry_run=dry_run,
    )
    return Outcome(operation(Path.cwd(), request, run.question))


def _refuse_places(run: Invocation) -> None:
    """Refuse what says where to work: this works here, and with no database."""
    for option, given in (("--config", run.common.config), ("--url", run.common.url), ("-x", run.common.x)):
        if given:
            raise UsageError(
                f"init takes no {option}.", hint="An Alembic configuration is given with --from FILE."
            )
