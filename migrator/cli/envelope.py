"""The one JSON document that `--json` puts on stdout."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any

from migrator import secrets
from migrator.errors import ExitCode, MigratorError

VERSION = 1


def envelope(
    command: str,
    environment: str | None,
    code: int,
    result: object = None,
    errors: tuple[MigratorError, ...] = (),
    *,
    in_one_line: bool = False,
) -> str:
    """Give the document for a result, or for the errors that stand in its place.

    `status` is success (exit code 0), negative (1: the answer is no) or error.
    """
    document = {
        "version": VERSION,
        "command": command,
        "environment": environment,
        "status": _status(code, errors),
        "exit_code": int(code),
        "data": _data(result),
        "errors": [_error(error) for error in errors],
    }
    return _written(document, None if in_one_line else 2)


def line_of(result: Any) -> str:
    """Give a part of a result, a dataclass, as one line of JSON."""
    return _written(asdict(result), None)


def _written(document: dict[str, Any], indent: int | None) -> str:
    # Where stdout cannot take every character, JSON has a way of its own to write it.
    ascii_only = (sys.stdout.encoding or "utf-8").lower().replace("-", "") != "utf8"
    return json.dumps(document, indent=indent, ensure_ascii=ascii_only, default=_as_text)


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    raise TypeError(f"There is no JSON for a {type(value).__name__}.")


def _status(code: int, errors: tuple[MigratorError, ...]) -> str:
    if code == ExitCode.OK:
        return "success"
    return "negative" if code == ExitCode.NO and not errors else "error"


def _data(result: object) -> dict[str, Any]:
    if is_dataclass(result) and not isinstance(result, type):
        return asdict(result)
    return {}


def _error(error: MigratorError) -> dict[str, str]:
    return {
        "type": type(error).__name__,
        "message": secrets.scrub(error.message),
        "hint": secrets.scrub(error.hint),
    }
