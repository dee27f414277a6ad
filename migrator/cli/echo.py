"""`--echo`: the SQL on stderr as it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from migrator.cli.messages import Messages

# The lock, and the look at who blocks whom, are not the user's SQL; see `migrator.database.connecting.second_connection`.
INTERNAL = "migrator_internal"


@contextmanager
def echoing(messages: Messages, *, wanted: bool) -> Iterator[None]:
    """Show each statement that any engine of SQLAlchemy runs within the block, if that is `wanted`.

    Parameters are counted and not shown: they may be secrets.
    """
    if not wanted:
        yield
        return
    # Not through the logger: an env.py that configures logging, as Alembic's own do, turns that off again.
    from sqlalchemy import Engine, event

    listeners = _listeners(messages)
    for name, listener in listeners.items():
        event.listen(Engine, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners.items():
            event.remove(Engine, name, listener)


def _listeners(messages: Messages) -> dict[str, Callable[..., None]]:
    def statement(
        connection: Any, _cursor: Any, sql: str, parameters: Any, _context: Any, executemany: bool
    ) -> None:
        if INTERNAL in connection.get_execution_options():
            return
        for line in sql.strip().splitlines():
            messages.line(line, "dim")
        if parameters:
            counted = "parameter set" if executemany else "parameter"
            messages.line(f"-- {len(parameters)} {counted}{'s' if len(parameters) > 1 else ''}", "dim")

    def says(word: str) -> Callable[..., None]:
        def say(connection: Any) -> None:
            if INTERNAL not in connection.get_execution_options():
                messages.line(word, "dim")

        return say

    return {
        "before_cursor_execute": statement,
        "begin": says("BEGIN"),
        "commit": says("COMMIT"),
        "rollback": says("ROLLBACK"),
    }
