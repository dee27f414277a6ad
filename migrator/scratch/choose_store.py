"""Chooses where scratch databases of an environment are made. Its own database is not contacted for that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL

from migrator import secrets
from migrator.config.select import Workspace
from migrator.config.url import names_database, parse_url
from migrator.database.embedded import scratch_server
from migrator.database.embedded.binaries import wheel_binaries
from migrator.database.kinds import kind_of
from migrator.database.kinds.interface import DatabaseKind
from migrator.errors import ConfigurationError, MissingExtraError
from migrator.results.events import Report, Waiting
from migrator.scratch.failures_in_words import NoScratchError
from migrator.scratch.on_server import server_store
from migrator.scratch.store import Store, file_store


@contextmanager
def open_store(workspace: Workspace, report: Report) -> Iterator[Store]:
    """Open the place that the configuration names, of the same kind as the environment's database.

    Raises NoScratchError where there is none for that kind, or the embedded PostgreSQL is needed and not
    installed, ConfigurationError and DatabaseError.
    """
    settings = workspace.environment.settings
    like = _like(workspace)
    kind = _kind(like)
    if settings.scratch_url is not None:
        origin = f"scratch_url in {workspace.environment.shown(workspace.environment.config_file)}"
        url = parse_url(settings.scratch_url, origin)
        if like is not None and _kind(url).name != kind.name:
            raise ConfigurationError(
                f"The {origin} is a {_kind(url).name}, but the database of {workspace.environment.name} is a"
                f" {kind.name}.",
                hint="Name a server of the same kind.",
            )
        with server_store(url, origin, own=False) as store:
            yield store
    elif kind.in_files:
        with file_store(workspace.environment.root, like.drivername if like else kind.name) as store:
            yield store
    elif kind.has_own_server:
        with _on_own_server(workspace, like, report) as store:
            yield store
    else:
        raise NoScratchError(
            f"There is no scratch server for a {kind.name} database.",
            hint="Name one where databases may be made: scratch_url = URL, in the [migrator] section.",
        )


@contextmanager
def _on_own_server(workspace: Workspace, like: URL | None, report: Report) -> Iterator[Store]:
    environment = workspace.environment
    system = environment.settings.scratch == "system"
    if not system:
        _require_wheel()
    running = scratch_server(environment.root, announce=lambda text: report(Waiting(text)), system=system)
    with running as server:
        secrets.register(server.password)
        url = URL.create(
            # Through the environment's own driver, as its revisions may use what only that one has.
            like.drivername if like is not None else "postgresql",
            username=server.user,
            password=server.password,
            host=server.host,
            port=server.port,
            database="postgres",
        )
        with server_store(url, "scratch", own=True) as store:
            yield store


def _require_wheel() -> None:
    try:
        wheel_binaries()
    except MissingExtraError as exc:
        missing = MissingExtraError("A scratch database", "embedded")
        raise NoScratchError(missing.message, hint=missing.hint) from exc


def _like(workspace: Workspace) -> URL | None:
    """Give the URL of the environment's own database, where files and variables tell it."""
    environment, choice = workspace.environment, workspace.choice
    if choice.url is not None:
        return workspace.database.url
    if not environment.managed:
        said = environment.file.option("sqlalchemy.url")
        return parse_url(said, f"sqlalchemy.url in {environment.config_file}") if said else None
    return workspace.database.url if names_database(environment, choice.process) else None


def _kind(url: URL | None) -> DatabaseKind:
    # Without a URL it is the embedded PostgreSQL.
    return kind_of(url if url is not None else "postgresql")
