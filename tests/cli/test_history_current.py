"""`history`, `current`, `heads` and `show`: what they say, and that they write nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.projects.books import AnyDatabase, BooksProject

if TYPE_CHECKING:
    from tests.conftest import Ran

Migrator = Callable[..., "Ran"]
Go = Callable[..., "Ran"]
NOWHERE = {"TESTING_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}


def test_history_reads_files_only_and_gives_one_line_a_revision(
    migrator: Migrator, books: BooksProject
) -> None:
    books.tables("authors", "shelves")

    ran = migrator("history", cwd=books.root, env=NOWHERE)

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "r1 -> r2 (head), create shelves",
        "<base> -> r1, create authors",
    ]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("r1:r2", ["r2", "r1"]),
        ("r2:", ["r3", "r2"]),
        (":r2", ["r2", "r1"]),
        ("base:r1", ["r1"]),
        ("-1:", ["r3", "r2"]),
        (":", ["r3", "r2", "r1"]),
        ("r1:+1", ["r2", "r1"]),
    ],
)
def test_history_of_a_range(migrator: Migrator, books: BooksProject, said: str, found: list[str]) -> None:
    books.tables("authors", "shelves", "loans")

    for option in (f"-r{said}", f"--rev-range={said}"):
        ran = migrator("history", option, "--json", cwd=books.root, env=NOWHERE)
        assert [each["revision"] for each in json.loads(ran.out)["data"]["revisions"]] == found


@pytest.mark.parametrize(("said", "code"), [("r1", 2), ("a:b:c", 2), ("r1:nowhere", 5), ("r3:r1", 5)])
def test_a_range_that_is_none_is_refused(
    migrator: Migrator, books: BooksProject, said: str, code: int
) -> None:
    books.tables("authors", "shelves", "loans")

    ran = migrator("history", "-r", said, cwd=books.root)

    assert (ran.code, ran.out) == (code, "")
    assert ran.err.count("error: ") == 1


def test_history_up_to_current_asks_the_database(go: Go) -> None:
    assert go("upgrade", "r2").code == 0

    assert [line.split()[2] for line in go("history", "-r", "base:current").out.splitlines()] == ["r2", "r1"]
    assert [line.split()[2] for line in go("history", "-r", "current:").out.splitlines()] == ["r3", "r2"]


def test_history_with_i_shows_what_is_applied_current_and_pending(go: Go) -> None:
    assert go("upgrade", "r2").code == 0

    ran = go("history", "-i")

    assert ran.out.splitlines() == [
        "r2 -> r3 (head) (pending), create loans",
        "r1 -> r2 (current), create shelves",
        "<base> -> r1 (applied), create authors",
    ]
    data = json.loads(go("history", "--indicate-current", "--json").out)["data"]
    assert data["current"] == ["r2"]
    assert [(each["revision"], each["applied"], each["current"]) for each in data["revisions"]] == [
        ("r3", False, False),
        ("r2", True, True),
        ("r1", True, False),
    ]


def test_history_without_i_does_not_pretend_to_know_the_database(go: Go) -> None:
    assert go("upgrade", "r2").code == 0

    (first, *_) = json.loads(go("history", "--json").out)["data"]["revisions"]
    assert (first["applied"], first["current"]) == (None, None)


def test_verbose_history_gives_the_whole_files(migrator: Migrator, books: BooksProject) -> None:
    books.tables("authors")
    books.revision("r2", "r1", message="a title\n\nand what it is for", branch_labels=("lending",))

    ran = migrator("history", "-v", cwd=books.root)

    assert ran.out.startswith(
        "Rev: r2 (head)\n"
        "Parent: r1\n"
        "Branch names: lending\n"
        "Path: migrations/test/versions/r2_by_hand.py\n"
        "\n"
        "    a title\n"
        "\n"
        "    and what it is for\n"
    )
    assert "Rev: r1\nParent: <base>\n" in ran.out


def test_current_says_where_the_database_stands(go: Go) -> None:
    assert go("upgrade", "r2").code == 0
    assert go("current").out == "r2\n"

    assert go("upgrade").code == 0
    assert go("current").out == "r3 (head)\n"
    data = json.loads(go("current", "--json").out)["data"]
    assert (data["heads"], data["at_heads"]) == (["r3"], True)


def test_verbose_current_names_the_database_and_the_file(go: Go, on_sqlite: AnyDatabase) -> None:
    assert go("upgrade", "r1").code == 0

    ran = go("current", "-v")

    name = on_sqlite.url.rpartition("/")[2]
    first, *rest = ran.out.splitlines()
    assert first.startswith("Current revision(s) for ")
    assert first.endswith(f"{name}:")
    assert rest[:3] == [
        "Rev: r1 (current)",
        "Parent: <base>",
        "Path: migrations/test/versions/r1_by_hand.py",
    ]


def test_check_heads_says_no_with_the_exit_code(go: Go) -> None:
    assert go("upgrade", "r2").code == 0
    behind = go("current", "--check-heads", "--json")
    assert behind.code == 1
    assert json.loads(behind.out)["status"] == "negative"

    assert go("upgrade").code == 0
    assert go("current", "--check-heads").code == 0


def test_check_heads_of_two_branches_wants_both(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    for revision in ("one", "two"):
        books.revision(revision, None)

    def go(*args: str) -> int:
        return migrator(*args, cwd=books.root, env=on_sqlite.env).code

    assert go("upgrade", "one") == 0
    assert go("current", "--check-heads") == 1
    assert go("upgrade", "heads") == 0
    assert go("current", "--check-heads") == 0


def test_commands_that_read_make_no_version_table(
    migrator: Migrator, books: BooksProject, either_database: AnyDatabase
) -> None:
    books.tables("authors", "shelves")
    either_database.query("CREATE TABLE present (id INTEGER)")

    def go(*args: str) -> int:
        return migrator(*args, cwd=books.root, env=either_database.env).code

    assert go("current") == 0
    assert go("current", "--check-heads") == 1
    assert go("history", "-i") == 0
    assert go("history", "-r", "base:current") == 0
    assert go("show", "current") == 0
    assert go("check") == 1

    assert either_database.tables() == ["present"]


@pytest.mark.parametrize("line", ["current", "history -i", "check", "show current", "history -r :current"])
@pytest.mark.parametrize("driver", ["sqlite", "sqlite+aiosqlite"])
def test_commands_that_read_make_no_sqlite_file(
    migrator: Migrator, books: BooksProject, line: str, driver: str
) -> None:
    url = {"TESTING_DATABASE_URL": f"{driver}:///{books.root}/absent.db"}
    before = sorted(path.name for path in books.root.iterdir())

    ran = migrator(*line.split(), cwd=books.root, env=url)

    assert ran.code == 6
    assert "absent.db does not exist" in ran.err
    assert sorted(path.name for path in books.root.iterdir()) == before


def test_reading_does_not_change_a_database_by_a_byte(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    books.tables("authors")
    assert migrator("upgrade", cwd=books.root, env=on_sqlite.env).code == 0
    file = books.root.parent / "books.db"
    before = file.read_bytes()

    for line in ("current", "history -i", "check", "generate -m x"):
        migrator(*line.split(), cwd=books.root, env=on_sqlite.env)

    assert file.read_bytes() == before
    assert not list(file.parent.glob("books.db-*"))


def test_models_that_do_not_import_do_not_stop_a_look_at_the_database(go: Go, books: BooksProject) -> None:
    assert go("upgrade", "r1").code == 0
    books.models("raise RuntimeError('broken')\n")

    assert go("current").out == "r1\n"
    assert go("history", "-i").code == 0


def test_heads_are_the_newest_revisions(migrator: Migrator, books: BooksProject) -> None:
    books.tables("authors", "shelves")
    books.revision("b1", None, branch_labels=("lending",), depends_on=("r2",))

    ran = migrator("heads", cwd=books.root, env=NOWHERE)
    assert sorted(ran.out.splitlines()) == ["b1 (lending) (head)", "r2 (effective head)"]
    assert ran.err == ""

    resolved = migrator("heads", "--resolve-dependencies", cwd=books.root)
    assert resolved.out == "b1 (lending) (head)\n"
    assert "Also depends on: r2" in migrator("heads", "-v", cwd=books.root).out


@pytest.mark.parametrize(("target", "found"), [("", "r3"), ("head", "r3"), ("r1", "r1")])
def test_show_gives_everything_that_a_file_says(
    migrator: Migrator, books: BooksProject, target: str, found: str
) -> None:
    books.tables("authors", "shelves", "loans")

    ran = migrator("show", *filter(None, [target]), cwd=books.root, env=NOWHERE)

    assert ran.code == 0
    assert ran.out.startswith(f"Rev: {found}")
    assert f"Path: migrations/test/versions/{found}_by_hand.py" in ran.out


def test_show_current_asks_the_database(go: Go) -> None:
    assert go("upgrade", "r2").code == 0

    assert go("show", "current").out.startswith("Rev: r2")
    assert go("show", "nowhere").code == 5


@pytest.mark.parametrize("command", ["heads", "history", "branches", "show"])
def test_version_files_are_read_and_not_executed(
    migrator: Migrator, books: BooksProject, command: str
) -> None:
    books.tables("authors", "shelves")
    trace = books.root / "executed"
    for file in books.versions.iterdir():
        file.write_text(f"{file.read_text()}\nopen({str(trace)!r}, 'w').close()\n")

    ran = migrator(command, "--json", cwd=books.root, env=NOWHERE)

    assert (ran.code, trace.exists()) == (0, False), ran.err


def test_a_file_that_computes_its_header_is_executed_and_the_answer_is_the_same(
    migrator: Migrator, books: BooksProject
) -> None:
    books.tables("authors", "shelves")
    told = {command: migrator(command, "--json", cwd=books.root).out for command in ("heads", "history")}
    file = books.versions / "r2_by_hand.py"
    file.write_text(file.read_text().replace("revision = 'r2'", "revision = 'r' + str(2)"))

    for command, said in told.items():
        assert migrator(command, "--json", cwd=books.root).out == said


@pytest.mark.slow
def test_a_plain_configuration_with_folders_in_folders_shows_what_alembic_shows(
    migrator: Migrator, shell: Callable[..., Ran], books: BooksProject
) -> None:
    books.tables("authors", "shelves")
    deeper = books.versions / "2026"
    deeper.mkdir()
    (books.versions / "r2_by_hand.py").rename(deeper / "r2.py")
    plain = books.root / "plain.ini"
    plain.write_text(
        "[alembic]\nscript_location = migrations\npath_separator = newline\n"
        "recursive_version_locations = true\nversion_locations = migrations/test/versions\n"
    )

    for command in (["heads"], ["history"], ["history", "-v"], ["show", "head"]):
        ran = migrator(*command, "--config", "plain.ini", cwd=books.root)
        theirs = shell(["alembic", "-c", "plain.ini", *command], cwd=books.root)
        assert (ran.code, theirs.code) == (0, 0), ran.err + theirs.err
        assert (
            ran.out.replace(f"{books.root}/", "").split() == theirs.out.replace(f"{books.root}/", "").split()
        )
