"""Importing an application's modules: every one of a package, each failure told as what it is."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import pkgutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType, TracebackType
from typing import NamedTuple

from sqlalchemy.exc import InvalidRequestError

from migrator.errors import ModelsError
from migrator.faults import is_own_fault, outside, own_fault

KEY_HINT = "Correct the key models in the [migrator] section of the environment's ini."

# Folders inside a package that are none of its code: Alembic's own, whose env.py would start a migration
# when imported, and a virtual environment.
_FOREIGN = ("script.py.mako", "pyvenv.cfg")


class ImportedName(NamedTuple):
    """A module's name, the file it was read from, and the line where it failed, if it did."""

    module: str
    file: str
    line: int | None = None


def import_tree(name: str) -> list[ModuleType]:
    """Import a module and all modules below it, in the order of their names, each after its package.

    Folders without an `__init__.py` belong to it as they do for Python. Raises ModelsError.
    """
    modules = [import_module(name)]
    modules.extend(
        import_module(below, named=False) for below in _below(f"{name}.", getattr(modules[0], "__path__", ()))
    )
    return modules


def _below(prefix: str, folders: Iterable[str]) -> Iterator[str]:
    """Names of the modules in a package's folders; a package is imported before its content is asked for."""
    folders = list(folders)
    for name, kind in sorted(_entries(folders).items()):
        if kind == "folder":
            yield from _below(f"{prefix}{name}.", [str(Path(folder, name)) for folder in folders])
            continue
        yield prefix + name
        if kind == "package":
            yield from _below(f"{prefix}{name}.", getattr(sys.modules[prefix + name], "__path__", ()))


def _entries(folders: Sequence[str]) -> dict[str, str]:
    """What a package's folders hold: each name with its kind, `module`, `package` or (bare) `folder`."""
    found = dict.fromkeys(_bare_folders(folders), "folder")
    for info in pkgutil.iter_modules(folders):
        found[info.name] = "package" if info.ispkg else "module"
    return {name: kind for name, kind in found.items() if name != "__main__" and not _foreign(folders, name)}


def _bare_folders(folders: Sequence[str]) -> Iterator[str]:
    for folder in filter(Path.is_dir, map(Path, folders)):
        for path in folder.iterdir():
            if path.name.isidentifier() and path.name != "__pycache__" and path.is_dir():
                yield path.name


def _foreign(folders: Sequence[str], name: str) -> bool:
    return any(Path(folder, name, sign).exists() for folder in folders for sign in _FOREIGN)


def import_module(name: str, *, named: bool = True) -> ModuleType:
    """Import a module, one that the configuration names or one below it.

    Raises ModelsError if it does not exist or fails.
    """
    try:
        return outside(importlib.import_module, name)
    except (Exception, SystemExit) as exc:
        if is_own_fault(exc):
            raise own_fault(exc) from exc
        executed = list(_executed(exc.__traceback__))
        if named and not executed and isinstance(exc, ModuleNotFoundError):
            raise _not_there(name, exc.name or name) from exc
        raise _failure(name, exc, executed) from exc


def _executed(traceback: TracebackType | None) -> Iterator[ImportedName]:
    """The modules whose execution an exception went through, the innermost last."""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_name == "<module>":
            module = str(traceback.tb_frame.f_globals.get("__name__"))
            yield ImportedName(module, code.co_filename, traceback.tb_lineno)
        traceback = traceback.tb_next


def _failure(name: str, exc: BaseException, executed: Sequence[ImportedName]) -> ModelsError:
    place = _place(name, exc, executed)
    if isinstance(exc, InvalidRequestError) and place is not None:
        twins = _names_of_file(place.file, executed)
        if len(twins) > 1:
            # SQLAlchemy's next sentence advises extend_existing=True, which would only hide this.
            return double_import_error(twins, name, cause=in_words(exc).partition(". ")[0])
    what, hint = f"The module {name}", ""
    if place is not None:
        hint = f"Look at {place.file}" + (f", line {place.line}." if place.line else ".")
        if place.module != name:
            what = f"{place.module}, which {name} needs,"
    if isinstance(exc, ModuleNotFoundError) and exc.name:
        hint = f"Install what provides {exc.name}, or correct the import. {hint}".rstrip()
    return ModelsError(f"{what} cannot be imported: {in_words(exc)}.", hint=hint)


def _place(name: str, exc: BaseException, executed: Sequence[ImportedName]) -> ImportedName | None:
    """Where it failed. A file that Python cannot compile is never executed: the error itself names it."""
    if isinstance(exc, SyntaxError) and exc.filename:
        return ImportedName(_name_in_package(Path(exc.filename), name), exc.filename, exc.lineno)
    return executed[-1] if executed else None


def _name_in_package(file: Path, name: str) -> str:
    """Give a file's module name, if it lies in the top package of `name`; else `name` itself."""
    top = name.partition(".")[0]
    spec = importlib.util.find_spec(top)
    for folder in (spec.submodule_search_locations if spec else None) or ():
        if file.is_relative_to(folder):
            parts = file.relative_to(folder).with_suffix("").parts
            return ".".join((top, *parts)).removesuffix(".__init__")
    return name


def in_words(exc: BaseException) -> str:
    """Give the cause that an exception is, without line breaks and without a full stop."""
    if isinstance(exc, SystemExit):
        return f"it ends the process with sys.exit({exc.code!r})"
    # SQLAlchemy adds a paragraph with a link, pydantic several lines: an error here is one sentence.
    text = " ".join(str(exc).partition("(Background on this error")[0].split()).rstrip(".")
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__


def _not_there(name: str, missing: str) -> ModelsError:
    """The error for a name in the configuration; `missing`, all of it or its beginning, is not there."""
    parent, _, last = missing.rpartition(".")
    if parent and missing == name and hasattr(sys.modules.get(parent), last):
        return ModelsError(
            f"{name} is not a module: {last} is an attribute of {parent}.",
            hint=f"{KEY_HINT} Did you mean {parent}:{last}?",
        )
    siblings = _entries(list(getattr(sys.modules.get(parent), "__path__", ())) if parent else sys.path[:1])
    near = difflib.get_close_matches(last, siblings, n=1)
    meant = (
        f" Did you mean {'.'.join(filter(None, (parent, near[0])))}{name[len(missing) :]}?" if near else ""
    )
    because = "" if missing == name else f", because there is no {missing}"
    return ModelsError(f"The module {name} does not exist{because}.", hint=KEY_HINT + meant)


# The started program has this name besides its own, and holds no models of its own.
_PROGRAM = frozenset({"__main__", "__mp_main__"})


def _names_of_file(file: str, further: Iterable[ImportedName]) -> list[ImportedName]:
    """Give the names under which a file is imported; `further` are modules that may be gone already."""
    (_, wanted), *others = _identified([ImportedName("", file), *_imported(), *further])
    return list({name.module: name for name, found in others if found == wanted}.values())


def files_with_two_names() -> list[tuple[Path, list[ImportedName]]]:
    """Give each file that is imported as several modules, which registers its tables twice, with these."""
    seen: dict[object, list[ImportedName]] = {}
    for name, file in _identified(_imported()):
        seen.setdefault(file, []).append(name)
    return sorted((Path(names[0].file).resolve(), names) for names in seen.values() if len(names) > 1)


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
