"""The models that a database is compared with."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from sqlalchemy import MetaData

from migrator.errors import ModelsError
from migrator.models.collecting import metadata_given, metadata_in, unique
from migrator.models.imported_twice import refuse_double_imports
from migrator.models.importing import KEY_HINT, all_or_nothing, import_named, import_tree, in_words


def load_models(specs: Sequence[str], root: Path | None) -> list[MetaData]:
    """Import the models and give their metadata, each once, in a stable order.

    A spec is the name of a package, which is imported with all modules below it, or `package.module:Base`:
    an object that is a MetaData or has one as its `metadata`, or a sequence or mapping of such objects. With
    `root` the folder is put first on sys.path, so that the current folder does not matter.

    Raises ModelsError. Then nothing that was imported stays behind, and the next call starts afresh.
    """
    parts = [_parse(spec) for spec in specs]
    with all_or_nothing({module.partition(".")[0] for module, _ in parts}):
        if root is not None and sys.path[:1] != [str(root.resolve())]:
            sys.path.insert(0, str(root.resolve()))
        # Python remembers what a folder holds; a file written by this process might not be seen.
        importlib.invalidate_caches()
        found = unique(metadata for module, path in parts for metadata in _load(module, path))
        for module, _ in parts:
            refuse_double_imports(_folders(sys.modules[module]), module)
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
        return _in_object(import_named(module), path)
    found = metadata_in(import_tree(module))
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
    found = metadata_given(value)
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
