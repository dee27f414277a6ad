"""The options of `migrator generate`, and what remains when writing fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from tests.projects.books import AnyDatabase, BooksProject

if TYPE_CHECKING:
    from tests.conftest import Ran

Migrator = Callable[..., "Ran"]
Shell = Callable[..., "Ran"]


def shown(ran: Ran) -> Mapping[str, Any]:
    """Give the one revision of a JSON answer."""
    answer = json.loads(ran.out)
    assert answer["exit_code"] == 0, answer
    (revision,) = answer["data"].get("revisions") or answer["data"]["written"]
    return dict(revision)


def empty(migrator: Migrator, books: BooksProject, *options: str) -> Mapping[str, Any]:
    """Write an empty revision, and give what `show` says of it."""
    written = shown(migrator("generate", "--empty", "--json", *options, cwd=books.root))
    return shown(migrator("show", str(written["revision"]), "--json", cwd=books.root))


def test_head_with_splice_branches_from_a_revision_in_the_middle(
    migrator: Migrator, books: BooksProject
) -> None:
    books.tables("authors", "shelves")

    refused = migrator("generate", "--empty", "-m", "x", "--head", "r1", cwd=books.root)
    assert refused.code == 5
    assert len(books.files()) == 2

    spliced = empty(migrator, books, "-m", "x", "--head", "r1", "--splice")
    assert spliced["down_revisions"] == ["r1"]
    heads = migrator("heads", cwd=books.root).out
    assert sorted(heads.split()) == sorted(["r2", "(head)", str(spliced["revision"]), "(head)"])


def test_branch_label_and_label_at_head(migrator: Migrator, books: BooksProject) -> None:
    books.tables("authors")

    first = empty(migrator, books, "-m", "x", "--head", "base", "--branch-label", "lending")
    assert first["down_revisions"] == []
    assert first["branch_labels"] == ["lending"]

    second = empty(migrator, books, "-m", "y", "--head", "lending@head")
    assert second["down_revisions"] == [first["revision"]]


def test_depends_on_may_be_given_several_times(migrator: Migrator, books: BooksProject) -> None:
    for revision in ("one", "two", "three"):
        books.revision(revision, None)

    written = empty(migrator, books, "--head", "one", "--depends-on", "two", "--depends-on", "three")

    assert written["down_revisions"] == ["one"]
    assert sorted(written["depends_on"]) == ["three", "two"]


def test_version_path_chooses_among_several_folders_from_where_the_command_was_started(
    migrator: Migrator, books: BooksProject
) -> None:
    second = books.root / "migrations" / "test" / "second folder"
    second.mkdir()
    text = books.ini.read_text()
    here = "%(here)s/../migrations/test"
    books.ini.write_text(text.replace(f"{here}/versions", f"{here}/versions\n    {here}/second folder"))

    ran = migrator(
        "generate",
        "--empty",
        "--rev-id",
        "r1",
        "--head",
        "base",
        "--version-path",
        "second folder",
        cwd=second.parent,
    )

    assert ran.code == 0, ran.err
    assert [path.name for path in second.glob("*.py")] == ["r1_.py"]
    assert books.files() == []


def test_a_version_path_that_is_no_version_folder_is_refused(migrator: Migrator, books: BooksProject) -> None:
    ran = migrator("generate", "--empty", "--head", "base", "--version-path", "elsewhere", cwd=books.root)

    assert ran.code == 5
    assert not (books.root / "elsewhere").exists()


def test_unknown_head_is_refused(migrator: Migrator, books: BooksProject) -> None:
    books.tables("authors")

    ran = migrator("generate", "--empty", "--head", "nowhere", cwd=books.root)

    assert ran.code == 5
    assert "nowhere" in ran.err
    assert len(books.files()) == 1


def test_sql_is_for_empty_revisions_with_revision_environment(
    migrator: Migrator, books: BooksProject
) -> None:
    assert migrator("generate", "--sql", cwd=books.root).code == 2
    assert migrator("generate", "--empty", "--sql", cwd=books.root).code == 2
    assert books.files() == []

    books.settings(alembic=["revision_environment = true"])
    unreachable = {"TESTING_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    offline = migrator("generate", "--empty", "--sql", "-m", "x", cwd=books.root, env=unreachable)
    assert offline.code == 0, offline.err
    assert len(books.files()) == 1


def test_a_missing_version_folder_is_made(
    migrator: Migrator, books: BooksProject, on_sqlite: AnyDatabase
) -> None:
    books.versions.rmdir()
    books.versions.parent.rmdir()
    assert migrator("history", cwd=books.root).code == 3

    ran = migrator("generate", "-m", "first", cwd=books.root, env=on_sqlite.env)

    assert ran.code == 0, ran.err
    assert len(books.files()) == 1
    assert migrator("history", cwd=books.root).code == 0


def test_nothing_remains_of_a_missing_folder_where_generate_fails(
    migrator: Migrator, books: BooksProject
) -> None:
    books.versions.rmdir()
    books.versions.parent.rmdir()
    (books.root / "migrations" / "script.py.mako").write_text("def (")

    assert migrator("generate", "--empty", "-m", "x", cwd=books.root).code != 0

    assert not books.versions.parent.exists()


def add_hook(books: BooksProject, **hook: str) -> None:
    """Add a post-write hook to the environment's file."""
    lines = ["", "[post_write_hooks]", "hooks = mine", *(f"mine.{key} = {hook[key]}" for key in hook), ""]
    books.ini.write_text(books.ini.read_text() + "\n".join(lines))


@pytest.mark.parametrize(
    "hook",
    [
        {"type": "exec", "executable": "surely-not-installed"},
        {"type": "console_scripts", "entrypoint": "surely-not-installed"},
        {"type": "module", "module": "surely_not_installed"},
        {"type": "unheard-of"},
    ],
)
def test_a_hook_that_cannot_run_leaves_no_file(
    migrator: Migrator, books: BooksProject, hook: dict[str, str]
) -> None:
    add_hook(books, **hook)

    ran = migrator("generate", "--empty", "-m", "x", cwd=books.root)

    assert ran.code not in (0, 70), ran.err
    assert ran.err.count("error: ") == 1
    assert books.files() == []


def test_a_hook_changes_the_file_and_its_words_stay_out_of_the_data(
    shell: Shell, books: BooksProject
) -> None:
    (books.root / "hook.sh").write_text("echo said by the hook\necho '# seen' >> \"$1\"\n")
    add_hook(books, type="exec", executable="sh", options="hook.sh REVISION_SCRIPT_FILENAME")

    ran = shell(["migrator", "generate", "--empty", "--rev-id", "r1", "-m", "x", "--json"], cwd=books.root)

    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["data"]["written"][0]["revision"] == "r1"
    assert "said by the hook" in ran.err
    assert (books.versions / "r1_x.py").read_text().endswith("# seen\n")


@pytest.mark.parametrize("template", ["def (", "${undefined_name}", "<%  %> ${", "% if x:\n"])
def test_a_broken_template_leaves_no_file(migrator: Migrator, books: BooksProject, template: str) -> None:
    (books.root / "migrations" / "script.py.mako").write_text(template)

    ran = migrator("generate", "--empty", "-m", "x", cwd=books.root)

    assert ran.code not in (0, 70), ran.err
    assert "script.py.mako" in ran.err
    assert books.files() == []


def test_a_missing_template_is_named(migrator: Migrator, books: BooksProject) -> None:
    (books.root / "migrations" / "script.py.mako").unlink()

    ran = migrator("generate", "--empty", "-m", "x", cwd=books.root)

    assert ran.code not in (0, 70), ran.err
    assert "script.py.mako" in ran.err
    assert books.files() == []
