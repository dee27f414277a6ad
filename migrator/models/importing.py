"""Importing an application's modules: every one of a package, each failure told as what it is."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import pkgutil
import sys
import sysconfig
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, ModuleType, TracebackType
from typing import NamedTuple

from sqlalchemy import MetaData, Table, event
from sqlalchemy.exc import InvalidRequestError

from migrator.errors import ModelsError
from migrator.faults import is_own_fault, outside, own_fault
from migrator.models.imported_twice import ImportedName, double_import_error, names_of_file


class _Made(NamedTuple):
    """A table that came into being, and the module whose execution made it."""

    metadata: MetaData
    table: Table
    module: str


# A module that fails half-way has already registered the tables above the failing line. If they stayed, the
# next attempt would report "Table is already defined" instead of the cause.
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


KEY_HINT = "Correct the key models in the [migrator] section of the environment's ini."

# Folders inside a package that are none of its code: Alembic's own, whose env.py would start a migration
# when imported, and a virtual environment.
_FOREIGN = ("script.py.mako", "pyvenv.cfg")


@dataclass(frozen=True)
class _Place:
    """The module that was being executed when an import failed."""

    module: str
    file: str
    line: int | None


def import_named(name: str) -> ModuleType:
    """Import a module that the configuration names. Raises ModelsError if it does not exist or fails."""
    return _import(name, named=True)


def import_tree(name: str) -> list[ModuleType]:
    """Import a module and all modules below it, in the order of their names, each after its package.

    Folders without an `__init__.py` belong to it as they do for Python. Raises ModelsError.
    """
    modules = [import_named(name)]
    modules.extend(_import(below) for below in _below(f"{name}.", getattr(modules[0], "__path__", ())))
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


def _import(name: str, *, named: bool = False) -> ModuleType:
    try:
        return outside(importlib.import_module, name)
    except (Exception, SystemExit) as exc:
        if is_own_fault(exc):
            raise own_fault(exc) from exc
        executed = list(_executed(exc.__traceback__))
        if named and not executed and isinstance(exc, ModuleNotFoundError):
            raise _not_there(name, exc.name or name) from exc
        raise _failure(name, exc, executed) from exc


def _executed(traceback: TracebackType | None) -> Iterator[_Place]:
    """The modules whose execution an exception went through, the innermost last."""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_name == "<module>":
            module = str(traceback.tb_frame.f_globals.get("__name__"))
            yield _Place(module, code.co_filename, traceback.tb_lineno)
        traceback = traceback.tb_next


def _failure(name: str, exc: BaseException, executed: Sequence[_Place]) -> ModelsError:
    place = _place(name, exc, executed)
    if isinstance(exc, InvalidRequestError) and place is not None:
        twins = names_of_file(place.file, [ImportedName(each.module, each.file) for each in executed])
        if len(twins) > 1:
            # SQLAlchemy's next sentence advises extend_existing=True, which would only hide this.
            return double_import_error(twins, name, cause=in_words(exc).partition(". ")[0])
    what = (
        f"The module {name}"
        if place is None or place.module == name
        else f"{place.module}, which {name} needs,"
    )
    return ModelsError(f"{what} cannot be imported: {in_words(exc)}.", hint=_failure_hint(exc, place))


def _failure_hint(exc: BaseException, place: _Place | None) -> str:
    where = (
        "" if place is None else f"Look at {place.file}" + (f", line {place.line}." if place.line else ".")
    )
    if isinstance(exc, ModuleNotFoundError) and exc.name:
        return f"Install what provides {exc.name}, or correct the import. {where}".rstrip()
    return where


def _place(name: str, exc: BaseException, executed: Sequence[_Place]) -> _Place | None:
    """Where it failed. A file that Python cannot compile is never executed: the error itself names it."""
    if isinstance(exc, SyntaxError) and exc.filename:
        return _Place(_name_in_package(Path(exc.filename), name), exc.filename, exc.lineno)
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
