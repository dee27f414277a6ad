"""`lint --since`: the revisions that a branch brings, by git."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.projects.shipped import git
from tests.projects.small import versions, write_project, write_revision

URL = "sqlite:///data.db"
Lint = Callable[..., Ran]


@pytest.fixture
def on_work(tmp_path: Path) -> Path:
    """A project in a folder of a repository; on `work`, which began at `aaa1`, there is `bbb2` too."""
    repository = tmp_path / "a repository"
    root = write_project(repository / "a project")
    write_revision(versions(root), "aaa1")
    git(repository, "init", "--quiet", "--initial-branch=main")
    commit(root)
    git(repository, "switch", "--quiet", "--create", "work")
    write_revision(versions(root), "bbb2", "aaa1")
    commit(root)
    return root


@pytest.fixture
def lint(on_work: Path, migrator: Callable[..., Ran]) -> Lint:
    """Runs `migrator lint` in the project."""
    return lambda *arguments: migrator("lint", "--url", URL, *arguments, cwd=on_work)


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "a commit")


def judged(ran: Ran) -> list[str]:
    """Give the revisions that were judged."""
    assert ran.code == 0, ran.err
    return list(json.loads(ran.out)["data"]["revisions"])


def test_what_the_branch_brings_is_judged_committed_or_not(on_work: Path, lint: Lint) -> None:
    write_revision(versions(on_work), "ccc3", "bbb2")

    assert judged(lint("--since", "main", "--json")) == ["bbb2", "ccc3"]
    assert judged(lint("--since", "HEAD", "--json")) == ["ccc3"]
    commit(on_work)
    assert judged(lint("--since", "HEAD", "--json")) == []


def test_an_old_file_that_the_branch_changes_is_judged_again(on_work: Path, lint: Lint) -> None:
    write_revision(versions(on_work), "aaa1", None, "op.execute('select 1')")

    assert judged(lint("--since", "main", "--json")) == ["aaa1", "bbb2"]


def test_what_went_on_elsewhere_is_not_the_branch_s(on_work: Path, lint: Lint) -> None:
    git(on_work, "switch", "--quiet", "main")
    write_revision(versions(on_work), "aaa1", None, "op.execute('select 2')")
    commit(on_work)
    git(on_work, "switch", "--quiet", "work")

    assert judged(lint("--since", "main", "--json")) == ["bbb2"]


def test_a_file_that_is_gone_and_one_that_is_ignored_are_left_out(on_work: Path, lint: Lint) -> None:
    write_revision(versions(on_work), "ccc3", "bbb2")
    commit(on_work)
    git(on_work, "rm", "--quiet", str(versions(on_work) / "ccc3.py"))
    (versions(on_work) / ".gitignore").write_text("__pycache__\nddd*\n")
    write_revision(versions(on_work), "ddd4", "bbb2")

    assert judged(lint("--since", "main", "--json")) == ["bbb2"]


def test_the_variables_of_a_git_hook_lead_nowhere_else(
    lint: Lint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "no index"))

    assert judged(lint("--since", "main", "--json")) == ["bbb2"]


@pytest.mark.parametrize(
    "name",
    [
        "nowhere",
        "origin/main",
        "--since=yesterday",
        "--output=x",
        "-x",
        "main:migrations",
        "a b",
        "main..work",
    ],
)
def test_what_git_does_not_know_is_a_usage_error_that_says_to_fetch_it(name: str, lint: Lint) -> None:
    ran = lint(f"--since={name}")

    assert (ran.code, ran.out) == (2, "")
    assert f"error: git knows no commit {name} here." in ran.err
    assert "fetch-depth: 0" in ran.err


def test_a_variable_that_is_not_set_is_told_from_a_name(lint: Lint) -> None:
    ran = lint("--since=")

    assert (ran.code, ran.out) == (2, "")
    assert "error: --since is empty." in ran.err


def test_a_shallow_clone_is_a_usage_error_that_says_how_to_get_the_rest(
    on_work: Path, tmp_path: Path, migrator: Callable[..., Ran]
) -> None:
    git(on_work, "switch", "--quiet", "main")
    write_revision(versions(on_work), "ddd4", "aaa1")
    commit(on_work)
    source = f"file://{on_work.parent}"
    git(tmp_path, "clone", "--quiet", "--depth=1", "--no-single-branch", "--branch=work", source, "shallow")

    ran = migrator("lint", "--url", URL, "--since", "origin/main", cwd=tmp_path / "shallow" / on_work.name)

    assert ran.code == 2
    assert "error: git cannot tell where HEAD and origin/main parted." in ran.err
    assert "git fetch --unshallow" in ran.err


def test_without_a_repository_or_git_the_revisions_have_to_be_named(
    on_work: Path, lint: Lint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (on_work.parent / ".git").rename(tmp_path / "not git's any more")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    without_repository = lint("--since", "main")
    monkeypatch.setenv("PATH", os.devnull)
    without_git = lint("--since", "main")

    for ran in (without_repository, without_git):
        assert ran.code == 2
        assert "error: git cannot tell what has changed since main." in ran.err
        assert "hint: Name the revisions instead: migrator lint head" in ran.err


def test_since_and_revisions_exclude_each_other(lint: Lint) -> None:
    ran = lint("--since", "main", "head")

    assert ran.code == 2
    assert "--since and revisions exclude each other." in ran.err
