"""docs/deploy/: what the image, the compose file and the manifests run, on a real project and database."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from migrator.errors import ExitCode
from tests.bash import run_shell
from tests.conftest import ROOT, Database, Ran
from tests.processes import started
from tests.projects.shipped import FIRST, SECOND, Shipped, write_shipped
from tests.projects.small import tree

FOLDER = ROOT / "docs" / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
JOB, DEPLOYMENT = yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text())
MIGRATE = JOB["spec"]["template"]["spec"]["containers"][0]
INIT = DEPLOYMENT["spec"]["template"]["spec"]["initContainers"][0]
DOCKERFILE = (FOLDER / "Dockerfile").read_text()
BOUND = 20.0
Shell = Callable[..., Ran]


@pytest.fixture
def deployed(tmp_path: Path, postgres_database: Database) -> Shipped:
    """A project of two revisions."""
    project = write_shipped(tmp_path / "a project", postgres_database.url)
    project.grow()
    return project


@pytest.fixture
def secret(postgres_database: Database) -> dict[str, str]:
    """The variables of the secret that the manifests name."""
    return {"PRODUCTION_DATABASE_URL": postgres_database.url}


def at(database: Database) -> list[tuple[object, ...]]:
    """Give what the version table has."""
    return database.query("SELECT version_num FROM alembic_version")


@pytest.mark.slow
def test_the_pod_starts_when_the_job_has_migrated(
    deployed: Shipped, secret: dict[str, str], shell: Shell, postgres_database: Database
) -> None:
    files = tree(deployed.root)
    with started(INIT["command"], deployed.root, secret, stderr=subprocess.STDOUT) as waiting:
        assert waiting.stdout is not None
        for line in waiting.stdout:
            if "is at head: it is at base, 2 pending ..." in line:
                break
        done = shell(MIGRATE["command"], cwd=deployed.root, env=secret)
        said, _ = waiting.communicate(timeout=BOUND)

    assert (done.code, at(postgres_database)) == (0, [(SECOND,)]), done.err
    assert waiting.returncode == 0
    assert f"production is at head ({SECOND})" in said
    # A file system that is read-only will do.
    assert tree(deployed.root) == files


@pytest.mark.slow
def test_an_init_container_that_is_told_to_stop_does_so_and_leaves_no_process(
    deployed: Shipped, secret: dict[str, str], postgres_database: Database
) -> None:
    with started(INIT["command"], deployed.root, secret, stderr=subprocess.STDOUT) as waiting:
        assert waiting.stdout is not None
        for line in waiting.stdout:
            if "2 pending" in line:
                break
        waiting.send_signal(signal.SIGTERM)
        said, _ = waiting.communicate(timeout=BOUND)

    assert waiting.returncode == ExitCode.TERMINATED
    assert "Traceback" not in said
    # Its processes had the same stdout: `communicate` would have waited for them.
    assert postgres_database.tables() == []


def test_a_job_is_tried_again_after_those_exit_codes_that_this_can_mend() -> None:
    spec = JOB["spec"]
    ignored, failing = spec["podFailurePolicy"]["rules"]

    assert spec["template"]["spec"]["restartPolicy"] == "Never", "podFailurePolicy wants it"
    assert ignored == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}
    assert failing["onExitCodes"]["containerName"] == MIGRATE["name"]
    mended = {ExitCode.DATABASE, ExitCode.LOCKED, ExitCode.INTERRUPTED, ExitCode.TERMINATED}
    # `upgrade` does not end with 1, which is the answer of commands that only read.
    assert set(failing["onExitCodes"]["values"]) == set(ExitCode) - mended - {ExitCode.OK, ExitCode.NO}


@pytest.mark.slow
def test_the_job_says_by_its_exit_code_that_there_is_no_database_and_will_be_tried_again(
    deployed: Shipped, shell: Shell
) -> None:
    nowhere = {"PRODUCTION_DATABASE_URL": "postgresql://shop@127.0.0.1:1/shop"}

    ran = shell(MIGRATE["command"], cwd=deployed.root, env=nowhere)

    assert (ran.code, ran.out) == (ExitCode.DATABASE, "")
    assert ran.code not in JOB["spec"]["podFailurePolicy"]["rules"][1]["onExitCodes"]["values"]


def test_job_and_pod_run_one_image_with_one_secret() -> None:
    pod = DEPLOYMENT["spec"]["template"]
    containers = [MIGRATE, INIT, *pod["spec"]["containers"]]

    assert len({each["image"] for each in containers}) == 1
    assert len({json.dumps(each["envFrom"]) for each in containers}) == 1
    assert DEPLOYMENT["spec"]["selector"]["matchLabels"] == pod["metadata"]["labels"]
    # A Job cannot be changed: its name carries the release.
    assert MIGRATE["image"].rpartition(":")[2].replace(".", "-") in JOB["metadata"]["name"]


def compose_variables(service: str, database: Database) -> dict[str, str]:
    """Give a service's variables; the server of the tests stands for that of the file."""
    there = {
        "POSTGRES_HOST": database.host,
        "POSTGRES_PORT": str(database.port),
        "POSTGRES_USER": database.user,
        "POSTGRES_PASSWORD": database.password,
        "POSTGRES_DB": database.name,
    }
    said: dict[str, str] = COMPOSE["services"][service]["environment"]
    assert said["POSTGRES_HOST"] in COMPOSE["services"]
    return {**said, **there}


@pytest.mark.slow
def test_compose_migrates_before_the_application_starts(
    deployed: Shipped, postgres_database: Database
) -> None:
    migrate, app = (COMPOSE["services"][name] for name in ("migrate", "app"))
    *shell, text = migrate["command"]

    ran = run_shell(text, deployed.root, compose_variables("migrate", postgres_database), shell=shell)

    assert (ran.code, at(postgres_database)) == (0, [(SECOND,)]), ran.err
    assert postgres_database.query("SELECT environment FROM _migrator.mark") == [("production",)]
    assert app["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}


@pytest.mark.slow
def test_compose_does_not_start_the_application_where_the_migration_fails(
    deployed: Shipped, postgres_database: Database
) -> None:
    deployed.revision(SECOND, FIRST, "op.execute('SELECT nothing_of_that_name()')")
    *shell, text = COMPOSE["services"]["migrate"]["command"]

    ran = run_shell(text, deployed.root, compose_variables("migrate", postgres_database), shell=shell)

    assert (ran.code, at(postgres_database)) == (7, [(FIRST,)])


def test_the_services_of_compose_have_one_password_and_none_is_in_the_file() -> None:
    for service in ("database", "migrate", "app"):
        assert COMPOSE["services"][service]["environment"]["POSTGRES_PASSWORD"] == "${POSTGRES_PASSWORD:?}"
    volume = COMPOSE["services"]["database"]["volumes"][0].partition(":")[0]
    assert volume in COMPOSE["volumes"]


@pytest.mark.slow
def test_the_image_is_built_of_commands_that_work(deployed: Shipped) -> None:
    """With pip's own word for not installing: this environment has it all."""
    lines = re.findall(r"^RUN (.*)$", DOCKERFILE, re.MULTILINE)

    ran = run_shell("\n".join(lines), deployed.root, {"PIP_DRY_RUN": "1"})

    assert ran.code == 0, ran.err
    assert list((deployed.root / "migrations" / "online" / "versions" / "__pycache__").glob("*.pyc"))
    assert list((deployed.root / "shop" / "__pycache__").glob("main.*.pyc"))


@pytest.mark.slow
def test_the_image_starts_the_application(deployed: Shipped) -> None:
    (said,) = re.findall(r"^CMD (.*)$", DOCKERFILE, re.MULTILINE)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    command = [port if each == "8000" else each for each in json.loads(said)]

    # uvicorn looks for the application in the folder of the image, as any program does there.
    with started(command, deployed.root, {"PYTHONPATH": os.curdir}, stderr=subprocess.STDOUT) as serving:
        assert serving.stdout is not None
        assert any("running on" in line for line in serving.stdout), "it has ended"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=BOUND) as answer:
            assert json.load(answer) == "authors"
        serving.send_signal(signal.SIGTERM)
        serving.communicate(timeout=BOUND)


def test_every_file_of_the_folder_is_told_of_in_the_page() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")

    assert [each.name for each in FOLDER.iterdir() if f"](deploy/{each.name})" not in page] == []
