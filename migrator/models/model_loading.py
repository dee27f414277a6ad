"""The models that a database is compared with: imported all or not at all, and their MetaData."""

from __future__ import annotations

import difflib
import functools
import importlib
import inspect
import sys
import sysconfig
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, ModuleType
from typing import cast

from sqlalchemy import MetaData, Table, event

from migrator.errors import ModelsError
from migrator.models.importing import (
    KEY_HINT,
    double_import_error,
    files_with_two_names,
    import_module,
    import_tree,
    in_words,
)


def load_models(specs: Sequence[str], root: Path | None) -> list[MetaData]:
    """Import the models and give their metadata, each once, in a stable order.

    A spec is the name of a package, which is imported with all modules below it, or `package.module:Base`:
    an object that is a MetaData or has one as its `metadata`, or a sequence or mapping of such objects. With
    `root` the folder is put first on sys.path, so that the current folder does not matter.

    Raises ModelsError. Then nothing that was imported stays behind, and the next call starts afresh.
    """
    parts = [_parse(spec) for spec in specs]
    with _all_or_nothing({module.partition(".")[0] for module, _ in parts}):
        if root is not None and sys.path[:1] != [str(root.resolve())]:
            sys.path.insert(0, str(root.resolve()))
        # Python remembers what a folder holds; a file written by this process might not be seen.
        importlib.invalidate_caches()
        found = _unique(metadata for module, path in parts for metadata in _load(module, path))
        for module, _ in parts:
            _refuse_double_imports(_folders(sys.modules[module]), module)
    return found


def _parse(spec: str) -> tuple[str, str]:
    """Split a spec into the module and what stands behind the colon, which may be nothing."""
    module, colon, path = spec.partition(":")
    if _dotted(module) and (_dotted(path) or not colon):
        return module, path
    meant = spec.removesuffix(".py").strip("/").replace("/", ".")
    suggestion = f" Did you mean {meant}?" if "/" in spec and _dotted(meant) else ""
    raise ModelsError(
        f"{spec!r} under the key models is neither a module's name nor a module with an attribute.",
        hint=f"Write it as package.module or package.module:Base.{suggestion}",
    )


def _dotted(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _load(module: str, path: str) -> list[MetaData]:
    if path:
        return _in_object(import_module(module), path)
    found = _metadata_in(import_tree(module))
    if not found:
        raise ModelsError(
            f"No module of {module} has a model, a table or a declarative base.",
            hint=KEY_HINT,
        )
    return [metadata for metadata in found if metadata.tables] or found


def _in_object(module: ModuleType, path: str) -> list[MetaData]:
    value: object = module
    for name in path.split("."):
        value = _attribute(value, name, f"{module.__name__}:{path}")
    found = _metadata_given(value)
    if not found:
        raise ModelsError(
            f"{module.__name__}:{path} is neither a MetaData nor an object that has one as its metadata.",
            hint=f"{KEY_HINT} A declarative base is such an object.",
        )
    return found


def _attribute(value: object, name: str, spec: str) -> object:
    try:
        return getattr(value, name)
    except AttributeError as exc:
        near = difflib.get_close_matches(name, dir(value), n=1)
        meant = f" Did you mean {near[0]}?" if near else ""
        kind = "module" if isinstance(value, ModuleType) else "object"
        owner = f"{kind} {getattr(value, '__name__', type(value).__name__)}"
        raise ModelsError(
            f"{spec} does not exist: the {owner} has no {name}.", hint=KEY_HINT + meant
        ) from exc
    except Exception as exc:
        # A proxy, such as Flask's, has its attributes only while the application runs.
        raise ModelsError(f"{spec} cannot be read: {in_words(exc)}.", hint=KEY_HINT) from exc


def _folders(module: ModuleType) -> list[Path]:
    """The folders of the package that a module is or is in; of a module in no package its file."""
    package = sys.modules.get(module.__package__ or "", module)
    places = getattr(package, "__path__", None) or [getattr(package, "__file__", None)]
    return [Path(place) for place in places if place]


def _unique(found: Iterable[MetaData]) -> list[MetaData]:
    """Give each MetaData once, in the order in which they first appear."""
    return list({id(metadata): metadata for metadata in found}.values())


def _metadata_in(modules: Iterable[ModuleType]) -> list[MetaData]:
    """Give the MetaData of the modules' attributes: bases, models, tables, registries, or MetaData itself."""
    values = {id(value): value for module in modules for value in list(vars(module).values())}
    behind = (_metadata_of(value) for value in values.values() if not isinstance(value, ModuleType))
    return _unique(metadata for metadata in behind if metadata is not None)


def _metadata_of(value: object) -> MetaData | None:
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


def _metadata_given(value: object) -> list[MetaData]:
    """Give an object's MetaData, or its items' if it is a sequence or mapping; none if an item has none."""
    if isinstance(value, Mapping):
        value = list(value.values())
    items = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    found = [metadata for metadata in map(_metadata_of, items) if metadata is not None]
    return _unique(found) if len(found) == len(items) else []


def _refuse_double_imports(folders: Sequence[Path], true_name: str) -> None:
    """Raise ModelsError if a file in one of the folders (or one that is given itself) has two names.

    Files without anything of SQLAlchemy's metadata in them do no harm to a migration and may have them.
    `true_name` is the package that the configuration names: the hint tells to keep the names under it.
    """
    resolved = [folder.resolve() for folder in folders]
    for path, names in files_with_two_names():
        inside = any(path.is_relative_to(folder) for folder in resolved)
        if inside and _metadata_in([sys.modules[name.module] for name in names]):
            raise double_import_error(names, true_name)


# A module that fails half-way has already registered the tables above the failing line. If they stayed, the
# next attempt would report "Table is already defined" instead of the cause.
@contextmanager
def _all_or_nothing(packages: Collection[str]) -> Iterator[None]:
    """Undo what the block imported, if it raises: the modules, their tables, and the changes to sys.path.

    Installed packages stay, since not all of them can be imported twice; those among `packages` (top-level
    names) go even if they are installed.
    """
    modules, path = set(sys.modules), list(sys.path)
    # Each table that came into being, with the module whose execution made it.
    made: list[tuple[MetaData, Table, str]] = []

    def note(table: Table, metadata: MetaData) -> None:
        made.append((metadata, table, _executing(sys._getframe(1))))

    event.listen(Table, "after_parent_attach", note)
    try:
        yield
    except BaseException:
        sys.path[:] = path
        new = [name for name in sys.modules if name not in modules]
        # A module that failed is no longer in sys.modules, but its tables are still there.
        kept = modules.union(name for name in new if _installed(name, packages))
        _forget([name for name in new if name not in kept])
        for metadata, table, module in made:
            if module not in kept and metadata.tables.get(table.key) is table:
                metadata.remove(table)
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
