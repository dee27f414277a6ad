"""What files, databases, servers and variables say reaches no terminal as something that it obeys."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.projects.books import AnyDatabase, BooksProject
from tests.projects.small import revision_text, versions, write_project, write_revision
from tests.terminal import Shown, at_terminal

Migrator = Callable[..., Ran]
# Up a line and wipe it out; a title; text that runs backwards, twice; a C1 sequence; marks that take no room.
EVIL = "\x1b[1A\x1b[2K\x1b]0;gone\x07\u202esdrawkcab\u2066x\x9b2J\x7f\u200b\u2028\ufeffend"
SHOWN = r"\x1b[1A\x1b[2K\x1b]0;gone\x07\u202esdrawkcab\u2066x\x9b2J\x7f\u200b\u2028\ufeffend"
# In a docstring a line separator is a space, as every other white space is.
MESSAGE = SHOWN.replace(r"\u2028", " ")
OURS = re.compile(r"\r\x1b\[2K|\r\n|\x1b\[[0-9;]*m")
OBEYED = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
URL = {"DATABASE_URL": "sqlite:///data.db"}
DROPS = 'op.execute("CREATE TABLE gone (id int)")\nop.execute("DROP TABLE gone")'


def clean(*texts: str) -> str:
    """Fail where a text has what a terminal obeys; give all of them."""
    for text in texts:
        assert OBEYED.findall(text) == [], text
    return "".join(texts)


def folded(shown: Shown) -> str:
    """Give what a terminal shows, less our own colours and its line breaks; it must obey nothing else."""
    return clean(re.sub(r"\s+", "", OURS.sub("", shown.screen)))


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    """A project of two environments whose messages do all that."""
    root = write_project(tmp_path / "a project", "test", "online", settings="tenants = file:tenants")
    for suffix in ("test", "online"):
        ini = root / "configs" / f"alembic_{suffix}.ini"
        ini.write_text(ini.read_text().replace("tenants = file:tenants\n", ""))
        text = revision_text("aaa1", None, DROPS, message=f"first {EVIL}\nerror: a line of ours")
        (versions(root, suffix) / "aaa1.py").write_text(text)
    write_revision(versions(root), "bbb2", "aaa1")
    return root


COMMANDS = (
    "history",
    "history -v",
    "show aaa1",
    "upgrade --dry-run",
    "upgrade aaa1",
    "current -v",
    "history -i",
    "diff production testing",
    "check --against history",
)


@pytest.mark.parametrize("terminal", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_message_is_visible_in_every_command(evil: Path, migrator: Migrator, *, terminal: bool) -> None:
    for command in COMMANDS:
        if terminal:
            said = folded(at_terminal(["migrator", *command.split()], evil, URL))
            whole = MESSAGE.replace(" ", "")
        else:
            ran = migrator(*command.split(), cwd=evil, env=URL)
            said, whole = clean(ran.out, ran.err), MESSAGE
            assert not re.search("^error: a line", said, re.MULTILINE), command
        if command not in ("diff production testing", "check --against history"):
            assert whole in said or SHOWN in said, (command, said)


def test_no_docstring_hides_what_a_question_says_is_lost(evil: Path) -> None:
    shown = at_terminal(["migrator", "upgrade", "--env", "production"], evil, URL, answer=("[y/N]", "n\n"))

    said = folded(shown)
    assert shown.code == 4
    assert MESSAGE.replace(" ", "") in said
    assert "destroys:DROPTABLEgone" in said


@pytest.mark.parametrize(
    "line",
    [
        ("upgrade", "--env", EVIL),
        ("upgrade", EVIL),
        ("show", EVIL),
        ("lint", EVIL),
        (EVIL,),
        ("upgrade", f"--{EVIL}"),
        ("heads", "--config", EVIL),
        ("wait", "--timeout", EVIL),
        ("wait", "--for", EVIL),
        ("check", "--summary", f"nowhere/{EVIL}"),
        ("current", "--url", f"sqlite:///{EVIL}.db"),
        ("heads", "--name", EVIL),
    ],
)
def test_what_was_typed_is_visible_in_an_error(evil: Path, migrator: Migrator, line: tuple[str, ...]) -> None:
    ran = migrator(*line, cwd=evil, env=URL)

    assert ran.code in (2, 3, 5, 6)
    assert r"\x1b[2K" in clean(ran.out, ran.err)


def test_json_escapes_by_itself_and_loses_nothing(evil: Path, migrator: Migrator) -> None:
    ran = migrator("history", "--json", cwd=evil)

    assert json.loads(clean(ran.out))["data"]["revisions"][1]["description"] == (
        f"first {EVIL}\nerror: a line of ours"
    )


def test_names_in_a_database_are_visible(
    migrator: Migrator, books: BooksProject, on_postgresql: AnyDatabase
) -> None:
    table = f'"a{EVIL}\nerror: x"'.replace(":", r"\:")
    on_postgresql.query(f"CREATE TABLE {table} (id int)")

    refused = migrator("upgrade", cwd=books.root, env=on_postgresql.env)
    checked = migrator("check", "--against", "database", cwd=books.root, env=on_postgresql.env)
    asked = at_terminal(
        ["migrator", "generate", "-m", "x"], books.root, on_postgresql.env, answer=("[y/N]", "n\n")
    )

    assert rf"a{SHOWN}\nerror: x" in clean(checked.out, checked.err)
    assert rf"a{SHOWN}\nerror:x" in folded(asked)
    clean(refused.out, refused.err)


def test_what_a_server_says_is_visible_and_its_lines_are_marked(
    migrator: Migrator, books: BooksProject, on_postgresql: AnyDatabase
) -> None:
    raised = f"DO $$ BEGIN RAISE EXCEPTION '{EVIL}'; END $$"
    books.revision("r1", None, f"op.execute({raised!a})")
    books.revision("r2", None, "raise ValueError('one\\nerror: two \\x1b[2K')")

    ran = migrator("upgrade", "r1", "--traceback", "--echo", cwd=books.root, env=on_postgresql.env)
    other = migrator("upgrade", "r2", "--traceback", cwd=books.root, env=on_postgresql.env)

    assert (ran.code, other.code) == (7, 7), ran.err + other.err
    assert r"\x1b[1A" in clean(ran.out, ran.err)
    assert not re.search("^error: two", clean(other.out, other.err), re.MULTILINE)


@pytest.mark.parametrize("stock", [False, True])
def test_log_records_are_visible_also_to_handlers_of_env_py(
    evil: Path, migrator: Migrator, *, stock: bool
) -> None:
    logs = "import logging\nlogging.getLogger('app').warning('one %s', 'two\\x1b[2K\\nerror: three')\n"
    logs += "logging.getLogger('app').warning('four\\u202e', exc_info=ValueError('five\\x9b2J'))"
    (versions(evil) / "bbb2.py").write_text(revision_text("bbb2", "aaa1", logs))
    if stock:
        env_py = evil / "migrations" / "env.py"
        env_py.write_text(
            "import logging, sys\nlogging.root.handlers = [logging.StreamHandler(sys.stderr)]\n"
            "logging.getLogger('alembic').setLevel('INFO')\n" + env_py.read_text()
        )

    ran = migrator("upgrade", cwd=evil, env=URL)

    assert ran.code == 0
    assert r"one two\x1b[2K" + "\n  | error: three\n" in clean(ran.err)
    assert r"four\u202e" in ran.err
    assert r"five\x9b2J" in ran.err
    assert ("Running upgrade" in ran.err) is stock


def test_names_of_tenants_are_visible(evil: Path, migrator: Migrator) -> None:
    (evil / "names").write_text(f"a{EVIL.replace(chr(0x2028), '')}\n")

    ran = migrator("current", "--tenants", "file:names", "--env", "testing", cwd=evil, env=URL)

    assert ran.code != 0
    clean(ran.out, ran.err)


def test_a_summary_is_visible_and_so_are_findings_for_pipelines(evil: Path, migrator: Migrator) -> None:
    (versions(evil) / "bbb2.py").write_text(
        revision_text("bbb2", "aaa1", "op.execute('DROP TABLE IF EXISTS \"x\\x1b[2K\\u202e\"')")
    )
    shutil.copy(versions(evil) / "bbb2.py", versions(evil) / "ccc\x1b[2K.py")
    (versions(evil) / "bbb2.py").unlink()

    github = migrator("lint", "bbb2", "--format", "github", "--summary", "page.md", cwd=evil, env=URL)
    gitlab = migrator("lint", "bbb2", "--format", "gitlab", "--summary", "page.md", cwd=evil, env=URL)
    plain = migrator("lint", "bbb2", "--env", "testing", cwd=evil, env=URL)

    assert (github.code, gitlab.code, plain.code) == (1, 1, 1), github.err
    page = (evil / "page.md").read_text(encoding="utf-8")
    for text in (github.out, plain.out, page):
        assert r"ccc\x1b[2K.py" in clean(text)
    assert "ccc\x1b[2K.py" in json.loads(clean(gitlab.out))[0]["location"]["path"]


@pytest.mark.parametrize(
    "command", ["heads -v", "history -v", "show bbb2", "upgrade", "upgrade --json", "lint head"]
)
def test_a_name_that_is_no_utf_8_does_no_harm(evil: Path, shell: Callable[..., Ran], command: str) -> None:
    (versions(evil) / "bbb2.py").rename(versions(evil) / os.fsdecode(b"bbb\xff2.py"))

    ran = shell(["migrator", *command.split()], cwd=evil, env={**os.environ, **URL})

    assert ran.code == 0, ran.err
    clean(ran.out, ran.err)
    if " -v" in command:
        assert r"bbb\udcff2.py" in ran.out


def test_completion_offers_nothing_that_a_shell_would_obey(evil: Path, shell: Callable[..., Ran]) -> None:
    env = {"_MIGRATOR_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "migrator upgrade a"}

    ran = shell(["migrator"], cwd=evil, env={**os.environ, **env})

    assert "aaa1" in clean(ran.out)
    assert "gone" in ran.out


def test_sql_stays_as_it_is_but_for_a_terminal(evil: Path, migrator: Migrator) -> None:
    (versions(evil) / "bbb2.py").write_text(
        revision_text("bbb2", "aaa1", "op.execute(\"INSERT INTO t VALUES ('\\u200f\\x1b[2K')\")")
    )

    piped = migrator("upgrade", "--sql", cwd=evil, env=URL)
    shown = at_terminal(["migrator", "upgrade", "--sql"], evil, URL)

    assert "INSERT INTO t VALUES ('\u200f\x1b[2K')" in piped.out
    assert r"('\u200f\x1b[2K')" in folded(shown)


def test_text_of_other_languages_stays_as_it_is(tmp_path: Path, migrator: Migrator) -> None:
    message = (
        "添加订单 می\u200cخواهم \N{WOMAN}\u200d\N{PERSONAL COMPUTER} caf\N{LATIN SMALL LETTER E WITH ACUTE}"
    )
    root = write_project(tmp_path / "a project")
    (versions(root) / "aaa1.py").write_text(revision_text("aaa1", message=message))

    assert message in migrator("history", cwd=root).out
