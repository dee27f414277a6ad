"""Tells migrator's own faults from those of the code that it runs: version files, env.py, models, hooks."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import ParamSpec, TypeVar

from migrator.errors import MigratorError, fault

P = ParamSpec("P")
T = TypeVar("T")

_PACKAGE = Path(__file__).parent
# What a mistake in migrator's own code raises: any of these there, and the first two in what it calls.
_MISTAKES = (AttributeError, TypeError, NameError, LookupError, AssertionError)
_MISTAKES_IN_A_CALL = (AttributeError, TypeError)
_LIBRARIES = {
    *sys.stdlib_module_names,
    *("alembic", "sqlalchemy", "greenlet", "mako"),
    *("aiosqlite", "asyncmy", "asyncpg", "psycopg", "psycopg2"),
}


def outside(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call what a project wrote, or what fails where that is wrong: the failure is the project's."""
    return function(*args, **kwargs)


def own_fault(exc: BaseException) -> MigratorError:
    """Return the error for an exception for which `is_own_fault` holds."""
    error = fault(exc)
    own = next((file for file in map(_file, _frames(exc)) if file.is_relative_to(_PACKAGE)), _PACKAGE)
    if own.parent.name != "round_trips":
        return error
    remedy = "Until it is corrected: round_trips = plain in the environment's [migrator] section."
    return MigratorError(error.message, hint=f"{error.hint} {remedy}")


def is_own_fault(exc: BaseException) -> bool:
    """Return whether an exception comes from migrator's code, and not from that of a project.

    The innermost frame decides that belongs to either; libraries are passed over.
    """
    kind = _original(exc) or exc
    for depth, frame in enumerate(_frames(exc)):
        if frame.f_code is outside.__code__:
            return False
        if _file(frame).is_relative_to(_PACKAGE):
            return isinstance(kind, _MISTAKES_IN_A_CALL if depth else _MISTAKES)
        if str(frame.f_globals.get("__name__")).partition(".")[0] not in _LIBRARIES:
            return False
    return False


def _frames(exc: BaseException) -> Iterator[FrameType]:
    """Yield the frames that an exception went through, the innermost first."""
    original = _original(exc)
    if original is not None:
        yield from _frames(original)
    for frame, _line in reversed(list(traceback.walk_tb(exc.__traceback__))):
        yield frame


def _original(exc: BaseException) -> BaseException | None:
    # SQLAlchemy wraps what is raised while a statement is made ready.
    original = getattr(exc, "orig", None)
    return original if isinstance(original, BaseException) else None


def _file(frame: FrameType) -> Path:
    return Path(frame.f_code.co_filename)
