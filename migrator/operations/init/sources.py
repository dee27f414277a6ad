"""The Python files of a project, read and never run, and what the names in them stand for."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from migrator.syntax import assignments, parse

# Folders whose Python is not the project's own, or does not run in it.
_SKIPPED = {"__pycache__", "node_modules", "site-packages", "build", "dist", "venv", "env", "test", "tests"}
# A virtual environment, and an Alembic folder with its revisions.
_SIGNS = ("pyvenv.cfg", "script.py.mako")
_OF_INTEREST = re.compile(rb"Base|Model|sqlalchemy|sqlmodel|declarative", re.IGNORECASE)
# Somebody may have started in a home folder.
_MOST_FILES, _MOST_FOLDERS = 10_000, 20_000
_MOST_BYTES = 1_000_000
# Imports of imports: a longer chain is a circle.
_LONGEST_CHAIN = 20


@dataclass(frozen=True)
class Module:
    """A module of the project that was read."""

    name: str
    path: Path
    tree: ast.Module

    @cached_property
    def package(self) -> str:
        """The package that relative imports start from."""
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]

    @cached_property
    def imported(self) -> Mapping[str, str]:
        """What each imported name stands for: `Base` -> `app.db.Base`."""
        return {local: whole for node in ast.walk(self.tree) for local, whole in _imports(node, self.package)}

    @cached_property
    def classes(self) -> Mapping[str, ast.ClassDef]:
        """The classes by their names, wherever they stand."""
        return {node.name: node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef)}

    @cached_property
    def assigned(self) -> Mapping[str, ast.expr]:
        """What is assigned to the names of the module."""
        return {name: value for node in self.tree.body for name, value in assignments(node)}


@dataclass(frozen=True)
class Sources:
    """The modules of a project. `names` are all of them, those that were not worth reading too.

    `broken` says of files that could not be read, or are no Python, what is wrong; with `cut_short` there
    were more files than are looked at. `source_folder` is the folder below the root that is put on `sys.path`
    too (`src`), if there is one.
    """

    modules: Mapping[str, Module]
    names: frozenset[str]
    broken: Mapping[Path, str]
    cut_short: bool
    source_folder: str | None

    def meaning(self, module: Module, dotted: str) -> str:
        """Give what a name stands for in a module, through the imports of the project's other modules."""
        for _ in range(_LONGEST_CHAIN):
            head, _dot, rest = dotted.partition(".")
            if head in module.classes or head in module.assigned:
                return f"{module.name}.{dotted}"
            if head not in module.imported:
                return dotted
            whole = ".".join(filter(None, (module.imported[head], rest)))
            found = self.home(whole)
            if found is None:
                return whole
            module, dotted = found
        return dotted

    def home(self, whole: str) -> tuple[Module, str] | None:
        """Give the module of the project that a whole name leads into, and the rest of the name."""
        parts = whole.split(".")
        for length in range(len(parts) - 1, 0, -1):
            module = self.modules.get(".".join(parts[:length]))
            if module is not None:
                return module, ".".join(parts[length:])
        return None


def read_sources(root: Path) -> Sources:
    """Read the Python files below a folder: not those of virtual environments, tests and migrations."""
    modules: dict[str, Module] = {}
    names: set[str] = set()
    broken: dict[Path, str] = {}
    inside = root / "src"
    source_folder = "src" if inside.is_dir() and not (inside / "__init__.py").exists() else None
    files, cut_short = _python_files(root)
    for path in files:
        name = _module_name(path, root, source_folder)
        if name is None:
            continue
        names.add(name)
        try:
            tree = _read(path)
        except (OSError, SyntaxError) as exc:
            broken[path.relative_to(root)] = f"{path.relative_to(root)}{_wrong(exc)}."
            continue
        if tree is not None:
            modules[name] = Module(name, path, tree)
    return Sources(modules, frozenset(names), broken, cut_short, source_folder)


def _wrong(exc: OSError | SyntaxError) -> str:
    if isinstance(exc, OSError):
        return f" could not be read: {exc.strerror}"
    line = f", line {exc.lineno}," if exc.lineno is not None else ""
    return f"{line} is not valid Python: {exc.msg}"


def _python_files(root: Path) -> tuple[list[Path], bool]:
    """List them, and say whether there were too many files or folders to go on."""
    found: list[Path] = []
    for number, (folder, folders, names) in enumerate(os.walk(root)):
        folders[:] = sorted(name for name in folders if not _is_foreign(Path(folder, name)))
        found += [Path(folder, name) for name in sorted(names) if name.endswith(".py")]
        if len(found) > _MOST_FILES or number > _MOST_FOLDERS:
            return found[:_MOST_FILES], True
    return found, False


def _is_foreign(folder: Path) -> bool:
    if folder.name in _SKIPPED or folder.name.startswith("."):
        return True
    # Where a folder may not be looked into there is nothing to find.
    return any(os.path.lexists(folder / sign) for sign in _SIGNS)


def _module_name(path: Path, root: Path, source_folder: str | None) -> str | None:
    parts = list(path.relative_to(root).with_suffix("").parts)
    if parts[0] == source_folder:
        parts = parts[1:]
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts) if parts and all(part.isidentifier() for part in parts) else None


def _read(path: Path) -> ast.Module | None:
    """Parse a file where it may have to do with models; None where it cannot."""
    if path.stat().st_size > _MOST_BYTES:
        return None
    source = path.read_bytes()
    if path.name != "__init__.py" and _OF_INTEREST.search(source) is None:
        return None
    return parse(source)


def _imports(node: ast.AST, package: str) -> Iterable[tuple[str, str]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            # `import a.b` makes the name `a`.
            head = alias.name.partition(".")[0]
            yield (alias.asname, alias.name) if alias.asname else (head, head)
    elif isinstance(node, ast.ImportFrom):
        parts = package.split(".") if package else []
        above = parts[: len(parts) - node.level + 1] if node.level else []
        origin = ".".join((*above, *filter(None, [node.module])))
        for alias in node.names:
            yield alias.asname or alias.name, f"{origin}.{alias.name}" if origin else alias.name


def dotted_name(node: ast.expr) -> str | None:
    """Give `a.b.c` for an expression that is such a name; `Base[int]` counts as `Base`."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Subscript(value=value):
            return dotted_name(value)
        case ast.Attribute(value=value, attr=attribute):
            owner = dotted_name(value)
            return None if owner is None else f"{owner}.{attribute}"
    return None
