"""docs/deploy.md: its commands are run, section by section, and say what the page says that they say."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.bash import run_shell
from tests.conftest import ROOT, Database, Ran
from tests.projects.shipped import FIRST, SECOND, SUFFIXES, Shipped, fenced, write_shipped
from tests.projects.small import versions

PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
SHELL = ("bash", "--noprofile", "--norc", "-c")


@pytest.fixture
def page_project(tmp_path: Path, postgres_database: Database) -> Shipped:
    """The project of the page: two revisions."""
    project = write_shipped(tmp_path / "shop", postgres_database.url)
    project.grow()
    return project


def blocks(title: str) -> list[str]:
    """Give the transcripts below a heading of the page."""
    return fenced(re.split(r"^##? ", PAGE.partition(f"# {title}\n")[2], flags=re.MULTILINE)[0], "console")


def replayed(block: str, project: Shipped, *databases: Database) -> str:
    """Run the commands of a transcript in one shell, and give what a terminal would show.

    The databases stand for `shop` and `shop_staging` of the page, under whose names they are shown.
    """
    names = dict(zip(("shop", "shop_staging"), databases, strict=False))
    commands = [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]
    env = {
        f"{environment}_DATABASE_URL": database.url
        for environment, database in zip(("PRODUCTION", "STAGING"), databases, strict=False)
    }
    script = []
    for command in commands:
        script.append(f"printf '%s\\n' {shlex.quote('$ ' + command)}; (exit $last)")
        for name, database in names.items():
            command = re.sub(rf"--confirm {name}(?=$| )", f"--confirm {database.name}", command)
        script.append(f"{command}; last=$?")
    ran = run_shell("exec 2>&1; last=0\n" + "\n".join(script), project.root, env, shell=SHELL)
    said = ran.out
    for name, database in names.items():
        said = said.replace(f"{database.user}@{database.host}:{database.port}", "shop@database:5432")
        said = said.replace(database.name, name)
    return said


def without_times(text: str) -> str:
    """Give a text without what is otherwise each time."""
    text = re.sub(r" \(after [\d.]+s\)", "", text)
    return re.sub(r"\d{4}-\d\d-\d\d", "DAY", re.sub(r"\d+\.\d+s", "0.00s", text))


def assert_said(block: str, project: Shipped, *databases: Database) -> None:
    assert without_times(replayed(block, project, *databases)) == without_times(block)


def deploy(migrator: Callable[..., Ran], project: Shipped, database: Database, target: str = "head") -> None:
    """Upgrade production."""
    env = {"PRODUCTION_DATABASE_URL": database.url}
    assert migrator("upgrade", target, "--env", "production", cwd=project.root, env=env).code == 0


@pytest.mark.slow
def test_a_deploy(page_project: Shipped, postgres_database: Database) -> None:
    (first,) = blocks("Deploying")
    assert_said(first, page_project, postgres_database)

    (waiting,) = blocks("Kubernetes")
    assert_said(waiting, page_project, postgres_database)


@pytest.mark.slow
def test_a_pooler_for_the_application_only(page_project: Shipped) -> None:
    (block,) = blocks("PgBouncer")

    assert_said(block, page_project)


@pytest.mark.slow
def test_going_back(page_project: Shipped, postgres_database: Database, migrator: Callable[..., Ran]) -> None:
    older, newer = blocks("Going back to an older version")
    deploy(migrator, page_project, postgres_database)
    files = [versions(page_project.root, suffix) / f"{SECOND}_by_hand.py" for suffix in SUFFIXES]
    kept = files[0].read_text()
    for file in files:
        file.unlink()

    assert_said(older, page_project, postgres_database)
    for file in files:
        file.write_text(kept)
    assert_said(newer, page_project, postgres_database)


@pytest.mark.slow
def test_a_clone(
    page_project: Shipped,
    postgres_database: Database,
    new_database: Callable[[], Database],
    migrator: Callable[..., Ran],
) -> None:
    (block,) = blocks("Restores and clones")
    deploy(migrator, page_project, postgres_database, FIRST)
    clone = new_database()
    names = {"clone": sql.Identifier(clone.name), "of": sql.Identifier(postgres_database.name)}
    with psycopg.connect(
        postgres_database.url.replace(postgres_database.name, "postgres"), autocommit=True
    ) as it:
        it.execute(sql.SQL("DROP DATABASE {clone}").format(**names))
        it.execute(sql.SQL("CREATE DATABASE {clone} TEMPLATE {of}").format(**names))

    assert_said(block, page_project, postgres_database, clone)


def test_no_transcript_of_the_page_is_left_out() -> None:
    tried = ["Deploying", "Kubernetes", "PgBouncer", "Going back to an older version", "Restores and clones"]

    assert sum(len(blocks(title)) for title in tried) == len(fenced(PAGE, "console")) == 6
