"""Finding declarative bases and models in sources, of every kind, without importing them."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrator.operations.init.bases import find_models
from migrator.operations.init.sources import read_sources

DECLARATIVE = "from sqlalchemy.orm import DeclarativeBase\nclass Base(DeclarativeBase): ...\n"


def found(root: Path, files: dict[str, str]) -> tuple[str, ...]:
    """Write files below a folder, and find the models in it."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return find_models(read_sources(root))


@pytest.mark.parametrize(
    "source",
    [
        DECLARATIVE + "class A(Base): ...",
        "import sqlalchemy.orm as so\nclass Base(so.DeclarativeBase): ...\nclass A(Base): ...",
        "import sqlalchemy.orm\nclass Base(sqlalchemy.orm.DeclarativeBaseNoMeta): ...\nclass A(Base): ...",
        "from sqlalchemy.orm import declarative_base\nBase = declarative_base()\nclass A(Base): ...",
        "from sqlalchemy.ext.declarative import declarative_base\nBase: object = declarative_base()\n"
        "class A(Base): ...",
        "from sqlalchemy.orm import registry\nBase = registry().generate_base()\nclass A(Base): ...",
        "from sqlalchemy.orm import registry\nr = registry()\nBase = r.generate_base()\nclass A(Base): ...",
        "from sqlalchemy.orm import registry\nr = registry()\n@r.as_declarative_base()\nclass Base: ...\n"
        "class A(Base): ...",
        "from sqlalchemy.orm import as_declarative\n@as_declarative()\nclass Base: ...\nclass A(Base): ...",
        "from sqlalchemy.orm import DeclarativeMeta\nclass Base(metaclass=DeclarativeMeta): ...\n"
        "class A(Base): ...",
        "from sqlmodel import SQLModel\nclass Shared(SQLModel): ...\nclass A(Shared, table=True): ...",
        "import sqlmodel\nclass A(sqlmodel.SQLModel, table=True): ...",
        "from flask_sqlalchemy import SQLAlchemy\ndb = SQLAlchemy()\nclass A(db.Model): ...",
        "from advanced_alchemy.base import UUIDAuditBase\nclass A(UUIDAuditBase): ...",
        "from advanced_alchemy.extensions.litestar import base\nclass A(base.BigIntBase): ...",
        DECLARATIVE + "class Named(Base):\n    __abstract__ = True\nclass A(Named): ...",
        "from typing import Generic\n" + DECLARATIVE + "class A(Base, Generic[int]): ...",
    ],
)
def test_models_of_every_kind_of_base_are_found(source: str, tmp_path: Path) -> None:
    assert found(tmp_path, {"shop.py": source}) == ("shop",)


@pytest.mark.parametrize(
    "source",
    [
        "from pydantic import BaseModel\nclass Base(BaseModel): ...\nclass A(Base): ...",
        "from sqlmodel import SQLModel\nclass A(SQLModel): ...",
        "from .other import Base\nclass A(Base): ...",
        "class Base(Model): ...\nclass Model(Base): ...",
        "class Base: ...\nclass A(Base[int]): ...",
        "Base = make()()\nclass A(Base): ...",
    ],
)
def test_what_only_looks_like_a_model_is_none(source: str, tmp_path: Path) -> None:
    assert found(tmp_path, {"shop.py": source}) == ()


def test_a_package_of_models_is_named_whole(tmp_path: Path) -> None:
    files = {
        "shop/__init__.py": "",
        "shop/main.py": "",
        "shop/models/__init__.py": "from .base import Base as Base",
        "shop/models/base.py": DECLARATIVE,
        "shop/models/mixins.py": "class Mixin: ...",
        "shop/models/user.py": "from . import Base\nclass User(Base): ...",
        "shop/models/deep/order.py": "from ..user import User\nfrom shop.models import Base\n"
        "class Order(Base): ...",
    }

    assert found(tmp_path, files) == ("shop.models",)


def test_modules_among_others_are_named_one_by_one(tmp_path: Path) -> None:
    files = {
        "shop/__init__.py": "",
        "shop/main.py": "print('started')",
        "shop/db.py": DECLARATIVE,
        "shop/users/models.py": "from ..db import Base\nclass User(Base): ...",
        "shop/users/routes.py": "",
        "shop/orders/models.py": "from shop import db\nclass Order(db.Base): ...",
        "shop/orders/routes.py": "",
    }

    assert found(tmp_path, files) == ("shop.orders.models", "shop.users.models")


def test_a_base_without_models_is_what_there_is(tmp_path: Path) -> None:
    assert found(tmp_path, {"shop/db.py": DECLARATIVE, "shop/main.py": "", "shop/x.py": ""}) == ("shop.db",)


def test_folders_of_others_are_not_looked_into(tmp_path: Path) -> None:
    model = DECLARATIVE + "class A(Base): ..."
    skipped = [
        ".venv/a.py", "node_modules/a.py", "tests/a.py", "lib/site-packages/a.py", "mine/a.py",
        "alembic/env.py", "alembic/versions/a.py", "not-a-name/a.py",
    ]  # fmt: skip
    files = dict.fromkeys(skipped, model)
    files |= {"mine/pyvenv.cfg": "", "alembic/script.py.mako": ""}

    assert found(tmp_path, files) == ()


def test_circles_of_imports_and_classes_end(tmp_path: Path) -> None:
    files = {
        "a.py": "from b import Base\nclass Model(Base): ...",
        "b.py": "from a import Base",
        "c.py": "class X(Y): ...\nclass Y(X): ...  # Base",
    }

    assert found(tmp_path, files) == ()
