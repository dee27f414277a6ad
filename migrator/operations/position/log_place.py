"""Refuses a `log_table` of the configuration that the database has no place for."""

from __future__ import annotations

from migrator.bridge.env_py.connected_database import ConnectedDatabase, log_table_name
from migrator.config.select import Workspace
from migrator.errors import ConfigurationError


def refuse_log_table(workspace: Workspace, found: ConnectedDatabase) -> None:
    """Raise ConfigurationError where `log_table` names a missing schema, or a table that is no log."""
    name, fault = log_table_name(workspace), found.facts.log_fault
    if name is None or fault not in ("no schema", "no log"):
        return
    file = workspace.environment.shown(workspace.environment.config_file)
    said = f"The key log_table in the [migrator] section of {file} names {name}"
    if fault == "no schema":
        schema = found.engine.dialect.identifier_preparer.quote(name.schema or "")
        raise ConfigurationError(
            f"{said}, but the database {found.facts.database} has no schema {name.schema}; nothing was done.",
            hint=f"Create it: CREATE SCHEMA {schema}; or correct log_table.",
        )
    raise ConfigurationError(
        f"{said}, which the database {found.facts.database} has, but not as a log of migrator; nothing was"
        " done.",
        hint="Correct log_table: name a table that is not there yet, in a schema that is.",
    )
