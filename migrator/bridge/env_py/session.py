"""One command's use of Alembic: its Config, its version files, and runs of env.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

from alembic.config import Config
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import ScriptDirectory
from sqlalchemy import URL

from migrator.bridge.config import (
    Handover,
    alembic_config,
    hand_over,
    is_our_env,
    received_handover,
    set_option,
    set_version_locations,
)
from migrator.bridge.env_py.connected_database import connection_of, share_version_table
from migrator.bridge.env_py.observed import (
    MigrationFunction,
    ObservedEnvironment,
    env_failures,
    env_py_error,
    run_env,
)
from migrator.bridge.revision_files.loading import find_scripts, load_scripts, read_scripts
from migrator.bridge.tenant_cache import cached
from migrator.config.select import Workspace, refuse_none_of_many
from migrator.config.shared_databases import identity
from migrator.config.url import address, remember_passwords_in
from migrator.database.connecting.opening import (
    no_empty_files_left,
    no_files_made,
    open_database,
    report_slow_answers,
)
from migrator.database.kinds import kind_of
from migrator.errors import DatabaseError, Effect, RefusedError
from migrator.results.events import Connecting, Report, ignore

Look = Callable[[tuple[str, ...], MigrationContext], None]


@dataclass(frozen=True)
class Needs:
    """What a command needs of the database: to write, the models, or only the kind of it (offline).

    `absent_is_empty` is for a command that does not write: an SQLite file that is not there is no error.
    `whoever_lives_there` is for one that asks no more than whether the database answers.
    """

    writes: bool = True
    models: bool = True
    offline: bool = False
    absent_is_empty: bool = False
    whoever_lives_there: bool = False


class Session:
    """Runs the env.py of a workspace as often as a command needs it."""

    def __init__(
        self, workspace: Workspace, config: Config, scripts: ScriptDirectory, report: Report
    ) -> None:
        self.workspace = workspace
        self.config = config
        self.scripts = scripts
        self.connected_to: URL | None = None
        self._report = report
        self._announced = workspace.resolves_url

    def run(self, work: MigrationFunction, **options: Any) -> None:
        """Run env.py with `work` as Alembic's function of (heads, context).

        `options` are those of ObservedEnvironment, such as `dont_mutate`. Raises MigratorErrors for what goes
        wrong in env.py; what `work` raises comes through as it is where it is one.
        """
        with env_failures(self.workspace, self.scripts.env_py_location, lambda: self.connected_to):
            self.run_untranslated(work, **options)

    def run_untranslated(self, work: MigrationFunction, **options: Any) -> None:
        """Do as `run`, and raise whatever env.py or a revision raises."""
        called = False

        def watched(heads: Any, context: MigrationContext) -> Iterable[MigrationStep]:
            nonlocal called
            called = True
            # A foreign env.py may have named other folders by now, so that its files are read only here.
            read_scripts(self.scripts, self.workspace)
            _refuse_other_schema(context, self.workspace)
            share_version_table(context)
            return work(heads, context)

        environment = ObservedEnvironment(
            self.config,
            self.scripts,
            workspace=self.workspace,
            on_connect=self._connected,
            fn=watched,
            **options,
        )
        with report_slow_answers(self._report):
            run_env(environment)
        if not called:
            # Whatever was asked for has not been done, and env.py has not said so.
            env_py = self.workspace.environment.shown(Path(self.scripts.env_py_location))
            raise env_py_error(
                f"{env_py} ended without calling context.run_migrations(): nothing was done.",
                "Call it inside `with context.begin_transaction():`, after context.configure().",
            )

    def look(self, at: Look, **options: Any) -> None:
        """Run env.py and call `at(heads, context)` for each database that it reaches, writing nothing.

        `options` are what env.py may ask for, such as `destination_rev`. Raises MigratorErrors as `run` does.
        """

        def work(heads: Sequence[str], context: MigrationContext) -> list[MigrationStep]:
            at(tuple(heads), context)
            return []

        handed = received_handover(self.config)
        if handed is not None:
            # Models have nothing to do with where a database stands.
            hand_over(self.config, replace(handed, needs_models=False, writes=False, guarded=False))
        try:
            self.run(work, dont_mutate=True, **options)
        finally:
            if handed is not None:
                hand_over(self.config, handed)

    def read_heads(self, **options: Any) -> tuple[str, ...]:
        """Read the revisions in the version table, writing nothing. Raises MigratorErrors as `run` does."""
        found: list[str] = []
        self.look(lambda heads, _context: found.extend(heads), **options)
        # An env.py of several databases gives the heads of each.
        return tuple(dict.fromkeys(found))

    def _connected(self, url: URL) -> None:
        self.connected_to = url
        self._refuse_other(url)
        if not self._announced:
            self._announced = True
            self._report(
                Connecting(
                    environment=self.workspace.environment.name,
                    config_file=self.workspace.environment.shown(self.workspace.environment.config_file),
                    address=address(url),
                    origin="env.py",
                )
            )

    def _refuse_other(self, url: URL) -> None:
        """Refuse an env.py that connects to another database than the one that was announced."""
        handed = received_handover(self.config)
        if handed is None or handed.url is None or identity(handed.url) == identity(url):
            return
        environment = self.workspace.environment
        remedy = f"take the [migrator] section out of {environment.shown(environment.config_file)}"
        if self.workspace.choice.url is not None:
            remedy = "leave --url out"
        raise RefusedError(
            f"env.py connects to {address(url)}, but the database of {environment.name} is"
            f" {address(handed.url)} (from {self.workspace.database.origin}).",
            effect=Effect.NOTHING_DONE,
            hint=f'Let env.py take its URL from config.get_main_option("sqlalchemy.url"), or {remedy}.',
        )


def _refuse_other_schema(context: MigrationContext, workspace: Workspace) -> None:
    """Refuse to take another schema for a tenant's, before anything is asked of it.

    Raises DatabaseError where there is none of its name, and RefusedError for an env.py that knows no
    tenants: it would do to the same schema what was meant for each.
    """
    schema = workspace.tenant.schema if workspace.tenant is not None else None
    if schema is None or context.as_sql or context.version_table_schema == schema:
        return
    connection = connection_of(context)
    place = kind_of(connection.dialect.name).session_place(connection)
    if place is not None:
        _session, database, there = place
        if there == schema:
            return
        if there is None or (context.config is not None and is_our_env(context.config)):
            quoted = connection.dialect.identifier_preparer.quote(schema)
            raise DatabaseError(
                f"The database {database} has no schema {schema} that this role may use.",
                hint=f"Create it: CREATE SCHEMA {quoted}; or take it out of the tenants of"
                f" {workspace.environment.name}.",
            )
        where = f"the schema {there}"
    else:
        where = "a database without schemas"
    raise RefusedError(
        f"env.py works on {where}, not on that of the tenant {schema}.",
        effect=Effect.NOTHING_DONE,
        hint=f"It is told the tenant by -x tenant={schema}: let it take that from context.get_x_argument().",
    )


def file_session(workspace: Workspace, command: Sequence[str], *, new_folder: bool = False) -> Session:
    """Give a session that reads version files and touches no database.

    With `new_folder` a missing version folder is no error. Raises ConfigurationError and RevisionsError.
    """
    config = alembic_config(workspace, command)
    scripts = load_scripts(config, workspace, missing_folder_ok=new_folder)
    return Session(workspace, config, scripts, ignore)


@contextmanager
def database_session(
    workspace: Workspace,
    command: Sequence[str],
    report: Report,
    needs: Needs,
    *,
    output: TextIO | None = None,
    new_folder: bool = False,
    folders: Sequence[Path] = (),
) -> Iterator[Session]:
    """Give a session whose env.py reaches the environment's database while the block runs.

    `output` takes the SQL of offline mode. With `new_folder` a missing version folder is no error. `folders`
    stand in for the environment's version folders. Raises ConfigurationError, RevisionsError, DatabaseError.
    """
    if not needs.offline and not needs.whoever_lives_there:
        refuse_none_of_many(workspace)
    config = alembic_config(workspace, command, output=output)
    _learn_secrets(workspace, config)
    if folders:
        set_version_locations(config, workspace, folders)
    if workspace.environment.managed:
        to_run = needs.writes or needs.offline
        scripts = load_scripts(config, workspace, missing_folder_ok=new_folder, to_run=to_run)
    else:
        scripts = find_scripts(config, workspace)
    session = Session(workspace, config, scripts, report)
    if not workspace.resolves_url:
        # Where env.py connects to is known when it does.
        may_connect = needs.writes or needs.absent_is_empty
        with no_empty_files_left() if may_connect else no_files_made():
            yield session
        return
    opened = open_database(
        workspace.environment,
        workspace.database,
        report,
        writes=needs.writes,
        offline=needs.offline,
        absent_is_empty=needs.absent_is_empty,
    )
    with opened as url:
        hand_over(
            config,
            Handover(
                workspace,
                url,
                writes=needs.writes,
                needs_models=needs.models,
                guarded=needs.writes,
                known=cached(Handover, dict),
            ),
        )
        # For an env.py that is not ours: it reads the URL where Alembic has it.
        set_option(config, "sqlalchemy.url", url.render_as_string(hide_password=False))
        yield session


def _learn_secrets(workspace: Workspace, config: Config) -> None:
    """Know the passwords that an env.py may come upon by itself, before it can print them."""
    in_file = config.file_config.get(config.config_ini_section, "sqlalchemy.url", raw=True, fallback="")
    remember_passwords_in([in_file, *workspace.choice.x, *workspace.choice.process.values()])
