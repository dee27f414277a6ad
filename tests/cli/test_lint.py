"""`lint`: what revisions run, captured on real scratch databases and judged; and the gate of `upgrade`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from migrator.database.embedded.shared_use import remove_server
from tests.conftest import Database, Ran
from tests.linting import Lint, findings, line_of, linting
from tests.projects.books import AnyDatabase, BooksProject
from tests.terminal import at_terminal

AUTHORS = """op.create_table(
    "authors",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(50), nullable=False),
    sa.Column("born", sa.Date),
)"""
INDEX = "op.create_index('ix_name', 'authors', ['name'])"
NOWHERE = "postgresql+asyncpg://nobody@127.0.0.1:1/nowhere"


@pytest.fixture
def lint(books: BooksProject, migrator: Callable[..., Ran], postgres_database: Database) -> Lint:
    """Runs `migrator lint` of the project on PostgreSQL, whose own database cannot be reached."""
    server = postgres_database.url.replace("postgresql:", "postgresql+asyncpg:")
    books.settings(migrator=[f"scratch_url = {server}", "scratch_keep = 0"])
    return linting(books, migrator, NOWHERE)


@pytest.fixture
def embedded(books: BooksProject) -> Iterator[None]:
    """Takes away the scratch server that the project has for itself."""
    yield
    remove_server(books.root)


def rules(ran: Ran) -> list[str]:
    """Give the rules of the findings of the JSON document."""
    return [str(each["rule"]) for each in findings(ran)]


def test_a_finding_says_where_what_which_lock_why_and_how_instead(books: BooksProject, lint: Lint) -> None:
    books.revision("r1", None, AUTHORS)
    file = books.revision("r2", "r1", f"x = 1\n{INDEX}")

    ran = lint("r2", code=1)

    shown = f"migrations/test/versions/{file.name}:{line_of(file, 'create_index')}"
    lines = ran.out.splitlines()
    assert lines[0].startswith(f"{shown}: error [require-concurrent-index-creation] ")
    assert lines[1] == "  op.create_index of r2: CREATE INDEX ix_name ON authors (name)"
    assert lines[2] == "  lock: SHARE on authors"
    assert lines[3].startswith("  instead: ")
    assert any("postgresql_concurrently=True" in line for line in lines)
    assert lines[-1].startswith("testing: 1 statement of 1 revision: 1 error, 0 warnings, 0 excused, squawk ")


def test_a_table_that_the_same_batch_makes_is_known_to_be_empty(books: BooksProject, lint: Lint) -> None:
    books.revision("r1", None, AUTHORS)
    books.revision("r2", "r1", INDEX)

    assert rules(lint("base:head", "--json", code=0)) == []
    assert rules(lint("r1:head", "--json", code=1)) == ["require-concurrent-index-creation"]


def test_the_safe_way_outside_of_a_transaction_passes(books: BooksProject, lint: Lint) -> None:
    books.revision("r1", None, AUTHORS)
    concurrently = INDEX.replace("])", "], postgresql_concurrently=True, if_not_exists=True)")
    books.revision("r2", "r1", f"with op.get_context().autocommit_block():\n    {concurrently}")

    assert rules(lint("r2", "--json", code=0)) == []


def test_what_a_revision_runs_on_a_connection_of_its_own_is_judged(books: BooksProject, lint: Lint) -> None:
    books.revision("r1", None, AUTHORS)
    own = "op.get_bind().engine.connect().execution_options(isolation_level='AUTOCOMMIT')"
    index = "other.execute(sa.text('CREATE INDEX ix_name ON authors (name)'))"
    file = books.revision("r2", "r1", f"with {own} as other:\n    {index}")

    (found,) = findings(lint("r2", "--json", code=1))

    assert (found["rule"], found["line"]) == ("require-concurrent-index-creation", line_of(file, "ix_name"))


@pytest.mark.slow
@pytest.mark.usefixtures("embedded")
def test_a_data_migration_with_ids_of_its_own_is_judged_as_often_as_one_likes(
    books: BooksProject, migrator: Callable[..., Ran]
) -> None:
    books.revision("r1", None, AUTHORS)
    rows = ["INSERT INTO authors (name) VALUES ('a')", "ALTER TABLE authors ADD UNIQUE (id, name)"]
    fixed = "assert op.get_bind().execute(sa.text('SELECT max(id) FROM authors')).scalar() == 1"
    books.revision("r2", "r1", "\n".join((*(f"op.execute({row!r})" for row in rows), fixed)))
    lint = linting(books, migrator, NOWHERE)

    assert len({lint("r2", "--json", code=1).out for _time in range(3)}) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("embedded")
def test_a_revision_that_begins_again_for_each_missing_role_is_judged_once(
    books: BooksProject, migrator: Callable[..., Ran]
) -> None:
    books.revision("r1", None, AUTHORS)
    grants = "\n".join(f"op.execute('GRANT SELECT ON authors TO {name}')" for name in ("reader", "writer"))
    books.revision("r2", "r1", f"{INDEX}\n{grants}")

    data = json.loads(linting(books, migrator, NOWHERE)("r2", "--json", code=1).out)["data"]

    assert (data["revisions"], data["statements"]) == (["r2"], 3)
    assert [each["rule"] for each in data["findings"]] == ["require-concurrent-index-creation"]


def test_only_what_a_conditional_revision_really_runs_is_judged(books: BooksProject, lint: Lint) -> None:
    books.revision("r1", None, AUTHORS)
    books.revision("r2", "r1", f"if sa.inspect(op.get_bind()).has_table('nobody'):\n    {INDEX}")
    books.revision("r3", "r2", f"if sa.inspect(op.get_bind()).has_table('authors'):\n    {INDEX}")

    data = json.loads(lint("r1:head", "--json", code=1).out)["data"]

    assert data["revisions"] == ["r2", "r3"]
    assert [each["revision"] for each in data["findings"]] == ["r3"]


def test_statements_that_rows_decide_about_are_judged(books: BooksProject, lint: Lint) -> None:
    books.revision("r1", None, f"{AUTHORS}\nop.execute(\"INSERT INTO authors VALUES (1, 'born')\")")
    books.revision(
        "r2",
        "r1",
        "for row in op.get_bind().execute(sa.text('SELECT name FROM authors')):\n"
        "    op.drop_column('authors', row.name)",
    )

    (found,) = findings(lint("head", "--json", code=1))

    assert (found["rule"], found["operation"]) == ("ban-drop-column", "op.drop_column")
    assert found["statement"] == "ALTER TABLE authors DROP COLUMN born"


def test_a_helper_beside_the_version_files_is_named_by_its_own_line(books: BooksProject, lint: Lint) -> None:
    books.revision("r1", None, AUTHORS)
    helper = books.versions / "__init__helper.py"
    helper.write_text("def drop(op):\n    op.drop_column('authors', 'born')\n")
    books.revision(
        "r2",
        "r1",
        "import importlib.util\n"
        f"spec = importlib.util.spec_from_file_location('helper', {str(helper)!r})\n"
        "helper = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(helper)\nhelper.drop(op)",
    )

    (found,) = findings(lint("r2", "--json", code=1))

    assert (found["file"], found["line"]) == ("migrations/test/versions/__init__helper.py", 2)


@pytest.mark.parametrize(
    ("new", "found"),
    [("sa.String(80)", []), ("sa.String(20)", ["narrowing"]), ("sa.Integer()", ["changing-column-type"])],
    ids=["wider", "narrower", "other"],
)
def test_a_change_of_type_is_judged_by_the_type_before(
    books: BooksProject, lint: Lint, new: str, found: list[str]
) -> None:
    books.revision("r1", None, AUTHORS)
    books.revision("r2", "r1", f"op.alter_column('authors', 'name', type_={new}, postgresql_using='NULL')")

    assert rules(lint("r2", "--json", code=bool(found))) == found


def test_an_excuse_is_shown_with_its_reason_and_does_not_count(books: BooksProject, lint: Lint) -> None:
    books.revision("r1", None, AUTHORS)
    drop = "op.drop_column('authors', 'born')  # migrator: allow ban-drop-column -- unused since 2.3"
    file = books.revision("r2", "r1", drop)

    ran = lint("r2", code=0)

    place = f"migrations/test/versions/{file.name}:{line_of(file, 'drop_column')}"
    assert ran.out.splitlines()[:2] == [
        f"{place}: excused [ban-drop-column] unused since 2.3",
        "  op.drop_column of r2: ALTER TABLE authors DROP COLUMN born",
    ]
    assert "0 errors, 0 warnings, 1 excused" in ran.out


def test_the_ini_makes_errors_and_leaves_rules_out(books: BooksProject, lint: Lint) -> None:
    books.revision("r1", None, f"{AUTHORS}\nop.execute('CREATE VIEW v AS SELECT 1')")
    books.revision("r2", "r1", f"op.execute('DROP VIEW v')\n{INDEX}")
    before = books.ini.read_text()

    assert [(each["rule"], each["severity"]) for each in findings(lint("r2", "--json", code=1))] == [
        ("ban-drop-view", "warning"),
        ("require-concurrent-index-creation", "error"),
    ]
    books.ini.write_text(f"{before}lint_ignore = require-concurrent-index-creation\n")
    assert rules(lint("r2", "--json", code=0)) == ["ban-drop-view"]
    books.ini.write_text(
        f"{before}lint_ignore = require-concurrent-index-creation\nlint_error = ban-drop-view\n"
    )
    assert [each["severity"] for each in findings(lint("r2", "--json", code=1))] == ["error"]


@pytest.mark.parametrize("key", ["lint_error", "lint_ignore"])
def test_an_unknown_rule_in_the_ini_is_3(books: BooksProject, lint: Lint, key: str) -> None:
    books.revision("r1", None, AUTHORS)
    books.ini.write_text(f"{books.ini.read_text()}{key} = ban-drop-colum\n")

    ran = lint("head", code=3)

    assert f"{key} in [migrator] of configs/alembic_test.ini names an unknown rule: ban-drop-colum" in ran.err
    assert "Did you mean ban-drop-column?" in ran.err


def test_github_and_gitlab_get_their_own_forms(books: BooksProject, lint: Lint) -> None:
    books.revision("r1", None, AUTHORS)
    file = books.revision("r2", "r1", INDEX)
    path, line = f"migrations/test/versions/{file.name}", line_of(file, "create_index")

    github = lint("r2", "--format", "github", code=1).out
    (gitlab,) = json.loads(lint("r2", "--format", "gitlab", code=1).out)

    assert github.startswith(f"::error file={path},line={line},title=require-concurrent-index-creation::")
    assert gitlab["location"] == {"path": path, "lines": {"begin": line}}
    assert gitlab["severity"] == "major"


def test_format_json_is_the_document_of_json(books: BooksProject, lint: Lint) -> None:
    books.revision("r1", None, AUTHORS)
    books.revision("r2", "r1", INDEX)

    assert lint("r2", "--format", "json", code=1).out == lint("r2", "--json", code=1).out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "xml"], "--format xml is not known."),
        (["--format", "github", "--json"], "--json and --format github exclude each other."),
    ],
)
def test_a_form_that_is_none_is_a_usage_error(lint: Lint, arguments: list[str], said: str) -> None:
    assert said in lint(*arguments, code=2).err


@pytest.mark.slow
def test_a_terminal_gets_the_same_facts_in_colours(books: BooksProject, on_sqlite: AnyDatabase) -> None:
    books.revision("r1", None, AUTHORS)
    books.revision("r2", "r1", "op.drop_table('authors')")

    shown = at_terminal(["migrator", "lint", "r2"], books.root, on_sqlite.env)
    plain = at_terminal(["migrator", "lint", "r2"], books.root, {**on_sqlite.env, "NO_COLOR": "1"})

    assert (shown.code, plain.code, plain.text) == (1, 1, shown.text)
    assert "r2_by_hand.py:8" in "".join(shown.text.split())
    assert "op.drop_table of r2: DROP TABLE authors" in shown.text
    assert "\x1b[1;31mmigrations/test/versions/r2_by_hand.py:8: error " in shown.screen


def test_an_unknown_revision_is_5(books: BooksProject, lint: Lint) -> None:
    books.revision("r1", None, AUTHORS)

    ran = lint("nothing", code=5)

    assert "No such revision or branch 'nothing'" in ran.err


def test_a_revision_that_does_not_run_is_7_with_its_line(books: BooksProject, lint: Lint) -> None:
    books.revision("r1", None, AUTHORS)
    file = books.revision("r2", "r1", "op.execute('DROP TABLE nothing_here')")

    ran = lint("r2", code=7)

    assert "The upgrade of revision r2" in ran.err
    assert f"{file.name}, line {line_of(file, 'nothing_here')}" in ran.err


def test_several_heads_are_judged_each_from_its_own_ground(books: BooksProject, lint: Lint) -> None:
    books.revision("r1", None, AUTHORS)
    books.revision("left", "r1", INDEX)
    books.revision("right", "r1", "op.drop_column('authors', 'born')")
    books.revision("top", "right", "op.drop_column('authors', 'name')")

    data = json.loads(lint("left", "top", "--json", code=1).out)["data"]

    assert sorted(data["revisions"]) == ["left", "top"]
    assert sorted(each["revision"] for each in data["findings"]) == ["left", "top"]


def test_without_names_it_is_what_the_database_has_not(
    books: BooksProject, migrator: Callable[..., Ran], on_postgresql: AnyDatabase
) -> None:
    books.settings(migrator=[f"scratch_url = {on_postgresql.url}", "scratch_keep = 0"])
    lint = linting(books, migrator, on_postgresql.url)
    books.revision("r1", None, AUTHORS)
    assert migrator("upgrade", cwd=books.root, env=on_postgresql.env).code == 0
    assert "0 statements of 0 revisions" in lint(code=0).out
    books.revision("r2", "r1", INDEX)
    books.revision("r3", "r2", "op.drop_column('authors', 'born')")

    data = json.loads(lint("--json", code=1).out)["data"]

    assert data["revisions"] == ["r2", "r3"]
    assert [each["rule"] for each in data["findings"]] == [
        "require-concurrent-index-creation",
        "ban-drop-column",
    ]
    assert on_postgresql.version() == ["r1"]


def test_a_pending_file_that_is_no_python_is_5_with_its_line(
    books: BooksProject, migrator: Callable[..., Ran], on_sqlite: AnyDatabase
) -> None:
    for revision, down in (("r1", None), ("r2", "r1")):
        books.revision(revision, down, "pass")
    assert migrator("upgrade", cwd=books.root, env=on_sqlite.env).code == 0
    file = books.revision("r3", "r2", "op.execute('open)")

    ran = linting(books, migrator, on_sqlite.url)(code=5)

    line = line_of(file, "open")
    assert (
        f"The revision file migrations/test/versions/{file.name} has a syntax error in line {line}" in ran.err
    )


def test_a_database_that_cannot_be_asked_is_6_and_names_the_way_without(
    books: BooksProject, lint: Lint
) -> None:
    books.revision("r1", None, AUTHORS)

    ran = lint(code=6)

    assert "no database is needed: migrator lint head" in ran.err


def test_without_squawk_it_is_3_with_the_install_command(
    books: BooksProject, lint: Lint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    books.revision("r1", None, AUTHORS)
    # squawk is looked for beside Python, and on the PATH.
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))

    ran = lint("head", code=3, PATH=str(tmp_path))

    assert "pip install 'migrator[lint]'" in ran.err
    assert ran.out == ""


def test_on_sqlite_destructive_operations_are_found_without_squawk(
    books: BooksProject, migrator: Callable[..., Ran], on_sqlite: AnyDatabase
) -> None:
    lint = linting(books, migrator, on_sqlite.url)
    books.revision("r1", None, AUTHORS)
    books.revision("r2", "r1", f"{INDEX}\nop.drop_column('authors', 'born')\nop.drop_table('authors')")

    found = findings(lint("r2", "--json", code=1))

    assert [each["rule"] for each in found] == ["ban-drop-column", "ban-drop-table"]
    assert {each["lock"] for each in found} == {""}
    assert not os.path.lexists(on_sqlite.url.partition(":///")[2])


def test_any_alembic_project_is_judged(
    books: BooksProject, migrator: Callable[..., Ran], on_sqlite: AnyDatabase
) -> None:
    books.revision("r1", None, AUTHORS)
    books.revision("r2", "r1", "op.drop_table('authors')")
    plain = books.root / "plain.ini"
    plain.write_text(
        "[alembic]\nscript_location = %(here)s/migrations\npath_separator = newline\n"
        f"version_locations = %(here)s/migrations/test/versions\nsqlalchemy.url = {on_sqlite.url}\n"
    )

    ran = migrator("lint", "head", "--config", str(plain), "--json", cwd=books.root)

    assert (ran.code, rules(ran)) == (1, ["ban-drop-table"]), ran.err
