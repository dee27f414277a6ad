"""Who added a version file, and when, as git knows it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from migrator.revisions.git import CommittedChange, NoHistory, added_by


@dataclass
class Repository:
    """A git repository whose commits are an hour apart."""

    root: Path
    commits: int = 0

    def git(self, *arguments: str, author: str = "Zoë Author") -> str:
        self.commits += 1
        when = f"2024-05-06T{self.commits % 24:02}:00:00Z"
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_DATE": when,
            "GIT_COMMITTER_DATE": when,
        }
        identity = ["-c", f"user.name={author}", "-c", "user.email=ann@example.org"]
        command = ["git", "-C", str(self.root), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout

    def commit(self, path: str, author: str = "Zoë Author", text: str = "") -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text or path)
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", "a commit", author=author)
        return file


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository without a commit, in a folder with a space in its name."""
    root = tmp_path / "a project"
    root.mkdir()
    made = Repository(root)
    made.git("init", "--quiet", "--initial-branch=main")
    return made


def authors(*paths: Path) -> dict[str, str | None]:
    return {path.name: None if each is None else each.author for path, each in added_by(paths).items()}


def test_author_and_day_are_of_the_commit_that_added_the_file(repository: Repository) -> None:
    first = repository.commit("versions/a.py", author="Ann One")
    second = repository.commit("versions/deep/é b.py", author="Bob Two")
    repository.commit("versions/a.py", author="Somebody Else", text="changed")
    third = repository.root / "versions" / "c.py"
    third.write_text("")

    assert authors(first, second, third) == {"a.py": "Ann One", "é b.py": "Bob Two", "c.py": None}
    found = added_by([first])[first]
    assert isinstance(found, CommittedChange)
    assert found.date == "2024-05-06"


def test_a_file_that_is_only_staged_is_not_committed(repository: Repository) -> None:
    repository.commit("x")
    path = repository.root / "a.py"
    path.write_text("")
    repository.git("add", "--all")

    assert authors(path) == {"a.py": None}


def test_a_merge_does_not_take_the_place_of_who_wrote_the_file(repository: Repository) -> None:
    repository.commit("x", author="Main")
    repository.git("checkout", "--quiet", "-b", "side")
    path = repository.commit("a.py", author="Side")
    repository.git("checkout", "--quiet", "main")
    repository.commit("y", author="Main")
    repository.git("merge", "--quiet", "--no-ff", "-m", "merge", "side", author="Merger")

    assert authors(path) == {"a.py": "Side"}


def test_a_file_of_a_branch_that_is_not_checked_out_is_not_committed_here(repository: Repository) -> None:
    repository.commit("x")
    repository.git("checkout", "--quiet", "-b", "side")
    path = repository.commit("a.py")
    repository.git("checkout", "--quiet", "main")
    path.write_text("copied")

    assert authors(path) == {"a.py": None}


def test_a_shallow_clone_does_not_blame_its_oldest_commit(repository: Repository, tmp_path: Path) -> None:
    repository.commit("a.py", author="Ann One")
    repository.commit("b.py", author="Bob Two")
    repository.commit("c.py", author="Cleo Three")
    repository.git("clone", "--quiet", "--depth=2", repository.root.as_uri(), str(tmp_path / "clone"))
    clone = tmp_path / "clone"

    assert authors(clone / "a.py", clone / "b.py", clone / "c.py") == {"c.py": "Cleo Three"}


def test_what_the_user_configured_for_logs_changes_nothing(repository: Repository) -> None:
    path = repository.commit("a.py", author="Ann One")
    for name, value in {"log.showRoot": "false", "log.follow": "true", "core.quotePath": "true"}.items():
        repository.git("config", name, value)

    assert authors(path) == {"a.py": "Ann One"}


def test_without_git_a_repository_or_a_commit_there_is_no_history(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = repository.root / "a.py"
    path.write_text("")
    outside = tmp_path / "b.py"
    outside.write_text("")

    for each in (path, outside):
        with pytest.raises(NoHistory):
            added_by([each])
    repository.commit("a.py")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoHistory):
        added_by([path])
