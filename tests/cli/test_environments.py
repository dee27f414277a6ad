"""Which environment a command works on: found by files, named in five places, never guessed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.projects.small import versions, write_project, write_revision

Migrator = Callable[..., Ran]


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """A project of testing, production and staging, each with a revision named after its suffix."""
    root = write_project(tmp_path / "three environments", "test", "online", "staging")
    for suffix in ("test", "online", "staging"):
        write_revision(versions(root, suffix), f"of_{suffix}")
    return root


def set_migrator(root: Path, suffix: str, *lines: str) -> None:
    ini = root / "configs" / f"alembic_{suffix}.ini"
    ini.write_text(ini.read_text().split("[migrator]")[0] + "\n".join(["[migrator]", *lines]) + "\n")


def head(ran: Ran) -> str:
    """The only head in the output of `heads`: it says whose version folder was read."""
    assert ran.code == 0, ran.err
    return ran.out.removesuffix(" (head)\n")


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("production", "online"),
        ("prod", "online"),
        ("online", "online"),
        ("testing", "test"),
        ("test", "test"),
        ("staging", "staging"),
    ],
)
def test_an_environment_answers_to_its_name_and_its_aliases(
    three: Path, migrator: Migrator, name: str, suffix: str
) -> None:
    assert head(migrator("heads", "--env", name, cwd=three)) == f"of_{suffix}"
    assert head(migrator("-e", name, "heads", cwd=three)) == f"of_{suffix}"


def test_json_names_the_environment_by_its_canonical_name(three: Path, migrator: Migrator) -> None:
    ran = migrator("heads", "--env", "prod", "--json", cwd=three)
    assert json.loads(ran.out)["environment"] == "production"


def test_an_ini_may_give_its_own_name_and_aliases(three: Path, migrator: Migrator) -> None:
    set_migrator(three, "staging", "environment = acceptance", "aliases = uat, acc")
    for name in ("acceptance", "uat", "acc", "staging"):
        assert head(migrator("heads", "--env", name, cwd=three)) == "of_staging"


CHOICES = [
    (["--env", "staging"], {"ALEMBIC_ENV": "prod"}, "ALEMBIC_ENV=prod", "of_staging", "--env"),
    ([], {"ALEMBIC_ENV": "prod", "ALEMBIC_CONFIG": "x.ini"}, "ALEMBIC_ENV=test", "of_online", "ALEMBIC_ENV"),
    (
        [],
        {"ALEMBIC_CONFIG": "configs/alembic_staging.ini"},
        "ALEMBIC_ENV=prod",
        "of_staging",
        "ALEMBIC_CONFIG",
    ),
    ([], {}, "ALEMBIC_ENV=prod", "of_online", "ALEMBIC_ENV in .env"),
    ([], {}, "", "of_staging", "default = true in configs/alembic_staging.ini"),
]


@pytest.mark.parametrize(("args", "process", "dotenv", "revision", "by"), CHOICES)
def test_each_way_of_choosing_goes_before_the_next(
    three: Path,
    migrator: Migrator,
    args: list[str],
    process: dict[str, str],
    dotenv: str,
    revision: str,
    by: str,
) -> None:
    set_migrator(three, "staging", "default = true")
    (three / ".env").write_text(dotenv + "\n")
    assert head(migrator("heads", *args, cwd=three, env=process)) == revision
    listed = json.loads(migrator("envs", *args, "--json", cwd=three, env=process).out)["data"]["environments"]
    assert [info["chosen_by"] for info in listed if info["chosen_by"]] == [by]


def test_testing_is_taken_where_nothing_is_said(three: Path, migrator: Migrator) -> None:
    assert head(migrator("heads", cwd=three)) == "of_test"


def test_production_is_never_taken_by_default(tmp_path: Path, migrator: Migrator) -> None:
    root = write_project(tmp_path / "only production", "online")
    ran = migrator("heads", cwd=root)
    assert ran.code == 3
    assert "No environment was named, and there is none called testing." in ran.err
    assert "--env: production (prod, online)" in ran.err


@pytest.mark.parametrize("said", ["", "nightly"])
def test_an_unknown_environment_is_an_error_that_lists_the_known_ones(
    three: Path, migrator: Migrator, said: str
) -> None:
    ran = migrator("upgrade", "--env", said, cwd=three)
    assert ran.code == 3
    assert "production (prod, online), staging, testing (test)" in ran.err
    assert "Did you mean" not in ran.err


@pytest.mark.parametrize(("said", "meant"), [("prodution", "production"), ("Staging", "staging")])
def test_an_unknown_environment_is_answered_with_the_nearest(
    three: Path, migrator: Migrator, said: str, meant: str
) -> None:
    for ran in (
        migrator("heads", "--env", said, cwd=three),
        migrator("heads", cwd=three, env={"ALEMBIC_ENV": said}),
    ):
        assert ran.code == 3
        assert f"Did you mean {meant}?" in ran.err


@pytest.mark.parametrize("line", ["environment = testing", "aliases = test"])
def test_two_files_that_name_one_environment_are_an_error_in_every_command(
    three: Path, migrator: Migrator, line: str
) -> None:
    set_migrator(three, "online", line)
    for command in ("heads", "upgrade", "envs"):
        ran = migrator(command, "--env", "staging", cwd=three)
        assert ran.code == 3
        assert "configs/alembic_online.ini and configs/alembic_test.ini both name the environment" in ran.err


def test_two_defaults_are_an_error(three: Path, migrator: Migrator) -> None:
    for suffix in ("staging", "online"):
        set_migrator(three, suffix, "default = true")
    ran = migrator("heads", cwd=three)
    assert ran.code == 3
    assert "configs/alembic_online.ini and configs/alembic_staging.ini both say default = true." in ran.err


@pytest.mark.parametrize("lines", [("default = true", "modles = x"), ("default = true  ; ours",)])
def test_a_default_that_cannot_be_read_does_not_hand_over_to_another(
    three: Path, migrator: Migrator, lines: tuple[str, ...]
) -> None:
    set_migrator(three, "staging", *lines)
    ran = migrator("heads", cwd=three)
    assert ran.code == 3
    assert "alembic_staging.ini" in ran.err


@pytest.mark.parametrize("name", ["production", "prod", "online", "live"])
def test_a_broken_file_says_what_is_wrong_under_each_of_its_names_and_disturbs_no_other(
    three: Path, migrator: Migrator, name: str
) -> None:
    set_migrator(three, "online", "aliases = live", "protektd = true")
    ran = migrator("heads", "--env", name, cwd=three)
    assert ran.code == 3
    assert "unknown key: protektd" in ran.err
    assert head(migrator("heads", "--env", "staging", cwd=three)) == "of_staging"


def test_a_sub_folder_behaves_as_the_root(three: Path, migrator: Migrator) -> None:
    (three / ".env").write_text("TESTING_DATABASE_URL=sqlite:///here.db\n")
    inner = three / "src" / "api"
    inner.mkdir(parents=True)
    upgraded = migrator("upgrade", cwd=inner)
    assert upgraded.code == 0, upgraded.err
    assert (three / "here.db").exists()
    assert list(inner.iterdir()) == []
    for command in ("current", "history", "envs"):
        assert migrator(command, cwd=inner) == migrator(command, cwd=three)


def test_the_nearest_project_upwards_is_the_one(three: Path, migrator: Migrator) -> None:
    nested = write_project(three / "services" / "billing")
    write_revision(versions(nested), "of_billing")
    (three / "configs" / "notes").mkdir()
    assert head(migrator("heads", cwd=nested / "migrations")) == "of_billing"
    assert head(migrator("heads", cwd=three / "services")) == "of_test"
    assert head(migrator("heads", cwd=three / "configs" / "notes")) == "of_test"


def test_outside_of_a_project_an_error_says_what_is_missing(tmp_path: Path, migrator: Migrator) -> None:
    for command in ("heads", "envs", "upgrade"):
        ran = migrator(command, cwd=tmp_path)
        assert ran.code == 3
        assert f"There is no configs/alembic_*.ini in {tmp_path} or any folder above it." in ran.err
    (tmp_path / "configs").touch()
    assert "configs is a file here, where the folder" in migrator("heads", cwd=tmp_path).err
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = x\n")
    assert "give --config alembic.ini" in migrator("heads", cwd=tmp_path).err


def test_options_that_disagree_before_and_after_the_command_are_a_usage_error(
    three: Path, migrator: Migrator
) -> None:
    ran = migrator("--env", "staging", "heads", "--env", "production", cwd=three)
    assert ran.code == 2
    assert "--env is given twice, as staging and as production" in ran.err
    assert head(migrator("--env", "staging", "heads", "--env", "staging", cwd=three)) == "of_staging"


def test_environments_side_by_side_have_folders_and_databases_of_their_own(
    three: Path, migrator: Migrator
) -> None:
    write_revision(versions(three), "later", "of_test")
    (three / ".env").write_text(
        "PRODUCTION_DATABASE_URL=sqlite:///p.db\nTESTING_DATABASE_URL=sqlite+aiosqlite:///t.db\n"
    )
    assert migrator("upgrade", cwd=three).code == 0
    assert (three / "t.db").exists()
    assert not (three / "p.db").exists()
    assert migrator("upgrade", "--env", "production", cwd=three).code == 0
    assert migrator("current", "--env", "prod", cwd=three).out == "of_online (head)\n"
    assert migrator("current", "--env", "test", cwd=three).out == "later (head)\n"
    assert migrator("downgrade", cwd=three).code == 0
    assert migrator("current", cwd=three).out == "of_test\n"
    assert migrator("current", "--env", "prod", cwd=three).out == "of_online (head)\n"
