"""`init`: a project in an empty folder, in that of an application, and in one that is a project already."""

from __future__ import annotations

import ast
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Ran
from tests.projects.authors import MODELS
from tests.projects.small import tree
from tests.terminal import END_OF_INPUT, at_terminal

Migrator = Callable[..., Ran]
Shell = Callable[..., Ran]

WRITTEN = [
    ".env.example",
    "migrations/env.py",
    "migrations/script.py.mako",
    ".gitignore",
    "configs/alembic_test.ini",
    "configs/alembic_online.ini",
]


@pytest.fixture
def shop_folder(tmp_path: Path) -> Path:
    """An application's folder with models, whose path has a space and more than ASCII."""
    root = tmp_path / "a shöp"
    (root / "shop").mkdir(parents=True)
    (root / "shop" / "__init__.py").touch()
    (root / "shop" / "models.py").write_text(MODELS)
    return root


def data(ran: Ran) -> dict[str, Any]:
    """Give the data of the JSON document."""
    return dict(json.loads(ran.out)["data"])


def test_the_repository_s_own_files_are_what_init_writes(tmp_path: Path, migrator: Migrator) -> None:
    ran = migrator("init", "--models", "examples.api.models", cwd=tmp_path)

    assert ran.code == 0, ran.err
    compared = [name for name in WRITTEN if name != ".gitignore"]
    assert {name: (tmp_path / name).read_text() for name in compared} == {
        name: (ROOT / name).read_text() for name in compared
    }
    ignored = (tmp_path / ".gitignore").read_text().splitlines()
    assert set(ignored) <= set((ROOT / ".gitignore").read_text().splitlines())


@pytest.mark.slow
def test_the_printed_next_command_makes_the_first_revision_and_applies_it(
    shop_folder: Path, migrator: Migrator, shell: Shell
) -> None:
    ran = migrator("init", "--database", "sqlite", cwd=shop_folder)

    assert ran.out.splitlines() == [
        *(f"wrote {name}" for name in WRITTEN),
        "testing: configs/alembic_test.ini, revisions in migrations/test/versions",
        "production: configs/alembic_online.ini, revisions in migrations/online/versions, protected",
        "models: shop.models",
        "next: migrator generate -m initial && migrator upgrade",
    ]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ran.out.splitlines()[-1].removeprefix("next: ")
    following = shell(["bash", "-c", command], cwd=shop_folder, env={"PATH": path})
    assert following.code == 0, following.err
    assert "upgraded testing: base ->" in following.out
    assert (shop_folder / "testing.db").is_file()
    assert "testing.db" in (shop_folder / ".gitignore").read_text().splitlines()
    assert migrator("check", cwd=shop_folder).code == 0


def test_an_environment_without_revisions_gets_them_from_the_other_one(
    shop_folder: Path, migrator: Migrator
) -> None:
    assert migrator("init", "--database", "sqlite", cwd=shop_folder).code == 0
    env = {"PRODUCTION_DATABASE_URL": "sqlite:///production.db"}
    upgrade = ("upgrade", "--env", "production")

    assert "write the first revision: migrator generate" in migrator(*upgrade, cwd=shop_folder, env=env).err

    assert migrator("generate", "-m", "initial", cwd=shop_folder).code == 0
    ran = migrator(*upgrade, cwd=shop_folder, env=env)
    assert ran.code == 3
    assert "or bring over those of testing: migrator promote --from testing --to production" in ran.err


def test_one_shared_folder_serves_all_environments(shop_folder: Path, migrator: Migrator) -> None:
    made = data(migrator("init", "--database", "sqlite", "--shared", "--json", cwd=shop_folder))

    assert {each["version_folder"] for each in made["environments"]} == {"migrations/versions"}
    assert made["shared_folder"]
    assert migrator("generate", "-m", "initial", cwd=shop_folder).code == 0
    env = {"PRODUCTION_DATABASE_URL": "sqlite:///production.db"}
    assert migrator("upgrade", "--env", "production", cwd=shop_folder, env=env).code == 0
    # One more environment takes the same folder without being told.
    more = data(migrator("init", "--env", "staging", "--json", cwd=shop_folder))
    assert more["environments"][0]["version_folder"] == "migrations/versions"


def test_a_url_that_has_to_be_said_is_in_the_next_command(shop_folder: Path, migrator: Migrator) -> None:
    ran = migrator("init", "--database", "url", "--env", "staging", "--json", cwd=shop_folder)

    made = data(ran)
    assert made["next"] == (
        "export STAGING_DATABASE_URL=postgresql+asyncpg://USER:PASSWORD@HOST:5432/DATABASE"
        " && migrator generate -m initial && migrator upgrade"
    )
    # It is the only one, so that it has to be the default by its own word.
    assert "default = true" in (shop_folder / "configs" / "alembic_staging.ini").read_text()
    [line] = migrator("envs", cwd=shop_folder).out.splitlines()
    assert line.split("\t")[:2] == ["staging", "configs/alembic_staging.ini"]


def test_files_that_are_there_are_kept_and_named(shop_folder: Path, migrator: Migrator) -> None:
    (shop_folder / "migrations").mkdir()
    (shop_folder / "migrations" / "script.py.mako").write_text("our own\n")
    (shop_folder / ".env.example").write_text("OURS=1\n")
    (shop_folder / ".gitignore").write_text("*.log\n/.env")
    before = tree(shop_folder)

    ran = migrator("init", "--json", cwd=shop_folder)

    assert ran.code == 0, ran.err
    assert data(ran)["kept"] == [".env.example", "migrations/script.py.mako"]
    assert data(ran)["changed"] == [".gitignore"]
    after = tree(shop_folder)
    assert after[".gitignore"] == b"*.log\n/.env\n.env.*\n!.env.example\n.migrator/\n"
    assert {name: after[name] for name in before if name != ".gitignore"} == {
        name: content for name, content in before.items() if name != ".gitignore"
    }


def test_the_example_is_not_ignored_by_a_line_that_is_added(shop_folder: Path, migrator: Migrator) -> None:
    (shop_folder / ".gitignore").write_text("!.env.example\n.migrator/\n")

    assert migrator("init", cwd=shop_folder).code == 0

    added = "!.env.example\n.migrator/\n.env\n.env.*\n!.env.example\n"
    assert (shop_folder / ".gitignore").read_text() == added
    assert migrator("init", cwd=shop_folder).code == 0
    assert (shop_folder / ".gitignore").read_text() == added


def test_a_pyproject_whose_tools_are_none_is_not_alembic_s(shop_folder: Path, migrator: Migrator) -> None:
    (shop_folder / "pyproject.toml").write_text("tool = 1\n")

    assert migrator("init", cwd=shop_folder).code == 0


def test_a_second_run_changes_nothing_and_adds_what_is_named(shop_folder: Path, migrator: Migrator) -> None:
    assert migrator("init", cwd=shop_folder).code == 0
    before = tree(shop_folder)

    again = migrator("init", cwd=shop_folder)
    assert (again.code, tree(shop_folder)) == (0, before)
    assert "wrote" not in again.out
    assert again.out.splitlines()[-1] == "next: migrator envs"

    more = data(migrator("init", "--env", "staging", "--json", cwd=shop_folder))
    assert more["written"] == ["configs/alembic_staging.ini"]
    # Beside environments that are there it is not one of the developers', and has no database by itself.
    assert more["environments"][0]["database"] == "url"
    assert more["models"] == ["shop.models"]


def test_what_only_a_new_file_could_hold_is_not_ignored(shop_folder: Path, migrator: Migrator) -> None:
    assert migrator("init", cwd=shop_folder).code == 0
    before = tree(shop_folder)

    for arguments in (
        ["--models", "other"],
        ["--database", "sqlite", "--env", "testing"],
        ["--shared"],
        ["--separate"],
    ):
        ran = migrator("init", *arguments, cwd=shop_folder)
        assert (ran.code, tree(shop_folder)) == (2, before)
        assert f"{arguments[0]} is for a new environment" in ran.err


def test_nothing_is_asked_and_nothing_told_about_an_environment_that_is_there(
    shop_folder: Path, migrator: Migrator
) -> None:
    assert migrator("init", cwd=shop_folder).code == 0

    made = data(migrator("init", "--env", "test", "--json", cwd=shop_folder))
    assert (made["environments"], made["models"], made["next"]) == ([], [], "migrator envs")
    assert "configs/alembic_test.ini" in made["kept"]

    shown = at_terminal(["migrator", "init"], shop_folder)
    assert (shown.code, "?" in shown.text, "[" in shown.text) == (0, False, False)


def test_a_dry_run_writes_nothing(shop_folder: Path, migrator: Migrator) -> None:
    before = tree(shop_folder)

    ran = migrator("init", "--dry-run", cwd=shop_folder)

    assert ran.out.startswith("would write .env.example\n")
    assert tree(shop_folder) == before


@pytest.mark.parametrize("place", ["alembic.ini", "migrations/alembic.ini", "pyproject.toml"])
def test_an_alembic_project_is_refused_and_says_how_to_adopt_it(
    place: str, shop_folder: Path, migrator: Migrator
) -> None:
    (shop_folder / place).parent.mkdir(exist_ok=True)
    section = "[tool.alembic]" if place.endswith("toml") else "[alembic]"
    (shop_folder / place).write_text(f"{section}\nscript_location = 'migrations'\n")
    before = tree(shop_folder)

    ran = migrator("init", cwd=shop_folder)

    assert ran.code == 4
    assert f"migrator init --from {place}" in ran.err
    assert tree(shop_folder) == before


def test_an_env_py_of_somebody_else_is_refused(shop_folder: Path, migrator: Migrator) -> None:
    (shop_folder / "migrations").mkdir()
    (shop_folder / "migrations" / "env.py").write_text("from alembic import context\n")
    before = tree(shop_folder)

    ran = migrator("init", cwd=shop_folder)

    assert (ran.code, tree(shop_folder)) == (4, before)
    assert "migrations/env.py is there already" in ran.err


def test_an_env_py_that_calls_migrator_with_options_of_its_own_is_kept(
    shop_folder: Path, migrator: Migrator
) -> None:
    env_py = shop_folder / "migrations" / "env.py"
    env_py.parent.mkdir()
    env_py.write_text("from migrator.env import run_migrations\n\nrun_migrations(render_as_batch=True)\n")
    before = env_py.read_text()

    ran = migrator("init", cwd=shop_folder)

    assert (ran.code, env_py.read_text()) == (0, before)
    assert "kept migrations/env.py" in ran.out


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a b"], "is not a name of letters"),
        ([".."], "is not a name of letters"),
        (["a/b"], "is not a name of letters"),
        ([""], "is not a name of letters"),
        (["Production"], "beside production"),
        (["prod", "online"], "are one environment, production"),
        (["test", "testing"], "are one environment, testing"),
        (["a-b", "a_b"], "both have the variable A_B_DATABASE_URL"),
        (["qa", "QA"], "both have the variable QA_DATABASE_URL"),
    ],
)
def test_names_that_would_be_mistaken_are_usage_errors(
    names: list[str], said: str, shop_folder: Path, migrator: Migrator
) -> None:
    before = tree(shop_folder)

    ran = migrator("init", *(word for name in names for word in ("--env", name)), cwd=shop_folder)

    assert ran.code == 2
    assert said in ran.err
    assert tree(shop_folder) == before


def test_the_alias_of_an_environment_that_is_there_is_a_usage_error(
    shop_folder: Path, migrator: Migrator
) -> None:
    assert migrator("init", "--env", "staging", cwd=shop_folder).code == 0
    ini = shop_folder / "configs" / "alembic_staging.ini"
    ini.write_text(ini.read_text() + "aliases = stage\n")

    ran = migrator("init", "--env", "stage", cwd=shop_folder)

    assert ran.code == 2
    assert "stage would be taken for staging, which is there already (configs/alembic_staging.ini)" in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--models", "shop/models.py"], "shop/models.py is neither a module nor package.module:Base"),
        (["--database", "mysql"], "mysql is not a kind of database"),
        (["--template", "nowhere"], "There is no template nowhere"),
        (["--url", "sqlite://"], "init takes no --url"),
        (["--config", "alembic.ini"], "init takes no --config"),
        (["--name", "shop"], "--name is a section of the file of --from"),
    ],
)
def test_what_cannot_be_is_a_usage_error(
    arguments: list[str], said: str, shop_folder: Path, migrator: Migrator
) -> None:
    before = tree(shop_folder)

    ran = migrator("init", *arguments, cwd=shop_folder)

    assert (ran.code, tree(shop_folder)) == (2, before)
    assert said in ran.err


def test_a_path_with_a_percent_sign_is_refused(tmp_path: Path, migrator: Migrator) -> None:
    root = tmp_path / "100 %"
    root.mkdir()

    ran = migrator("init", cwd=root)

    assert (ran.code, list(root.iterdir())) == (4, [])
    assert "has a % in it" in ran.err


@pytest.mark.parametrize("taken", ["configs", "migrations"])
def test_a_file_in_the_way_of_a_folder_leaves_all_as_it_was(
    taken: str, shop_folder: Path, migrator: Migrator
) -> None:
    (shop_folder / taken).write_text("a file\n")
    before = tree(shop_folder)

    ran = migrator("init", cwd=shop_folder)

    assert ran.code == 3, ran.out
    assert "every file is as it was" in ran.err
    assert (
        f"hint: {shop_folder / taken} is a file, where there has to be a folder: move it out of the way."
        in ran.err
    )
    assert tree(shop_folder) == before


def test_a_folder_that_cannot_be_written_to_is_an_error(shop_folder: Path, shell: Shell) -> None:
    if os.geteuid() == 0:
        # Root may write everywhere but there.
        ran = shell(["migrator", "init"], cwd=Path("/proc/tty"))
    else:
        shop_folder.chmod(0o500)
        ran = shell(["migrator", "init"], cwd=shop_folder)
        shop_folder.chmod(0o700)

    assert ran.code == 3, ran.out + ran.err
    assert "every file is as it was" in ran.err


def test_a_broken_file_among_the_sources_is_named_and_hides_nothing(
    shop_folder: Path, migrator: Migrator
) -> None:
    (shop_folder / "shop" / "broken.py").write_text("class Base(\n")
    (shop_folder / "shop" / "nul.py").write_bytes(b"Base\0")

    ran = migrator("init", cwd=shop_folder)

    assert ran.code == 0, ran.err
    assert "models: shop.models" in ran.out
    assert "note: shop/broken.py, line 1, is not valid Python: '(' was never closed." in ran.out
    assert "note: shop/nul.py is not valid Python: source code string cannot contain null bytes." in ran.out


def test_models_that_are_no_python_are_not_said_to_have_no_base(
    shop_folder: Path, migrator: Migrator
) -> None:
    (shop_folder / "shop" / "models.py").write_text(MODELS + "class Half(Base\n")

    made = data(migrator("init", "--dry-run", "--json", cwd=shop_folder))

    line = MODELS.count("\n") + 1
    assert made["notes"][:2] == [
        f"shop/models.py, line {line}, is not valid Python: '(' was never closed.",
        "No declarative base was found in the other files. Correct shop/models.py, and write the models'"
        " package under models in configs/alembic_test.ini.",
    ]


def test_without_models_the_file_says_where_they_go_and_so_does_the_next_command(
    tmp_path: Path, migrator: Migrator
) -> None:
    made = data(migrator("init", "--json", cwd=tmp_path))

    assert made["models"] == []
    assert made["next"].startswith("write models = ... into configs/alembic_test.ini, then: ")
    # A URL that has to be said is said there too.
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    told = data(migrator("init", "--database", "url", "--json", cwd=elsewhere))
    assert "then: export TESTING_DATABASE_URL=postgresql+asyncpg://" in told["next"]
    assert "# models = app.models" in (tmp_path / "configs" / "alembic_test.ini").read_text()


def test_a_source_folder_is_put_on_the_path(tmp_path: Path, migrator: Migrator) -> None:
    package = tmp_path / "src" / "shop"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "models.py").write_text(MODELS)

    assert data(migrator("init", "--database", "sqlite", "--json", cwd=tmp_path))["models"] == ["shop.models"]

    assert migrator("generate", "-m", "initial", cwd=tmp_path).code == 0
    assert migrator("upgrade", cwd=tmp_path).code == 0


def test_a_terminal_is_asked_what_was_not_said(shop_folder: Path) -> None:
    shown = at_terminal(
        ["migrator", "init", "--database", "sqlite", "--env", "testing", "--env", "production"],
        shop_folder,
        answer=("package.module:Base [shop.models]: ", "\ny\n"),
    )

    assert shown.code == 0, shown.text
    assert "One folder of revisions for all environments, rather than one for each? [y/N]" in shown.text
    assert "revisions in migrations/versions" in shown.text
    assert "models = shop.models" in (shop_folder / "configs" / "alembic_test.ini").read_text()


def test_at_a_terminal_the_next_command_stays_in_one_line(shop_folder: Path) -> None:
    shown = at_terminal(["migrator", "init", "--no-input", "--database", "url"], shop_folder)

    assert shown.code == 0, shown.text
    assert shown.text.splitlines()[-1].endswith(
        "/DATABASE && migrator generate -m initial && migrator upgrade"
    )


def test_an_answer_that_cannot_be_is_asked_for_again(shop_folder: Path) -> None:
    shown = at_terminal(
        ["migrator", "init", "--models", "shop.models", "--shared"],
        shop_folder,
        answer=("Environments [testing production]: ", "a/b\nqa\nsqlite\n"),
    )

    assert shown.code == 0, shown.text
    assert "'a/b' is not a name" in shown.text
    assert sorted(path.name for path in (shop_folder / "configs").iterdir()) == ["alembic_qa.ini"]


def test_the_end_of_input_writes_nothing(shop_folder: Path) -> None:
    before = tree(shop_folder)

    shown = at_terminal(["migrator", "init"], shop_folder, answer=("production]: ", END_OF_INPUT))

    assert shown.code == 4, shown.text
    assert "The question was not answered; nothing was done." in shown.text
    assert tree(shop_folder) == before


def test_no_input_and_a_pipe_ask_nothing(shop_folder: Path) -> None:
    shown = at_terminal(["migrator", "init", "--no-input", "--dry-run"], shop_folder)
    assert (shown.code, "?" in shown.text) == (0, False)

    shown = at_terminal(["migrator", "init", "--dry-run"], shop_folder, stdin=False)
    assert (shown.code, "?" in shown.text) == (0, False)


def test_a_template_of_the_team_s_own_is_filled_in(
    shop_folder: Path, tmp_path: Path, migrator: Migrator
) -> None:
    template = tmp_path / "template"
    (template / "configs").mkdir(parents=True)
    (template / "configs" / "environment.ini.mako").write_text(
        "[alembic]\nscript_location = %(here)s/../migrations\n"
        "version_locations = %(here)s/../${version_folder}\npath_separator = newline\n"
        "prepend_sys_path = ${sys_path}\n[migrator]\nmodels = ${', '.join(models)}\nlint_gate = true\n"
    )
    (template / "migrations").mkdir()
    (template / "migrations" / "env.py").write_text((ROOT / "migrations" / "env.py").read_text())
    (template / "migrations" / "script.py.mako").write_text('"""${message}"""\n')
    (template / "docs").mkdir()
    (template / "docs" / "databases.md.mako").write_text(
        "${', '.join(each.variable for each in environments)}\n"
    )

    ran = migrator("init", "--template", str(template), cwd=shop_folder)

    assert ran.code == 0, ran.err
    assert "lint_gate = true" in (shop_folder / "configs" / "alembic_online.ini").read_text()
    assert (shop_folder / "migrations" / "script.py.mako").read_text() == '"""${message}"""\n'
    variables = (shop_folder / "docs" / "databases.md").read_text()
    assert variables == "TESTING_DATABASE_URL, PRODUCTION_DATABASE_URL\n"
    assert not (shop_folder / ".env.example").exists()


@pytest.mark.parametrize(
    ("ini", "said"),
    [
        (None, "has no configs/environment.ini.mako"),
        ("${nothing}", "cannot be filled in: 'nothing' is not defined"),
        ("% if x:\n", "cannot be filled in"),
        ("${1/0}", "cannot be filled in: division by zero"),
        ("${models[5]}", "cannot be filled in: tuple index out of range"),
    ],
)
def test_a_template_that_cannot_be_used_is_an_error_and_writes_nothing(
    ini: str | None, said: str, shop_folder: Path, tmp_path: Path, migrator: Migrator
) -> None:
    template = tmp_path / "template"
    (template / "configs").mkdir(parents=True)
    if ini is not None:
        (template / "configs" / "environment.ini.mako").write_text(ini)
    before = tree(shop_folder)

    ran = migrator("init", "--template", str(template), cwd=shop_folder)

    assert ran.code == 3, ran.out
    assert said in ran.err
    assert tree(shop_folder) == before


def test_the_templates_that_have_names_are_listed(migrator: Migrator, tmp_path: Path) -> None:
    ran = migrator("init", "--list-templates", cwd=tmp_path)

    names = [line.split("\t")[0] for line in ran.out.splitlines()]
    assert (ran.code, names) == (0, ["default"])
    assert all(line.split("\t")[1] for line in ran.out.splitlines())
    assert list(tmp_path.iterdir()) == []


def test_nothing_of_the_project_is_imported(shop_folder: Path, migrator: Migrator) -> None:
    (shop_folder / "shop" / "__init__.py").write_text("raise SystemExit('imported')\n")

    assert "models: shop.models" in migrator("init", cwd=shop_folder).out


def test_the_files_written_are_python_and_ini(shop_folder: Path, migrator: Migrator) -> None:
    assert migrator("init", cwd=shop_folder).code == 0

    ast.parse((shop_folder / "migrations" / "env.py").read_text())
    assert migrator("doctor", "--env", "production", cwd=shop_folder).out
    listed = migrator("envs", cwd=shop_folder)
    assert "error" not in listed.out


OWN_TYPE = """
from sqlalchemy import String
from sqlalchemy.types import TypeDecorator


class Name(TypeDecorator):
    impl = String
    cache_ok = True
"""


def test_a_type_of_the_project_s_own_is_imported_by_the_revision(
    shop_folder: Path, migrator: Migrator
) -> None:
    (shop_folder / "shop" / "types.py").write_text(OWN_TYPE)
    named = MODELS + "    name: Mapped[str] = mapped_column(Name)\n"
    (shop_folder / "shop" / "models.py").write_text(f"from shop.types import Name\n{named}")
    assert migrator("init", "--database", "sqlite", cwd=shop_folder).code == 0

    assert migrator("generate", "-m", "initial", cwd=shop_folder).code == 0
    assert migrator("upgrade", cwd=shop_folder).code == 0

    [file] = (shop_folder / "migrations" / "test" / "versions").glob("*.py")
    assert "\nimport shop.types\n" in file.read_text()
    assert "shop.types.Name()" in file.read_text()


@pytest.mark.slow
def test_a_run_that_is_killed_half_way_can_be_run_again(
    shop_folder: Path, shell: Shell, migrator: Migrator
) -> None:
    script = (
        "import os, signal, sys\n"
        "from migrator.revisions import file_changes\n"
        "replace = file_changes._replace\n"
        "def killed(work, change, draft):\n"
        "    replace(work, change, draft)\n"
        "    if change.path.name == '{at}':\n"
        "        os.kill(os.getpid(), signal.{signal})\n"
        "file_changes._replace = killed\n"
        "from migrator.cli.main import main\n"
        "sys.exit(main(['init', '--database', 'sqlite']))\n"
    )
    before = tree(shop_folder)

    # An interrupt takes everything back.
    interrupted = shell(["python", "-c", script.format(at="env.py", signal="SIGINT")], cwd=shop_folder)
    assert interrupted.code == 130, interrupted.err
    assert tree(shop_folder) == before
    assert not (shop_folder / "configs").exists()

    # Nothing can be taken back after kill -9: what is there is whole, and the next run adds the rest.
    other = shop_folder.parent / "another shop"
    shutil.copytree(shop_folder, other)
    for killed, at in ((shop_folder, "env.py"), (other, "alembic_test.ini")):
        script_there = script.format(at=at, signal="SIGKILL")
        assert shell(["python", "-c", script_there], cwd=killed).code == -9
        dry = data(migrator("init", "--database", "sqlite", "--dry-run", "--json", cwd=killed))
        again = migrator("init", "--database", "sqlite", cwd=killed)
        assert again.code == 0, again.err
        assert "kept migrations/env.py" in again.out
        assert "wrote configs/alembic_online.ini" in again.out
        assert "configs/alembic_online.ini" in dry["written"]
        inis = [path.name for path in (killed / "configs").iterdir()]
        assert sorted(inis) == ["alembic_online.ini", "alembic_test.ini"]
        assert migrator("generate", "-m", "initial", cwd=killed).code == 0
    assert "note: production was left out by an init that was killed; it is made now." in again.out


def test_a_folder_that_may_not_be_looked_into_is_passed_over(shop_folder: Path, shell: Shell) -> None:
    closed = shop_folder / "closed"
    closed.mkdir(mode=0o000)
    try:
        ran = shell(["migrator", "init", "--dry-run"], cwd=shop_folder)
    finally:
        closed.chmod(0o700)

    assert ran.code == 0, ran.err
    assert "models: shop.models" in ran.out
