"""Which arguments are targets: `-1` is one, and a mistyped option never."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from migrator.cli.app import COMMANDS
from migrator.cli.targets import targets_last
from tests.conftest import Ran
from tests.projects.small import tree, versions, write_project, write_revision

Migrator = Callable[..., Ran]
URL = "sqlite:///data.db"
VALUES = {"--env", "-e", "--confirm", "-m", "--tag", "-x"}


@pytest.mark.parametrize(
    ("typed", "sorted_out"),
    [
        (["-1"], ["--", "-1"]),
        (["-12", "--sql"], ["--sql", "--", "-12"]),
        (["--env", "prod", "-1"], ["--env", "prod", "--", "-1"]),
        (["-1", "--env", "prod"], ["--env", "prod", "--", "-1"]),
        (["--env=prod", "-1"], ["--env=prod", "--", "-1"]),
        (["-eprod", "-1"], ["-eprod", "--", "-1"]),
        (["-e", "-1", "-2"], ["-e", "-1", "--", "-2"]),
        (["-ve", "prod", "-1"], ["-ve", "prod", "--", "-1"]),
        (["-m", "-1", "head"], ["-m", "-1", "--", "head"]),
        (["aaa1", "-1"], ["--", "aaa1", "-1"]),
        (["-1", "--", "--sql"], ["--", "-1", "--sql"]),
        (["--dryrun", "-1"], ["--dryrun", "--", "-1"]),
        (["-1x"], ["-1x", "--"]),
        (["-"], ["--", "-"]),
        (["-1", "--env"], ["--env", "--", "-1"]),
    ],
)
def test_options_come_first_and_targets_behind_the_dashes(typed: list[str], sorted_out: list[str]) -> None:
    assert targets_last(typed, VALUES) == sorted_out


@pytest.fixture
def small(tmp_path: Path, migrator: Migrator) -> Path:
    """A project of three revisions whose database is at the last."""
    root = write_project(tmp_path / "a project")
    for revision, down in (("aaa1", None), ("bbb2", "aaa1"), ("ccc3", "bbb2")):
        write_revision(versions(root), revision, down)
    assert migrator("upgrade", "--url", URL, cwd=root).code == 0
    return root


@pytest.mark.parametrize(
    "typed",
    [
        "downgrade -1",
        "downgrade -1 --url {}",
        "--url {} downgrade -1",
        "downgrade --url {} -q -1",
        "downgrade",
    ],
)
def test_a_downgrade_of_one_needs_no_dashes_wherever_it_stands(
    typed: str, small: Path, migrator: Migrator
) -> None:
    ran = migrator(*typed.format(URL).split(), cwd=small, env={"DATABASE_URL": URL})

    assert ran.code == 0, ran.err
    assert ran.out.startswith("downgraded testing: ccc3 -> bbb2")


def test_relative_targets_go_both_ways(small: Path, migrator: Migrator) -> None:
    env = {"DATABASE_URL": URL}

    assert "ccc3 -> aaa1" in migrator("downgrade", "-2", cwd=small, env=env).out
    assert "aaa1 -> bbb2" in migrator("upgrade", "+1", cwd=small, env=env).out
    assert "bbb2 -> base" in migrator("downgrade", "--", "-2", cwd=small, env=env).out
    assert "base -> bbb2" in migrator("upgrade", "aaa1+1", cwd=small, env=env).out


@pytest.mark.parametrize("typo", ["--dryrun", "--sqll", "-z", "-1x", "--Env=prod", "--2"])
@pytest.mark.parametrize("command", ["upgrade", "downgrade", "stamp", "show"])
def test_a_typo_of_an_option_is_a_usage_error_and_never_a_target(
    command: str, typo: str, small: Path, migrator: Migrator
) -> None:
    before = (small / "data.db").read_bytes()

    for typed in ([typo], ["-1", typo], [typo, "head"]):
        ran = migrator(command, *typed, "--url", URL, cwd=small)
        assert (ran.code, ran.out) == (2, ""), typed
        assert "No such option" in ran.err
    assert (small / "data.db").read_bytes() == before


def test_every_option_of_every_command_is_a_usage_error_when_it_is_mistyped(migrator: Migrator) -> None:
    for command in COMMANDS:
        for typo in ("--dryrun", "--messag=x", "--no-imput", "--jsn"):
            assert migrator(command.name, typo).code == 2, (command.name, typo)


@pytest.mark.parametrize("arguments", [["upgrade"], ["stamp"], ["show"], ["merge", "aaa1"], ["lint", "aaa1"]])
def test_an_empty_argument_is_a_usage_error(arguments: list[str], small: Path, migrator: Migrator) -> None:
    before = tree(small)

    ran = migrator(*arguments, "", "--url", URL, cwd=small)

    assert (ran.code, ran.out) == (2, "")
    assert f"An argument of {arguments[0]} is empty." in ran.err
    assert tree(small) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", "--from"],
        ["squash", "--to"],
        ["generate", "-m", "x", "--head"],
        ["generate", "-m", "x", "--depends-on"],
        ["rebase", "aaa1", "--onto"],
        ["mark", "--accept"],
    ],
)
def test_an_empty_revision_of_an_option_is_a_usage_error(
    arguments: list[str], small: Path, migrator: Migrator
) -> None:
    before = tree(small)

    ran = migrator(*arguments, "", "--url", URL, cwd=small)

    assert (ran.code, ran.out) == (2, "")
    assert f"The option {arguments[-1]} of {arguments[0]} is empty." in ran.err
    assert tree(small) == before
