"""Consent for what can hurt a protected environment: by option, or asked for at a terminal."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.projects.small import tree, versions, write_project, write_revision
from tests.terminal import CTRL_C, END_OF_INPUT, at_terminal

Migrator = Callable[..., Ran]
ENV = {"PRODUCTION_DATABASE_URL": "sqlite:///data.db"}
MODELS = """
from sqlalchemy import Column, Integer, MetaData, Table

metadata = MetaData()
table = Table("one", metadata, Column("id", Integer, primary_key=True))
"""
HURTING = ("downgrade -1", "stamp base", "reset-versions --files-only")
QUESTION = "type production: "


@pytest.fixture
def production(tmp_path: Path) -> Path:
    """A project whose production is protected and at its second revision."""
    root = write_project(tmp_path / "a project", "online", settings="models = shop:metadata")
    (root / "shop.py").write_text(MODELS)
    write_revision(versions(root, "online"), "aaa1")
    write_revision(versions(root, "online"), "bbb2", "aaa1")
    with contextlib.closing(sqlite3.connect(root / "data.db", isolation_level=None)) as connection:
        connection.execute("create table alembic_version (version_num varchar(32) not null primary key)")
        connection.execute("insert into alembic_version values ('bbb2')")
    return root


@pytest.mark.parametrize("command", HURTING)
def test_in_a_pipe_it_is_refused_with_the_option_to_add(
    command: str, production: Path, migrator: Migrator
) -> None:
    before = tree(production)

    ran = migrator(*command.split(), "--env", "online", cwd=production, env=ENV)

    assert (ran.code, ran.out) == (4, "")
    assert "error: The environment production is protected" in ran.err
    assert ran.err.endswith("hint: Add --confirm production\n")
    assert tree(production) == before


@pytest.mark.parametrize("wrong", ["prod", "online", "Production", "yes", ""])
def test_the_wrong_name_is_refused_an_alias_included(
    wrong: str, production: Path, migrator: Migrator
) -> None:
    before = tree(production)

    for command in HURTING:
        ran = migrator(*command.split(), "-e", "prod", "--confirm", wrong, cwd=production, env=ENV)
        assert ran.code == 4
        assert (
            f"The confirmation {wrong or '(empty)'} is not the name of the environment production" in ran.err
        )
    assert tree(production) == before


@pytest.mark.parametrize("command", HURTING)
def test_the_right_name_works(command: str, production: Path, migrator: Migrator) -> None:
    before = tree(production)

    ran = migrator(*command.split(), "-e", "prod", "--confirm", "production", cwd=production, env=ENV)

    assert ran.code == 0, ran.err
    assert tree(production) != before


def test_what_changes_nothing_needs_no_consent(production: Path, migrator: Migrator) -> None:
    before = tree(production)

    for command in ("downgrade --sql bbb2:aaa1", "stamp --sql head", "reset-versions --files-only --dry-run"):
        ran = migrator(*command.split(), "-e", "prod", cwd=production, env=ENV)
        assert ran.code == 0, ran.err
    assert tree(production) == before


def test_protected_is_what_the_ini_says(production: Path, migrator: Migrator) -> None:
    ini = production / "configs" / "alembic_online.ini"
    ini.write_text(ini.read_text() + "protected = false\n")

    assert migrator("downgrade", "-1", "-e", "prod", cwd=production, env=ENV).code == 0


@pytest.mark.slow
def test_at_a_terminal_the_name_is_asked_for_and_the_right_one_works(production: Path) -> None:
    answer = (QUESTION, "production\n")

    shown = at_terminal(["migrator", "downgrade", "-1", "-e", "prod"], production, ENV, answer=answer)

    assert shown.code == 0
    assert "production (data.db) is protected. To downgrade it, type production: " in shown.text
    assert "downgraded production: bbb2 -> aaa1" in shown.text


@pytest.mark.slow
@pytest.mark.parametrize("typed", ["prod\n", END_OF_INPUT], ids=["an alias", "the end of input"])
def test_at_a_terminal_any_other_answer_and_the_end_of_input_are_refusals(
    typed: str, production: Path
) -> None:
    before = tree(production)

    shown = at_terminal(
        ["migrator", "stamp", "base", "-e", "prod"], production, ENV, answer=(QUESTION, typed)
    )

    assert shown.code == 4
    assert "is not the name of the environment production" in " ".join(shown.text.split())
    assert tree(production) == before


def test_ctrl_c_at_the_question_is_an_interrupt(production: Path) -> None:
    before = tree(production)

    shown = at_terminal(
        ["migrator", "stamp", "base", "-e", "prod"], production, ENV, answer=(QUESTION, CTRL_C)
    )

    assert shown.code == 130
    assert "^C\nerror: Interrupted." in shown.text
    assert tree(production) == before


@pytest.mark.slow
@pytest.mark.parametrize("how", ["CI", "--no-input", "stdin is no terminal"])
def test_nobody_is_asked_where_nobody_may_answer(how: str, production: Path) -> None:
    options = ["--no-input"] if how == "--no-input" else []
    env = {**ENV, "CI": "true"} if how == "CI" else ENV
    command = ["migrator", *options, "downgrade", "-1", "-e", "prod"]

    shown = at_terminal(
        command, production, env, answer=(QUESTION, "production\n"), stdin=how != "stdin is no terminal"
    )

    assert shown.code == 4
    assert QUESTION not in shown.text
    assert "Add --confirm production" in shown.text
