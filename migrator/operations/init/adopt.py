"""Makes environments over an Alembic project that is there, moving and editing none of its files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from migrator.config.environments import Environment, discover
from migrator.errors import Effect, RefusedError, UsageError
from migrator.operations.init.adopted_files import AdoptedFiles
from migrator.operations.init.bases import find_models
from migrator.operations.init.layout import developing
from migrator.operations.init.project import (
    LOOK,
    FilePlan,
    refuse_percent,
    unfinished_notes,
    with_models,
    with_url,
)
from migrator.operations.init.questions import (
    DEFAULT_NAMES,
    Ask,
    InitRequest,
    ProjectChoices,
    new_ones,
    settle_environments,
    unfinished_ones,
)
from migrator.operations.init.sources import read_sources
from migrator.operations.init.team import Team
from migrator.results.written import Initialized


def adopt(root: Path, file: Path, request: InitRequest, ask: Ask) -> Initialized:
    """Write an ini for each environment that means what the team's configuration `file` means.

    All of them have the team's version folder, and its env.py, unless that needs another tool to run. Raises
    UsageError, ConfigurationError, and RefusedError for a configuration of several databases.
    """
    refuse_percent(root)
    there, _broken = discover(root)
    team = Team.read(root, file, request.section)
    _refuse_unfit(team, request)
    sources = read_sources(root)
    models = request.models or (find_models(sources) if team.env_py.needs else ())
    unfinished = unfinished_ones(root) if there else ()
    request = replace(request, names=request.names or unfinished)
    said = settle_environments(request, root, () if there else DEFAULT_NAMES, ask)
    named = new_ones(said, request, root)
    settled = ProjectChoices(named, models, request.database or "url", shared=True)
    made = AdoptedFiles(root, team, settled, sources, there)
    plan = FilePlan(root)
    plan.kept += [each.file.as_posix() for each in said if each not in named]
    plan.write(made.files())
    if not request.dry_run:
        plan.carry_out()
    return Initialized(
        root=str(root),
        environments=tuple(made.result(each) for each in made.named),
        models=models if named else (),
        written=plan.written,
        kept=tuple(plan.kept),
        adopted=team.shown(team.source.file),
        shared_folder=True,
        dry_run=request.dry_run,
        notes=(*unfinished_notes(unfinished, made.named), *made.notes()),
        next=_next(made, team, models, there),
    )


def _refuse_unfit(team: Team, request: InitRequest) -> None:
    env_py = team.shown(team.scripts / "env.py")
    if request.template != "default":
        raise UsageError(
            "--template does not go with --from: the files are made from the team's.", hint="Leave it out."
        )
    if team.source.databases:
        raise RefusedError(
            f"{team.shown(team.source.file)} has a URL in each of several sections, and an environment is one"
            " database.",
            effect=Effect.NOTHING_WRITTEN,
            hint=f"It is driven as it is: migrator upgrade --config {team.shown(team.source.file)}",
        )
    if request.models and not team.runs_ours:
        raise UsageError(
            f"--models does not go with {env_py}, which names the models itself.",
            hint=f"Leave it out, and set target_metadata in {env_py}.",
        )
    if request.database in ("embedded", "sqlite") and not team.runs_ours:
        raise UsageError(
            f"--database {request.database} does not go with an env.py that makes its own engine.",
            hint="Leave it out: the database is said by a variable, which the next command names.",
        )
    if request.shared is False:
        raise UsageError(
            "--separate does not go with --from: all environments have the version folder that is there.",
            hint="Leave it out.",
        )


def _next(made: AdoptedFiles, team: Team, models: Sequence[str], there: Sequence[Environment]) -> str:
    """Give what brings the developers' database to head."""
    if not made.named:
        return LOOK
    first = developing(made.named) or made.named[0]
    # Beside environments that are there it is not the default.
    env = f" --env {first.name}" if first.protected or there else ""
    commands = f"migrator upgrade{env}"
    if not team.has_revisions:
        commands = f"migrator generate -m initial{env} && {commands}"
    if not made.has_database(first):
        commands = with_url(first, commands, team.scheme)
    if team.has_revisions:
        return commands
    if team.env_py.needs is not None:
        return commands if models else with_models(first, commands)
    env_py = team.shown(team.scripts / "env.py")
    return f"set target_metadata in {env_py}, then: {commands}" if team.env_py.no_models else commands
