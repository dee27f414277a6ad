"""Keeps stdout for data while code and programs run that are not ours."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import TextIO


@contextmanager
def stdout_to(stream: TextIO) -> Iterator[None]:
    """Send what is printed while the block runs to `stream`, and to stderr what other programs write.

    A program inherits the descriptor itself, past every object of Python.
    """
    with _descriptor_to_stderr(), redirect_stdout(stream):
        yield


@contextmanager
def _descriptor_to_stderr() -> Iterator[None]:
    _flush()
    try:
        data = os.dup(1)
    except OSError:
        # Started without a stdout (`>&-`): there is none to keep clean.
        yield
        return
    try:
        # Without a stderr the descriptor stays as it is: there is nowhere else to write to.
        with suppress(OSError):
            os.dup2(2, 1)
        yield
    finally:
        _flush()
        os.dup2(data, 1)
        os.close(data)


def _flush() -> None:
    # What the process's own stream still holds belongs where the descriptor led when it was written.
    if sys.__stdout__ is not None:
        with suppress(OSError, ValueError):
            sys.__stdout__.flush()
