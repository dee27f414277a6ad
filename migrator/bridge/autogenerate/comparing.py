"""Compares models with a database, as Alembic's autogenerate does, and makes revisions of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import RevisionContext
from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from alembic.script import Script
from sqlalchemy import MetaData, Table

from migrator.bridge.autogenerate.adjusting import Adjustments, adjust
from migrator.bridge.autogenerate.changes_in_words import describe
from migrator.bridge.autogenerate.check_constraints import compare_literal_defaults
from migrator.bridge.autogenerate.reflecting import creation_of, find_serials_at_once
from migrator.bridge.autogenerate.sql_text import included_tables, qualified
from migrator.bridge.env_py.session import Session
from migrator.bridge.revision_files.plan import PlannedStep
from migrator.config.folders import script_folder
from migrator.config.select import Workspace
from migrator.database.catalog.carried_objects import CarriedObjects
from migrator.errors import ModelsError, NoModelsError
from migrator.results.differences import Change, Rename
from migrator.revisions.env_py_source import is_ours

# Those of `alembic revision`, with their defaults.
_ARGUMENTS = {name: each.default for name, each in signature(command.revision).parameters.items()}
Before = Callable[[tuple[str, ...], MigrationContext], bool]
Fill = Callable[[MigrationContext, ops.UpgradeOps, ops.DowngradeOps], None]


class Comparison:
    """One comparison, or one blank revision: what was found, and the files made of it."""

    def __init__(self, session: Session, **arguments: Any) -> None:
        self._session = session
        self._context = RevisionContext(session.config, session.scripts, {**_ARGUMENTS, **arguments})
        self.changes: tuple[Change, ...] = ()
        self.found = Adjustments()

    def compare(self, before: Before, renames: tuple[Rename, ...] | None = None) -> None:
        """Compare the models with the database. `before(heads, context)` may refuse, or give False to skip.

        With `renames` a revision is to be written: they are put in, and tables that no revision made are
        left alone; `found` tells of both. Raises ModelsError for models without a table, or without any
        table that the database has.
        """

        def adjusted(context: MigrationContext, _heads: Any, scripts: list[ops.MigrationScript]) -> None:
            # Of an env.py that reaches several databases the last one has just been compared.
            up, down = scripts[-1].upgrade_ops_list[-1], scripts[-1].downgrade_ops_list[-1]
            adjust(up, context, self._session, renames, self.found)
            up.reverse_into(down)

        def work(heads: tuple[str, ...], context: MigrationContext) -> Sequence[PlannedStep]:
            if before(tuple(heads), context):
                require_tables(context, self._session.workspace)
                compare_literal_defaults(context)
                find_serials_at_once(context)
                self._context.run_autogenerate(heads, context)
                found = [up for each in self._context.generated_revisions for up in each.upgrade_ops_list]
                self.changes = describe(found, context.dialect)
            return ()

        self._context.process_revision_directives = adjusted
        self._run(work, dont_mutate=True)

    def run_env(self, *, offline: bool) -> None:
        """Run env.py for what it adds to the template, comparing nothing."""
        self._run_blank(as_sql=offline, dont_mutate=True)

    def create_all(self) -> tuple[str, ...]:
        """Make the revision that creates every table of the models, without a database. Gives the tables.

        Raises ModelsError for models without a table.
        """

        def fill(context: MigrationContext, up: ops.UpgradeOps, down: ops.DowngradeOps) -> None:
            require_tables(context, self._session.workspace)
            autogen = AutogenContext(context, autogenerate=False)
            up.ops[:] = [op for table in included_tables(autogen) for op in _creation(autogen, table)]
            up.reverse_into(down)

        return self._filled(fill, as_sql=True)

    def create_from_database(self, carried: CarriedObjects, files: Sequence[Path]) -> tuple[str, ...]:
        """Make the revision that creates all that the database holds. Gives the tables.

        `carried` is what Alembic does not see of it, `files` are the version files that made it.
        """

        def fill(context: MigrationContext, up: ops.UpgradeOps, down: ops.DowngradeOps) -> None:
            up.ops[:], down.ops[:] = creation_of(context, carried, files)

        return self._filled(fill, dont_mutate=True)

    def write(self) -> list[Script]:
        """Write the revision files. Raises CommandError and what the files' folder raises."""
        return [script for script in self._context.generate_scripts() if script is not None]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write: no change, or env.py's own hook took all away."""
        return all(
            up.is_empty() for each in self._context.generated_revisions for up in each.upgrade_ops_list
        )

    def _filled(self, fill: Fill, **options: Any) -> tuple[str, ...]:
        """Make a revision without a comparison, whose operations come from `fill`. Return its tables."""
        tables: list[str] = []

        def filled(context: MigrationContext, _rev: Any, directives: list[ops.MigrationScript]) -> None:
            up, down = directives[0].upgrade_ops_list[0], directives[0].downgrade_ops_list[0]
            fill(context, up, down)
            made = (op for op in up.ops if isinstance(op, ops.CreateTableOp))
            tables.extend(qualified(op.schema, op.table_name) for op in made)

        self._context.process_revision_directives = filled
        self._run_blank(**options)
        return tuple(tables)

    def _run_blank(self, **options: Any) -> None:
        def work(heads: tuple[str, ...], context: MigrationContext) -> Sequence[PlannedStep]:
            self._context.run_no_autogenerate(heads, context)
            return ()

        self._run(work, **options)

    def _run(self, work: Any, **options: Any) -> None:
        self._session.run(
            work, template_args=self._context.template_args, revision_context=self._context, **options
        )


def _creation(autogen: AutogenContext, table: Table) -> Iterator[ops.MigrateOperation]:
    yield ops.CreateTableOp.from_table(table)
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        if autogen.run_object_filters(index, index.name, "index", False, None):
            yield ops.CreateIndexOp.from_index(index)


def require_tables(context: MigrationContext, workspace: Workspace) -> None:
    """Refuse to compare with nothing: every table of the database would be dropped. Raises ModelsError."""
    metadata = context.opts.get("target_metadata")
    every = [metadata] if isinstance(metadata, MetaData) else list(metadata or ())
    if any(each.tables for each in every):
        return
    environment = workspace.environment
    env_py, file = script_folder(environment) / "env.py", environment.shown(environment.config_file)
    if not is_ours(env_py):
        raise _not_in_env_py(metadata, environment.shown(env_py))
    models = environment.settings.models
    if not models:
        # An empty metadata is a mistake, and none may be meant.
        error = NoModelsError if metadata is None else ModelsError
        raise error(
            f"No models are named for the environment {environment.name}.",
            hint=f"Write into the [migrator] section of {file}: models = yourapp.models",
        )
    raise ModelsError(
        f"The models ({', '.join(models)}) have no tables, so that every table would be dropped.",
        hint=f"Correct 'models' in the [migrator] section of {file}.",
    )


def _not_in_env_py(metadata: object, env_py: str) -> ModelsError:
    if metadata is None:
        return NoModelsError(
            f"{env_py} names no models: its target_metadata is None.",
            hint=f"Set it in {env_py} to the metadata of the models: target_metadata = Base.metadata",
        )
    return ModelsError(
        f"The target_metadata of {env_py} has no tables, so that every table would be dropped.",
        hint=f"Import the modules of the models in {env_py} before context.configure().",
    )
