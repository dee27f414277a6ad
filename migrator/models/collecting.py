"""Finding the MetaData in a module or behind an object."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from types import ModuleType
from typing import cast

from sqlalchemy import MetaData


def unique(found: Iterable[MetaData]) -> list[MetaData]:
    """Give each MetaData once, in the order in which they first appear."""
    return list({id(metadata): metadata for metadata in found}.values())


def metadata_in(modules: Iterable[ModuleType]) -> list[MetaData]:
    """Give the MetaData of the modules' attributes: bases, models, tables, registries, or MetaData itself."""
    values = {id(value): value for module in modules for value in list(vars(module).values())}
    behind = (metadata_of(value) for value in values.values() if not isinstance(value, ModuleType))
    return unique(metadata for metadata in behind if metadata is not None)


def metadata_of(value: object) -> MetaData | None:
    """Give the object if it is a MetaData, or the one that is its `metadata`, or None.

    Any object of an application may come in here: Flask's `current_app`, for one, raises RuntimeError when it
    is asked for anything. So nothing of it is executed, except a property, as Flask-SQLAlchemy's `db` has.
    """
    if issubclass(type(value), MetaData):
        return cast("MetaData", value)
    behind = inspect.getattr_static(value, "metadata", None)
    if isinstance(behind, property | functools.cached_property) and not isinstance(value, type):
        with suppress(Exception):
            behind = behind.__get__(value)
    return behind if isinstance(behind, MetaData) else None


def metadata_given(value: object) -> list[MetaData]:
    """Give an object's MetaData, or its items' if it is a sequence or mapping; none if an item has none."""
    if isinstance(value, Mapping):
        value = list(value.values())
    items = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    found = [metadata for metadata in map(metadata_of, items) if metadata is not None]
    return unique(found) if len(found) == len(items) else []
