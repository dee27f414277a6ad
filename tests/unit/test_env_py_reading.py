"""What is read of an env.py without running it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from migrator.revisions.env_py_source import EnvPy, read_env_py

FOREIGN = Path(__file__).parents[1] / "projects" / "foreign"


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("config.set_main_option('sqlalchemy.url', settings.url)", (1,)),
        ("section['sqlalchemy.url'] = get_url()", (1,)),
        ("engine = create_engine(os.environ['DATABASE_URL'])", (1,)),
        ("engine = create_async_engine(settings.url)", (1,)),
        ("engine = engine_from_config(section, prefix='sqlalchemy.', url=get_url())", (1,)),
        ("from shop.database import engine", (1,)),
        ("engine = create_engine(config.get_main_option('sqlalchemy.url'))", ()),
        ("url = config.get_main_option('sqlalchemy.url')\nengine = create_engine(url)", ()),
        ("url: str = config.get_main_option('sqlalchemy.url')\nengine = create_engine(url)", ()),
        ("engine = engine_from_config(config.get_section('alembic'), prefix='sqlalchemy.')", ()),
        ("config.set_main_option('version_locations', 'x')", ()),
        ("from sqlalchemy import engine", ()),
    ],
)
def test_a_url_from_elsewhere_is_found(line: str, where: tuple[int, ...]) -> None:
    assert read_env_py(line).own_url == where


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("context.configure(connection=c, transaction_per_migration=True)", (1,)),
        ("with engine.begin() as connection: pass", (1,)),
        ("connection.commit()", (1,)),
        ("connection.execution_options(isolation_level='AUTOCOMMIT')", (1,)),
        ("connection.execution_options(isolation_level='SERIALIZABLE')", ()),
        ("with context.begin_transaction(): pass", ()),
    ],
)
def test_a_transaction_of_its_own_is_found(line: str, where: tuple[int, ...]) -> None:
    assert read_env_py(line).own_transaction == where


@pytest.mark.parametrize(
    ("line", "needs"),
    [
        ("from flask import current_app", "flask"),
        ("from advanced_alchemy.alembic.commands import AlembicCommandConfig", "advanced-alchemy"),
        ("from flask import Flask", None),
    ],
)
def test_a_tool_that_it_cannot_do_without_is_found(line: str, needs: str | None) -> None:
    assert read_env_py(line).needs == needs


@pytest.mark.parametrize("template", ["generic", "async", "pyproject", "pyproject_async"])
def test_alembic_s_own_templates_only_disable_loggers_and_have_no_models(template: str) -> None:
    source = (files("alembic") / "templates" / template / "env.py").read_text()

    read = read_env_py(source)

    assert (len(read.disables_loggers), len(read.no_models)) == (1, 1)
    assert read.asynchronous == ("async" in template)
    assert (read.ours, read.needs, read.own_url, read.own_transaction) == (False, None, (), ())


@pytest.mark.parametrize("project", ["own_variable", "settings_module", "engine_creator"])
def test_projects_whose_url_is_their_own_are_told_apart(project: str) -> None:
    assert read_env_py((FOREIGN / project / "migrations" / "env.py").read_bytes()).own_url


def test_ours_is_ours_however_it_is_imported() -> None:
    for line in (
        "from migrator.env import run_migrations",
        "import migrator.env",
        "from migrator import env",
    ):
        assert read_env_py(line) == EnvPy(ours=True)


def test_what_is_no_python_is_a_syntax_error() -> None:
    with pytest.raises(SyntaxError):
        read_env_py("def (")
