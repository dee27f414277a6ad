"""A lock on a file that another process keeps is not waited for without end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from migrator.file_locks import LockFile
from tests.conftest import Ran
from tests.projects.small import versions, write_project, write_revision

Migrator = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migrator.file_locks._LONGEST_SECONDS", 0.3)


def test_a_second_generate_ends_and_names_the_file(tmp_path: Path, migrator: Migrator) -> None:
    root = write_project(tmp_path / "a project")
    env_py = root / "migrations" / "env.py"

    with LockFile(env_py) as held:
        held.wait()
        ran = migrator("revision", "-m", "more", "--empty", cwd=root, env={"DATABASE_URL": "sqlite:///it.db"})

    assert ran.code == 8, ran.err
    assert f"Another process holds the lock on {env_py}; waited 0.3s." in ran.err
    assert f"hint: See which: fuser -v '{env_py}'" in ran.err
    assert list(versions(root).glob("*.py")) == []


@pytest.mark.slow
def test_an_embedded_server_that_is_never_ready_is_not_waited_for(
    tmp_path: Path, migrator: Migrator, server: object
) -> None:
    assert server is not None
    root = write_project(tmp_path / "p", settings="database = embedded")
    write_revision(versions(root), "one1")
    assert migrator("upgrade", cwd=root).code == 0
    (lock,) = _start_locks(root)

    with LockFile(lock) as held:
        held.wait()
        ran = migrator("upgrade", cwd=root)

    assert ran.code == 8, ran.err
    assert f"Another process holds the lock on {lock}" in ran.err


def _start_locks(root: Path) -> list[Path]:
    from migrator.database.embedded.binaries import wheel_binaries
    from migrator.database.embedded.server_home import home_of

    return [home_of(root.resolve(), wheel_binaries().major).start_lock]
