"""Log records and warnings of other packages: on stderr, without passwords."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from migrator.cli.messages import Messages
from migrator.processes.foreign_logs import foreign_logs


@contextmanager
def logs_to_stderr(messages: Messages) -> Iterator[None]:
    """Send warnings and log records to `messages` while the block runs."""

    def tell(level: int, text: str) -> None:
        loud = level > logging.INFO
        prefix = f"{logging.getLevelName(level).lower()}: " if loud else ""
        for line in f"{prefix}{text}".splitlines():
            messages.line(line, "yellow" if loud else "dim")

    with foreign_logs(tell):
        yield
