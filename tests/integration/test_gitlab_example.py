"""docs/gitlab-ci.yml, its jobs run as a runner of GitLab does: before_script and script, line by line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bash import run_shell
from tests.conftest import ROOT, Database, Ran
from tests.linting import line_of
from tests.projects.shipped import ADD, DROP, FIRST, GIT, MODELS, Shipped, write_shipped

EXAMPLE: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docs" / "gitlab-ci.yml").read_text())
TEMPLATE = EXAMPLE[".migrations"]
REPORT = "gl-code-quality-report.json"
INDEX = 'op.execute("CREATE INDEX ix_authors_name ON authors (name)")'


@pytest.fixture
def merge_request(tmp_path: Path, postgres_database: Database) -> Shipped:
    """A merge request that adds a column, to the models and to the history."""
    project = write_shipped(tmp_path / "a project", postgres_database.url)
    project.git("tag", "began_here")
    project.nickname()
    project.revision("bbb2", FIRST, ADD, DROP)
    project.commit()
    return project


@pytest.fixture
def job(merge_request: Shipped) -> Callable[..., Ran]:
    """Runs the script of a job, on a merge request unless its variable is taken away."""

    def run(name: str, **more: str) -> Ran:
        head = merge_request.git("rev-parse", "HEAD").strip()
        env = {
            **GIT,
            "CI": "true",
            "GITLAB_CI": "true",
            "CI_PROJECT_DIR": str(merge_request.repository),
            "CI_COMMIT_SHA": head,
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": merge_request.git("rev-parse", "began_here").strip(),
            **more,
        }
        return run_shell("\n".join(EXAMPLE[name]["script"]), merge_request.repository, env)

    return run


def report(project: Shipped) -> list[dict[str, Any]]:
    """Give the report that GitLab takes from the job."""
    issues = json.loads((project.repository / REPORT).read_text())
    assert isinstance(issues, list)
    return issues


def test_every_job_takes_the_template_with_all_commits() -> None:
    jobs = {name: job for name, job in EXAMPLE.items() if not name.startswith(".")}

    assert {job["extends"] for job in jobs.values()} == {".migrations"}
    assert TEMPLATE["variables"] == {"GIT_DEPTH": "0"}
    assert EXAMPLE["migrations-lint"]["artifacts"] == {"when": "always", "reports": {"codequality": REPORT}}


@pytest.mark.slow
def test_its_installation_is_one_that_pip_takes(merge_request: Shipped) -> None:
    """With pip's own word for not doing it: this environment has it."""
    dry = {"PIP_DRY_RUN": "1"}

    ran = run_shell("\n".join(TEMPLATE["before_script"]), merge_request.root, dry)

    assert ran.code == 0, ran.err


@pytest.mark.slow
def test_a_merge_request_in_order_passes(merge_request: Shipped, job: Callable[..., Ran]) -> None:
    for name in ("migrations-check", "migrations-verify", "migrations-lint"):
        ran = job(name)
        assert ran.code == 0, ran.out + ran.err
    assert report(merge_request) == []


@pytest.mark.slow
def test_what_it_brings_is_in_the_report_and_fails_the_jobs(
    merge_request: Shipped, job: Callable[..., Ran]
) -> None:
    file = merge_request.revision("ccc3", "bbb2", INDEX)
    (merge_request.root / "shop" / "models.py").write_text(MODELS)
    merge_request.commit()

    assert [job(name).code for name in EXAMPLE if not name.startswith(".")] == [1, 1, 1]

    (issue,) = report(merge_request)
    # https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
    assert set(issue) == {"description", "check_name", "fingerprint", "severity", "location"}
    assert issue["check_name"] == "require-concurrent-index-creation"
    assert issue["severity"] in {"info", "minor", "major", "critical", "blocker"}
    assert re.fullmatch(r"[0-9a-f]{64}", issue["fingerprint"])
    assert issue["location"]["path"] == str(file.relative_to(merge_request.repository))
    assert issue["location"]["lines"] == {"begin": line_of(file, "CREATE INDEX")}


@pytest.mark.slow
def test_on_the_default_branch_the_report_is_empty(merge_request: Shipped, job: Callable[..., Ran]) -> None:
    merge_request.revision("ccc3", "bbb2", INDEX)
    merge_request.commit()

    assert job("migrations-lint", CI_MERGE_REQUEST_DIFF_BASE_SHA="").code == 0
    assert report(merge_request) == []
