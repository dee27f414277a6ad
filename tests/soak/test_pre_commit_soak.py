"""The hook that installs migrator for itself: from this repository and the package index, half a minute."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from migrator.database.embedded.shared_use import remove_server
from tests.bash import run_shell
from tests.conftest import ROOT
from tests.projects.shipped import GIT, git, write_shipped


@pytest.mark.soak
def test_the_isolated_hook_installs_what_it_needs_and_checks(tmp_path: Path) -> None:
    published = tmp_path / "published"
    files = subprocess.check_output(["git", "-C", str(ROOT), "ls-files"], text=True).splitlines()
    for name in files:
        if (ROOT / name).is_file() and not name.startswith(("tests/", "benchmarks/")):
            (published / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, published / name)
    git(published, "init", "--quiet")
    git(published, "add", "--all")
    git(published, "commit", "--quiet", "-m", "a release")
    project = write_shipped(tmp_path / "project", "a server of its own")
    for file in (project.root / "configs").iterdir():
        text = file.read_text()
        file.write_text(text.replace("scratch_url = a server of its own\nscratch_keep = 0\n", ""))
    hook = {"id": "migrator-check-isolated", "additional_dependencies": [".[embedded]"]}
    repo = {"repo": str(published), "rev": git(published, "rev-parse", "HEAD").strip(), "hooks": [hook]}
    (project.root / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [repo]}))
    project.commit()
    env = {**GIT, "PRE_COMMIT_HOME": str(tmp_path / "home")}
    try:
        passed = run_shell("pre-commit run --all-files", project.root, env, seconds=600)
        project.nickname()
        failed = run_shell("pre-commit run --all-files", project.root, env)
    finally:
        remove_server(project.root)

    assert passed.code == 0, passed.out + passed.err
    assert failed.code == 1
    assert "add column authors.nickname" in failed.out
