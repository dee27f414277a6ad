"""Takes the texts of a command line as they were typed.

Typer 0.29 hands every value that is not a flag to pydantic, and imports it for options that were not even
given: a sixth of the time that `heads` takes. A text needs no conversion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any


class _AsTyped:
    """Stands before Typer's own conversion of one parameter's values."""

    def __init__(self, annotation: object, conversion: Callable[[], Any]) -> None:
        self._is_text = annotation in (str, list[str])
        self._conversion = conversion

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Give a value as the command gets it."""
        if value is not None and not self._is_text:
            return self._conversion().coerce(value, param=param, ctx=ctx)
        return list(value or ()) if param.multiple or param.nargs == -1 else value


def take_as_typed(params: Iterable[Any]) -> None:
    """Keep Typer from converting texts, and options that were not given.

    Typer 0.28, which has no such conversion, is left as it is.
    """
    for param in params:
        descriptor = getattr(param, "type_descriptor", None)
        if descriptor is not None:
            param.get_runtime_param = partial(_AsTyped, descriptor.annotation, param.get_runtime_param)
