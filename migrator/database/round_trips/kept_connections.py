"""A connection that a process keeps from one tenant to the next.

A new one costs the server a process, what that process knows of the catalogues, and us a login. One that has
run revisions is kept only where these did nothing but send statements: the server can make its side of a
session new, and nobody the driver's.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import cache
from typing import Any

from sqlalchemy import Connection

# What reading may have left of its session, a lock among it.
RESET = "SELECT pg_advisory_unlock_all(); CLOSE ALL; RESET ALL; RESET ROLE"


class HeldConnections:
    """An event loop that goes on, and those of asyncpg's connections in it that nobody uses at the moment.

    Only those of the last database are held: tenants that have one each would take all that a server has.
    """

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._idle: list[Any] = []
        self._parameters: dict[str, Any] = {}

    def run(self, coroutine: Any) -> None:
        """Run a coroutine to its end in the loop. Raises what it raises.

        One that was broken off, by Ctrl-C say, is unwound before this ends: it must not go on later.
        """
        try:
            self._runner.run(coroutine)
        except BaseException:
            self.close()
            self._runner = asyncio.Runner()
            raise

    async def connect(self, **parameters: Any) -> Any:
        """Give a connection with these parameters of asyncpg, which comes back where it is closed.

        Asked in another loop, that of a second connection, it gives one that does not.
        """
        import asyncpg  # type: ignore[import-untyped]

        if asyncio.get_running_loop() is not self._runner.get_loop():
            return await asyncpg.connect(**parameters)
        if parameters != self._parameters:
            while self._idle:
                await self._idle.pop().end()
            self._parameters = parameters
        while self._idle:
            connection = self._idle.pop()
            if await _is_as_new(connection):
                return connection
        connection = await asyncpg.connect(connection_class=_class(), **parameters)
        connection.held_by, connection.held_as = self, self._parameters
        return connection

    async def connect_to_write(self, **parameters: Any) -> Any:
        """Give a connection as `connect` does, which comes back only where `keep_written` says so."""
        connection = await self.connect(**parameters)
        if getattr(connection, "held_by", None) is not None:
            connection.comes_back = False
        return connection

    def take_back(self, connection: Any, parameters: object) -> bool:
        """Take a connection back; whether that could be done."""
        if parameters is not self._parameters or connection.is_in_transaction():
            return False
        self._idle.append(connection)
        return True

    def close(self) -> None:
        """Cancel what is going on, close all connections, and the loop."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.terminate()
        self._runner.close()


def keep_written(connection: Connection, *, keep: bool) -> None:
    """Say whether a connection that revisions run on may serve another tenant, once it is made as new."""
    driver: Any = connection.connection.driver_connection
    if getattr(driver, "held_by", None) is not None:
        driver.comes_back, driver.written = keep, True


async def _is_as_new(connection: Any) -> bool:
    """Make a connection as new, which shows whether it is still there."""
    from asyncpg import InterfaceError, PostgresError

    try:
        await connection.execute(RESET)
    except (PostgresError, InterfaceError, OSError):
        connection.terminate()
        return False
    return True


@cache
def _class() -> type:
    import asyncpg

    class HeldConnection(asyncpg.Connection):  # type: ignore[misc]
        """A connection that goes back to where it came from."""

        held_by: HeldConnections | None = None
        held_as: object = None
        comes_back = True
        written = False

        async def close(self, *, timeout: float | None = None) -> None:
            """Go back, or close where it cannot be used again."""
            try:
                goes_back = await self._goes_back(timeout)
            except BaseException:
                self.terminate()
                raise
            if not goes_back:
                await super().close(timeout=timeout)

        async def _goes_back(self, timeout: float | None) -> bool:
            held = self.held_by
            if held is None or not self.comes_back or self.is_closed():
                return False
            if self.written:
                # At once: it holds a lock.
                with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                    await self.execute("DISCARD ALL", timeout=timeout)
                    await self.reload_schema_state()
                    self.written = False
            return not self.written and held.take_back(self, self.held_as)

        async def end(self) -> None:
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await super().close(timeout=2)

    return HeldConnection
