"""A proxy before a PostgreSQL that counts round trips: how often a client waits for an answer."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class _Link:
    """One connection through the proxy. A trip ends when the server answers what the client has sent.

    Only answers count. A client sends a last message when it closes the connection, and does not wait for an
    answer: whether the proxy still reads it depends on the load of the machine.
    """

    client: socket.socket
    server: socket.socket
    trips: int = 0
    waiting: bool = False
    sent: bytearray = field(default_factory=bytearray)


@dataclass
class Proxy:
    """A running proxy: its port, and what went through it."""

    port: int
    links: list[_Link] = field(default_factory=list)

    @property
    def trips_of_each(self) -> list[int]:
        """The round trips of each connection, in the order in which they were made."""
        return [link.trips for link in self.links]

    def trips_of(self, text: str) -> int:
        """Return the round trips of the one connection on which the client has sent a text."""
        (link,) = [link for link in self.links if text.encode() in link.sent]
        return link.trips


@contextmanager
def counting_proxy(host: str, port: int) -> Iterator[Proxy]:
    """Run a proxy before `host:port` on a port of its own, for the length of the block."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopping, stop = socket.socketpair()
    proxy = Proxy(listener.getsockname()[1])
    thread = threading.Thread(target=_serve, args=(proxy, listener, stopping, (host, port)), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        stop.close()
        thread.join()
        for each in (listener, stopping, *(s for link in proxy.links for s in (link.client, link.server))):
            each.close()


def _serve(proxy: Proxy, listener: socket.socket, stopping: socket.socket, address: tuple[str, int]) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(stopping, selectors.EVENT_READ)
        while True:
            for key, _events in selector.select():
                if key.fileobj is stopping:
                    return
                if key.fileobj is listener:
                    link = _Link(listener.accept()[0], socket.create_connection(address))
                    proxy.links.append(link)
                    for end in (link.client, link.server):
                        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        selector.register(end, selectors.EVENT_READ, link)
                elif key.data.client.fileno() < 0:
                    # Both ends came up at once, and the first has closed the link.
                    continue
                elif not _pass_on(key.data, key.fileobj):
                    for end in (key.data.client, key.data.server):
                        selector.unregister(end)
                        end.close()


def _pass_on(link: _Link, source: object) -> bool:
    from_client = source is link.client
    source, target = (link.client, link.server) if from_client else (link.server, link.client)
    data = b""
    with suppress(ConnectionError):
        data = source.recv(65536)
        if data:
            link.trips += link.waiting and not from_client
            link.waiting = from_client
            link.sent += data if from_client else b""
        target.sendall(data)
    return bool(data)
