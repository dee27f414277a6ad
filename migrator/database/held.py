"""Connections that a process keeps from one tenant to the next: a new one costs the server a process."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import cache
from typing import Any

# What a revision may have changed of its session; asyncpg's own reset leaves the last two as they are.
RESET = "SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL; RESET ROLE; DISCARD TEMP"


class HeldConnections:
    """An event loop that goes on, and asyncpg's connections in it that nobody uses at the moment.

    Only those of the last database are held: tenants that have one each would take all that a server has.
    """

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._idle: list[Any] = []
        self._parameters: dict[str, Any] = {}

    def run(self, coroutine: Any) -> None:
        """Run a coroutine to its end in the loop. Raises what it raises."""
        self._runner.run(coroutine)

    async def connect(self, **parameters: Any) -> Any:
        """Give a connection with these parameters of asyncpg, which comes back where it is closed.

        Asked in another loop, that of a second connection, it gives one that does not.
        """
        import asyncpg  # type: ignore[import-untyped]

        if asyncio.get_running_loop() is not self._runner.get_loop():
            return await asyncpg.connect(**parameters)
        if parameters != self._parameters:
            await self._end_all()
            self._parameters = parameters
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        connection = await asyncpg.connect(connection_class=_class(), **parameters)
        connection.held_by, connection.held_as = self, self._parameters
        return connection

    async def take_back(self, connection: Any, parameters: object) -> bool:
        """Take a connection back as new; whether that could be done."""
        in_use = connection.is_in_transaction() or connection._top_xact is not None
        if parameters is not self._parameters or in_use:
            return False
        await connection.execute(RESET)
        self._idle.append(connection)
        return True

    def close(self) -> None:
        """Close all connections and the loop."""
        self._runner.run(self._end_all())
        self._runner.close()

    async def _end_all(self) -> None:
        while self._idle:
            with suppress(Exception):
                # It may be gone already, in any of the ways that a driver has for that.
                await self._idle.pop().end()


@cache
def _class() -> type:
    import asyncpg

    class HeldConnection(asyncpg.Connection):  # type: ignore[misc]
        """A connection that goes back to where it came from."""

        held_by: HeldConnections | None = None
        held_as: object = None

        async def close(self, *, timeout: float | None = None) -> None:
            """Go back, or close where it cannot be made as new."""
            held = self.held_by
            if held is not None and not self.is_closed():
                with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                    if await held.take_back(self, self.held_as):
                        return
            await super().close(timeout=timeout)

        async def end(self) -> None:
            """Close."""
            await super().close(timeout=2)

    return HeldConnection
