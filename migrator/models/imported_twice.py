"""One file imported as two modules: it then registers its tables twice."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from migrator.errors import ModelsError
from migrator.models.collecting import metadata_in

# The started program has this name besides its own, and holds no models of its own.
_PROGRAM = frozenset({"__main__", "__mp_main__"})


class ImportedName(NamedTuple):
    """A module's name, and the file it was read from."""

    module: str
    file: str


def refuse_double_imports(folders: Sequence[Path], true_name: str) -> None:
    """Raise ModelsError if a file in one of the folders (or one that is given itself) has two names.

    Files without anything of SQLAlchemy's metadata in them do no harm to a migration and may have them.
    `true_name` is the package that the configuration names: the hint tells to keep the names under it.
    """
    resolved = [folder.resolve() for folder in folders]
    seen: dict[object, list[ImportedName]] = {}
    for name, file in _identified(_imported()):
        seen.setdefault(file, []).append(name)
    twins = [(Path(names[0].file).resolve(), names) for names in seen.values() if len(names) > 1]
    for path, names in sorted(twins):
        inside = any(path.is_relative_to(folder) for folder in resolved)
        if inside and metadata_in([sys.modules[name.module] for name in names]):
            raise double_import_error(names, true_name)


def names_of_file(file: str, further: Iterable[ImportedName]) -> list[ImportedName]:
    """Give the names under which a file is imported; `further` are modules that may be gone already."""
    (_, wanted), *others = _identified([ImportedName("", file), *_imported(), *further])
    return list({name.module: name for name, found in others if found == wanted}.values())


def double_import_error(names: Sequence[ImportedName], true_name: str, cause: str = "") -> ModelsError:
    """Make the error that tells of the names of one file, with the cause it led to, if any."""
    first, second, *_ = sorted(name.module for name in names)
    true = next((name for name in (first, second) if f"{name}.".startswith(f"{true_name}.")), None)
    because = f" ({cause})" if cause else ""
    return ModelsError(
        f"{first} and {second} are the same file, {names[0].file}, imported under two names, "
        f"so that its tables are registered twice{because}.",
        hint=f"Import it everywhere as {true}." if true else "Import it everywhere under one name.",
    )


def _imported() -> Iterator[ImportedName]:
    different: set[int] = set()
    for module, content in list(sys.modules.items()):
        # Not getattr: some modules only pretend to be there, and an attribute would make them import.
        file = getattr(content, "__dict__", {}).get("__file__")
        if isinstance(file, str) and module not in _PROGRAM and id(content) not in different:
            different.add(id(content))
            yield ImportedName(module, file)


def _identified(names: Iterable[ImportedName]) -> Iterator[tuple[ImportedName, object]]:
    """Add what is equal for one file: put on sys.path as `api/..`, its folder has another name than `.`."""
    # Not the real path, which asks after each folder above: a thousand modules lie in a hundred folders.
    identity = cache(_identity)
    for name in names:
        folder, _, leaf = name.file.rpartition(os.sep)
        yield name, (identity(folder or os.curdir), leaf)


def _identity(folder: str) -> object:
    try:
        found = os.stat(folder)  # noqa: PTH116
    except OSError:
        # The inside of an archive.
        return folder
    return found.st_dev, found.st_ino
