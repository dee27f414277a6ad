"""action.yml, step by step as GitHub's runner takes it: a pull request, a push, and odd inputs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bash import run_shell
from tests.conftest import ROOT, Database, Ran
from tests.linting import line_of
from tests.projects.shipped import ADD, DROP, FIRST, GIT, Shipped, fenced, write_shipped

ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
PAGE = (ROOT / "docs" / "pipelines.md").read_text(encoding="utf-8")
STEPS = [step for step in ACTION["runs"]["steps"] if "run" in step]
INPUT = re.compile(r"\$\{\{ inputs\.([a-z-]+) \}\}")
INDEX = 'op.execute("CREATE INDEX ix_authors_name ON authors (name)")'


@dataclass
class Runner:
    """What a runner has: the checkout, the files that it reads afterwards, and a pull request or none."""

    project: Shipped
    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """The page of the run."""
        return (self.folder / "summary").read_text(encoding="utf-8")

    @property
    def output(self) -> dict[str, str]:
        """The outputs of the step that judges."""
        lines = (self.folder / "output").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def judge(self, **inputs: str) -> Ran:
        """Run the step that judges."""
        return self.step(STEPS[-1], inputs)

    def step(self, step: dict[str, Any], inputs: dict[str, str], **more: str) -> Ran:
        """Run a step with its inputs filled in where GitHub fills them in."""
        given = {name.replace("-", "_"): fact["default"] for name, fact in ACTION["inputs"].items()} | inputs

        def filled(text: str) -> str:
            return INPUT.sub(lambda match: given[match[1].replace("-", "_")], text)

        for name in ("summary", "output"):
            (self.folder / name).write_text("")
        env = {
            **GIT,
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "GITHUB_WORKSPACE": str(self.project.repository),
            **self.variables,
            **{name: filled(text) for name, text in step["env"].items()},
            **more,
        }
        return run_shell(step["run"], self.project.repository / filled(step["working-directory"]), env)


@pytest.fixture
def runner(tmp_path: Path, postgres_database: Database) -> Runner:
    """A pull request of a project in a folder of its repository; `origin/main` is where it began."""
    repository = tmp_path / "repository"
    project = write_shipped(repository / "services" / "a shop", postgres_database.url, repository)
    project.git("update-ref", "refs/remotes/origin/main", "HEAD")
    project.git("switch", "--quiet", "--create", "work")
    (tmp_path / "files").mkdir()
    return Runner(project, tmp_path / "files", {"GITHUB_BASE_REF": "main"})


@pytest.fixture
def judge(runner: Runner) -> Callable[..., Ran]:
    """Runs the step that judges, in the project's folder."""
    return lambda **inputs: runner.judge(**{"working_directory": "services/a shop"} | inputs)


def headings(runner: Runner) -> list[str]:
    """Give the headings of the page with the line below each."""
    return re.findall(r"^### (.*\n\n.*)$", runner.summary, re.MULTILINE)


def test_no_input_gets_into_the_text_of_a_shell() -> None:
    assert [step["name"] for step in STEPS] == ["Install", "Check, verify and lint"]
    assert all(step["shell"] == "bash" for step in STEPS)
    assert [step["name"] for step in STEPS if "${{" in step["run"]] == []
    used = {name for step in ACTION["runs"]["steps"] for name in re.findall(r"inputs\.([a-z-]+)", str(step))}
    assert used == set(ACTION["inputs"])


def test_the_page_names_the_inputs_with_their_defaults_and_its_workflow_gives_only_those() -> None:
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (.*?) \|", PAGE.partition("## GitHub")[2], re.MULTILINE))
    (workflow,) = [yaml.safe_load(each) for each in fenced(PAGE, "yaml") if "workflows" in each]
    checkout, ours = workflow["jobs"]["migrations"]["steps"]

    assert list(rows) == list(ACTION["inputs"])
    assert [rows[name] for name in ("working-directory", "extras")] == ["`.`", "`embedded,lint`"]
    assert set(ours["with"]) <= set(ACTION["inputs"])
    # Without all commits `origin/main` is not there, and lint would have no answer.
    assert checkout["with"] == {"fetch-depth": 0}


@pytest.mark.slow
def test_a_pull_request_in_order_is_green_and_its_page_says_so(
    runner: Runner, judge: Callable[..., Ran]
) -> None:
    runner.project.nickname()
    runner.project.revision("bbb2", FIRST, ADD, DROP)
    runner.project.commit()

    ran = judge(environments=" production\n")

    assert ran.code == 0, ran.out + ran.err
    assert runner.output == {"code": "0"}
    assert [heading.replace("\n\n", ": ") for heading in headings(runner)] == [
        f"migrator {command} of production: ✅ **in order**" for command in ("check", "verify", "lint")
    ]
    # What was there before the pull request is not linted.
    assert "1 statement of 1 revision: 0 errors" in runner.summary
    assert "::error" not in ran.out
    assert ran.out.count("::group::migrator ") == ran.out.count("::endgroup::") == 3


@pytest.mark.slow
def test_all_three_report_what_is_wrong_and_lint_does_so_beside_the_line(
    runner: Runner, judge: Callable[..., Ran]
) -> None:
    runner.project.nickname()
    file = runner.project.revision("bbb2", FIRST, INDEX)
    runner.project.commit()

    ran = judge()

    assert (ran.code, runner.output) == (1, {"code": "1"})
    assert [heading.replace("\n\n", ": ") for heading in headings(runner)] == [
        f"migrator {command} of testing: ❌ **not in order** (exit code 1)"
        for command in ("check", "verify", "lint")
    ]
    path = file.relative_to(runner.project.repository)
    assert (runner.project.repository / path).exists()
    (annotation,) = re.findall(r"^::error file=.*$", ran.out, re.MULTILINE)
    assert annotation.startswith(
        f"::error file={path},line={line_of(file, 'CREATE INDEX')},title=require-concurrent-index-creation::"
    )
    for found in (
        "add column authors.nickname",
        "the downgrade of bbb2",
        "[require-concurrent-index-creation]",
    ):
        assert found in runner.summary
    assert re.findall(r"^::error title=(migrator \w+)::Not in order", ran.out, re.MULTILINE) == [
        "migrator check",
        "migrator verify",
        "migrator lint",
    ]


@pytest.mark.slow
def test_what_could_not_be_answered_is_told_apart_from_a_no(
    runner: Runner, judge: Callable[..., Ran]
) -> None:
    runner.project.revision("bbb2", FIRST, "pass").write_text(
        "revision = 'bbb2'\nraise RuntimeError('why')\n"
    )
    runner.project.commit()

    ran = judge()

    assert (ran.code, runner.output) == (5, {"code": "5"})
    check, verify, lint = headings(runner)
    assert check.endswith("❌ **not in order** (exit code 1)")
    assert verify.endswith("⚠️ **no answer**: revisions (exit code 5)")
    assert lint.endswith("⚠️ **no answer**: revisions (exit code 5)")
    assert runner.summary.count("why") == 3
    assert ran.out.count("::No answer (exit code 5).") == 2


@pytest.mark.slow
def test_after_a_push_the_head_is_linted(runner: Runner, judge: Callable[..., Ran]) -> None:
    runner.variables.clear()

    ran = judge(environments="nowhere")

    assert (ran.code, runner.output) == (3, {"code": "3"})
    assert "::group::migrator lint --env=nowhere --format github head\n" in ran.out


@pytest.mark.slow
def test_inputs_are_words_and_an_odd_one_is_only_a_wrong_name(
    runner: Runner, judge: Callable[..., Ran]
) -> None:
    ran = judge(environments="$(touch${IFS}oops)  *", revisions="`touch oops` ; touch oops")

    assert ran.code == 3
    assert re.findall(r"migrator check (\S+)", ran.out) == ["--env=$(touch${IFS}oops)", "--env=*"]
    assert ran.out.count("--format github `touch oops` ; touch oops\n") == 2
    assert not list(runner.project.repository.rglob("oops*"))


@pytest.mark.slow
def test_installing_takes_the_project_and_this_very_version_of_migrator(runner: Runner) -> None:
    """With pip's own word for not doing it: this environment has it."""
    dry = {"PIP_DRY_RUN": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_QUIET": "0"}
    inputs = {"install": "echo one && echo $((1 + 1)) > two", "working_directory": "services/a shop"}

    ran = runner.step(STEPS[0], inputs, **dry)

    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[0] == "one"
    assert (runner.project.root / "two").read_text() == "2\n"


@pytest.mark.slow
def test_a_project_that_cannot_be_installed_ends_it(runner: Runner) -> None:
    ran = runner.step(STEPS[0], {"install": "false\necho went on", "extras": "no-such-extra"})

    assert (ran.code, ran.out) == (1, "")


def test_where_migrator_is_the_project_s_own_nothing_more_is_installed(runner: Runner) -> None:
    ran = runner.step(STEPS[0], {"extras": ""}, PATH=os.devnull)

    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_without_migrator_the_log_says_so_and_the_step_fails(runner: Runner) -> None:
    (runner.folder / "bin").mkdir()
    ran = runner.step(STEPS[-1], {}, PATH=str(runner.folder / "bin"))

    assert ran.code == 127
    assert ran.out.count("::No answer (exit code 127).") == 3
