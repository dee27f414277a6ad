"""What holds for every command: its help, its JSON, its usage errors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrator.cli.app import COMMANDS
from tests.conftest import PASSWORD, Ran
from tests.projects.small import versions, write_project, write_revision

Migrator = Callable[..., Ran]
NAMES = [command.name for command in COMMANDS]
URL = "sqlite:///data.db"
MODELS = """
from sqlalchemy import Column, Integer, MetaData, Table

metadata = MetaData()
table = Table("one", metadata, Column("id", Integer, primary_key=True))
"""
# What each command needs besides its name to end with 0 in the project below.
ARGUMENTS = {
    "generate": ["-m", "two"],
    "revision": ["-m", "two"],
    "merge": ["aaa1", "bbb2"],
    "rebase": ["bbb2"],
    "squash": ["--to", "aaa1"],
    "reset-versions": ["--files-only"],
    "stamp": ["head"],
    "mark": ["--confirm", "data.db"],
    "run": ["--", "true"],
    "verify": ["--from", "aaa1"],
    "lint": ["head"],
    "diff": ["testing", "production"],
    "promote": ["--from", "production", "--to", "testing"],
}
# They name two environments themselves.
BETWEEN_TWO = ("diff", "promote")
# They work on no environment, or on what is to be one.
WITHOUT_ENVIRONMENT = ("envs", "init")
WITHOUT_URL = ("init", *BETWEEN_TWO)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A project on which every command ends well: one table, made by the only revision."""
    root = write_project(tmp_path / "a project", "online", "test", settings="models = shop:metadata")
    (root / "shop.py").write_text(MODELS)
    create = 'op.execute("create table one (id integer not null primary key)")'
    for suffix in ("online", "test"):
        write_revision(versions(root, suffix), "aaa1", None, create)
    return root


def document(ran: Ran) -> dict[str, Any]:
    """Give the one JSON document on stdout; anything beside it makes this fail."""
    found = json.loads(ran.out)
    assert list(found) == ["version", "command", "environment", "status", "exit_code", "data", "errors"]
    assert found["version"] == 1
    assert found["exit_code"] == ran.code
    assert isinstance(found["data"], dict)
    assert all(list(error) == ["type", "message", "effect", "hint"] for error in found["errors"])
    return dict(found)


@pytest.mark.parametrize("name", NAMES)
def test_help_says_in_one_line_what_it_is_for_explains_every_option_and_gives_an_example(
    name: str, migrator: Migrator
) -> None:
    ran = migrator(name, "--help")

    assert (ran.code, ran.err) == (0, "")
    purpose = ran.out.splitlines()[2]
    assert re.fullmatch(r"  [A-Z].*\.", purpose), purpose
    examples = [line for line in ran.out.splitlines() if line.startswith("  Example: ")]
    assert len(examples) == 1
    assert re.search(rf"\bmigrator {name}\b", examples[0])
    assert not [entry for entry in _entries(ran.out) if not entry[1]]
    assert max(map(len, ran.out.splitlines())) <= 80


def _entries(text: str) -> list[tuple[str, str]]:
    """Give what help lists (options, arguments) with the explanations that stand beside or below."""
    entries: list[tuple[str, str]] = []
    for line in text.splitlines():
        name, _, explained = line.strip().partition("  ")
        if re.match(r"  [-A-Z]", line) and (name.startswith("-") or name.isupper()):
            entries.append((name, explained.strip()))
        elif line.startswith("   ") and entries:
            entries[-1] = (entries[-1][0], entries[-1][1] + line.strip())
    return entries


def test_the_example_of_every_command_has_options_that_it_knows(migrator: Migrator) -> None:
    for command in COMMANDS:
        used = set(re.findall(r"(?<= )--?[a-z][-a-z]*", command.example.partition(" -- ")[0]))
        known = migrator(command.name, "--help").out
        assert not [option for option in used if not re.search(rf"(?<![-\w]){option}\b", known)]


@pytest.mark.parametrize("name", ["init", *BETWEEN_TWO])
def test_a_common_option_that_a_command_cannot_take_is_not_listed_and_is_refused(
    name: str, small: Path, migrator: Migrator
) -> None:
    help_text = migrator(name, "--help").out
    for option, value in (("--env", "test"), ("--config", "a.ini"), ("--url", URL), ("-x", "a=b")):
        if (name == "init" and option == "--env") or (name in BETWEEN_TWO and option == "-x"):
            assert f"{option} " in help_text
            continue
        assert not re.search(rf"(?<![-\w]){option}\b", help_text), option
        ran = migrator(name, option, value, cwd=small)
        assert (ran.code, ran.out) == (2, ""), option
        assert "No such option" not in ran.err


def test_the_help_of_the_whole_lists_every_command_but_aliases(migrator: Migrator) -> None:
    listed = re.findall(r"^  ([a-z][-a-z]+)  ", migrator("--help").out, re.MULTILINE)

    assert sorted(listed) == sorted(command.name for command in COMMANDS if command.alias_of is None)
    assert migrator().out == migrator("--help").out


@pytest.mark.parametrize("name", NAMES)
def test_json_is_one_document_on_stdout(
    name: str, small: Path, migrator: Migrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", "true")
    if name != "upgrade":
        assert migrator("upgrade", "--url", URL, cwd=small).code == 0
    if name in ("merge", "rebase"):
        write_revision(versions(small), "bbb2")

    url = [] if name in WITHOUT_URL else ["--url", URL]
    ran = migrator(name, "--json", *url, *ARGUMENTS.get(name, []), cwd=small, env={"DATABASE_URL": URL})

    found = document(ran)
    assert ran.code == 0, ran.err
    assert found["command"] == ("generate" if name == "revision" else name)
    assert found["environment"] == (None if name in WITHOUT_ENVIRONMENT else "testing")
    assert (found["status"], found["errors"]) == ("success", [])
    assert (found["data"] == {}) is False


@pytest.mark.parametrize("name", NAMES)
def test_a_usage_error_with_json_is_one_document_too(name: str, small: Path, migrator: Migrator) -> None:
    for place in (["--json", name, "--zzz"], [name, "--zzz", "--json"]):
        ran = migrator("--url", f"postgresql://u:{PASSWORD}@h/d", *place, cwd=small)

        found = document(ran)
        assert (ran.code, found["status"], found["data"]) == (2, "error", {})
        assert found["command"] == ("generate" if name == "revision" else name)
        assert found["errors"][0]["message"] == "No such option: --zzz"
        assert found["errors"][0]["hint"].startswith(f"See: migrator {name}")
        assert "error: No such option: --zzz" in ran.err
        assert PASSWORD not in ran.out + ran.err


@pytest.mark.parametrize("name", [name for name in NAMES if name not in (*WITHOUT_ENVIRONMENT, *BETWEEN_TWO)])
def test_an_error_with_json_is_one_document_too(name: str, small: Path, migrator: Migrator) -> None:
    ran = migrator(name, "--json", "--env", "nowhere", *ARGUMENTS.get(name, ["head"])[:2], cwd=small)

    if ran.code == 2:
        ran = migrator(name, "--json", "--env", "nowhere", cwd=small)
    found = document(ran)
    assert (ran.code, found["status"], found["data"]) == (3, "error", {})
    assert found["errors"][0]["type"] == "ConfigurationError"
    assert "nowhere" in found["errors"][0]["message"]
    assert found["errors"][0]["hint"]


def test_an_unknown_command_with_json_is_one_document_without_what_was_typed(migrator: Migrator) -> None:
    ran = migrator("--url", f"postgresql://u:{PASSWORD}@h/d", "upgrad", "--json")

    assert document(ran)["command"] == ""
    assert "Did you mean 'upgrade'?" in document(ran)["errors"][0]["message"]
    assert PASSWORD not in ran.out + ran.err


def test_the_answer_no_is_negative_and_not_an_error(small: Path, migrator: Migrator) -> None:
    assert migrator("stamp", "base", "--url", URL, cwd=small).code == 0

    for command in (["check"], ["current", "--check-heads"]):
        found = document(migrator(*command, "--json", "--url", URL, cwd=small))
        assert (found["exit_code"], found["status"], found["errors"]) == (1, "negative", [])


def test_a_failed_migration_has_its_result_and_its_error(small: Path, migrator: Migrator) -> None:
    write_revision(versions(small), "bbb2", "aaa1", "raise ValueError('on purpose')")

    found = document(migrator("upgrade", "--json", "--url", URL, cwd=small))

    assert (found["exit_code"], found["status"]) == (7, "error")
    assert found["data"]["failed"]["step"]["revision"] == "bbb2"
    assert found["errors"][0]["type"] == "MigrationFailedError"
