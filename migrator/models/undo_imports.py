"""Taking back imports that did not all succeed.

A module that fails half-way has already registered the tables above the failing line. If they stayed, the
next attempt would report "Table is already defined" and not what is wrong.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, ModuleType
from typing import NamedTuple

from sqlalchemy import MetaData, Table, event


class _Made(NamedTuple):
    """A table that came into being, and the module whose execution made it."""

    metadata: MetaData
    table: Table
    module: str


@contextmanager
def all_or_nothing(packages: Collection[str]) -> Iterator[None]:
    """Undo what the block imported, if it raises: the modules, their tables, and the changes to sys.path.

    Installed packages stay, since not all of them can be imported twice; those among `packages` (top-level
    names) go even if they are installed.
    """
    modules, path, made = set(sys.modules), list(sys.path), list[_Made]()

    def note(table: Table, metadata: MetaData) -> None:
        made.append(_Made(metadata, table, _executing(sys._getframe(1))))

    event.listen(Table, "after_parent_attach", note)
    try:
        yield
    except BaseException:
        sys.path[:] = path
        new = [name for name in sys.modules if name not in modules]
        # A module that failed is no longer in sys.modules, but its tables are still there.
        kept = modules.union(name for name in new if _installed(name, packages))
        _forget([name for name in new if name not in kept])
        _remove([each for each in made if each.module not in kept])
        raise
    finally:
        event.remove(Table, "after_parent_attach", note)


def _executing(frame: FrameType | None) -> str:
    while frame is not None and frame.f_code.co_name != "<module>":
        frame = frame.f_back
    return str(frame.f_globals.get("__name__")) if frame else ""


def _installed(name: str, packages: Collection[str]) -> bool:
    if name.partition(".")[0] in packages:
        return False
    content = getattr(sys.modules[name], "__dict__", {})
    places = [content.get("__file__"), *content.get("__path__", ())]
    standard = Path(sysconfig.get_path("stdlib"))
    paths = [Path(place) for place in places if isinstance(place, str)]
    return all(
        path.is_relative_to(standard) or not {"site-packages", "dist-packages"}.isdisjoint(path.parts)
        for path in paths
    )


def _forget(names: Sequence[str]) -> None:
    for name in names:
        module = sys.modules.pop(name)
        parent, _, last = name.rpartition(".")
        # `from package import module` looks at the attribute first, and would find the old module.
        if (
            isinstance(module, ModuleType)
            and getattr(sys.modules.get(parent), "__dict__", {}).get(last) is module
        ):
            delattr(sys.modules[parent], last)


def _remove(made: Sequence[_Made]) -> None:
    for metadata, table, _ in made:
        if metadata.tables.get(table.key) is table:
            metadata.remove(table)
