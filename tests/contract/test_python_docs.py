"""docs/python.md says what the Python API has: its arguments, methods, errors and exit codes."""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest

import migrator.errors
import migrator.results.run_errors
from migrator import Migrator
from migrator.api import requests
from migrator.errors import ExitCode, MigratorError
from migrator.operations import command_requests
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
OPTIONS = {
    "upgrade": {"dry_run", *requests.UpgradeOptions.__annotations__},
    "downgrade": {"dry_run", *requests.DowngradeOptions.__annotations__},
    "require_head": set(requests.HeadOptions.__annotations__),
}
ARGUMENTS = {each.name for each in fields(Migrator)}
METHODS = [
    name
    for name, member in inspect.getmembers(Migrator, inspect.isfunction)
    if not name.startswith("_") and not inspect.iscoroutinefunction(member) and name not in ARGUMENTS
]


def test_every_argument_of_migrator_is_in_the_table() -> None:
    table = PAGE.partition("| argument |")[2].partition("\n\n")[0]

    assert set(re.findall(r"`(\w+)=", table)) == ARGUMENTS


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_in_the_table_with_its_arguments_and_has_a_coroutine(method: str) -> None:
    row = re.search(rf"^\| `{method}\(.*\|(.*)\|$", PAGE, re.MULTILINE)
    assert row is not None, method
    parameters = inspect.signature(getattr(Migrator, method)).parameters.values()
    named = {each.name for each in parameters if each.kind is each.KEYWORD_ONLY}
    assert set(re.findall(r"`(\w+)", row[1])) == named | OPTIONS.get(method, set())

    coroutine = getattr(Migrator, f"a{method}", None) or getattr(Migrator, f"a{method}_")
    assert inspect.iscoroutinefunction(coroutine)
    assert inspect.signature(coroutine).parameters.keys() == (
        inspect.signature(getattr(Migrator, method)).parameters.keys()
    )
    assert f"`{coroutine.__name__}`" in PAGE


def test_the_options_that_type_checkers_know_are_those_that_are_taken() -> None:
    for wanted, known in (
        (command_requests.UpgradeRequest, "upgrade"),
        (command_requests.DowngradeRequest, "downgrade"),
    ):
        assert {each.name for each in fields(wanted)} == OPTIONS[known] | {"target"}


def test_every_error_is_in_the_table_with_its_exit_code() -> None:
    table = PAGE.partition("| error |")[2].partition("\n\n")[0]
    said = {
        name: int(code)
        for names, code in re.findall(r"^\| (.*) \| (\d+) \|$", table, re.MULTILINE)
        for name in re.findall(r"`(\w+Error)`", names)
    }
    found = {
        name: int(kind.exit_code)
        for module in (migrator.errors, migrator.results.run_errors)
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, MigratorError) and name != "RunError"
    }

    assert said == found
    assert set(said.values()) == set(ExitCode) - {ExitCode.OK, ExitCode.TERMINATED}


def test_the_examples_are_python() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)

    assert len(blocks) == 3
    for block in blocks:
        # Some stand in a coroutine.
        compile(block, "docs/python.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_type_checkers_are_told_that_there_are_types() -> None:
    assert (Path(migrator.errors.__file__).parent / "py.typed").exists()
