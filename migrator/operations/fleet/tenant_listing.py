"""Lists the tenants of an environment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

from migrator.bridge.env_py.connected_database import configured_role
from migrator.config.select import Workspace
from migrator.config.tenants import (
    FILE,
    Shard,
    Tenant,
    chosen,
    names_in,
    tenants_of,
    without_comment,
)
from migrator.config.url import address
from migrator.database.connecting.opening import open_database
from migrator.database.connecting.second_connection import QueryError, first_column
from migrator.database.failures import database_error, is_database_failure
from migrator.errors import ConfigurationError, UsageError
from migrator.results.events import Noticed, Report


def tenants_of_environment(
    workspace: Workspace, asked: Sequence[str], shard: Shard | None, report: Report
) -> tuple[Tenant, ...]:
    """Give the tenants that `asked` (`all`, names, globs, `file:PATH`) says, of one shard, in their order.

    Where the environment names no tenants, those of a file that is asked for are all there are. Raises
    UsageError, ConfigurationError and DatabaseError.
    """
    environment = workspace.environment
    patterns: list[str] = []
    for each in asked:
        if each.startswith(FILE):
            found = names_in(each, workspace.choice.cwd, "--tenants")
            if not found:
                raise UsageError(f"--tenants {each} names no tenant.", hint="Give a file with a name a line.")
            patterns += found
        else:
            patterns.append(each)
    said = environment.settings.tenants
    if said is None:
        if not all(each.startswith(FILE) for each in asked):
            raise ConfigurationError(
                f"The environment {environment.name} names no tenants.",
                hint=f"Write tenants = ... into the [migrator] section of"
                f" {environment.shown(environment.config_file)}, or give --tenants file:PATH.",
            )
        return chosen(tenants_of(patterns, environment), ["all"], shard, environment)
    if said.startswith(FILE):
        lines = names_in(said, environment.root, f"tenants in {environment.shown(environment.config_file)}")
    else:
        lines = _queried(workspace, without_comment(said), report)
    return chosen(tenants_of(lines, environment), patterns, shard, environment)


@contextmanager
def server_held(workspace: Workspace, report: Report) -> Iterator[None]:
    """Keep the embedded PostgreSQL up while the block runs, where that is the environment's database.

    It would be started for the list of the tenants, and again for the tenants.
    """
    environment = workspace.environment
    embedded = environment.settings.database == "embedded" and workspace.resolves_url
    is_held = embedded and workspace.database.url is None
    with open_database(environment, workspace.database, report) if is_held else nullcontext():
        yield


@contextmanager
def reference_tenant(workspace: Workspace, report: Report) -> Iterator[Workspace]:
    """Give the workspace of the first tenant, where the environment has any: what is alike in all of them.

    Raises as `tenants_of_environment` does, and ConfigurationError where there is no tenant yet.
    """
    environment = workspace.environment
    if environment.settings.tenants is None:
        yield workspace
        return
    with server_held(workspace, report):
        tenants = tenants_of_environment(workspace, ["all"], None, report)
        if not tenants:
            raise ConfigurationError(
                f"The environment {environment.name} has no tenant yet, so that there is no database to ask.",
                hint="Compare with the history instead: --against history",
            )
        report(Noticed(f"the tenant {tenants[0].name} stands for all"))
        yield workspace.for_tenant(tenants[0])


def _queried(workspace: Workspace, query: str, report: Report) -> list[str]:
    """Ask the environment's own database. Raises DatabaseError and ConfigurationError."""
    environment = workspace.environment
    file = environment.shown(environment.config_file)
    if not workspace.resolves_url:
        raise UsageError(
            f"The query for the tenants in {file} needs the database's URL.", hint="Give --url URL."
        )
    source = workspace.database
    with open_database(environment, source, report, writes=False) as url:
        try:
            return first_column(url, query, configured_role(workspace))
        except QueryError as exc:
            raise ConfigurationError(
                f"The query for the tenants of {environment.name} failed: {exc}.",
                hint=f"Correct tenants in the [migrator] section of {file}.",
            ) from exc
        except Exception as exc:
            if not is_database_failure(exc):
                raise
            raise database_error(exc, address(url), source.origin) from exc
