"""What an env.py says of its version table, read without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from migrator.config.environments import Environment
from migrator.config.folders import script_folder
from migrator.errors import ConfigurationError
from migrator.syntax import assignments, parse

# Those that hand options to Alembic's context.configure(), and it itself.
_CALLS = ("run_migrations", "configure")


@dataclass(frozen=True)
class VersionTableName:
    """The name of a version table, and its schema, None for the one that is found without a schema."""

    name: str = "alembic_version"
    schema: str | None = None


def version_table(
    environment: Environment, name: str | None = None, schema: str | None = None
) -> VersionTableName:
    """Give the version table of an environment. A `name` or `schema` that is given goes before env.py's.

    The literal arguments of its calls, and names that the module gives to literals, are read. One that is
    computed, handed over in `**options`, or set in another module is not known here. Raises
    ConfigurationError for one that is computed, and for an env.py that cannot be read.
    """
    if name is not None and schema is not None:
        return VersionTableName(name, schema)
    file = script_folder(environment) / "env.py"
    try:
        tree = parse(file.read_bytes())
    except (OSError, SyntaxError) as exc:
        raise ConfigurationError(
            f"{environment.shown(file)} cannot be read: {exc}.", hint="Correct it, or script_location."
        ) from exc
    shown = environment.shown(file)
    return VersionTableName(
        name or _said(tree, "version_table", shown) or VersionTableName.name,
        schema or _said(tree, "version_table_schema", shown),
    )


def _said(tree: ast.Module, option: str, file: str) -> str | None:
    """Give the text that all calls have for an option, None where none has it."""
    bound = (each for node in tree.body for each in assignments(node))
    constants = {name: value for name, value in bound if isinstance(value, ast.Constant)}
    found = set()
    for value in _values(tree, option):
        known = constants.get(value.id) if isinstance(value, ast.Name) else value
        if not isinstance(known, ast.Constant) or not isinstance(known.value, str | None):
            raise _not_known(option, f"{file}, line {value.lineno}, computes {option}")
        found.add(known.value)
    if len(found) > 1:
        raise _not_known(option, f"{file} says several things of {option}")
    return found.pop() if found else None


def _values(tree: ast.Module, option: str) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called), keywords=keywords):
                if called in _CALLS:
                    yield from (each.value for each in keywords if each.arg == option)


def _not_known(option: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"{what}, so that it is not known without running it.",
        hint=f'Say it in the call: {option}="..."',
    )
