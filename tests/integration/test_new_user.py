"""As a new user: a clean virtual environment, the built wheel, and nothing to read but what is printed.

Each test follows the command that `init` prints after `next:`; where that has a URL to fill in, it does so.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrator.database.embedded.shared_use import remove_server
from tests.conftest import ROOT, Database
from tests.new_user import User, clean_environment
from tests.projects import authors
from tests.projects.foreign.kinds import PLACEHOLDER

pytestmark = pytest.mark.slow

# What the projects below bring along themselves; of migrator's own nothing is named.
BESIDE = ("fastapi", "flask-migrate", "psycopg", "aiosqlite")
MODELS = f"{authors.MODELS}    name: Mapped[str]\n"
FASTAPI = """
from fastapi import FastAPI

from library.models import Author

app = FastAPI()


@app.get("/")
def title() -> str:
    return Author.__tablename__
"""
FLASK = """
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()
migrate = Migrate()


class Author(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(80))


def create_app():
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///library.db"
    db.init_app(app)
    migrate.init_app(app, db)
    return app
"""

BOOK = """

class Book(db.Model):
    id = db.Column(db.Integer, primary_key=True)
"""


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The programs of the clean virtual environment."""
    base = tmp_path_factory.getbasetemp()
    with clean_environment(base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base, BESIDE) as found:
        yield found


@pytest.fixture
def user(programs: Path, tmp_path: Path) -> Iterator[User]:
    """A user in an empty folder; what the embedded PostgreSQL has of it is gone afterwards."""
    folder = tmp_path / "my project"
    folder.mkdir()
    yield User(programs, folder)
    remove_server(folder)


def test_what_is_installed_is_the_wheel(user: User) -> None:
    shown = user.types("migrator --help && python -c 'import migrator; print(migrator.__file__)'").out

    assert re.search(r"^  init  +Make a project of this folder", shown, re.MULTILINE)
    assert str(ROOT) not in shown


def test_a_fastapi_project_is_made_from_nothing(user: User) -> None:
    user.writes("library/__init__.py", "")
    user.writes("library/models.py", MODELS)
    user.writes("library/main.py", FASTAPI)

    done = user.follows(user.types("migrator init").out)

    assert re.search(r"^upgraded testing: base -> \w+ \(1 revision", done.out, re.MULTILINE)
    run = "migrator run -- python -c 'from library.main import app; print(app.routes[-1].path)'"
    assert user.types(run).out == "/\n"
    assert user.types("migrator check").out.startswith("models and history agree")


def test_a_project_of_flask_migrate_is_adopted(user: User) -> None:
    user.writes("app.py", FLASK)
    user.types("flask db init && flask db migrate -m initial && flask db upgrade")
    user.writes(
        "app.py", FLASK + "\n\nclass Book(db.Model):\n    id = db.Column(db.Integer, primary_key=True)\n"
    )
    user.types("flask db migrate -m books")

    # Without knowing of --from: the refusal says what to type.
    refused = user.types("migrator init", code=4)
    command = re.search(r"migrator init --from \S+", refused.err)
    assert command is not None, refused.err
    database = user.folder / "instance" / "library.db"
    done = user.follows(user.types(command[0]).out, f"sqlite:///{database}")

    # The first revision was applied by Flask-Migrate; the file is the same.
    assert re.search(r"^upgraded testing: \w+ -> \w+ \(1 revision", done.out, re.MULTILINE), done.err
    assert _tables(database) == {"alembic_version", "author", "book", "migrator_log", "migrator_mark"}
    assert "(head)" in user.types("flask db current").out


def test_a_stock_async_project_is_adopted(user: User, postgres_database: Database) -> None:
    user.types("alembic init -t async alembic")
    user.writes("models.py", MODELS)
    env_py = user.folder / "alembic" / "env.py"
    text = env_py.read_text().replace("target_metadata = None", "target_metadata = Base.metadata")
    env_py.write_text(f"from models import Base\n{text}")
    url = postgres_database.url.replace("postgresql:", "postgresql+asyncpg:")

    done = user.follows(user.types("migrator init --from alembic.ini").out, url)

    assert re.search(r"^upgraded testing: base -> \w+ \(1 revision", done.out, re.MULTILINE)
    assert postgres_database.tables() == ["alembic_version", "authors"]


def test_a_stock_project_with_sqlite_is_adopted(user: User) -> None:
    user.types("alembic init alembic")
    ini = user.folder / "alembic.ini"
    ini.write_text(ini.read_text().replace(PLACEHOLDER, "sqlite:///library.db"))
    user.types("alembic revision -m first")

    done = user.follows(user.types("migrator init --from alembic.ini").out)

    assert re.search(r"^upgraded testing: base -> \w+ \(1 revision", done.out, re.MULTILINE)
    assert user.types("alembic current").out == user.types("migrator current").out
    assert "alembic_version" in _tables(user.folder / "library.db")


def _tables(file: Path) -> set[str]:
    with sqlite3.connect(file) as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {str(row[0]) for row in rows}
