"""Shell completion, through the protocol that the completion scripts of the shells speak."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.projects.small import versions, write_project, write_revision

Shell = Callable[..., Ran]
Complete = Callable[..., list[str]]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A project of two environments with revisions of their own, one of them broken."""
    root = write_project(tmp_path / "a project", "test", "online")
    write_revision(versions(root), "aaa1")
    write_revision(versions(root), "abb2", "aaa1")
    write_revision(versions(root, "online"), "ccc3")
    (versions(root) / "broken.py").write_text("revision = (\n")
    return root


@pytest.fixture
def complete(shell: Shell, small: Path) -> Complete:
    """Gives what bash would offer for the last word of a line."""

    def run(line: str, cwd: Path = small) -> list[str]:
        words = line.split(" ")
        env = {
            "_MIGRATOR_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
        }
        ran = shell(["migrator"], cwd=cwd, env=env)
        assert (ran.code, ran.err) == (0, "")
        return ran.out.split()

    return run


def test_commands_are_completed(complete: Complete) -> None:
    assert complete("migrator he") == ["heads"]
    assert {"upgrade", "history", "envs", "reset-versions"} <= set(complete("migrator "))


def test_options_are_completed(complete: Complete) -> None:
    assert complete("migrator upgrade --e") == ["--executor", "--env", "--echo"]
    assert complete("migrator reset-versions --dr") == ["--dry-run"]


def test_environments_are_completed_before_and_after_the_command(complete: Complete) -> None:
    assert complete("migrator --env ") == ["production", "prod", "online", "testing", "test"]
    assert complete("migrator upgrade -e prod") == ["production", "prod"]


def test_revisions_are_completed_from_files_a_broken_one_notwithstanding(complete: Complete) -> None:
    assert complete("migrator upgrade a") == ["aaa1", "abb2"]
    assert complete("migrator downgrade ") == ["head", "heads", "base", "current", "aaa1", "abb2"]
    assert complete("migrator merge aaa1 ab") == ["abb2"]


def test_revisions_are_those_of_the_environment_that_the_line_names(complete: Complete) -> None:
    assert complete("migrator upgrade --env prod c") == ["current", "ccc3"]
    assert complete("migrator --env online show c") == ["current", "ccc3"]
    assert complete("migrator upgrade --env nowhere aa") == []


def test_outside_of_a_project_there_is_nothing_to_offer_and_no_complaint(
    complete: Complete, tmp_path: Path
) -> None:
    assert complete("migrator upgrade --env ", cwd=tmp_path) == []
    assert complete("migrator upgrade hea", cwd=tmp_path) == ["head", "heads"]


def test_zsh_and_fish_are_told_the_messages_too(shell: Shell, small: Path) -> None:
    line = {"_TYPER_COMPLETE_ARGS": "migrator upgrade abb"}
    fish = {"_MIGRATOR_COMPLETE": "complete_fish", "_TYPER_COMPLETE_FISH_ACTION": "get-args", **line}
    assert shell(["migrator"], cwd=small, env=fish).out == "abb2\tmessage of abb2\n"

    zsh = shell(["migrator"], cwd=small, env={"_MIGRATOR_COMPLETE": "complete_zsh", **line})
    assert '"abb2":"message of abb2"' in zsh.out


def test_each_shell_gets_a_script_that_asks_migrator(shell: Shell, small: Path) -> None:
    for name in ("bash", "zsh", "fish"):
        ran = shell(["migrator"], cwd=small, env={"_MIGRATOR_COMPLETE": f"source_{name}"})
        assert ran.code == 0
        assert f"_MIGRATOR_COMPLETE=complete_{name}" in ran.out
