"""Flask-Migrate and advanced-alchemy: what they need to drive a project, and their commands.

Both put a command line of their own over Alembic, and read the same version files as the others.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.measure import Command, Side
from benchmarks.project import Project, program
from benchmarks.templates import changed, template

FLASK_MIGRATE = "flask-migrate"
ADVANCED_ALCHEMY = "advanced-alchemy"
TOOLS = (FLASK_MIGRATE, ADVANCED_ALCHEMY)

# The modules that a tool's configuration takes its metadata from: `check` alone needs the models.
_NO_MODELS, _MODELS = "no_models", "bench_models"
_EMPTY = "import sqlalchemy as sa\n\nmetadata = sa.MetaData()\n"
_SECTION = {"[alembic]\n": "[alembic]\nversion_locations = %(here)s/versions\npath_separator = newline\n"}
_FLASK_SECTION = {there: text.replace("/versions", "/../versions") for there, text in _SECTION.items()}
_FLASK_FOLDER, _FLASK = "flask_migrations", "flask_of_{models}"
_FLASK_APP = """\
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from {models} import metadata

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = {url!r}
Migrate(app, SQLAlchemy(app, metadata=metadata), directory={folder!r}, transaction_per_migration=True)
"""
_ALCHEMY_FOLDER, _ALCHEMY_INI, _ALCHEMY = "alchemy_migrations", "alchemy.ini", "alchemy_of_{models}"
_ALCHEMY_TEMPLATES = "alembic/templates/asyncio"
_ALCHEMY_APP = """\
from advanced_alchemy.config import AlembicAsyncConfig, SQLAlchemyAsyncConfig
from {models} import metadata

config = SQLAlchemyAsyncConfig(
    connection_string={url!r},
    metadata=metadata,
    alembic_config=AlembicAsyncConfig(
        script_config={ini!r},
        script_location={folder!r},
        version_table_name="alembic_version",
        compare_type=True,
    ),
)
"""
_CONNECTION = "connection=connection,\n"
_ALCHEMY_ENV = {_CONNECTION: f"{_CONNECTION}        transaction_per_migration=True,\n"}


def write_others(project: Project) -> None:
    """Write both tools' files into a project's folder, each as the tool's own template has them.

    Changed is what all sides have in common: the folder of the version files, the name of the version table,
    one transaction a revision, and that `check` compares types.
    """
    for folder in (_FLASK_FOLDER, _ALCHEMY_FOLDER):
        (project.root / folder).mkdir()
    texts = {
        f"{_NO_MODELS}.py": _EMPTY,
        f"{_FLASK_FOLDER}/env.py": template("flask_migrate", "templates/flask/env.py").read_text(),
        f"{_FLASK_FOLDER}/alembic.ini": changed(
            template("flask_migrate", "templates/flask/alembic.ini.mako"), _FLASK_SECTION
        ),
        f"{_ALCHEMY_FOLDER}/env.py": changed(
            template("advanced_alchemy", f"{_ALCHEMY_TEMPLATES}/env.py"), _ALCHEMY_ENV
        ),
        _ALCHEMY_INI: changed(
            template("advanced_alchemy", f"{_ALCHEMY_TEMPLATES}/alembic.ini.mako"), _SECTION
        ),
    }
    # Flask-SQLAlchemy is synchronous.
    sync = project.url.replace("+asyncpg", "+psycopg")
    for models in (_NO_MODELS, _MODELS):
        flask = _FLASK_APP.format(models=models, url=sync, folder=_FLASK_FOLDER)
        alchemy = _ALCHEMY_APP.format(
            models=models, url=project.url, ini=_ALCHEMY_INI, folder=_ALCHEMY_FOLDER
        )
        texts[_FLASK.format(models=models) + ".py"] = flask
        texts[_ALCHEMY.format(models=models) + ".py"] = alchemy
    for name, text in texts.items():
        (project.root / name).write_text(text)


def others(project: Project, *arguments: str, runs: int, expected: str = "") -> Mapping[str, Side]:
    """Give the same command of both tools, by the tool's name.

    They run less often than migrator and Alembic: no bound depends on them.
    """
    models = _MODELS if arguments[0] == "check" else _NO_MODELS
    unasked = ("--no-prompt",) if arguments[0] == "upgrade" else ()
    lines = {
        FLASK_MIGRATE: [program("flask"), "--app", _FLASK.format(models=models), "db", *arguments],
        ADVANCED_ALCHEMY: [
            program("alchemy"),
            "--config",
            _ALCHEMY.format(models=models) + ".config",
            *arguments,
            *unasked,
        ],
    }
    return {tool: Side(Command(line, project.root, {}, expected), runs) for tool, line in lines.items()}
