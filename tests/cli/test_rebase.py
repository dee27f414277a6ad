"""`rebase`: a branch that no database has is moved on top of the other head."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Database, Ran, process_variables, program
from tests.projects.small import INI, revision_text, tree, versions, write_project, write_revision
from tests.slow import first_is_fast

Migrator = Callable[..., Ran]
CLOSED = "postgresql://app:n0tToBeSeen@127.0.0.1:1/shop"
TEMPLATE = '''"""second of ours

Revision ID: {0}
Revises: {1}
Create Date: 2024-05-06 07:08:09

"""
from alembic import op

revision: str = "{0}"
down_revision: str | None = "{1}"  # the first one


def upgrade() -> None:
    op.execute("CREATE TABLE {0} (id int)")


def downgrade() -> None:
    op.execute("DROP TABLE {0}")
'''


def create(table: str) -> str:
    return f'op.execute("CREATE TABLE {table} (id int)")'


def two_heads(folder: Path) -> None:
    """Write aaa1, and after it theirs (ttt1) and ours (ooo1, ooo2)."""
    write_revision(folder, "aaa1", None, create("aaa1"))
    write_revision(folder, "ttt1", "aaa1", create("ttt1"))
    (folder / "ooo1.py").write_text(TEMPLATE.format("ooo1", "aaa1"))
    (folder / "ooo2.py").write_text(TEMPLATE.format("ooo2", "ooo1"))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A project of one environment with two heads."""
    root = write_project(tmp_path / "a project")
    two_heads(versions(root))
    return root


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A project whose environments testing, staging and production share one history of two heads."""
    root = write_project(tmp_path / "one history")
    for suffix in ("staging", "online"):
        ini = INI.format(suffix="test", settings="protected = false")
        (root / "configs" / f"alembic_{suffix}.ini").write_text(ini)
    two_heads(versions(root))
    return root


def on(database: Database) -> dict[str, str]:
    return {"TESTING_DATABASE_URL": database.url}


@pytest.mark.slow
@pytest.mark.parametrize("said", ["ooo1", "ooo2"])
def test_the_branch_of_a_revision_is_moved_and_only_its_first_file_changes(
    said: str, small: Path, postgres_database: Database, migrator: Migrator
) -> None:
    before = tree(small)

    ran = migrator("rebase", said, cwd=small, env=on(postgres_database))

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "rewrote migrations/test/versions/ooo1.py: ooo1 comes after ttt1, no longer after aaa1",
        "moved ooo1, ooo2 on top of ttt1",
    ]
    file = "migrations/test/versions/ooo1.py"
    changed = before[file].replace(b"Revises: aaa1", b"Revises: ttt1").replace(b'= "aaa1"', b'= "ttt1"')
    assert tree(small) == {**before, file: changed}


@pytest.mark.slow
def test_afterwards_there_is_one_head_and_a_database_of_the_other_branch_goes_on(
    small: Path, postgres_database: Database, migrator: Migrator
) -> None:
    env = on(postgres_database)
    assert migrator("upgrade", "ttt1", cwd=small, env=env).code == 0

    assert migrator("rebase", "ooo2", cwd=small, env=env).code == 0

    assert migrator("heads", cwd=small).out == "ooo2 (head)\n"
    history = migrator("history", cwd=small).out.splitlines()
    assert [line.partition(",")[0] for line in history] == [
        "ooo1 -> ooo2 (head)",
        "ttt1 -> ooo1",
        "aaa1 -> ttt1",
        "<base> -> aaa1",
    ]
    assert migrator("upgrade", cwd=small, env=env).code == 0
    assert postgres_database.query("SELECT version_num FROM alembic_version") == [("ooo2",)]
    assert postgres_database.tables() == ["aaa1", "alembic_version", "ooo1", "ooo2", "ttt1"]
    assert migrator("downgrade", "ttt1", cwd=small, env=env).code == 0
    assert postgres_database.tables() == ["aaa1", "alembic_version", "ttt1"]


@pytest.mark.slow
def test_the_other_branch_can_be_moved_as_well(
    small: Path, postgres_database: Database, migrator: Migrator
) -> None:
    assert migrator("rebase", "ttt1", cwd=small, env=on(postgres_database)).code == 0

    assert migrator("heads", cwd=small).out == "ttt1 (head)\n"


@pytest.mark.slow
def test_a_dry_run_says_what_would_be_done_and_changes_nothing(
    small: Path, postgres_database: Database, migrator: Migrator
) -> None:
    before = tree(small)

    ran = migrator("rebase", "ooo1", "--dry-run", "--json", cwd=small, env=on(postgres_database))

    assert ran.code == 0
    assert json.loads(ran.out)["data"] == {
        "revisions": ["ooo1", "ooo2"],
        "onto": "ttt1",
        "before": ["aaa1"],
        "path": "migrations/test/versions/ooo1.py",
        "dry_run": True,
    }
    plain = migrator("rebase", "ooo1", "--dry-run", cwd=small, env=on(postgres_database))
    assert plain.out.splitlines()[1] == "would move ooo1, ooo2 on top of ttt1"
    assert tree(small) == before
    assert postgres_database.tables() == []


@pytest.mark.slow
@pytest.mark.parametrize("applied", ["ooo1", "heads"])
def test_a_branch_that_the_database_has_is_refused(
    applied: str, small: Path, postgres_database: Database, migrator: Migrator
) -> None:
    assert migrator("upgrade", applied, cwd=small, env=on(postgres_database)).code == 0
    before = tree(small)

    for extra in ([], ["--dry-run"]):
        ran = migrator("rebase", "ooo2", *extra, cwd=small, env=on(postgres_database))

        assert ran.code == 4
        had = "ooo1" if applied == "ooo1" else "ooo1, ooo2"
        assert "error: The database of testing (" in ran.err
        assert f") has {had}; nothing was changed." in ran.err
        assert "hint: Join the heads instead: migrator merge heads -m merge --env testing" in ran.err
    assert tree(small) == before


def test_with_unapplied_no_database_is_asked(
    small: Path, postgres_database: Database, migrator: Migrator
) -> None:
    assert migrator("upgrade", "heads", cwd=small, env=on(postgres_database)).code == 0

    assert migrator("rebase", "ooo2", "--unapplied", cwd=small, env=on(postgres_database)).code == 0

    assert migrator("heads", cwd=small).out == "ooo2 (head)\n"


@pytest.mark.slow
@pytest.mark.parametrize("named", first_is_fast([[], ["--env", "production"]]))
def test_every_environment_that_uses_the_folder_is_asked(
    named: list[str], shared: Path, new_database: Callable[[], Database], migrator: Migrator
) -> None:
    databases = [new_database() for _ in range(3)]
    env = {
        f"{name}_DATABASE_URL": database.url
        for name, database in zip(("TESTING", "STAGING", "PRODUCTION"), databases, strict=True)
    }
    assert migrator("upgrade", "ooo1", "--env", "staging", cwd=shared, env=env).code == 0
    before = tree(shared)

    ran = migrator("rebase", "ooo2", *named, cwd=shared, env=env)

    assert ran.code == 4
    assert "The database of staging (" in ran.err
    assert ") has ooo1; nothing was changed." in ran.err
    assert tree(shared) == before
    assert migrator("downgrade", "aaa1", "--env", "staging", cwd=shared, env=env).code == 0
    assert migrator("rebase", "ooo2", *named, cwd=shared, env=env).code == 0
    assert migrator("upgrade", "--env", "staging", cwd=shared, env=env).code == 0


def test_an_environment_that_is_down_one_that_is_not_configured_and_a_broken_one_are_named(
    shared: Path, postgres_database: Database, migrator: Migrator
) -> None:
    env = {**on(postgres_database), "PRODUCTION_DATABASE_URL": CLOSED}
    (shared / "configs" / "alembic_demo.ini").write_text("[alembic]\n[migrator]\nlock_wai = 3s\n")
    before = tree(shared)

    ran = migrator("rebase", "ooo2", cwd=shared, env=env)

    assert ran.code == 4
    assert "error: Whether any of ooo1, ooo2 is applied cannot be told of production: " in ran.err
    assert "; of staging: no database is configured for it here; of demo: " in ran.err
    assert "nothing was changed." in ran.err
    assert "hint: Where it is certain that no database has it, add --unapplied." in ran.err
    assert "n0tToBeSeen" not in ran.err + ran.out
    assert tree(shared) == before
    assert migrator("rebase", "ooo2", "--unapplied", cwd=shared, env=env).code == 0


def test_an_environment_with_a_folder_of_its_own_is_not_asked(
    tmp_path: Path, postgres_database: Database, migrator: Migrator
) -> None:
    root = write_project(tmp_path / "two histories", "test", "online")
    two_heads(versions(root))
    env = {**on(postgres_database), "PRODUCTION_DATABASE_URL": CLOSED}

    assert migrator("rebase", "ooo2", cwd=root, env=env).code == 0


def test_a_database_at_a_revision_that_no_file_has_cannot_be_told_about(
    small: Path, postgres_database: Database, migrator: Migrator
) -> None:
    assert migrator("upgrade", "ttt1", cwd=small, env=on(postgres_database)).code == 0
    postgres_database.query("UPDATE alembic_version SET version_num = 'zzz9'")

    ran = migrator("rebase", "ooo2", cwd=small, env=on(postgres_database))

    assert ran.code == 4
    assert "cannot be told of testing: " in ran.err
    assert "zzz9" in ran.err


def test_a_database_of_another_environment_cannot_be_told_about(
    shared: Path, postgres_database: Database, migrator: Migrator
) -> None:
    own = {"STAGING_DATABASE_URL": postgres_database.url}
    assert migrator("upgrade", "ttt1", "--env", "staging", cwd=shared, env=own).code == 0

    ran = migrator("rebase", "ooo2", cwd=shared, env=on(postgres_database))

    assert ran.code == 4
    assert "cannot be told of testing: " in ran.err
    assert "staging" in ran.err


def test_an_sqlite_file_that_is_not_there_has_nothing_and_is_not_made(
    small: Path, migrator: Migrator
) -> None:
    env = {"TESTING_DATABASE_URL": "sqlite:///data.db"}

    assert migrator("rebase", "ooo2", cwd=small, env=env).code == 0

    assert not (small / "data.db").exists()


def test_the_database_that_url_names_is_the_one_that_is_asked(
    small: Path, postgres_database: Database, migrator: Migrator
) -> None:
    url = ["--url", postgres_database.url]
    assert migrator("upgrade", "ooo1", *url, cwd=small).code == 0

    ran = migrator("rebase", "ooo2", *url, cwd=small)

    assert ran.code == 4
    assert ") has ooo1; nothing was changed." in ran.err


@pytest.mark.slow
def test_a_plain_alembic_project_can_be_rebased_too(tmp_path: Path, migrator: Migrator) -> None:
    root = tmp_path / "plain"
    folder = root / "migrations" / "versions"
    folder.mkdir(parents=True)
    two_heads(folder)
    (root / "alembic.ini").write_text("[alembic]\nscript_location = migrations\n")
    (root / "migrations" / "env.py").write_text(
        "from alembic import context\nfrom sqlalchemy import create_engine\n"
        "with create_engine('sqlite:///data.db').connect() as connection:\n"
        "    context.configure(connection=connection)\n"
        "    with context.begin_transaction():\n        context.run_migrations()\n"
    )
    assert migrator("upgrade", "ooo1", "--config", "alembic.ini", cwd=root).code == 0

    ran = migrator("rebase", "ooo2", "--config", "alembic.ini", cwd=root)

    assert ran.code == 4
    assert ") has ooo1; nothing was changed." in ran.err
    assert migrator("rebase", "ttt1", "--config", "alembic.ini", cwd=root).code == 0
    assert migrator("upgrade", "--config", "alembic.ini", cwd=root).code == 0


def test_with_more_than_two_heads_onto_names_the_one(
    small: Path, postgres_database: Database, migrator: Migrator
) -> None:
    write_revision(versions(small), "uuu1", "aaa1")
    env = on(postgres_database)

    ran = migrator("rebase", "ooo2", cwd=small, env=env)

    assert ran.code == 5
    assert "There are 2 other heads that ooo2 could come after: ttt1, uuu1." in ran.err
    assert "hint: Name one: migrator rebase ooo2 --onto ttt1 --env testing" in ran.err
    assert migrator("rebase", "ooo2", "--onto", "uuu1", cwd=small, env=env).code == 0
    assert migrator("heads", cwd=small).out.splitlines() == ["ooo2 (head)", "ttt1 (head)"]


def test_a_history_with_one_head_has_nothing_to_be_moved(tmp_path: Path, migrator: Migrator) -> None:
    root = write_project(tmp_path / "one head")
    empty = migrator("rebase", "aaa1", cwd=root)
    write_revision(versions(root), "aaa1")

    ran = migrator("rebase", "aaa1", cwd=root)

    assert (empty.code, ran.code) == (5, 5)
    assert "has no revisions: there is nothing to rebase." in empty.err
    assert "The environment testing has one head, aaa1: there is nothing to rebase." in ran.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["aaa1"], "aaa1 is not on a branch: ooo2 and ttt1 come after it."),
        (["base"], "base names no revision."),
        (["nosuch"], "nosuch"),
        (["heads"], "has 2 heads: "),
        (["ooo2", "--onto", "ooo2"], "ooo2 is the head of the branch of ooo2 itself"),
        (["ooo2", "--onto", "aaa1"], "aaa1 is no head"),
        (["ooo2", "--onto", "nosuch"], "nosuch"),
    ],
)
def test_what_is_no_branch_or_no_head_is_refused(
    arguments: list[str], words: str, small: Path, migrator: Migrator
) -> None:
    before = tree(small)

    ran = migrator("rebase", *arguments, "--unapplied", cwd=small)

    assert (ran.code, words in ran.err) == (5, True), ran.err
    assert ran.err.count("hint: ") == 1
    assert tree(small) == before


def changed(folder: Path, revision: str, old: str, new: str) -> None:
    path = folder / f"{revision}.py"
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize("case", ["merge", "label", "label of the other", "needed", "ground", "computed"])
def test_a_branch_that_would_come_to_mean_something_else_is_refused(
    case: str, small: Path, migrator: Migrator
) -> None:
    folder = versions(small)
    said, words = ["ooo2"], ""
    if case == "merge":
        write_revision(folder, "ooo3", "aaa1")
        merge = revision_text("mmm1").replace("down_revision = None", "down_revision = ('ooo2', 'ooo3')")
        (folder / "mmm1.py").write_text(merge)
        words = "mmm1 is a merge of ooo2, ooo3, and a branch with a merge in it is not moved."
    elif case == "label":
        with (folder / "ooo1.py").open("a") as file:
            file.write("\nbranch_labels = ('ours',)\n")
        words = "ooo1 has the branch label ours, which would come to mean both branches."
    elif case == "label of the other":
        changed(folder, "ttt1", "branch_labels = None", "branch_labels = 'theirs'")
        words = "ttt1 has the branch label theirs"
    elif case == "needed":
        changed(folder, "ttt1", "depends_on = None", "depends_on = 'ooo1'")
        words = "ttt1, below ttt1, depends on ooo1, which would then come after it."
    elif case == "ground":
        write_revision(folder, "uuu1", "ooo1")
        said, words = ["ooo2", "--onto", "ttt1"], "ooo2 stands on ooo1"
    else:
        changed(folder, "ooo1", '= "aaa1"', '= "aaa" + "1"')
        words = "ooo1.py computes its down_revision"
    before = tree(small)

    ran = migrator("rebase", *said, "--unapplied", cwd=small)

    assert (ran.code, words in ran.err) == (5, True), ran.err
    assert tree(small) == before


def test_a_branch_that_needs_the_other_one_may_be_moved(
    small: Path, postgres_database: Database, migrator: Migrator
) -> None:
    with (versions(small) / "ooo2.py").open("a") as file:
        file.write("\ndepends_on = 'ttt1'\n")
    env = on(postgres_database)

    assert migrator("rebase", "ooo2", cwd=small, env=env).code == 0

    assert migrator("upgrade", cwd=small, env=env).code == 0
    assert postgres_database.query("SELECT version_num FROM alembic_version") == [("ooo2",)]


def test_a_history_of_its_own_beginning_can_be_put_on_top(
    small: Path, postgres_database: Database, migrator: Migrator
) -> None:
    folder = versions(small)
    for name in ("ooo1", "ooo2"):
        (folder / f"{name}.py").unlink()
    write_revision(folder, "new1")

    ran = migrator("rebase", "new1", cwd=small, env=on(postgres_database))

    assert ran.out.splitlines()[0] == "rewrote migrations/test/versions/new1.py: new1 comes after ttt1"
    assert migrator("upgrade", cwd=small, env=on(postgres_database)).code == 0


@pytest.mark.slow
def test_ctrl_c_while_a_database_is_asked_changes_nothing(small: Path) -> None:
    before = tree(small)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        env = {"TESTING_DATABASE_URL": f"postgresql://app@127.0.0.1:{silent.getsockname()[1]}/shop"}
        process = subprocess.Popen(
            program(["migrator", "rebase", "ooo2"]),
            cwd=small,
            env=process_variables(env),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        connection, _ = silent.accept()
        with connection:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)

    assert process.returncode == 130
    assert tree(small) == before
