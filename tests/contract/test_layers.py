"""Imports run one way only, and the command line starts without what it does not need."""

from __future__ import annotations

import ast
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import ROOT, Ran

PACKAGE = ROOT / "migrator"
# From the bottom to the top: a layer may import those in the lines above its own.
LAYERS = (
    ("durations", "errors", "secrets", "syntax", "visible"),
    ("faults", "file_locks", "results"),
    ("plain",),
    ("processes", "models", "config", "revisions"),
    ("database", "lint"),
    ("bridge",),
    ("env", "scratch"),
    ("operations",),
    ("api", "cli", "testing"),
    ("__main__",),
)
# `__init__` holds the version, which anybody may show, and imports `api` for whoever asks for it.
HEIGHT = {"__init__": -1} | {name: height for height, layer in enumerate(LAYERS) for name in layer}
# The groups of `operations`, in the same order. `init` and `fleet` stand beside them.
GROUPS = ("position", "run", "look", "judge", "change", "write")
BESIDE = {"init", "fleet"}
# Layers that import Alembic. What `operations` takes of it are types, an exception and the maker of ids.
IMPORT_ALEMBIC = {"bridge", "env", "operations"}
TAKEN_BY_OPERATIONS = {
    ("alembic.runtime.migration", "MigrationContext"),
    ("alembic.script", "Script"),
    ("alembic.script", "ScriptDirectory"),
    ("alembic.util", "CommandError"),
    ("alembic.util", "rev_id"),
}


@dataclass(frozen=True)
class Import:
    """One import statement, at the top of a file or inside a function: who imports what from which module."""

    file: str
    line: int
    layer: str
    module: str
    name: str | None

    @property
    def target(self) -> str | None:
        """The layer that is imported, None for what is not of this package."""
        parts = [*self.module.split("."), *([self.name] if self.name else [])]
        if parts[0] != "migrator":
            return None
        return parts[1] if len(parts) > 1 and parts[1] in HEIGHT else "__init__"

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}" + (f".{self.name}" if self.name else "")


def imports() -> Iterator[Import]:
    """Give every import of the package, those inside functions and for type checkers too."""
    for path in sorted(PACKAGE.rglob("*.py")):
        file = path.relative_to(PACKAGE)
        layer = file.parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file}:{node.lineno} is a relative import"
                for alias in node.names:
                    yield Import(str(file), node.lineno, layer, node.module or "", alias.name)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(str(file), node.lineno, layer, alias.name, None)


def test_every_file_belongs_to_a_layer() -> None:
    found = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in PACKAGE.rglob("*.py")}

    assert found == set(HEIGHT)


def test_no_import_runs_backwards() -> None:
    backwards = [
        str(each)
        for each in imports()
        if each.target is not None
        and each.target != each.layer
        and (each.layer, each.target) != ("__init__", "api")
        and HEIGHT[each.target] >= HEIGHT[each.layer]
    ]

    assert backwards == []


def test_operations_are_grouped_and_a_group_imports_earlier_groups_only() -> None:
    found = {path.relative_to(PACKAGE / "operations").parts[0] for path in PACKAGE.glob("operations/*/*.py")}
    upwards = [
        str(each)
        for each in imports()
        if (importing := _group(f"migrator.{each.file.replace('/', '.')}")) in GROUPS
        and (imported := _group(f"{each.module}.{each.name}")) in GROUPS
        and GROUPS.index(imported) > GROUPS.index(importing)
    ]

    assert found == {*GROUPS, *BESIDE}
    # What commands ask for stands below the groups, and what finds the operation for it above them.
    assert {path.stem for path in PACKAGE.glob("operations/*.py")} == {
        "__init__",
        "command_requests",
        "dispatch",
    }
    assert upwards == []


def _group(module: str) -> str | None:
    """Return the group of `operations` that a dotted name is in, None for other names."""
    parts = module.split(".")
    return parts[2] if parts[:2] == ["migrator", "operations"] and len(parts) > 2 else None


def test_no_module_imports_itself_in_a_circle() -> None:
    modules = {_dotted(path) for path in PACKAGE.rglob("*.py")}
    graph: dict[str, set[str]] = {module: set() for module in modules}
    for each in imports():
        importing = _dotted(PACKAGE / each.file)
        full = f"{each.module}.{each.name}"
        imported = full if full in modules else each.module
        # `migrator` holds the version, and imports the API only when it is asked for it.
        if imported in modules and "migrator" not in (importing, imported):
            graph[importing].add(imported)

    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as exc:
        pytest.fail(f"imports in a circle: {' -> '.join(exc.args[1])}")

    assert set(order) == modules


def test_each_module_and_each_class_has_a_name_of_its_own() -> None:
    modules, classes = Counter[str](), Counter[str]()
    for path in PACKAGE.rglob("*.py"):
        modules[path.stem] += path.name != "__init__.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                classes[node.name] += 1

    assert [name for name, times in modules.items() if times > 1] == []
    assert [name for name, times in classes.items() if times > 1] == []


def _dotted(path: Path) -> str:
    """Return the dotted name of a file of the package."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_nothing_below_the_command_line_imports_what_draws_on_a_terminal() -> None:
    drawing = [str(i) for i in imports() if i.module.split(".")[0] in ("typer", "rich") and i.layer != "cli"]

    assert drawing == []


def test_nobody_imports_click_which_typer_does_not_bring() -> None:
    assert [str(each) for each in imports() if each.module.split(".")[0] == "click"] == []


def test_results_and_errors_are_plain_data() -> None:
    own = {
        "migrator",
        "__future__",
        "collections",
        "dataclasses",
        "datetime",
        "enum",
        "typing",
        "re",
        "urllib",
    }
    foreign = [
        str(each)
        for each in imports()
        if each.layer in ("errors", "secrets", "results") and each.module.split(".")[0] not in own
    ]

    assert foreign == []


def test_alembic_is_imported_by_the_bridge_by_env_and_for_its_types_by_operations() -> None:
    alembic = [each for each in imports() if each.module.split(".")[0] == "alembic"]

    assert {each.layer for each in alembic} <= IMPORT_ALEMBIC
    taken = {(each.module, each.name) for each in alembic if each.layer == "operations"}
    assert taken <= TAKEN_BY_OPERATIONS


def test_python_files_are_parsed_in_one_place_that_knows_each_way_to_fail() -> None:
    parsing = [
        path.name for path in PACKAGE.rglob("*.py") if "ast.parse(" in path.read_text(encoding="utf-8")
    ]

    assert parsing == ["syntax.py"]


def test_what_writes_the_documentation_needs_no_tests() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "generate").glob("*.py")]

    assert [
        line for each in sources for line in each.splitlines() if re.match(r"(from|import) tests\b", line)
    ] == []


LIGHT = (
    "operations.look.status",
    "operations.change.wait",
    "operations.look.revision_listing",
    "operations.look.envs",
    "operations.dispatch",
    "testing.plugin",
    "testing.wanted_checks",
)


@pytest.mark.parametrize("module", LIGHT)
def test_what_reads_files_or_leaves_the_work_to_processes_imports_no_database_package(
    module: str, shell: Callable[..., Ran]
) -> None:
    code = (
        f"import sys, migrator.{module}; print(*({{'alembic', 'sqlalchemy', 'asyncpg'}} & set(sys.modules)))"
    )

    ran = shell(["python", "-c", code])

    assert (ran.code, ran.out.split()) == (0, []), ran.err


HEAVY = ("alembic", "sqlalchemy", "asyncio", "asyncpg", "mako", "dotenv", "ssl", "rich")
LIST_MODULES = """
import json, sys
from migrator.cli.main import main

code = main(json.loads(sys.argv[1]))
sys.stdout.flush()
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["upgrade", "--help"], 0),
        (["--version"], 0),
        (["upgrade", "--zzz"], 2),
        (["--json", "nosuch"], 2),
    ],
)
def test_help_version_and_usage_errors_load_nothing_heavy(
    arguments: list[str], code: int, shell: Callable[..., Ran]
) -> None:
    ran = shell(["python", "-c", LIST_MODULES, json.dumps(arguments)])

    ended, loaded = json.loads(ran.err.splitlines()[-1])
    assert ended == code
    assert [name for name in HEAVY if name in loaded] == []


@pytest.mark.parametrize("line", ["migrator upg", "migrator upgrade --env te", "migrator upgrade e9"])
def test_completion_loads_neither_alembic_nor_sqlalchemy(
    line: str, checkout: Path, shell: Callable[..., Ran]
) -> None:
    env = {
        "_MIGRATOR_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(line.count(" ")),
        "PYTHONPROFILEIMPORTTIME": "1",
    }

    ran = shell(["migrator"], cwd=checkout, env={**os.environ, **env})

    assert ran.out.split()
    loaded = {text.rpartition("|")[2].strip() for text in ran.err.splitlines()}
    assert "typer" in loaded
    assert loaded & {"alembic", "sqlalchemy", "asyncio", "asyncpg", "rich"} == set()
