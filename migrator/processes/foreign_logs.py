"""Log records and warnings of other packages, while a command runs."""

from __future__ import annotations

import logging
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, suppress

from migrator import secrets
from migrator.visible import visible, visible_lines

# Is told a level, which is one of logging's, and a text of one line or several.
Tell = Callable[[int, str], None]


class _Telling(logging.Handler):
    def __init__(self, tell: Tell) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._tell(record.levelno, f"{record.getMessage()}{_cause(record)}")
        except Exception:
            # The border of a handler, as in the standard library: whoever logs is not to fail by it.
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Say on stderr what is wrong with a record, which may have a password among its arguments."""
        if sys.stderr is not None:
            with redirect_stderr(secrets.scrubbing(sys.stderr)):
                super().handleError(record)


def _cause(record: logging.LogRecord) -> str:
    """Give the exception of a record in one line; where it was raised is for --traceback to show."""
    exc = record.exc_info[1] if record.exc_info else None
    if exc is None:
        return ""
    return f": {type(exc).__name__}: {' '.join(str(exc).split())}".removesuffix(": ")


def _visible(record: logging.LogRecord) -> logging.LogRecord:
    """Make a record visible, as an env.py may have handlers of its own, which write to the terminal."""
    # What is wrong with a record is for its handler to say.
    with suppress(Exception):
        text = record.getMessage()
        if (shown := visible_lines(text)) != text:
            record.msg, record.args = shown, ()
        if record.exc_info:
            trace = "".join(traceback.format_exception(*record.exc_info))
            record.exc_text = visible(trace.rstrip(), "\n\t")
    return record


@contextmanager
def foreign_logs(tell: Tell) -> Iterator[None]:
    """Tell log records, and warnings, while the block runs; what they say is not scrubbed here."""
    root, handler = logging.getLogger(), _Telling(tell)
    shown, made = warnings.showwarning, logging.getLogRecordFactory()

    def show(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        tell(logging.WARNING, f"{' '.join(str(message).split())} ({category.__name__})")

    root.addHandler(handler)
    warnings.showwarning = show
    logging.setLogRecordFactory(lambda *args, **named: _visible(made(*args, **named)))
    try:
        yield
    finally:
        root.removeHandler(handler)
        warnings.showwarning = shown
        logging.setLogRecordFactory(made)
