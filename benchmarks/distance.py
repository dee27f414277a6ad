"""A proxy that puts a distance between a client and a server: each byte arrives later, both ways."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Queue

Stop = Callable[[], object]


@contextmanager
def far_away(host: str, port: int, seconds: float) -> Iterator[int]:
    """Run a proxy before `host:port` for the length of the block, and give its port.

    `seconds` is the round trip through it.
    """
    started: Queue[tuple[int, Stop]] = Queue()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(started, host, port, seconds / 2)))
    thread.start()
    ours, stop = started.get()
    try:
        yield ours
    finally:
        stop()
        thread.join()


async def _serve(started: Queue[tuple[int, Stop]], host: str, port: int, delay: float) -> None:
    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(host, port)
        await asyncio.gather(_pass_on(reader, server_writer, delay), _pass_on(server_reader, writer, delay))

    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    async with await asyncio.start_server(meet, "127.0.0.1", 0) as server:
        address = server.sockets[0].getsockname()
        started.put((address[1], lambda: loop.call_soon_threadsafe(stopping.set)))
        await stopping.wait()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    loop = asyncio.get_running_loop()
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            loop.call_later(delay, writer.write, data)
    loop.call_later(delay, writer.close)
