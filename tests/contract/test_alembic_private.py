"""What migrator uses of Alembic without Alembic promising it: each has a test that says what breaks.

`test_private_names` checks that nothing else is used.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from alembic import script as script_module
from alembic.autogenerate import RevisionContext
from alembic.autogenerate.api import AutogenContext
from alembic.config import CommandLine, Config
from alembic.ddl.impl import DefaultImpl
from alembic.operations import ops
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import HeadMaintainer, MigrationContext, MigrationStep
from alembic.script import Script, ScriptDirectory
from alembic.script.revision import CycleDetected, MultipleHeads, RevisionMap
from sqlalchemy import Column, Index, Integer, MetaData, String, Table, create_engine

from tests.projects.small import revision_text, versions, write_project

# Private name -> where it lives, and what stops working without it.
PRIVATE: dict[str, tuple[type | ModuleType, str]] = {
    "_version_locations": (
        ScriptDirectory,
        "errors no longer name the broken file (bridge/revision_files/loading.py)",
    ),
    "_revision_map": (
        RevisionMap,
        "ids over 32 characters are no longer refused (bridge/revision_files/loading.py)",
    ),
    "_upgrade_revs": (ScriptDirectory, "upgrade cannot plan its steps (bridge/revision_files/plan.py)"),
    "_downgrade_revs": (ScriptDirectory, "downgrade cannot plan its steps (bridge/revision_files/plan.py)"),
    "_stamp_revs": (ScriptDirectory, "stamp cannot plan its steps (bridge/revision_files/plan.py)"),
    "_generate_template": (
        ScriptDirectory,
        "a revision file may be written by half (bridge/revision_files/writing.py)",
    ),
    "_ensure_directory": (
        ScriptDirectory,
        "a folder made for a revision that failed stays (bridge/revision_files/writing.py)",
    ),
    "_has_version_table": (
        MigrationContext,
        "ensure-version cannot say what it did (bridge/env_py/connected_database.py)",
    ),
    "_ensure_version_table": (
        MigrationContext,
        "ensure-version --sql prints nothing (bridge/env_py/connected_database.py)",
    ),
    "_version": (
        MigrationContext,
        "the statements for a tenant's version table are compiled anew (bridge/env_py/connected_database.py)",
    ),
    "_is_real_head": (
        Script,
        "a head that others depend on is shown as a head (bridge/revision_files/loading.py)",
    ),
    "_reverse": (
        ops.DropIndexOp,
        "a dropped index is described without its columns (bridge/autogenerate/sql_text.py)",
    ),
}
# Names without an underscore that Alembic's documentation does not mention either.
UNDOCUMENTED: tuple[tuple[Any, str, str], ...] = (
    (
        EnvironmentContext,
        "create_module_class_proxy",
        "no env.py can be observed (bridge/env_py/observed.py)",
    ),
    (
        RevisionContext,
        "run_autogenerate",
        "generate and check compare nothing (bridge/autogenerate/comparing.py)",
    ),
    (
        RevisionContext,
        "run_no_autogenerate",
        "reset-versions writes nothing (bridge/autogenerate/comparing.py)",
    ),
    (RevisionContext, "generate_scripts", "generate writes nothing (bridge/autogenerate/comparing.py)"),
    (AutogenContext, "sorted_tables", "reset-versions finds no tables (bridge/autogenerate/comparing.py)"),
    (
        AutogenContext,
        "comparators",
        "what is renamed is not compared any more (bridge/autogenerate/rename_detection.py)",
    ),
    (
        AutogenContext,
        "run_object_filters",
        "reset-versions ignores exclude_tables (bridge/autogenerate/comparing.py)",
    ),
    (DefaultImpl, "memo", "what tenants are sent may differ from what was seen (bridge/tenant_cache.py)"),
    (
        MigrationStep,
        "downgrade_from_script",
        "verify cannot take a revision back (bridge/revision_files/plan.py)",
    ),
    (RevisionMap, "iterate_revisions", "nobody knows what is applied (bridge/revision_files/plan.py)"),
    (Config, "messaging_opts", "Alembic's own messages stand beside ours (bridge/config.py)"),
    (Config, "get_alembic_option", "revision_environment is not read (bridge/revision_files/writing.py)"),
    (
        ScriptDirectory,
        "output_encoding",
        "revision files are written in the wrong encoding (bridge/revision_files/writing.py)",
    ),
    (ScriptDirectory, "env_py_location", "a broken env.py is not named (bridge/env_py/session.py)"),
)


@pytest.mark.parametrize("name", PRIVATE)
def test_a_private_name_of_alembic_is_still_there(name: str) -> None:
    owner, breaks = PRIVATE[name]
    source = inspect.getsource(owner)

    assert hasattr(owner, name) or f"self.{name}" in source or f"{name}:" in source, (
        f"Alembic's {owner.__name__}.{name} is gone: {breaks}."
    )


@pytest.mark.parametrize(("owner", "name", "breaks"), UNDOCUMENTED, ids=[each[1] for each in UNDOCUMENTED])
def test_an_undocumented_name_of_alembic_is_still_there(owner: Any, name: str, breaks: str) -> None:
    there = hasattr(owner, name) or f"self.{name}" in inspect.getsource(owner)

    assert there, f"Alembic's {owner.__name__}.{name} is gone: {breaks}."


@pytest.fixture
def scripts(tmp_path: Path) -> ScriptDirectory:
    """The script directory of a project with two revisions."""
    root = write_project(tmp_path / "a project")
    (versions(root) / "aaa1.py").write_text(revision_text("aaa1"))
    (versions(root) / "bbb2.py").write_text(revision_text("bbb2", "aaa1"))
    return ScriptDirectory.from_config(Config(root / "configs" / "alembic_test.ini"))


def test_the_planners_take_a_target_and_heads_and_give_steps(scripts: ScriptDirectory) -> None:
    up = scripts._upgrade_revs("head", ())  # type: ignore[arg-type]
    down = scripts._downgrade_revs("base", ("bbb2",))  # type: ignore[arg-type]
    stamp = scripts._stamp_revs(("head",), ())

    assert [step.revision.revision for step in up] == ["aaa1", "bbb2"]
    assert [step.revision.revision for step in down] == ["bbb2", "aaa1"]
    assert [step.to_revisions for step in stamp] == [("bbb2",)]


def test_version_locations_are_the_absolute_folders(scripts: ScriptDirectory) -> None:
    assert [Path(folder).name for folder in scripts._version_locations] == ["versions"]
    assert all(Path(folder).is_absolute() for folder in scripts._version_locations)


def test_the_revision_map_holds_every_script_by_its_id(scripts: ScriptDirectory) -> None:
    held = scripts.revision_map._revision_map

    assert {key for key, script in held.items() if isinstance(script, Script)} == {"aaa1", "bbb2"}


def test_writing_a_revision_goes_through_the_two_private_steps(scripts: ScriptDirectory) -> None:
    called: dict[str, Any] = {}

    def generate(src: Path, dest: Path, **kw: Any) -> None:
        called.update(source=src, destination=dest, values=kw)
        Path(dest).write_text(revision_text("ccc3", "bbb2"))

    def ensure(path: Path) -> None:
        called.update(folder=path)

    scripts._generate_template = generate  # type: ignore[method-assign]
    scripts._ensure_directory = ensure  # type: ignore[method-assign]
    scripts.generate_revision("ccc3", "a message", head="head")

    assert Path(called["source"]).name == "script.py.mako"
    assert Path(called["destination"]).name == "ccc3_a_message.py"
    assert Path(called["folder"]) == Path(called["destination"]).parent
    assert (called["values"]["up_revision"], called["values"]["message"]) == ("ccc3", "a message")


def test_the_version_table_can_be_asked_for_and_made() -> None:
    with create_engine("sqlite://").connect() as connection:
        context = MigrationContext.configure(connection)
        assert context._has_version_table() is False
        context._ensure_version_table()
        assert context._has_version_table() is True


def test_the_heads_are_kept_in_the_table_that_a_context_is_given() -> None:
    with create_engine("sqlite://").connect() as connection:
        context = MigrationContext.configure(connection)
        context._version = Table("elsewhere", MetaData(), Column("version_num", String))
        context._ensure_version_table()
        HeadMaintainer(context, ())._insert_version("aaa1")

        assert connection.exec_driver_sql("SELECT version_num FROM elsewhere").scalars().all() == ["aaa1"]


def test_a_dropped_index_knows_what_made_it_and_one_by_name_knows_nothing() -> None:
    dropped = ops.DropIndexOp.from_index(Index("ix", Table("one", MetaData(), Column("id", Integer)).c.id))

    assert isinstance(dropped._reverse, ops.CreateIndexOp)
    assert dropped._reverse.index_name == "ix"
    assert ops.DropIndexOp("ix", "one")._reverse is None


def test_callbacks_of_a_context_are_a_list_that_can_be_added_to() -> None:
    with create_engine("sqlite://").connect() as connection:
        context = MigrationContext.configure(connection, opts={"on_version_apply": (print,)})

        assert tuple(context.on_version_apply_callbacks) == (print,)


def test_the_functions_of_a_module_can_stand_for_a_subclass_of_the_environment_context(
    scripts: ScriptDirectory,
) -> None:
    class Watched(EnvironmentContext):
        def configure(self, connection: Any = None, **options: Any) -> None:  # type: ignore[override]
            seen.append({"connection": connection, **options})

    seen: list[dict[str, Any]] = []
    module = ModuleType("stands_for_alembic_context")
    Watched.create_module_class_proxy(module.__dict__, module.__dict__)
    with Watched(Config(), scripts):
        module.configure(url="sqlite://")

    assert [options["url"] for options in seen] == ["sqlite://"]


def test_the_command_line_has_the_parser_that_makes_cmd_opts() -> None:
    namespace = CommandLine("alembic").parser.parse_args(["-x", "a=b", "upgrade", "head"])

    assert (namespace.x, namespace.revision) == (["a=b"], "head")
    assert callable(namespace.cmd[0])


def test_a_duplicate_id_is_warned_of_from_the_folder_script(scripts: ScriptDirectory) -> None:
    folder = Path(scripts._version_locations[0])
    (folder / "copy.py").write_text((folder / "bbb2.py").read_text())

    with pytest.warns(UserWarning, match="bbb2") as caught:
        scripts.get_heads()

    assert {Path(each.filename).parent.name for each in caught} == {"script"}
    assert Path(script_module.__file__).parent.name == "script"


def test_errors_about_the_graph_say_which_revisions() -> None:
    assert CycleDetected(["aaa1", "bbb2"]).revisions == ["aaa1", "bbb2"]
    assert MultipleHeads(["aaa1", "bbb2"], "head").heads == ["aaa1", "bbb2"]
