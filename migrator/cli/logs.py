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
        for line in f"{level}{record.getMessage()}{_cause(record)}".splitlines():
            self._messages.line(line, "dim")


def _cause(record: logging.LogRecord) -> str:
    """Give the exception of a record in one line; where it was raised is for --traceback to show."""
    exc = record.exc_info[1] if record.exc_info else None
    if exc is None:
        return ""
    return f": {type(exc).__name__}: {' '.join(str(exc).split())}".removesuffix(": ")


@contextmanager
def logs_to_stderr(messages: Messages) -> Iterator[None]:
    """Send warnings and log records to `messages` while the block runs."""
    root, handler = logging.getLogger(), _ToMessages(messages)
    shown = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        messages.line(f"warning: {' '.join(str(message).split())} ({category.__name__})", "yellow")

    root.addHandler(handler)
    warnings.showwarning = show
    try:
        yield
    finally:
        root.removeHandler(handler)
        warnings.showwarning = shown
