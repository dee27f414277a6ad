"""`--summary`: the answer in Markdown, appended to a file, whatever else is printed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from migrator.cli.invocation import Outcome
from migrator.cli.pipeline_reports import section
from migrator.errors import ExitCode, RevisionsError
from migrator.plain import How
from migrator.results.judged import DoesNotRun, Verified
from tests.conftest import Ran, program
from tests.projects.books import MODELS, AnyDatabase, BooksProject

AUTHORS = """op.create_table(
    "authors",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(50), nullable=False),
)"""
TESTING = How(environment="testing")


@pytest.fixture
def run_books(
    books: BooksProject, migrator: Callable[..., Ran], on_sqlite: AnyDatabase
) -> Callable[..., Ran]:
    """Runs a command in a project of one revision."""
    books.revision("r1", None, AUTHORS, "op.drop_table('authors')")
    return lambda *arguments, cwd=books.root: migrator(*arguments, cwd=cwd, env=on_sqlite.env)


def test_it_is_appended_and_the_command_prints_what_it_always_prints(
    run_books: Callable[..., Ran], books: BooksProject
) -> None:
    plain = run_books("check", "--against", "history")

    said = run_books("check", "--against", "history", "--summary", "a page.md")
    as_json = run_books("verify", "--summary", "a page.md", "--json")

    assert (said.code, said.out) == (plain.code, plain.out) == (0, "models and history agree\n")
    assert json.loads(as_json.out)["data"]["revisions"] == ["r1"]
    assert (books.root / "a page.md").read_text(encoding="utf-8") == (
        "### migrator check of testing\n\n✅ **in order**\n\n```text\nmodels and history agree\n```\n\n"
        "### migrator verify of testing\n\n✅ **in order**\n\n```text\n"
        "1 revision verified: up, down and up\nmodels and the end of the history agree\n```\n\n"
    )


def test_a_no_an_error_and_a_yes_have_verdicts_of_their_own(
    run_books: Callable[..., Ran], books: BooksProject
) -> None:
    books.models(MODELS + "    born: Mapped[int]\n")
    assert run_books("check", "--against", "history", "--summary", "page.md").code == 1
    assert run_books("lint", "nowhere", "--summary", "page.md").code == 5
    assert run_books("lint", "head", "--summary", "page.md", "--format", "github").code == 0

    page = (books.root / "page.md").read_text(encoding="utf-8")
    no, error, yes = page.split("### ")[1:]
    assert "❌ **not in order** (exit code 1)\n\n```text\nadd column authors.born" in no
    assert "⚠️ **no answer**: revisions (exit code 5)\n\n```text\nerror: " in error
    assert "hint: " in error
    assert "✅ **in order**" in yes
    assert "1 statement of 1 revision" in yes


def test_it_is_named_from_where_the_command_was_started(
    run_books: Callable[..., Ran], books: BooksProject
) -> None:
    folder = books.root / "migrations"

    assert run_books("check", "--against", "history", "--summary", "page.md", cwd=folder).code == 0
    assert (folder / "page.md").exists()


@pytest.mark.parametrize("where", ["no such folder/page.md", "migrations", ""])
def test_a_file_that_cannot_be_written_is_a_usage_error_before_anything_is_done(
    where: str, run_books: Callable[..., Ran]
) -> None:
    for command in ("check", "verify", "lint"):
        ran = run_books(command, "--summary", where)
        assert (ran.code, ran.out) == (2, "")
        assert "--summary" in ran.err


def test_a_summary_that_cannot_be_written_is_neither_a_yes_nor_a_no(run_books: Callable[..., Ran]) -> None:
    """A disk that is full, as Linux has one."""
    said = run_books("check", "--against", "history", "--summary", "/dev/full")
    as_json = run_books("check", "--against", "history", "--summary", "/dev/full", "--json")
    error = run_books("check", "--against", "history", "-e", "nowhere", "--summary", "/dev/full")

    assert (said.code, said.out) == (2, "models and history agree\n")
    assert "error: --summary /dev/full could not be written: No space left on device." in said.err
    document = json.loads(as_json.out)
    assert (as_json.code, document["exit_code"], document["status"]) == (2, 2, "error")
    assert [each["message"] for each in document["errors"]] == [
        "--summary /dev/full could not be written: No space left on device."
    ]
    assert (error.code, error.err.count("error: ")) == (3, 2)


@pytest.mark.parametrize(("arguments", "code"), [("envs", 2), ("envs --json", 2), ("heads -e x --json", 3)])
def test_an_answer_that_stdout_does_not_take_is_neither_a_yes_nor_a_no(
    arguments: str, code: int, books: BooksProject, shell: Callable[..., Ran]
) -> None:
    command = [*program(["migrator"]), *arguments.split()]

    ran = shell(["sh", "-c", '"$@" >/dev/full', "sh", *command], cwd=books.root)

    assert ran.code == code
    assert "error: The answer could not be written on stdout: No space left on device." in ran.err
    assert "Traceback" not in ran.err


def test_the_summary_is_written_once_though_stdout_takes_nothing(
    books: BooksProject, shell: Callable[..., Ran], on_sqlite: AnyDatabase
) -> None:
    books.revision("r1", None, AUTHORS, "op.drop_table('authors')")
    command = [*program(["migrator"]), "lint", "head", "--summary", "page.md"]

    ran = shell(["sh", "-c", '"$@" >/dev/full', "sh", *command], cwd=books.root, env=on_sqlite.env)

    assert (ran.code, "Traceback" in ran.err) == (2, False)
    assert (books.root / "page.md").read_text(encoding="utf-8").count("### ") == 1


def test_no_text_closes_the_block_that_it_stands_in() -> None:
    cause = "a\n```\n# `four` ````\n</details>"
    failed = DoesNotRun("a1", "a message", "a1.py", "upgrade", cause, "")

    page = section("verify", TESTING, Outcome(Verified((), failed=(failed,)), ExitCode.NO))

    assert page.count("`````") == 2
    assert page.rstrip().endswith("`````")


def test_of_very_much_only_the_beginning_is_told() -> None:
    failed = tuple(DoesNotRun(f"r{n}", "m", "f.py", "upgrade", "x" * 5000, "y") for n in range(1000))

    page = section("verify", TESTING, Outcome(Verified((), failed=failed), ExitCode.NO))

    assert len(page.encode()) < 1_000_000
    assert "more lines, which are in the log" in page


def test_an_error_of_several_lines_stays_in_its_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migrator.secrets.scrub", lambda text: text.replace("s3cret", "***"))
    error = RevisionsError("first\nsecond s3cret", hint="third")

    page = section("check", How(), Outcome(None, ExitCode.REVISIONS), (error,))

    assert page == (
        "### migrator check\n\n⚠️ **no answer**: revisions (exit code 5)\n\n"
        "```text\nerror: first\nsecond ***\nhint: third\n```\n\n"
    )
