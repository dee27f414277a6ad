"""Finds declarative bases and models in a project's source, and what to write under the key `models`."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from posixpath import basename, commonpath, dirname
from typing import Literal

from migrator.operations.init.sources import Module, Sources, dotted_name

_Role = Literal["base", "model", "other"]

_BASE_CLASSES = {"sqlalchemy.orm.DeclarativeBase", "sqlalchemy.orm.DeclarativeBaseNoMeta"}
_MAKE_BASES = {"sqlalchemy.orm.declarative_base", "sqlalchemy.ext.declarative.declarative_base"}
_MAKE_BY_DECORATOR = {"sqlalchemy.orm.as_declarative", "sqlalchemy.ext.declarative.as_declarative"}
_METACLASSES = {"sqlalchemy.orm.DeclarativeMeta", "sqlalchemy.ext.declarative.DeclarativeMeta"}
_FLASK = "flask_sqlalchemy.SQLAlchemy"
_SQLMODEL = {"sqlmodel.SQLModel", "sqlmodel.main.SQLModel"}
# Their bases are ready-made: UUIDBase, BigIntAuditBase and others.
_READY_MADE = ("advanced_alchemy.", "litestar.plugins.sqlalchemy.", "litestar.contrib.sqlalchemy.")

# Packages of this name hold models, whatever else is in them.
_NAMES = {"models", "model", "entities", "orm", "tables"}
# Else a package is taken whole where at least so much of it is models.
_MOSTLY = 0.75


def find_models(sources: Sources) -> tuple[str, ...]:
    """Find the packages or modules of a project's models, as the key `models` has them, importing nothing."""
    return _Finder(sources).found()


class _Finder:
    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._roles: dict[str, _Role] = {}

    def found(self) -> tuple[str, ...]:
        bases: list[str] = []
        models: list[str] = []
        for module in self._sources.modules.values():
            bases += [module.name for value in module.assigned.values() if self._makes(value, module)]
            for name in module.classes:
                role = self._role(f"{module.name}.{name}", module, name)
                if role == "base":
                    bases.append(module.name)
                elif role == "model":
                    models.append(module.name)
        return _specs(models, bases, self._sources.names)

    def _makes(self, value: ast.expr, module: Module) -> bool:
        """Whether an expression makes a base, or Flask's object that has one."""
        if not isinstance(value, ast.Call):
            return False
        if isinstance(value.func, ast.Attribute) and value.func.attr == "generate_base":
            return True
        name = dotted_name(value.func)
        return name is not None and self._sources.meaning(module, name) in {*_MAKE_BASES, _FLASK}

    def _role(self, whole: str, module: Module, name: str) -> _Role:
        """Say what a class of the project is."""
        if whole not in self._roles:
            # A class that is its own ancestor is no model.
            self._roles[whole] = "other"
            self._roles[whole] = self._judge(module, module.classes[name])
        return self._roles[whole]

    def _judge(self, module: Module, node: ast.ClassDef) -> _Role:
        parents = self._parents(module, node)
        keywords = {each.arg: each.value for each in node.keywords}
        if any(parent in _BASE_CLASSES for parent in parents) or self._decorated(module, node):
            return "base"
        metaclass = dotted_name(keywords["metaclass"]) if "metaclass" in keywords else None
        if metaclass is not None and self._sources.meaning(module, metaclass) in _METACLASSES:
            return "base"
        if not any(self._may_be_parent(parent) for parent in parents):
            return "other"
        if _is_true(keywords.get("table")):
            return "model"
        if any(self._is_of_sqlmodel(parent) for parent in parents):
            return "other"
        return "base" if _is_abstract(node) else "model"

    def _parents(self, module: Module, node: ast.ClassDef) -> list[str]:
        names = map(dotted_name, node.bases)
        return [self._sources.meaning(module, name) for name in names if name is not None]

    def _decorated(self, module: Module, node: ast.ClassDef) -> bool:
        called = (each.func if isinstance(each, ast.Call) else each for each in node.decorator_list)
        return any(
            name.endswith(".as_declarative_base") or self._sources.meaning(module, name) in _MAKE_BY_DECORATOR
            for name in map(dotted_name, called)
            if name is not None
        )

    def _may_be_parent(self, parent: str) -> bool:
        """Whether a class derived from `parent` is mapped, unless it is abstract."""
        if parent in _SQLMODEL or (parent.startswith(_READY_MADE) and parent.endswith("Base")):
            return True
        home = self._sources.home(parent)
        if home is None:
            return False
        module, name = home
        owner, _dot, attribute = name.partition(".")
        if attribute:
            made = module.assigned.get(owner)
            return attribute == "Model" and made is not None and self._makes(made, module)
        if name in module.classes:
            return self._role(parent, module, name) != "other" or self._is_of_sqlmodel(parent)
        return name in module.assigned and self._makes(module.assigned[name], module)

    def _is_of_sqlmodel(self, whole: str, seen: frozenset[str] = frozenset()) -> bool:
        """Whether a class is SQLModel or one of the project's that is derived from it."""
        if whole in _SQLMODEL:
            return True
        home = self._sources.home(whole)
        if whole in seen or home is None or home[1] not in home[0].classes:
            return False
        module, name = home
        parents = self._parents(module, module.classes[name])
        return any(self._is_of_sqlmodel(each, seen | {whole}) for each in parents)


def _is_true(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is True


def _is_abstract(node: ast.ClassDef) -> bool:
    return any(
        isinstance(each, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == "__abstract__" for target in each.targets)
        and _is_true(each.value)
        for each in node.body
    )


def _specs(models: Sequence[str], bases: Sequence[str], names: Iterable[str]) -> tuple[str, ...]:
    """Give the package whose modules are mostly models, or else the modules that hold them.

    A package goes on to be right when a module is added to it.
    """
    of_models = list(dict.fromkeys(models))
    for group in ((*of_models, *bases), of_models):
        package = _common_package(group, names)
        if package is not None:
            return (package,)
    return tuple(of_models) or tuple(dict.fromkeys(bases))


def _common_package(group: Iterable[str], names: Iterable[str]) -> str | None:
    """Give the nearest package of all modules of a group, where it is one of models."""
    wanted = set(group)
    if not wanted:
        return None
    paths = [name.replace(".", "/") for name in wanted]
    if len(wanted) == 1 and not has_below(next(iter(wanted)), names):
        if basename(paths[0]) in _NAMES:
            return next(iter(wanted))
        paths = [dirname(paths[0])]
    common = commonpath(paths)
    if not common:
        return None
    package = common.replace("/", ".")
    inside = {name for name in names if name.startswith(f"{package}.")}
    if basename(common) in _NAMES or (len(inside) > 1 and len(wanted & inside) / len(inside) >= _MOSTLY):
        return package
    return None


def has_below(name: str, names: Iterable[str]) -> bool:
    """Whether a module is a package with modules of its own."""
    return any(each.startswith(f"{name}.") for each in names)
