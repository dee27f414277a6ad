"""What a run of an env.py changes in this process, and what is put back after it for the tests' sake."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path


@contextmanager
def at_root(root: Path) -> Iterator[None]:
    """Work in a project's folder; `sys.path`, the configuration of logging and the folder are put back.

    Warnings are reported, and are no errors even where the tests' own are.
    """
    path = list(sys.path)
    with chdir(root), _logging_put_back(), warnings.catch_warnings():
        warnings.simplefilter("default")
        try:
            yield
        finally:
            sys.path[:] = path


@contextmanager
def _logging_put_back() -> Iterator[None]:
    """An env.py of Alembic's templates configures logging anew, and disables the loggers that there are."""
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    before = [
        (each, each.level, each.disabled, each.propagate, list(each.handlers))
        for each in loggers
        if isinstance(each, logging.Logger)
    ]
    try:
        yield
    finally:
        for logger, level, disabled, propagate, handlers in before:
            logger.setLevel(level)
            logger.disabled, logger.propagate, logger.handlers[:] = disabled, propagate, handlers
