"""The way in: a `with` block in which a project's server runs."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from typing import TYPE_CHECKING

from migrator.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from migrator.database.embedded.server import EmbeddedServer


def _say_nothing(_sentence: str) -> None:
    pass


@contextlib.contextmanager
def embedded_server(
    root: Path,
    *,
    announce: Callable[[str], None] = _say_nothing,
    durable: bool = True,
    system: bool = False,
) -> Iterator[EmbeddedServer]:
    """Run the PostgreSQL of the project at `root` for the length of the block.

    Blocks share it, in one process and in several; the last to end stops it. `announce` gets a short sentence
    before each slow step. Without `durable` a crash of the machine may destroy the data; the one who starts
    the server decides. With `system` it is a server of its own, run from the newest PostgreSQL that is
    installed on the machine.

    MissingExtraError without the wheel; ConfigurationError on another system than Linux and macOS or in a
    folder that cannot be written; DatabaseError, with the log's last lines, when PostgreSQL fails.
    """
    if importlib.util.find_spec("fcntl") is None:
        raise ConfigurationError(
            "The embedded PostgreSQL needs Linux or macOS.", hint="Give the URL of a database: --url URL"
        )
    from migrator.database.embedded import sharing
    from migrator.database.embedded.place import place_of

    place = place_of(root, durable=durable, system=system)
    owner = os.getpid()
    server = sharing.enter(place, announce)
    try:
        yield server
    finally:
        # A child made by fork inside the block runs this too.
        if os.getpid() == owner:
            sharing.leave(place)
