"""Loading models: real packages on disk, imported in this process and forgotten again."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import MetaData

from migrator.errors import ExitCode, ModelsError
from migrator.models.model_loading import load_models

BASE = """
    from sqlalchemy.orm import DeclarativeBase
    class Base(DeclarativeBase): ...
"""
MODEL = """
    from sqlalchemy.orm import Mapped, mapped_column
    from {package}.base import Base
    class {name}(Base):
        __tablename__ = "{table}"
        id: Mapped[int] = mapped_column(primary_key=True)
"""


@dataclass(frozen=True)
class Project:
    """A folder with one package of a name that no other test uses."""

    root: Path
    package: str

    def write(self, path: str, text: str = "") -> Path:
        file = self.root / self.package / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text).replace("PKG", self.package))
        return file

    def model(self, path: str, name: str, table: str, more: str = "") -> Path:
        text = textwrap.dedent(MODEL).format(package=self.package, name=name, table=table)
        return self.write(path, text + textwrap.dedent(more))

    def shop(self) -> None:
        """A package with a base and two models, one of them in a package of its own."""
        self.write("__init__.py")
        self.write("base.py", BASE)
        self.model("user.py", "User", "users")
        self.write("sales/__init__.py")
        self.model("sales/order.py", "Order", "orders")

    def load(self, *specs: str) -> list[MetaData]:
        return load_models([spec.replace("PKG", self.package) for spec in specs], self.root)

    def fails(self, *specs: str) -> ModelsError:
        with pytest.raises(ModelsError) as caught:
            self.load(*specs)
        return caught.value


@pytest.fixture
def application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    path, modules = list(sys.path), set(sys.modules)
    yield Project(tmp_path / "project", f"shop_{uuid4().hex}")
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if str(tmp_path) in str(vars(sys.modules[name]).get("__file__")) or name.startswith("shop_"):
            del sys.modules[name]


def tables(found: list[MetaData]) -> list[list[str]]:
    return [sorted(metadata.tables) for metadata in found]


# What is found


def test_every_module_under_a_package_is_imported(application: Project) -> None:
    application.shop()
    assert tables(application.load("PKG")) == [["orders", "users"]]


def test_a_sub_folder_without_an_init_file_is_imported_too(application: Project) -> None:
    application.shop()
    application.model("stock/items/item.py", "Item", "items")
    assert tables(application.load("PKG")) == [["items", "orders", "users"]]
    assert f"{application.package}.stock.items.item" in sys.modules


def test_a_package_that_has_no_init_file_itself_is_imported(application: Project) -> None:
    application.write("base.py", BASE)
    application.model("user.py", "User", "users")
    assert tables(application.load("PKG")) == [["users"]]


def test_each_module_is_executed_once(application: Project) -> None:
    application.shop()
    count = application.root / "count"
    application.write("counted.py", f"open({str(count)!r}, 'a').write('x')")
    application.load("PKG", "PKG.base:Base", "PKG")
    application.load("PKG")
    assert count.read_text() == "x"


def test_main_modules_are_not_executed(application: Project) -> None:
    application.shop()
    application.write("__main__.py", "raise RuntimeError")
    application.write("sales/__main__.py", "raise RuntimeError")
    assert tables(application.load("PKG")) == [["orders", "users"]]


def test_alembics_own_folder_inside_the_package_is_not_executed(application: Project) -> None:
    application.shop()
    application.write("migrations/__init__.py")
    application.write("migrations/script.py.mako")
    application.write("migrations/env.py", "raise RuntimeError")
    application.write("migrations/versions/0001_first.py", "raise RuntimeError")
    assert tables(application.load("PKG")) == [["orders", "users"]]


def test_a_single_module_is_enough(application: Project) -> None:
    application.shop()
    assert tables(application.load("PKG.user")) == [["users"]]


def test_metadata_is_found_behind_models_whose_base_is_outside_of_the_package(application: Project) -> None:
    application.shop()
    assert tables(application.load("PKG.sales")) == [["orders"]]


def test_several_metadata_come_once_each_in_a_stable_order(application: Project) -> None:
    application.write("__init__.py")
    for name in ("b", "a"):
        application.write(
            f"{name}.py",
            f"""
            from sqlalchemy import Column, Integer, MetaData, Table
            own = MetaData()
            rows = Table({name!r}, own, Column("id", Integer))
            same = own
            """,
        )
    assert tables(application.load("PKG")) == [["a"], ["b"]]


def test_metadata_without_tables_is_left_out_beside_one_with_tables(application: Project) -> None:
    application.shop()
    application.write(
        "unused.py", "from sqlalchemy import MetaData\nempty = MetaData()\n" + textwrap.dedent(BASE)
    )
    assert tables(application.load("PKG")) == [["orders", "users"]]


def test_metadata_without_tables_is_given_when_there_is_no_other(application: Project) -> None:
    application.write("__init__.py", BASE)
    assert tables(application.load("PKG")) == [[]]


def test_an_object_that_raises_when_it_is_looked_at_is_no_hindrance(application: Project) -> None:
    application.shop()
    application.write(
        "proxy.py",
        """
        class Proxy:
            def __getattr__(self, name):
                raise RuntimeError("outside of the application")
            @property
            def metadata(self):
                raise RuntimeError("outside of the application")
        current = Proxy()
        """,
    )
    assert tables(application.load("PKG")) == [["orders", "users"]]


# What a spec may name


@pytest.mark.parametrize(
    "definition",
    [
        "it = metadata",
        "it = registry(metadata=metadata)",
        "class it(DeclarativeBase):\n    metadata = metadata",
        "class Db:\n    metadata = property(lambda self: metadata)\nit = Db()",
        "it = [metadata, registry(metadata=metadata)]",
        "it = {'main': metadata}",
    ],
)
def test_an_object_is_a_metadata_or_has_one_or_holds_some(application: Project, definition: str) -> None:
    application.write(
        "__init__.py",
        "from sqlalchemy import Column, Integer, MetaData, Table\n"
        "from sqlalchemy.orm import DeclarativeBase, registry\n"
        "metadata = MetaData()\nTable('rows', metadata, Column('id', Integer))\n" + definition,
    )
    assert tables(application.load("PKG:it")) == [["rows"]]


def test_an_attribute_may_be_dotted(application: Project) -> None:
    application.shop()
    assert tables(application.load("PKG.user:User.metadata")) == [["users"]]


def test_an_object_and_its_package_are_united(application: Project) -> None:
    application.shop()
    assert tables(application.load("PKG.base:Base", "PKG")) == [["orders", "users"]]


def test_the_same_root_is_put_on_the_path_once(application: Project) -> None:
    application.shop()
    application.load("PKG")
    application.load("PKG")
    assert sys.path[0] == str(application.root)
    assert sys.path.count(str(application.root)) == 1


def test_a_package_under_the_root_wins_over_one_of_the_same_name_further_back(
    application: Project, tmp_path: Path
) -> None:
    application.shop()
    other = Project(tmp_path / "other", application.package)
    other.write("__init__.py", "raise RuntimeError")
    sys.path[:0] = [str(other.root), str(application.root)]
    assert tables(application.load("PKG")) == [["orders", "users"]]


def test_it_works_in_a_process_of_its_own_from_any_folder(application: Project, tmp_path: Path) -> None:
    application.shop()
    program = (
        "import sys, pathlib\nfrom migrator.models.model_loading import load_models\n"
        "found = load_models([sys.argv[1]], pathlib.Path(sys.argv[2]))\nprint(sorted(found[0].tables))"
    )
    command = [sys.executable, "-c", program, application.package, str(application.root)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['orders', 'users']"


# What goes wrong


def test_a_module_that_fails_is_named_with_its_cause_and_line(application: Project) -> None:
    application.shop()
    file = application.write("sales/broken.py", "import os\nfrom PKG.base import Missing\n")
    error = application.fails("PKG")
    assert f"The module {application.package}.sales.broken cannot be imported" in error.message
    assert "ImportError: cannot import name 'Missing'" in error.message
    assert f"{file}, line 2" in error.hint
    assert isinstance(error.__cause__, ImportError)
    assert error.exit_code == ExitCode.CONFIGURATION


def test_the_module_that_fails_is_named_and_not_the_one_that_imports_it(application: Project) -> None:
    application.shop()
    application.write("__init__.py", "from PKG import zebra")
    application.write("zebra.py", "1 / 0")
    assert (
        f"{application.package}.zebra, which {application.package} needs," in application.fails("PKG").message
    )


def test_a_syntax_error_names_its_module_and_line(application: Project) -> None:
    application.shop()
    application.write("__init__.py", "from PKG.sales import typo")
    file = application.write("sales/typo.py", "x = 1\ndef (:\n")
    error = application.fails("PKG")
    assert f"{application.package}.sales.typo" in error.message
    assert "SyntaxError" in error.message
    assert f"{file}, line 2" in error.hint


def test_a_module_that_ends_the_process_is_an_error(application: Project) -> None:
    application.shop()
    application.write("script.py", "import sys\nsys.exit(3)")
    error = application.fails("PKG")
    assert f"{application.package}.script" in error.message
    assert "sys.exit(3)" in error.message


def test_a_package_that_does_not_exist_suggests_the_nearest(application: Project) -> None:
    application.shop()
    error = application.fails("PKG.slaes")
    assert error.message == f"The module {application.package}.slaes does not exist."
    assert f"Did you mean {application.package}.sales?" in error.hint
    assert "models" in error.hint
    assert "[migrator]" in error.hint


def test_a_mistyped_top_package_suggests_the_nearest_in_the_root(application: Project) -> None:
    application.shop()
    error = application.fails("PKGx.sales")
    assert error.message.endswith(f"does not exist, because there is no {application.package}x.")
    assert f"Did you mean {application.package}.sales?" in error.hint


def test_a_missing_module_that_a_model_imports_is_told_apart_from_a_wrong_name(application: Project) -> None:
    application.shop()
    application.write("needy.py", "import no_such_library_here")
    error = application.fails("PKG")
    assert f"The module {application.package}.needy cannot be imported" in error.message
    assert "No module named 'no_such_library_here'" in error.message
    assert "Install what provides no_such_library_here" in error.hint
    assert "does not exist" not in error.message


def test_a_package_whose_own_import_is_missing_is_not_said_to_be_missing(application: Project) -> None:
    application.write("__init__.py", "import no_such_library_here")
    assert f"The module {application.package} cannot be imported" in application.fails("PKG").message


def test_a_cause_is_told_on_one_line_without_links(application: Project) -> None:
    application.shop()
    text = "class Bad(Base):\n    __tablename__ = 'bad'\n    id: int = mapped_column()"
    application.write(
        "bad.py", f"from PKG.base import Base\nfrom sqlalchemy.orm import mapped_column\n{text}"
    )
    application.write("worse.py", "raise ValueError('one\\n  two')")
    error = application.fails("PKG")
    assert 'Type annotation for "Bad.id"' in error.message
    assert "sqlalche.me" not in error.message
    assert "ValueError: one two." in application.fails("PKG.worse").message


def test_a_class_written_with_a_dot_is_told_to_stand_behind_a_colon(application: Project) -> None:
    application.shop()
    assert f"Did you mean {application.package}.base:Base?" in application.fails("PKG.base.Base").hint


def test_a_missing_attribute_is_named_with_its_module_and_the_nearest(application: Project) -> None:
    application.shop()
    error = application.fails("PKG.base:Bas")
    assert (
        error.message
        == f"{application.package}.base:Bas does not exist: the module {application.package}.base has no Bas."
    )
    assert error.hint.endswith("Did you mean Base?")


def test_an_object_without_metadata_is_refused(application: Project) -> None:
    application.write("__init__.py", "x = 1\nnothing = []")
    assert "is neither a MetaData nor" in application.fails("PKG:x").message
    assert "is neither a MetaData nor" in application.fails("PKG:nothing").message


def test_a_package_without_any_model_is_refused(application: Project) -> None:
    application.write("__init__.py")
    assert f"No module of {application.package} has a model" in application.fails("PKG").message


@pytest.mark.parametrize("spec", ["", "a b", "a:", ":Base", ".models", "a:b:c"])
def test_what_is_no_name_is_refused(application: Project, spec: str) -> None:
    assert repr(spec) in application.fails(spec).message


def test_a_path_is_turned_into_the_name_that_was_meant(application: Project) -> None:
    assert application.fails("api/models/user.py").hint.endswith("Did you mean api.models.user?")


# One file under two names


def test_a_file_imported_under_two_names_is_refused(application: Project) -> None:
    application.shop()
    file = application.write(
        "own.py", "from sqlalchemy import Column, MetaData, Table\nT = Table('t', MetaData())"
    )
    other = f"own_{application.package}"
    file.rename(file.with_name(f"{other}.py"))
    application.write(
        "zebra.py", f"import sys\nsys.path.append({str(file.parent)!r} + '/sales/..')\nimport {other}"
    )
    error = application.fails("PKG")
    true = f"{application.package}.{other}"
    assert f"{other} and {true} are the same file" in error.message
    assert str(file.with_name(f"{other}.py")) in error.message.replace("/sales/..", "")
    assert error.hint == f"Import it everywhere as {true}."


def test_a_table_defined_twice_by_one_file_under_two_names_names_both(application: Project) -> None:
    application.shop()
    name = f"item_{application.package}"
    application.model(f"{name}.py", "Item", "items")
    application.write(
        "zebra.py",
        f"import sys\nsys.path.append({str(application.root / application.package)!r})\nimport {name}",
    )
    error = application.fails("PKG")
    assert f"{name} and {application.package}.{name} are the same file" in error.message
    assert "Table 'items' is already defined" in error.message
    assert "extend_existing" not in error.message


def test_a_table_defined_by_two_files_is_told_as_sqlalchemy_tells_it(application: Project) -> None:
    application.shop()
    application.model("zebra.py", "Zebra", "users")
    error = application.fails("PKG")
    assert f"The module {application.package}.zebra cannot be imported" in error.message
    assert "Table 'users' is already defined" in error.message
    assert "the same file" not in error.message


def test_a_file_without_tables_may_have_two_names(application: Project) -> None:
    application.shop()
    name = f"settings_{application.package}"
    application.write(f"{name}.py", "debug = True")
    application.write(
        "zebra.py",
        f"import sys\nsys.path.append({str(application.root / application.package)!r})\nimport {name}",
    )
    assert tables(application.load("PKG")) == [["orders", "users"]]


# A second call


def test_a_second_call_reports_the_same_error_and_works_once_it_is_mended(application: Project) -> None:
    application.shop()
    broken = application.model("sales/broken.py", "Broken", "brokens", more="import no_such_library_here")
    application.write("base.py", "import sys\nsys.path.append('/nowhere')\n" + textwrap.dedent(BASE))
    path = list(sys.path)
    first = application.fails("PKG")
    assert application.fails("PKG").message == first.message
    assert sys.path == path
    broken.write_text(broken.read_text().replace("import no_such_library_here", ""))
    assert tables(application.load("PKG")) == [["brokens", "orders", "users"]]


@pytest.mark.filterwarnings("ignore:This declarative base already contains a class")
def test_a_base_that_was_there_before_keeps_no_table_of_a_module_that_failed(application: Project) -> None:
    application.shop()
    application.model("broken.py", "Broken", "brokens", more="1 / 0")
    assert tables(application.load("PKG.user")) == [["users"]]
    first = application.fails("PKG")
    assert "ZeroDivisionError" in first.message
    assert tables(application.load("PKG.base:Base")) == [["users"]]
    assert application.fails("PKG").message == first.message


@pytest.mark.filterwarnings("ignore:This declarative base already contains a class")
def test_a_package_that_was_there_before_keeps_no_module_that_was_forgotten(application: Project) -> None:
    application.shop()
    application.write("early.py", "from PKG import user")
    broken = application.write("zebra.py", "1 / 0")
    application.load("PKG.base:Base")
    application.fails("PKG")
    broken.unlink()
    application.load("PKG")
    early = sys.modules[f"{application.package}.early"]
    assert vars(early)["user"] is sys.modules[f"{application.package}.user"]


def test_two_names_are_reported_again_by_a_second_call(application: Project) -> None:
    application.shop()
    name = f"item_{application.package}"
    application.model(f"{name}.py", "Item", "items")
    application.write(
        "zebra.py",
        f"import sys\nsys.path.append({str(application.root / application.package)!r})\nimport {name}",
    )
    assert application.fails("PKG").message == application.fails("PKG").message
