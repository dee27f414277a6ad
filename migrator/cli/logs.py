"""Log records and warnings of other packages: on stderr, without passwords."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from migrator.cli.messages import Messages


class _ToMessages(logging.Handler):
    def __init__(self, messages: Messages) -> None:
        super().__init__()
        self._messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        for line in f"{level}{record.getMessage()}".splitlines():
            self._messages.line(line, "dim")


@contextmanager
def logs_to_stderr(messages: Messages, *, echo: bool) -> Iterator[None]:
    """Send warnings and log records to `messages` while the block runs; with `echo`, the SQL too."""
    root, sql = logging.getLogger(), logging.getLogger("sqlalchemy.engine.Engine")
    handler, level = _ToMessages(messages), sql.level
    shown = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        messages.line(f"warning: {' '.join(str(message).split())} ({category.__name__})", "yellow")

    root.addHandler(handler)
    warnings.showwarning = show
    if echo:
        sql.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        warnings.showwarning = shown
        sql.setLevel(level)
