"""A project of many linear revisions, which migrator and plain Alembic both drive."""

from __future__ import annotations

import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.templates import changed, template

_STOCK_CONFIGURE = "context.configure(connection=connection, target_metadata=target_metadata)"
# The one change of Alembic's stock async env.py: one transaction a revision.
CONFIGURE = {_STOCK_CONFIGURE: _STOCK_CONFIGURE.removesuffix(")") + ", transaction_per_migration=True)"}
# The configuration that knows the models.
CHECK_INI = "check.ini"
_MODELS_KNOWN = {"target_metadata = None\n": "from bench_models import metadata as target_metadata\n"}

_ENV = "from migrator.env import run_migrations\n\nrun_migrations()\n"
_INI = """\
[alembic]
script_location = %(here)s/../migrations
version_locations = %(here)s/../versions
path_separator = newline

[migrator]
database = embedded
models = bench_models:metadata
"""
# The models that the revisions make: nothing is to be generated.
_MODELS = """\
import sqlalchemy as sa

metadata = sa.MetaData()
for index in range(1, {revisions} + 1):
    sa.Table(
        f"table_{{index}}",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Index(f"index_{{index}}", "name"),
    )
"""
_STOCK_INI = """\
[alembic]
script_location = %(here)s/{folder}
prepend_sys_path = .
version_locations = %(here)s/versions
path_separator = newline
sqlalchemy.url = {url}
"""
_REVISION = '''\
"""create table {index}

Revision ID: {revision}
Revises: {down}
Create Date: 2025-01-01 00:00:00.000000

"""
from collections.abc import Sequence

from alembic import op
import sqlalchemy as sa

revision: str = {revision!r}
down_revision: str | Sequence[str] | None = {down!r}
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "table_{index}",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute("CREATE INDEX index_{index} ON table_{index} (name)")


def downgrade() -> None:
    op.drop_table("table_{index}")
'''


@dataclass(frozen=True)
class Project:
    """The project's folder, its database, and the ids of its newest revision and of the one before it."""

    root: Path
    url: str
    revisions: int
    head: str
    before: str


def write_project(root: Path, revisions: int, url: str, settings: str = "") -> Project:
    """Write a project into a new folder: `revisions` version files of two statements each.

    `settings` are further lines of migrator's section.

    migrator gets an env.py of its own kind. Plain Alembic gets its stock async env.py, changed in one place:
    it too runs one transaction a revision. `url`, with an async driver, goes into its ini. For `check` it has
    an ini and an env.py that import the models, which no other command has to.
    """
    for folder in ("configs", "migrations", "stock", "stock_check", "versions"):
        (root / folder).mkdir(parents=True)
    (root / "configs/alembic_test.ini").write_text(_INI + settings)
    (root / "migrations/env.py").write_text(_ENV)
    (root / "alembic.ini").write_text(_stock_ini(url, "stock"))
    (root / "stock/env.py").write_text(stock_env(CONFIGURE))
    (root / CHECK_INI).write_text(_stock_ini(url, "stock_check"))
    (root / "stock_check/env.py").write_text(stock_env({**CONFIGURE, **_MODELS_KNOWN}))
    (root / "bench_models.py").write_text(_MODELS.format(revisions=revisions))
    before, down = None, None
    for index in range(1, revisions + 1):
        revision = f"{index:012x}"
        text = _REVISION.format(index=index, revision=revision, down=down)
        (root / f"versions/{revision}_create_table_{index}.py").write_text(text)
        before, down = down, revision
    return Project(root, url, revisions, down or "", before or "")


def _stock_ini(url: str, folder: str) -> str:
    """Alembic's options as ours are, with the logging sections of its own template."""
    text = template("alembic", "templates/generic/alembic.ini.mako").read_text()
    logging = text[text.index("[loggers]") :]
    return _STOCK_INI.format(url=url.replace("%", "%%"), folder=folder) + "\n" + logging


def stock_env(changes: Mapping[str, str]) -> str:
    """Give Alembic's async env.py with each key of `changes` replaced; RuntimeError where one is missing."""
    return changed(template("alembic", "templates/async/env.py"), changes)


def program(name: str) -> str:
    """Give the path of a console script of this virtual environment."""
    return str(Path(sysconfig.get_path("scripts"), name))
