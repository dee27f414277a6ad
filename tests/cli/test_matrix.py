"""Who is refused, who is asked and who goes ahead: environment x mark x where it is started x command."""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from migrator.database.embedded.shared_use import EmbeddedServer
from tests.conftest import PASSWORD, Database, Ran
from tests.projects.shops import (
    OWNER,
    Shop,
    assert_no_password,
    make_owner,
    write_shops,
)
from tests.slow import slow
from tests.terminal import END_OF_INPUT, Shown, at_terminal

Migrator = Callable[..., Ran]
NewShop = Callable[[str, str], Shop]
DATABASE = "THE-NAME-OF-THE-DATABASE"
OTHER = "testing"
MARKS = ("no mark", "its own mark", "another's mark", "a copy of another's", "a copy of its own")
PLACES = {"protected": "production", "not protected": "staging"}
READING = ("current", "history -i", "log", "heads")
COMMANDS = (
    *READING,
    "upgrade",
    "upgrade --yes",
    *(
        f"{command}{given}"
        for command in ("downgrade -1", "stamp aaa1")
        for given in ("", " --confirm {env}")
    ),
    "downgrade -1 --confirm prod",
    "stamp aaa1 --confirm yes",
    "ensure-version",
    "mark",
    "mark --confirm {env}",
    f"mark --confirm {DATABASE}",
    f"mark --force --confirm {DATABASE}",
)
CELLS = [(place, mark) for place in PLACES for mark in MARKS]
FAST_CELLS = (
    ("protected", "no mark"),
    ("protected", "another's mark"),
    ("protected", "a copy of its own"),
    ("not protected", "its own mark"),
)


@dataclass(frozen=True)
class Rule:
    """What is to come of a command: its exit code, and whether it changes anything."""

    code: int
    changes: bool


def rule(command: str, place: str, mark: str) -> Rule:
    """Say what has to come of a command in a pipe, where the environment was named with --env."""
    verb, *options = command.split()
    if command in READING:
        # Whoever only looks is never refused.
        return Rule(0, changes=False)
    if verb == "mark":
        return _rule_of_mark(options, mark)
    if mark not in ("no mark", "its own mark"):
        # What belongs to somebody else is refused, and so is a copy, also one of its own database.
        return Rule(4, changes=False)
    if verb == "ensure-version":
        # It is there already, and that hurts nobody.
        return Rule(0, changes=False)
    if place == "not protected" or verb == "upgrade":
        # A deploy job goes ahead, with or without --yes; what is not protected looks at no confirmation.
        return Rule(0, changes=True)
    confirmed = options[-2:] == ["--confirm", "{env}"]
    return Rule(0, changes=True) if confirmed else Rule(4, changes=False)


def _rule_of_mark(options: list[str], mark: str) -> Rule:
    if options[-2:] != ["--confirm", DATABASE]:
        # The name of the database, and nothing else, says which one is meant: in every environment.
        return Rule(4, changes=False)
    if mark == "its own mark":
        return Rule(0, changes=False)
    if mark == "another's mark" and "--force" not in options:
        # The very database where the other one was written is not taken over by a mere confirmation.
        return Rule(4, changes=False)
    return Rule(0, changes=True)


@pytest.fixture(scope="module")
def unchanged_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project; none of the commands here changes its files."""
    return write_shops(tmp_path_factory.mktemp("matrix") / "a project")


@dataclass(frozen=True)
class Shops:
    """Where databases of shops are made, and dropped."""

    server: EmbeddedServer
    administration: psycopg.Connection[tuple[object, ...]]

    def make(self, template: str) -> Shop:
        """Copy a database; the copy belongs to the owner of shops."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self._run("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY FILE_COPY", name, template, OWNER)
        return Shop(Database(self.server.host, self.server.port, OWNER, PASSWORD, name))

    def drop(self, shop: Shop) -> None:
        """Drop a database."""
        self._run("DROP DATABASE {} WITH (FORCE)", shop.database.name)

    def _run(self, statement: str, *names: str) -> None:
        self.administration.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@pytest.fixture(scope="module")
def shops(server: EmbeddedServer, administration: psycopg.Connection[tuple[object, ...]]) -> Shops:
    """Where databases of shops are made."""
    make_owner(administration)
    return Shops(server, administration)


@pytest.fixture(scope="module")
def model(shops: Shops, unchanged_project: Path) -> Iterator[str]:
    """The name of a database at its second revision, marked by an upgrade of testing."""
    from migrator.cli.main import main

    shop = shops.make("template0")
    command = ["upgrade", "bbb2", "--env", OTHER, "--url", shop.env["DATABASE_URL"], "--quiet"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(unchanged_project)
        assert main(command) == 0
    yield shop.database.name
    shops.drop(shop)


@pytest.fixture
def new_shop(shops: Shops, model: str) -> Iterator[NewShop]:
    """Makes a database at its second revision that carries the mark in question for an environment."""
    made: list[Shop] = []

    def make(mark: str, environment: str) -> Shop:
        made.append(shops.make(model))
        marked = environment if mark in ("its own mark", "a copy of its own") else OTHER
        if mark == "no mark":
            made[-1].query("DROP SCHEMA _migrator CASCADE")
        elif mark.startswith("a copy"):
            made[-1].query(f"UPDATE _migrator.mark SET environment = '{marked}'")
        else:
            made[-1].query(
                f"UPDATE _migrator.mark SET environment = '{marked}', database = current_database()"
            )
        return made[-1]

    yield make
    for shop in made:
        shops.drop(shop)


def words(command: str, environment: str, shop: Shop) -> list[str]:
    """Give the command line of a cell."""
    text = command.replace("{env}", environment).replace(DATABASE, shop.database.name)
    return [*shlex.split(text), "--env", environment]


@pytest.mark.parametrize(
    ("place", "mark"),
    [cell if cell in FAST_CELLS else slow(cell) for cell in CELLS],
    ids=[", ".join(cell) for cell in CELLS],
)
def test_in_a_pipe(place: str, mark: str, unchanged_project: Path, new_shop: NewShop, run: Migrator) -> None:
    environment = PLACES[place]
    shop = new_shop(mark, environment)
    before = shop.state()
    for command in COMMANDS:
        expected = rule(command, place, mark)

        ran = run(*words(command, environment, shop), cwd=unchanged_project, env=shop.env)

        assert ran.code == expected.code, f"{command}: {ran.err}"
        assert (ran.code == 4) == ("error: " in ran.err and "hint: " in ran.err), f"{command}: {ran.err}"
        if expected.changes:
            assert shop.state() != before, command
            # Marked as it is told, or adopted with the first thing that is done to it.
            assert shop.mark() == environment
            shop = new_shop(mark, environment)
            before = shop.state()
        else:
            assert shop.state() == before, command


@pytest.mark.parametrize("value", ["true", "1"])
def test_ci_makes_no_difference_in_a_pipe(
    value: str, unchanged_project: Path, new_shop: NewShop, run: Migrator
) -> None:
    shop = new_shop("its own mark", "production")
    env = {**shop.env, "CI": value}

    assert run("downgrade", "-1", "--env", "prod", cwd=unchanged_project, env=env).code == 4
    assert run("upgrade", "--env", "prod", cwd=unchanged_project, env=env).code == 0
    assert shop.revisions() == ["ccc3"]


YES_NO, TYPE_NAME, TYPE_DATABASE = "Apply 1 revision to production", "type production: ", "type test_"
UPGRADE, DOWNGRADE, STAMP, MARK = "upgrade", "downgrade -1", "stamp aaa1", "mark"


@dataclass(frozen=True)
class Asked:
    """A command at a terminal. `question` is None where nobody may be asked; `typed` is the answer.

    `how` is what else is so about the terminal.
    """

    command: str
    question: str | None
    typed: str
    code: int
    mark: str = "its own mark"
    environment: str = "production"
    how: str = ""


AT_A_TERMINAL = (
    Asked(UPGRADE, YES_NO, "y\n", 0),
    Asked(UPGRADE, YES_NO, "YES\n", 0, mark="no mark"),
    Asked(UPGRADE, YES_NO, "n\n", 4),
    Asked(UPGRADE, YES_NO, "\n", 4, mark="no mark"),
    Asked(UPGRADE, YES_NO, END_OF_INPUT, 4, mark="no mark"),
    Asked("upgrade --yes", None, "", 0),
    Asked(UPGRADE, None, "", 0, how="CI"),
    Asked(UPGRADE, None, "", 0, how="--no-input"),
    Asked(UPGRADE, None, "", 0, how="stdin is no terminal"),
    Asked(UPGRADE, None, "", 0, environment="staging"),
    # Whose database it is comes before any question.
    Asked(UPGRADE, None, "", 4, mark="another's mark"),
    Asked("upgrade --yes", None, "", 4, mark="a copy of its own"),
    Asked(DOWNGRADE, TYPE_NAME, "production\n", 0),
    Asked(DOWNGRADE, TYPE_NAME, "y\n", 4, mark="no mark"),
    Asked(STAMP, TYPE_NAME, "production\n", 0),
    Asked(STAMP, TYPE_NAME, END_OF_INPUT, 4),
    Asked("stamp aaa1 --confirm production", None, "", 0),
    Asked(DOWNGRADE, None, "", 4, how="CI"),
    Asked(STAMP, None, "", 4, how="--no-input"),
    Asked(DOWNGRADE, None, "", 4, mark="a copy of another's"),
    Asked(DOWNGRADE, None, "", 0, environment="staging"),
    Asked(MARK, TYPE_DATABASE, f"{DATABASE}\n", 0, mark="a copy of another's"),
    Asked(MARK, TYPE_DATABASE, "production\n", 4, mark="no mark"),
    Asked(MARK, None, "", 4, mark="no mark", how="CI"),
    Asked("history -i", None, "", 0, mark="another's mark"),
)


def _id(cell: Asked) -> str:
    typed = f"typed {cell.typed.strip() or repr(cell.typed)}" if cell.question else "not asked"
    return ", ".join(part for part in (cell.command, cell.environment, cell.mark, cell.how, typed) if part)


# Every fourth asks in another way, of another command, or not at all.
@pytest.mark.parametrize(
    "cell", [slow(cell) if at % 4 else cell for at, cell in enumerate(AT_A_TERMINAL)], ids=_id
)
def test_at_a_terminal(cell: Asked, unchanged_project: Path, new_shop: NewShop) -> None:
    shop = new_shop(cell.mark, cell.environment)
    cell = replace(cell, typed=cell.typed.replace(DATABASE, shop.database.name))
    before = shop.state()

    shown = _show(cell, unchanged_project, shop)

    text = " ".join(shown.text.split())
    assert shown.code == cell.code, shown.text
    assert_no_password(shown.text, shown.screen)
    asked = [question for question in (YES_NO, TYPE_NAME, TYPE_DATABASE) if question in text]
    assert asked == ([cell.question] if cell.question else [])
    went_ahead = cell.code == 0 and cell.command != "history -i"
    assert (shop.state() != before) == went_ahead
    if cell.question == YES_NO:
        # Nobody agrees to what they have not seen.
        assert text.index("ccc3 message of ccc3") < text.index(YES_NO)


def _show(cell: Asked, project: Path, shop: Shop) -> Shown:
    command = ["migrator", *words(cell.command, cell.environment, shop)]
    command += ["--no-input"] if cell.how == "--no-input" else []
    env = {**shop.env, **({"CI": "true"} if cell.how == "CI" else {})}
    # Where nobody may be asked, whoever is asked all the same agrees: it must not be to any effect.
    answer = (cell.question, cell.typed) if cell.question else ("? [y/N]", "y\n")
    return at_terminal(command, project, env, answer=answer, stdin=cell.how != "stdin is no terminal")
