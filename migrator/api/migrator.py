"""`Migrator`: the commands as methods, and as coroutines."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from migrator.api.requests import DowngradeOptions, HeadOptions, Request, UpgradeOptions
from migrator.api.waiting_calls import call_and_await, call_and_wait
from migrator.config.select import Choice
from migrator.operations import command_requests
from migrator.results.events import Report, ignore

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from migrator.config.settings import Against
    from migrator.results.environment_status import Goal, StatusList, Waited
    from migrator.results.judged import Checked
    from migrator.results.revisions import Current
    from migrator.results.run import RunPlan, RunResult


@dataclass(frozen=True, kw_only=True)
class Migrator:
    """Does to an environment what the command `migrator` does, and prints nothing.

    The arguments are the command line's common options: `env` is the environment, `config` any Alembic ini or
    pyproject.toml instead, `name` the section in it, `url` the database, and `x` what env.py is told by `-x`.
    `tenant` is one of the environment's tenants. `directory` stands for the folder that the command is
    started in. Nothing is read before a method is called; then environment and database are chosen as for
    the command, also by ALEMBIC_ENV and DATABASE_URL.

    Each call works in a process of its own. `report` is told on the way what it does (see
    `migrator.results.events`), in the caller's thread, or by a coroutine in its event loop. What env.py and
    revisions print or log goes to the logger `migrator`.

    Every method raises the errors of `migrator.errors` and `migrator.results.run_errors`. Each has a
    coroutine of its name with an `a` in front, which does not block the event loop. Where that is cancelled,
    or a method is interrupted by Ctrl-C, the running statement is cancelled and its transaction rolled back
    before the exception goes on.
    """

    env: str | None = None
    config: str | os.PathLike[str] | None = None
    name: str = "alembic"
    url: str | URL | None = field(default=None, repr=False)
    x: Mapping[str, str] | Sequence[str] = ()
    tenant: str | None = None
    directory: str | os.PathLike[str] = field(default_factory=Path.cwd)
    report: Report = field(default=ignore, repr=False)

    @overload
    def upgrade(
        self, target: str = ..., *, dry_run: Literal[False] = ..., **options: Unpack[UpgradeOptions]
    ) -> RunResult: ...

    @overload
    def upgrade(
        self, target: str = ..., *, dry_run: Literal[True], **options: Unpack[UpgradeOptions]
    ) -> RunPlan: ...

    @overload
    def upgrade(
        self, target: str = ..., *, dry_run: bool, **options: Unpack[UpgradeOptions]
    ) -> RunResult | RunPlan: ...

    def upgrade(
        self, target: str = "head", *, dry_run: bool = False, **options: Unpack[UpgradeOptions]
    ) -> RunResult | RunPlan:
        """Move the database to a later revision: `head`, `+2`, an id or its beginning.

        With `dry_run` nothing is done, and the plan is given. Options: `lock_wait` (seconds), `backup`,
        `tag`, `allow_ahead`, and `confirm`, the environment's name, as consent to what is destroyed.

        Raises MigrationFailedError with what was applied, LockedError, RefusedError, RevisionsError,
        DatabaseError and ConfigurationError.
        """
        wanted = command_requests.UpgradeRequest(target=target, dry_run=dry_run, **options)
        result: RunResult | RunPlan = self._call(wanted)
        return result

    @overload
    async def aupgrade(
        self, target: str = ..., *, dry_run: Literal[False] = ..., **options: Unpack[UpgradeOptions]
    ) -> RunResult: ...

    @overload
    async def aupgrade(
        self, target: str = ..., *, dry_run: Literal[True], **options: Unpack[UpgradeOptions]
    ) -> RunPlan: ...

    @overload
    async def aupgrade(
        self, target: str = ..., *, dry_run: bool, **options: Unpack[UpgradeOptions]
    ) -> RunResult | RunPlan: ...

    async def aupgrade(
        self, target: str = "head", *, dry_run: bool = False, **options: Unpack[UpgradeOptions]
    ) -> RunResult | RunPlan:
        """Do as `upgrade` in a coroutine."""
        wanted = command_requests.UpgradeRequest(target=target, dry_run=dry_run, **options)
        result: RunResult | RunPlan = await self._acall(wanted)
        return result

    @overload
    def downgrade(
        self, target: str = ..., *, dry_run: Literal[False] = ..., **options: Unpack[DowngradeOptions]
    ) -> RunResult: ...

    @overload
    def downgrade(
        self, target: str = ..., *, dry_run: Literal[True], **options: Unpack[DowngradeOptions]
    ) -> RunPlan: ...

    @overload
    def downgrade(
        self, target: str = ..., *, dry_run: bool, **options: Unpack[DowngradeOptions]
    ) -> RunResult | RunPlan: ...

    def downgrade(
        self, target: str = "-1", *, dry_run: bool = False, **options: Unpack[DowngradeOptions]
    ) -> RunResult | RunPlan:
        """Move the database back to an earlier revision: `-1`, `base`, an id or its beginning.

        Options: `lock_wait` (seconds), `backup`, `tag`; `confirm`, the environment's name, which a protected
        environment needs; `yes`, which any other one needs before rows are deleted. Raises as `upgrade` does.
        """
        wanted = command_requests.DowngradeRequest(target=target, dry_run=dry_run, **options)
        result: RunResult | RunPlan = self._call(wanted)
        return result

    @overload
    async def adowngrade(
        self, target: str = ..., *, dry_run: Literal[False] = ..., **options: Unpack[DowngradeOptions]
    ) -> RunResult: ...

    @overload
    async def adowngrade(
        self, target: str = ..., *, dry_run: Literal[True], **options: Unpack[DowngradeOptions]
    ) -> RunPlan: ...

    @overload
    async def adowngrade(
        self, target: str = ..., *, dry_run: bool, **options: Unpack[DowngradeOptions]
    ) -> RunResult | RunPlan: ...

    async def adowngrade(
        self, target: str = "-1", *, dry_run: bool = False, **options: Unpack[DowngradeOptions]
    ) -> RunResult | RunPlan:
        """Do as `downgrade` in a coroutine."""
        wanted = command_requests.DowngradeRequest(target=target, dry_run=dry_run, **options)
        result: RunResult | RunPlan = await self._acall(wanted)
        return result

    def current(self) -> Current:
        """Tell where the database stands, writing nothing. Raises RevisionsError for an unknown revision."""
        result: Current = self._call(command_requests.CurrentRequest())
        return result

    async def acurrent(self) -> Current:
        """Do as `current` in a coroutine."""
        result: Current = await self._acall(command_requests.CurrentRequest())
        return result

    def status(self, *, timeout: float = 10.0) -> StatusList:
        """Tell where databases stand, which may take `timeout` seconds each to answer.

        Those of all environments, unless `env`, `config`, `url` or `tenant` was given. What is wrong with one
        stands in its status.
        """
        result: StatusList = self._call(command_requests.StatusRequest(seconds=timeout))
        return result

    async def astatus(self, *, timeout: float = 10.0) -> StatusList:
        """Do as `status` in a coroutine."""
        result: StatusList = await self._acall(command_requests.StatusRequest(seconds=timeout))
        return result

    def check(self, *, against: Against | None = None, fresh: bool = False) -> Checked:
        """Compare the models with the database or the history; what differs is in the result.

        `against` is None for what the configuration says. Raises ModelsError and DatabaseError.
        """
        result: Checked = self._call(command_requests.CheckRequest(against=against, fresh=fresh))
        return result

    async def acheck(self, *, against: Against | None = None, fresh: bool = False) -> Checked:
        """Do as `check` in a coroutine."""
        result: Checked = await self._acall(command_requests.CheckRequest(against=against, fresh=fresh))
        return result

    def wait(self, *, timeout: float = 60.0, goal: Goal = "database") -> Waited:
        """Wait until the database answers or, with the goal `head`, until nothing is pending.

        Where it is not at head after `timeout` seconds the result says so. Raises DatabaseError where it does
        not answer.
        """
        result: Waited = self._call(command_requests.WaitRequest(seconds=timeout, goal=goal))
        return result

    async def await_(self, *, timeout: float = 60.0, goal: Goal = "database") -> Waited:
        """Do as `wait` in a coroutine."""
        result: Waited = await self._acall(command_requests.WaitRequest(seconds=timeout, goal=goal))
        return result

    def require_head(self, engine: Engine | Connection, **options: Unpack[HeadOptions]) -> None:
        """Raise where the database of an engine is not at the heads of the environment's version files.

        It is one query on that engine, which is not the environment's own; only its version files, and the
        text of its env.py, are read. Options: `version_table` and `version_table_schema`, where env.py
        computes them, and `allow_ahead`, so that a revision that has no file here is accepted.

        Raises NotAtHeadError, UnknownRevisionError for a revision without a file, DatabaseError,
        RevisionsError, ConfigurationError and UsageError.
        """
        from migrator.api.at_head import RequiredHead, require_head

        require_head(engine, RequiredHead(self._request(command_requests.RevisionsRequest()), **options))

    async def arequire_head(
        self, engine: AsyncEngine | AsyncConnection, **options: Unpack[HeadOptions]
    ) -> None:
        """Do as `require_head` in a coroutine, on an async engine."""
        from migrator.api.at_head import RequiredHead, arequire_head

        wanted = RequiredHead(self._request(command_requests.RevisionsRequest()), **options)
        await arequire_head(engine, wanted)

    def _call(self, wanted: command_requests.DatabaseRequest) -> Any:
        return call_and_wait(self._request(wanted), self.report)

    async def _acall(self, wanted: command_requests.DatabaseRequest) -> Any:
        return await call_and_await(self._request(wanted), self.report)

    def _request(self, wanted: command_requests.DatabaseRequest) -> Request:
        command_requests.require_text("name", self.name)
        for name, value in (("env", self.env), ("tenant", self.tenant)):
            if value is not None:
                command_requests.require_text(name, value)
        choice = Choice(
            env=self.env,
            env_by="the argument env",
            config=None if self.config is None else os.fspath(self.config),
            section=self.name,
            url=_text(self.url),
            x=_pairs(self.x),
            cwd=Path(self.directory).absolute(),
            process=dict(os.environ),
        )
        return Request(choice, wanted, self.tenant)


def _text(url: str | URL | None) -> str | None:
    # The text that a URL gives of itself has no password.
    return url if url is None or isinstance(url, str) else url.render_as_string(hide_password=False)


def _pairs(x: Mapping[str, str] | Sequence[str]) -> tuple[str, ...]:
    if isinstance(x, Mapping):
        return tuple(f"{key}={value}" for key, value in x.items())
    pairs = (x,) if isinstance(x, str) else tuple(x)
    for pair in pairs:
        command_requests.require_text("each of x", pair)
    return pairs
