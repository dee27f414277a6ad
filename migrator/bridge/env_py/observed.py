"""Runs an env.py, any env.py, and watches what it does.

Alembic gives env.py the module `alembic.context`, whose functions stand for the EnvironmentContext in use.
A subclass whose `configure()` adds to what env.py passes can therefore observe and adjust every env.py
without an edit. The module's functions are bound to the subclass once, when this module is imported.
"""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import alembic.context
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import ScriptDirectory
from alembic.util import CommandError, to_tuple
from sqlalchemy import URL, Connection

from migrator import secrets
from migrator.bridge.config import is_our_env
from migrator.bridge.env_py.configure_options import hide_own_tables
from migrator.bridge.env_py.connected_database import configured_role, log_table_name
from migrator.bridge.quiet_stdout import stdout_to
from migrator.bridge.revision_files.loading_errors import revisions_error
from migrator.config.select import Workspace
from migrator.config.settings import Transaction
from migrator.config.url import address, remember_password
from migrator.database.connecting.connected_url import url_of
from migrator.database.connecting.engine import hear_all_answers
from migrator.database.connecting.opening import no_transactions_left
from migrator.database.connecting.pooled_sessions import set_through_pooler
from migrator.database.connecting.pooler import failed_by_pooler, past_pooler
from migrator.database.connecting.timeouts import run_at_once, run_plainly
from migrator.database.failures import database_error, first_line, is_database_failure
from migrator.database.kinds import kind_of
from migrator.errors import ConfigurationError, MigratorError
from migrator.faults import is_own_fault, outside, own_fault

# How long a command that reads through an env.py of others waits for a lock.
_READ_SECONDS = 10
MigrationFunction = Callable[[Any, MigrationContext], Iterable[MigrationStep]]


class ObservedEnvironment(EnvironmentContext):
    """An EnvironmentContext that remembers the connection env.py opened, and sets its transactions.

    With `writes` the connection of an env.py that knows nothing of migrator is made fit for it: SQLite's DDL
    becomes transactional, and the configured role is taken on.
    """

    def __init__(
        self,
        config: Config,
        script: ScriptDirectory,
        *,
        workspace: Workspace,
        on_connect: Callable[[URL], None],
        transaction: Transaction | None = None,
        on_version_apply: Callable[..., None] | None = None,
        writes: bool = False,
        lock_wait: float | None = None,
        **options: Any,
    ) -> None:
        super().__init__(config, script, **options)
        self._role = configured_role(workspace)
        self._log_table = log_table_name(workspace)
        self._writes = writes
        self._lock_wait = lock_wait
        self._on_version_apply = on_version_apply
        self.transaction = transaction or workspace.environment.settings.transaction
        self.on_connect = on_connect

    def configure(self, connection: Connection | None = None, *positional: Any, **options: Any) -> None:
        """Pass on what env.py says, with the transactions that the environment asks for."""
        if self._on_version_apply is not None:
            theirs = to_tuple(options.get("on_version_apply"), default=())
            options["on_version_apply"] = (*theirs, self._on_version_apply)
        if self.transaction != "env":
            options["transaction_per_migration"] = self.transaction == "revision"
        if connection is not None and not self.is_offline_mode():
            url = url_of(connection)
            remember_password(url)
            self.on_connect(url)
            if self._lock_wait is not None:
                kind_of(connection.dialect.name).wait_no_longer(connection, self._lock_wait)
            if not is_our_env(self.config):
                self._adopt(connection, url, options)
        outside(super().configure, connection, *positional, **options)

    def _adopt(self, connection: Connection, url: URL, options: dict[str, Any]) -> None:
        """Do for a foreign env.py what ours does by itself."""
        hide_own_tables(options, self._log_table)
        kind = kind_of(connection.dialect.name)
        if kind.has_roles and self._role is not None:
            with self._role.taken_on(url.username):
                run_plainly(connection, self._role.sql())
        if kind.has_timeouts and not self._writes:
            # The first look at the version table may wait for another session.
            driver = connection.connection.dbapi_connection
            assert driver is not None
            if set_through_pooler(driver, f"SET lock_timeout = '{_READ_SECONDS}s'"):
                run_at_once(driver, "RESET lock_timeout")
            if not connection.in_transaction():
                # Some drivers begin a transaction by themselves.
                driver.commit()
        if connection.dialect.driver == "asyncmy":
            hear_all_answers(connection)
        if not self._writes or connection.in_transaction():
            return
        if kind.begin_by_statement(connection):
            options.setdefault("transactional_ddl", True)
            if self.transaction == "env":
                # As without transactional DDL, which is what this env.py was written for.
                options.setdefault("transaction_per_migration", True)


ObservedEnvironment.create_module_class_proxy(alembic.context.__dict__, alembic.context.__dict__)


def run_env(environment: ObservedEnvironment) -> None:
    """Run the env.py of an environment's script directory. What it prints goes to stderr, scrubbed.

    Raises what env.py raises.
    """
    # Its own handlers of logs write to stderr, past everything else that scrubs.
    shown = secrets.scrubbing(sys.stderr)
    with no_transactions_left(), environment, stdout_to(shown), contextlib.redirect_stderr(shown):
        outside(environment.script.run_env)


@contextlib.contextmanager
def env_failures(workspace: Workspace, env_py: str, connected_to: Callable[[], URL | None]) -> Iterator[None]:
    """Translate what goes wrong in env.py, before or between revisions, into an error with its exit code."""
    try:
        yield
    except MigratorError:
        raise
    except CommandError as exc:
        raise revisions_error(exc, workspace) from exc
    except (Exception, SystemExit) as exc:
        if is_database_failure(exc):
            raise _unusable(exc, workspace, connected_to()) from exc
        if is_own_fault(exc):
            raise own_fault(exc) from exc
        raise _broken_env(exc, workspace, env_py) from exc


def _unusable(exc: BaseException, workspace: Workspace, connected_to: URL | None) -> MigratorError:
    if not workspace.resolves_url:
        where = address(connected_to) if connected_to is not None else "of " + workspace.environment.name
        return database_error(exc, where, "env.py")
    source = workspace.database
    url = connected_to or source.url
    origin = source.origin
    if failed_by_pooler(exc) is not None:
        origin += f", or set {past_pooler(workspace).rpartition(': ')[2]}"
    return database_error(exc, address(url) if url is not None else "embedded", origin)


# What SQLAlchemy imports for a URL: most often for one that names no driver.
_DRIVERS = frozenset({"psycopg", "psycopg2", "asyncpg", "aiosqlite", "MySQLdb", "asyncmy"})


def _broken_env(exc: BaseException, workspace: Workspace, env_py: str) -> ConfigurationError:
    line = next(
        (f.lineno for f in reversed(traceback.extract_tb(exc.__traceback__)) if f.filename == env_py), None
    )
    if isinstance(exc, SyntaxError) and exc.filename == env_py:
        line = exc.lineno
    file = workspace.environment.shown(Path(env_py))
    where = f"{file}, line {line}," if line else file
    hint = "Correct env.py or what it uses; --traceback shows where it came from."
    if isinstance(exc, ModuleNotFoundError) and exc.name in _DRIVERS:
        hint = f"Install {exc.name}, or name another driver in the database's URL, such as postgresql+asyncpg://."
    return env_py_error(f"{where} failed: {type(exc).__name__}: {secrets.scrub(first_line(exc))}", hint)


def env_py_error(what: str, hint: str) -> ConfigurationError:
    """Return the error for an env.py that has to be corrected."""
    error = ConfigurationError(what, hint=hint)
    error.in_env_py = True
    return error
