"""The hooks of .pre-commit-hooks.yaml, run by pre-commit in real repositories."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bash import run_shell
from tests.conftest import ROOT, Database, Ran
from tests.projects.shipped import FIRST, GIT, SUFFIXES, Shipped, fenced, git, write_shipped
from tests.projects.small import revision_text, versions

MANIFEST = ROOT / ".pre-commit-hooks.yaml"
PAGE = (ROOT / "docs" / "pipelines.md").read_text(encoding="utf-8")
HOOKS: list[dict[str, Any]] = yaml.safe_load(MANIFEST.read_text())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that pre-commit keeps its clones in."""
    return tmp_path_factory.mktemp("pre-commit")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the hooks, tagged as the page has it."""
    root = tmp_path_factory.mktemp("published")
    (root / MANIFEST.name).write_text(MANIFEST.read_text())
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "hooks")
    git(root, "tag", "v0.1.0")
    return root


@pytest.fixture
def hooked(tmp_path: Path, postgres_database: Database, published: Path) -> Shipped:
    """A repository that uses the hook as the page says."""
    project = write_shipped(tmp_path / "a project", postgres_database.url)
    config = fenced(PAGE, "yaml")[0].replace("https://git.example/migrator", str(published))
    (project.root / ".pre-commit-config.yaml").write_text(config)
    project.commit("use the hook")
    return project


@pytest.fixture
def in_repository(hooked: Shipped, home: Path) -> Callable[..., Ran]:
    """Runs a shell text in the repository."""

    def run(text: str, **env: str) -> Ran:
        return run_shell(text, hooked.repository, variables(home) | env)

    return run


def variables(home: Path) -> dict[str, str]:
    return {**GIT, "PRE_COMMIT_HOME": str(home), "PRE_COMMIT_COLOR": "never"}


def spoiled(project: Shipped) -> None:
    """Spoil the history of each environment in another way."""
    revision = revision_text("bbb2", FIRST)
    online, staging, testing = (versions(project.root, suffix) for suffix in SUFFIXES)
    (online / "again.py").write_text((online / f"{FIRST}_by_hand.py").read_text())
    (staging / "bbb2.py").write_text(f"{revision}\nraise RuntimeError('on purpose')\n")
    (testing / "bbb2.py").write_text(revision)
    (testing / "ccc3.py").write_text(revision_text("ccc3", FIRST))


@pytest.mark.slow
def test_the_manifest_is_one_that_pre_commit_takes(in_repository: Callable[..., Ran]) -> None:
    assert in_repository(f"pre-commit validate-manifest '{MANIFEST}'").code == 0


@pytest.mark.slow
def test_a_commit_whose_models_equal_the_history_passes_and_others_do_not_run_it(
    hooked: Shipped, in_repository: Callable[..., Ran]
) -> None:
    """Where the project does not say which files they are; the other tests are as the page has it."""
    config = hooked.root / ".pre-commit-config.yaml"
    config.write_text("".join(line for line in config.open() if "files:" not in line))
    assert in_repository("pre-commit install").code == 0
    hooked.revision("bbb2", FIRST, "pass")

    committed = in_repository("git add --all && git commit -m 'a revision'")

    assert committed.code == 0, committed.out + committed.err
    assert "migrator check" in committed.err
    assert "Passed" in committed.err
    (hooked.root / "README.md").write_text("# Another shop\n")
    elsewhere = in_repository("git add --all && git commit -m 'words'")
    assert "no files to check" in elsewhere.err
    assert hooked.git("status", "--porcelain") == ""


@pytest.mark.slow
def test_a_commit_is_stopped_where_the_models_are_ahead(
    hooked: Shipped, in_repository: Callable[..., Ran]
) -> None:
    hooked.nickname()

    ran = in_repository("git add --all && pre-commit run")

    assert ran.code == 1
    assert "- exit code: 1" in ran.out
    assert "add column authors.nickname" in ran.out


@pytest.mark.slow
def test_a_hook_for_each_environment_stops_what_is_wrong_with_its_history(
    hooked: Shipped, in_repository: Callable[..., Ran]
) -> None:
    config = yaml.safe_load((hooked.root / ".pre-commit-config.yaml").read_text())
    default, production = yaml.safe_load(fenced(PAGE, "yaml")[2])
    staging = {**production, "name": "migrator check staging", "args": ["--env", "staging"]}
    config["repos"][0]["hooks"] = [default, production, staging]
    (hooked.root / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    spoiled(hooked)

    ran = in_repository("git add --all && pre-commit run")

    assert ran.code == 1
    heads, twice, broken = re.split(r"^migrator check", ran.out, flags=re.MULTILINE)[1:]
    for each in (heads, twice, broken):
        assert "Failed" in each
        assert "- exit code: 1" in each
    assert "bbb2" in heads
    assert "ccc3" in heads
    assert "again.py" in twice
    assert "on purpose" in broken


def test_both_hooks_ask_the_same_of_the_same_files_and_only_one_installs_anything() -> None:
    system, isolated = HOOKS

    assert {key: isolated[key] for key in ("entry", "files", "pass_filenames")} == {
        key: system[key] for key in ("entry", "files", "pass_filenames")
    }
    assert (system["language"], isolated["language"]) == ("system", "python")
    assert set(yaml.safe_load(fenced(PAGE, "yaml")[1])[0]) <= {"id", "additional_dependencies"}
