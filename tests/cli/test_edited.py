"""A file that was edited after a database had applied it: told everywhere, refused where it is protected."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.projects.shops import Shop
from tests.projects.small import versions

Migrator = Callable[..., Ran]
EDITED = "Edited after they had been applied"
SUFFIXES = {"staging": "staging", "production": "online"}


def file_of(project: Path, environment: str, revision: str) -> Path:
    """Give a version file of an environment."""
    return versions(project, SUFFIXES[environment]) / f"{revision}.py"


def change(path: Path, old: str, new: str) -> str:
    """Replace a part of a file that is there; give the text as it was."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return text


def test_an_unprotected_environment_is_told_and_goes_on(shop: Shop, project: Path, run: Migrator) -> None:
    assert run("upgrade", "bbb2", "--env", "staging", env=shop.env).code == 0
    change(file_of(project, "staging", "aaa1"), "integer", "bigint")

    ran = run("upgrade", "--env", "staging", env=shop.env)

    assert (ran.code, shop.revisions()) == (0, ["ccc3"]), ran.err
    note = next(line for line in ran.err.splitlines() if EDITED in line)
    assert note.startswith(f"note: {EDITED}: aaa1.")
    assert ran.err.count(EDITED) == 1
    # What the note says to type puts an end to it.
    assert run(*shlex.split(note.rpartition("accept the files as they are: ")[2])[1:], env=shop.env).code == 0
    assert EDITED not in run("upgrade", "--env", "staging", env=shop.env).err


def test_it_is_told_where_nothing_is_to_be_done_too_and_in_json(
    shop: Shop, project: Path, run: Migrator
) -> None:
    assert run("upgrade", "--env", "staging", env=shop.env).code == 0
    change(file_of(project, "staging", "ccc3"), "integer", "bigint")

    ran = run("upgrade", "--json", "--env", "staging", env=shop.env)

    (note,) = json.loads(ran.out)["data"]["notes"]
    assert (ran.code, note.startswith(f"{EDITED}: ccc3.")) == (0, True)


@pytest.mark.parametrize("options", [[], ["--yes"]], ids=["without --yes", "with --yes"])
def test_a_protected_environment_refuses_until_the_files_are_accepted(
    options: list[str], shop: Shop, project: Path, run: Migrator
) -> None:
    assert run("upgrade", "bbb2", "--env", "production", env=shop.env).code == 0
    for revision in ("aaa1", "bbb2"):
        change(file_of(project, "production", revision), "integer", "bigint")
    before = shop.state()

    refused = run("upgrade", *options, "--env", "production", env=shop.env)

    assert (refused.code, shop.state()) == (4, before)
    assert f"error: {EDITED}: aaa1, bbb2." in refused.err
    command = shlex.split(refused.err.strip().rpartition("accept them as they are: ")[2])
    assert command == shlex.split("migrator mark --accept aaa1 --accept bbb2 --env production")
    assert run(*command[1:], env=shop.env).code == 0
    upgraded = run("upgrade", *options, "--env", "production", env=shop.env)
    assert (upgraded.code, shop.revisions()) == (0, ["ccc3"]), upgraded.err
    assert EDITED not in upgraded.err


def test_a_file_that_is_brought_back_is_no_edit(shop: Shop, project: Path, run: Migrator) -> None:
    assert run("upgrade", "bbb2", "--env", "production", env=shop.env).code == 0
    path = file_of(project, "production", "aaa1")
    text = change(path, "integer", "bigint")
    assert run("upgrade", "--env", "production", env=shop.env).code == 4
    path.write_text(text)

    assert run("upgrade", "--env", "production", env=shop.env).code == 0


def test_an_edit_after_it_was_accepted_is_an_edit_again(shop: Shop, project: Path, run: Migrator) -> None:
    assert run("upgrade", "bbb2", "--env", "production", env=shop.env).code == 0
    path = file_of(project, "production", "aaa1")
    text = change(path, "integer", "bigint")
    assert run("mark", "--accept-all", "--env", "production", env=shop.env).code == 0
    change(path, "bigint", "smallint")
    assert run("upgrade", "--env", "production", env=shop.env).code == 4

    # Even back at what was applied once: the file that was accepted last is what counts.
    path.write_text(text)
    assert run("upgrade", "--env", "production", env=shop.env).code == 4


def reformatted(text: str) -> str:
    """Write the same statements in other lines, with other quotes."""
    return text.replace("'", '"').replace("op.execute(", "op.execute(\n\n        ").replace(" = ", "   =  ")


def commented(text: str) -> str:
    """Add comments."""
    return "# A comment.\n" + text.replace("def upgrade():", "def upgrade():  # up\n    # Up it goes.")


def described(text: str) -> str:
    """Change the docstring of the file, and give the functions some."""
    other = text.replace("message of aaa1", "another message")
    return other.replace("def upgrade():\n", 'def upgrade():\n    """Make the customers."""\n')


@pytest.mark.parametrize("rewrite", [reformatted, commented, described], ids=lambda each: each.__name__)
def test_what_does_the_same_is_no_edit(
    rewrite: Callable[[str], str], shop: Shop, project: Path, run: Migrator
) -> None:
    assert run("upgrade", "bbb2", "--env", "production", env=shop.env).code == 0
    path = file_of(project, "production", "aaa1")
    text = path.read_text()
    path.write_text(rewrite(text))
    assert path.read_text() != text

    ran = run("upgrade", "--env", "production", env=shop.env)

    assert (ran.code, shop.revisions()) == (0, ["ccc3"]), ran.err
    assert EDITED not in ran.err


@pytest.mark.parametrize(
    ("old", "new"),
    [("integer", "bigint"), ("DROP TABLE customers", "SELECT 1"), ("= None", "= ()")],
    ids=["a literal of upgrade", "a literal of downgrade", "a label"],
)
def test_what_does_something_else_is_an_edit(
    old: str, new: str, shop: Shop, project: Path, run: Migrator
) -> None:
    assert run("upgrade", "bbb2", "--env", "production", env=shop.env).code == 0
    path = file_of(project, "production", "bbb2")
    change(path, old if "customers" not in old else "DROP TABLE orders", new)

    assert run("upgrade", "--env", "production", env=shop.env).code == 4


def test_a_file_that_is_not_applied_may_be_edited(shop: Shop, project: Path, run: Migrator) -> None:
    assert run("upgrade", "bbb2", "--env", "production", env=shop.env).code == 0
    change(file_of(project, "production", "ccc3"), "integer", "bigint")
    down = ["downgrade", "-1", "--confirm", "production", "--env", "production"]
    assert run(*down, env=shop.env).code == 0
    change(file_of(project, "production", "bbb2"), "integer", "bigint")

    ran = run("upgrade", "--env", "production", env=shop.env)

    # What was taken back is applied anew, and its hash is that of the file as it is now.
    assert (ran.code, EDITED in ran.err) == (0, False), ran.err
    assert run("upgrade", "--env", "production", env=shop.env).code == 0


@pytest.mark.parametrize("how", ["adopted", "stamp"])
def test_what_was_adopted_or_stamped_is_watched_from_then_on(
    how: str, shop: Shop, project: Path, run: Migrator
) -> None:
    if how == "stamp":
        words = ["stamp", "bbb2", "--confirm", "production", "--env", "production"]
        assert run(*words, env=shop.env).code == 0
    else:
        shop.query("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        shop.query("INSERT INTO alembic_version VALUES ('bbb2')")
        assert run("mark", "--confirm", shop.database.name, "--env", "production", env=shop.env).code == 0
    change(file_of(project, "production", "bbb2"), "integer", "bigint")

    ran = run("upgrade", "--env", "production", env=shop.env)

    assert (ran.code, shop.revisions()) == (4, ["bbb2"]), ran.err


def test_taking_back_a_revision_is_not_held_up_by_an_edit(shop: Shop, project: Path, run: Migrator) -> None:
    assert run("upgrade", "--env", "production", env=shop.env).code == 0
    change(file_of(project, "production", "aaa1"), "integer", "bigint")

    ran = run("downgrade", "-1", "--confirm", "production", "--env", "production", env=shop.env)

    assert (ran.code, shop.revisions()) == (0, ["bbb2"]), ran.err


def test_a_dry_run_tells_and_refuses_nothing(shop: Shop, project: Path, run: Migrator) -> None:
    assert run("upgrade", "bbb2", "--env", "production", env=shop.env).code == 0
    change(file_of(project, "production", "aaa1"), "integer", "bigint")

    ran = run("upgrade", "--dry-run", "--env", "production", env=shop.env)

    assert (ran.code, EDITED in ran.err) == (0, True)
    assert "ccc3 message of ccc3" in ran.out


def test_without_a_log_nothing_is_known(shop: Shop, project: Path, run: Migrator) -> None:
    ini = project / "configs" / "alembic_online.ini"
    ini.write_text(ini.read_text() + "log_table = off\n")
    assert run("upgrade", "bbb2", "--env", "production", env=shop.env).code == 0
    change(file_of(project, "production", "aaa1"), "integer", "bigint")

    assert run("upgrade", "--env", "production", env=shop.env).code == 0
