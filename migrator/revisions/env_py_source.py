"""Reads an env.py, any env.py, without running it: what it does that nobody sees from outside."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from migrator.syntax import assignments, parse

HostFramework = Literal["flask", "advanced-alchemy"]

_ENGINES = {"create_engine", "create_async_engine"}
_ENGINES_FROM_CONFIG = {"engine_from_config", "async_engine_from_config"}
_ASYNC = {"create_async_engine", "async_engine_from_config"}
_READS_OPTION = {"get_main_option", "get_section_option", "get_section", "get_alembic_option"}
_TRANSACTION_OPTIONS = {"transaction_per_migration", "transactional_ddl"}


@dataclass(frozen=True)
class EnvPy:
    """What an env.py does, by the numbers of its lines.

    `ours` says that it calls `migrator.env.run_migrations`. `needs` is the tool without which it cannot run:
    Flask-Migrate's asks the Flask application, advanced-alchemy's a Config of its own.
    """

    ours: bool = False
    needs: HostFramework | None = None
    disables_loggers: tuple[int, ...] = ()
    own_url: tuple[int, ...] = ()
    own_transaction: tuple[int, ...] = ()
    no_models: tuple[int, ...] = ()
    asynchronous: bool = False


def read_env_py(source: str | bytes) -> EnvPy:
    """Read the source of an env.py. Raises SyntaxError where it is not valid Python."""
    nodes = list(ast.walk(parse(source)))
    return EnvPy(
        ours=any(_is_ours(node) for node in nodes),
        needs=next((needs for node in nodes if (needs := _needs(node)) is not None), None),
        disables_loggers=_lines(node for node in nodes if _disables_loggers(node)),
        own_url=_lines(_own_urls(nodes)),
        own_transaction=_lines(node for node in nodes if _has_own_transaction(node)),
        no_models=_lines(node for node in nodes if _has_no_models(node)),
        asynchronous=any(isinstance(node, ast.Call) and _called(node) in _ASYNC for node in nodes),
    )


def is_ours(path: Path) -> bool:
    """Whether there is an env.py that can be read and calls `migrator.env.run_migrations`."""
    try:
        return read_env_py(path.read_bytes()).ours
    except (OSError, SyntaxError):
        return False


def _lines(nodes: Iterator[ast.AST]) -> tuple[int, ...]:
    return tuple(sorted({getattr(node, "lineno", 0) for node in nodes}))


def _is_ours(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.module == "migrator.env" or (
            node.module == "migrator" and any(alias.name == "env" for alias in node.names)
        )
    return isinstance(node, ast.Import) and any(alias.name == "migrator.env" for alias in node.names)


def _needs(node: ast.AST) -> HostFramework | None:
    if not isinstance(node, ast.ImportFrom):
        return None
    names = {alias.name for alias in node.names}
    if node.module == "flask" and "current_app" in names:
        return "flask"
    return "advanced-alchemy" if "AlembicCommandConfig" in names else None


def _disables_loggers(node: ast.AST) -> bool:
    """Whether it calls fileConfig(), which disables the loggers that exist already unless told not to."""
    if not isinstance(node, ast.Call) or _called(node) != "fileConfig":
        return False
    return not any(
        each.arg == "disable_existing_loggers"
        and isinstance(each.value, ast.Constant)
        and not each.value.value
        for each in node.keywords
    )


def _own_urls(nodes: list[ast.AST]) -> Iterator[ast.AST]:
    """Give each place where the database's URL does not come from the configuration file."""
    assigned = (each for node in nodes if isinstance(node, ast.stmt) for each in assignments(node))
    from_config = {name for name, value in assigned if _reads_config(value, set())}
    for node in nodes:
        match node:
            case ast.Call(args=[ast.Constant("sqlalchemy.url"), *_]) if _called(node) == "set_main_option":
                yield node
            case ast.Assign(targets=[ast.Subscript(slice=ast.Constant(value="sqlalchemy.url"))]):
                yield node
            case ast.Call() if _called(node) in _ENGINES and not _reads_config(node, from_config):
                yield node
            case ast.Call() if _called(node) in _ENGINES_FROM_CONFIG:
                # `url=` goes before what is in the section.
                if any(each.arg == "url" for each in node.keywords):
                    yield node
            case ast.ImportFrom(module=str(module), names=names) if not module.startswith("sqlalchemy"):
                if any(alias.name in ("engine", "async_engine") for alias in names):
                    yield node


def _reads_config(node: ast.AST, names: set[str]) -> bool:
    return any(
        (isinstance(each, ast.Call) and _called(each) in _READS_OPTION)
        or (isinstance(each, ast.Name) and each.id in names)
        for each in ast.walk(node)
    )


def _has_own_transaction(node: ast.AST) -> bool:
    """Whether it begins, commits or does without a transaction in a way of its own."""
    if isinstance(node, ast.keyword):
        return node.arg in _TRANSACTION_OPTIONS or (
            node.arg == "isolation_level"
            and isinstance(node.value, ast.Constant)
            and str(node.value.value).upper() == "AUTOCOMMIT"
        )
    return isinstance(node, ast.Call) and _called(node) in ("begin", "begin_nested", "commit")


def _has_no_models(node: ast.AST) -> bool:
    match node:
        case ast.Assign(targets=[ast.Name(id="target_metadata")], value=ast.Constant(value=None)):
            return True
    return False


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def runs_only_ours(env_py: Path) -> bool:
    """Whether a file imports things and calls `run_migrations()` of migrator, with names and values, once.

    False for one that cannot be read.
    """
    try:
        body = parse(env_py.read_bytes()).body
    except (OSError, SyntaxError):
        return False
    ours = False
    for statement in body:
        match statement:
            case ast.Import() | ast.Expr(value=ast.Constant()):
                continue
            case ast.ImportFrom(module=module, names=names):
                ours = ours or (module == "migrator.env" and any(n.name == "run_migrations" for n in names))
            case ast.Expr(value=ast.Call(func=ast.Name(id="run_migrations"), args=args, keywords=keywords)):
                given = (*args, *(keyword.value for keyword in keywords))
                if not all(isinstance(each, ast.Constant | ast.Name | ast.Attribute) for each in given):
                    return False
            case _:
                return False
    return ours


TOOLS = {"flask": "Flask-Migrate", "advanced-alchemy": "advanced-alchemy"}
_WITHOUT = {
    "flask": "asks for a Flask application",
    "advanced-alchemy": "asks for advanced-alchemy's own Config",
}


def remarks(file: str, env_py: EnvPy, variable: str, own: str) -> list[str]:
    """Give a sentence for each; `variable` says where the database is, `own` is migrator's env.py."""
    if env_py.needs is not None:
        return [
            f"{file} {_WITHOUT[env_py.needs]}, and runs under {TOOLS[env_py.needs]} only: migrator runs {own}"
            f" instead. What {file} passes to context.configure() has to be said there too."
        ]
    said = []
    if env_py.own_url:
        said.append(
            f"{_at(file, env_py.own_url)} takes the database's URL from elsewhere than sqlalchemy.url. Let it"
            f' read config.get_main_option("sqlalchemy.url"), or see to it that {variable} is the same'
            " database: any other is refused."
        )
    if env_py.own_transaction:
        said.append(
            f"{_at(file, env_py.own_transaction)} has its own way with transactions, which is kept:"
            " transaction = env. Without that key each revision has a transaction of its own."
        )
    said += [loggers_remark(file, line) + "." for line in env_py.disables_loggers]
    if env_py.no_models:
        said.append(
            f"{_at(file, env_py.no_models)} has no models (target_metadata = None): generate and check have"
            " nothing to compare until it names them."
        )
    return said


def loggers_remark(file: str, line: int) -> str:
    """Say that a line disables loggers."""
    return f"{file}, line {line}, calls fileConfig(), which disables the loggers that exist already"


def _at(file: str, lines: tuple[int, ...]) -> str:
    numbers = ", ".join(str(line) for line in lines)
    return f"{file}, line{'s' if len(lines) > 1 else ''} {numbers},"
