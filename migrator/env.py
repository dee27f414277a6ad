"""What `migrations/env.py` calls. It serves `migrator` and plain `alembic` alike."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from alembic import context
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, MetaData

from migrator.bridge.config import Handover, received_handover, say_our_env
from migrator.bridge.env_py.configure_options import hide_own_tables, import_types
from migrator.bridge.env_py.connected_database import log_table_name
from migrator.bridge.env_py.env_connections import run_offline, run_on_handed, run_online
from migrator.bridge.tenant_cache import cached
from migrator.config.configfile import read_config_file
from migrator.config.select import Workspace, workspace_for_file
from migrator.config.settings import Settings
from migrator.config.tenants import tenants_of
from migrator.database.connecting.opening import open_database
from migrator.database.own.own_tables import excluder
from migrator.errors import ConfigurationError, MigratorError, UsageError
from migrator.faults import outside
from migrator.results.events import ignore


def run_migrations(
    target_metadata: MetaData | Sequence[MetaData] | None = None, **configure_options: Any
) -> None:
    """Run the migrations that the command asks for; all that an env.py has to do.

    `target_metadata` defaults to the models named in the `[migrator]` section. `configure_options` are
    those of Alembic's `context.configure()` and override what is set here, except for
    `transaction_per_migration`: there the key `transaction` decides, unless it is `env`.

    The connection is, in this order: the one in `config.attributes["connection"]`, or one of the engine there
    (pytest-alembic hands over an engine, sync or async); the URL in `config.attributes["url"]`, or one set
    with `config.set_main_option("sqlalchemy.url", ...)`; the one that `migrator` finds for the environment.

    Raises ConfigurationError, ModelsError and DatabaseError, under plain Alembic as its CommandError.
    """
    handover = received_handover(context.config)
    if handover is not None:
        _run(handover, target_metadata, configure_options)
        return
    try:
        workspace = _of_tenant(_standalone(context.config))
        with _opened(workspace) as url:
            _run(Handover(workspace, url), target_metadata, configure_options)
    except MigratorError as exc:
        raise CommandError(f"{exc.message} {exc.hint}".strip()) from exc


def _standalone(config: Config) -> Workspace:
    """Find the environment of the ini file that plain Alembic, or a caller of its API, was given."""
    file = _file_of(config)
    if file is None:
        raise ConfigurationError(
            "Alembic's Config names no file, so that the environment is not known.",
            hint='Make it with a file: Config("configs/alembic_test.ini").',
        )
    url = _url_of_caller(config, file)
    return workspace_for_file(file, os.environ, section=config.config_ini_section, url=url)


def _of_tenant(workspace: Workspace) -> Workspace:
    """Take the tenant that plain Alembic was given with `-x tenant=`. Raises UsageError where none is."""
    if workspace.environment.settings.tenants is None:
        return workspace
    named = context.get_x_argument(as_dictionary=True).get("tenant")
    if not named:
        raise UsageError(
            f"The environment {workspace.environment.name} has tenants, and none was named.",
            hint="Name one: alembic -x tenant=NAME ...",
        )
    (tenant,) = tenants_of([named], workspace.environment)
    return replace(workspace, tenant=tenant)


def _file_of(config: Config) -> Path | None:
    """Give the ini file or else the pyproject.toml. Alembic's command line always names both."""
    named = [Path(name) for name in (config.config_file_name, config.toml_file_name) if name is not None]
    return next((path for path in named if path.exists()), named[0] if named else None)


def _url_of_caller(config: Config, file: Path) -> str | None:
    """Give a URL that was put into the Config after it was read from its file."""
    handed = config.attributes.get("url")
    if handed is not None and not isinstance(handed, str | URL):
        raise UsageError('config.attributes["url"] must be a string or a sqlalchemy.URL.')
    if handed is not None:
        return handed if isinstance(handed, str) else handed.render_as_string(hide_password=False)
    # Without an ini file there is no section, unless a caller has set an option.
    section = config.config_ini_section
    said = config.get_main_option("sqlalchemy.url") if config.file_config.has_section(section) else None
    return said if said and said != read_config_file(file, section).option("sqlalchemy.url") else None


def _opened(workspace: Workspace) -> AbstractContextManager[URL | None]:
    if context.config.attributes.get("connection") is not None:
        # The caller's connection is used: no URL is needed, and none may be demanded.
        return nullcontext()
    offline = context.is_offline_mode()
    return open_database(workspace.environment, workspace.database, ignore, offline=offline)


def _run(
    handover: Handover,
    target_metadata: MetaData | Sequence[MetaData] | None,
    configure_options: dict[str, Any],
) -> None:
    say_our_env(context.config)
    if target_metadata is None and handover.needs_models:
        target_metadata = _models(handover.workspace)
    options = _options(handover.workspace.environment.settings, target_metadata, configure_options)
    hide_own_tables(options, log_table_name(handover.workspace))
    connection = context.config.attributes.get("connection")
    if context.is_offline_mode():
        run_offline(handover.url, connection, options)
    elif handover.url is None or connection is not None:
        run_on_handed(connection, options)
    else:
        run_online(handover, handover.url, options)


def _models(workspace: Workspace) -> list[MetaData] | None:
    settings = workspace.environment.settings
    if not settings.models:
        return None
    from migrator.models.model_loading import load_models

    root = workspace.environment.root
    return cached((load_models, tuple(settings.models), root), lambda: load_models(settings.models, root))


def _options(
    settings: Settings,
    target_metadata: MetaData | Sequence[MetaData] | None,
    configure_options: dict[str, Any],
) -> dict[str, Any]:
    options: dict[str, Any] = {
        "target_metadata": target_metadata,
        "compare_type": True,
        "compare_server_default": True,
        **configure_options,
    }
    if settings.transaction != "env":
        options["transaction_per_migration"] = settings.transaction == "revision"
    if settings.exclude_tables:
        _leave_out(settings.exclude_tables, options)
    import_types(options)
    return options


def _leave_out(patterns: Sequence[str], options: dict[str, Any]) -> None:
    """Filter both sides: a table kept out of the database's alone would be created again."""
    excluded = excluder(patterns)
    include_name: Callable[..., bool] | None = options.get("include_name")
    include_object: Callable[..., bool] | None = options.get("include_object")

    def name_filter(name: str | None, type_: str, parents: dict[str, str | None]) -> bool:
        if type_ == "table" and name is not None and excluded(name, parents.get("schema_name")):
            return False
        return include_name is None or outside(include_name, name, type_, parents)

    def object_filter(obj: Any, name: str | None, type_: str, reflected: bool, compare_to: Any) -> bool:
        if type_ == "table" and name is not None and excluded(name, obj.schema):
            return False
        if include_object is None:
            return True
        return outside(include_object, obj, name, type_, reflected, compare_to)

    options["include_name"] = name_filter
    options["include_object"] = object_filter
