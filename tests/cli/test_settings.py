"""Configuration files that are wrong: one error that names the file, exit code 3, and no database touched."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran, program
from tests.projects.small import versions, write_project, write_revision

Migrator = Callable[..., Ran]
ALEMBIC = "[alembic]\nscript_location = %(here)s/../migrations\n"


@pytest.fixture
def configured(tmp_path: Path) -> Path:
    """A project of one environment, whose database would be a file."""
    root = write_project(tmp_path / "a project")
    write_revision(versions(root), "first")
    (root / ".env").write_text("DATABASE_URL=sqlite:///books.db\n")
    return root


def ini(root: Path) -> Path:
    return root / "configs" / "alembic_test.ini"


def add(root: Path, *lines: str) -> None:
    """Add lines to the [migrator] section, which is the last one."""
    ini(root).write_text(ini(root).read_text() + "\n".join(lines) + "\n")


def refused(migrator: Migrator, root: Path) -> str:
    """Stderr of an upgrade that must end with 3 before it touches the database."""
    ran = migrator("upgrade", cwd=root)
    assert ran.code == 3
    assert ran.out == ""
    assert not (root / "books.db").exists()
    assert str(ini(root)) in ran.err
    assert ran.err.count("error: ") == 1
    assert "hint: " in ran.err
    return ran.err


@pytest.mark.parametrize(
    ("line", "said", "hint"),
    [
        ("exclude_table = x", "unknown key: exclude_table", "Did you mean exclude_tables?"),
        ("lock_timout = 3s", "unknown key: lock_timout", "Did you mean lock_timeout?"),
        ("qqqq = 1", "unknown key: qqqq", "The keys are: environment, aliases"),
        ("protected = true  ; for now", "value of protected", "Comments stand on lines of their own"),
        ("models = a.b # ours", "value of models", "Comments stand on lines of their own"),
        (
            "lock_timeout = 3 parsecs",
            "'3 parsecs' is not a duration such as 500ms, 3s or 2m",
            "lock_timeout:",
        ),
        ("lock_timeout =", "'' is not a duration", "lock_timeout:"),
        ("lock_wait = nan", "'nan' is not a duration", "lock_wait:"),
        ("lock_wait = inf", "none for no limit", "lock_wait:"),
        ("lock_wait = 600h", "'600h' is longer than 24 days; none is no limit", "lock_wait:"),
        ("lock_wait = 1e9", "'1e9' is not a duration", "lock_wait:"),
        ("lock_timeout = " + "9" * 400, "is longer than 24 days", "lock_timeout:"),
        ("lock_timeout = 1,5s", "'1,5s' is not a duration", "lock_timeout:"),
        ("statement_timeout = 0ms", "nothing runs within 0ms; none is no limit", "statement_timeout:"),
        ("statement_timeout = -1s", "'-1s' is not a duration", "statement_timeout:"),
        ("default = maybe", "'maybe' is not true or false", "default:"),
        ("protected =", "'' is not true or false", "protected:"),
        ("transaction = both", "'both' is not one of: revision, run, env", "transaction:"),
        ("round_trips = slow", "'slow' is not one of: fast, plain", "round_trips:"),
        ("database = sqlite", "'sqlite' is not one of: embedded", "database:"),
        ("environment = two words", "'two words' is not a name", "environment:"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_meant(
    configured: Path, migrator: Migrator, line: str, said: str, hint: str
) -> None:
    add(configured, line)
    err = refused(migrator, configured)
    assert said in err
    assert hint in err


def test_the_error_is_in_the_envelope_of_json(configured: Path, migrator: Migrator) -> None:
    add(configured, "lock_timeout = soon")
    ran = migrator("upgrade", "--json", cwd=configured)
    document = json.loads(ran.out)
    assert (ran.code, document["exit_code"], document["status"]) == (3, 3, "error")
    assert document["errors"][0]["type"] == "ConfigurationError"
    assert "'soon' is not a duration" in document["errors"][0]["message"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[migrator]\nprotected = true\n", "has no [alembic] section"),
        (b"", "has no [alembic] section"),
        (b"script_location = migrations\n", "is not a valid ini file: File contains no section headers"),
        (b"[alembic]\nscript_location = a\nscript_location = b\n", "option 'script_location'"),
        (b"[alembic]\nscript_location = \xff\n", "is not UTF-8 text"),
    ],
)
def test_a_file_that_is_no_alembic_configuration_says_why(
    configured: Path, migrator: Migrator, content: bytes, said: str
) -> None:
    ini(configured).write_bytes(content)
    assert said in refused(migrator, configured)


def test_a_folder_in_place_of_the_file_cannot_be_read(configured: Path, migrator: Migrator) -> None:
    ini(configured).unlink()
    ini(configured).mkdir()
    assert "cannot be read: Is a directory" in refused(migrator, configured)


def test_a_file_without_read_permission_cannot_be_read(configured: Path, shell: Callable[..., Ran]) -> None:
    # Root may read everything, unless it has given up that right.
    without = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    if without and shutil.which("setpriv") is None:
        pytest.skip("no setpriv to give up root's rights with")
    ini(configured).chmod(0)
    ran = shell([*without, *program(["migrator", "heads"])], cwd=configured)
    assert ran.code == 3
    assert "cannot be read: Permission denied" in ran.err


def test_a_bare_percent_in_alembics_section_is_explained(configured: Path, migrator: Migrator) -> None:
    ini(configured).write_text(ALEMBIC + "version_locations = %(here)s/../migrations/100%/versions\n")
    ran = migrator("upgrade", cwd=configured)
    assert ran.code == 3
    assert "The value of version_locations in" in ran.err
    assert "Write %% for a percent sign" in ran.err


def test_comments_on_lines_of_their_own_and_percent_signs_are_fine(
    configured: Path, migrator: Migrator
) -> None:
    add(
        configured,
        "# a comment",
        "; another",
        "exclude_tables = a%, b%(c)s",
        "role = own%er",
        "lock_timeout = 500ms",
    )
    assert migrator("upgrade", cwd=configured).out.startswith("upgraded testing: base -> first")


def test_an_ini_without_a_migrator_section_is_an_environment(configured: Path, migrator: Migrator) -> None:
    ini(configured).write_text(ini(configured).read_text().partition("[migrator]")[0])
    assert migrator("upgrade", cwd=configured).out.startswith("upgraded testing: base -> first")


def test_keys_of_a_default_section_are_no_keys_of_migrator(configured: Path, migrator: Migrator) -> None:
    ini(configured).write_text("[DEFAULT]\nnickname = x\n" + ini(configured).read_text())
    assert migrator("heads", cwd=configured).out == "first (head)\n"


def test_versions_is_read_as_version_locations(configured: Path, migrator: Migrator) -> None:
    other = configured / "where others keep them"
    other.mkdir()
    write_revision(other, "elsewhere")
    ini(configured).write_text(ALEMBIC + f"versions = %(here)s/../{other.name}\npath_separator = newline\n")
    assert migrator("heads", cwd=configured).out == "elsewhere (head)\n"
    upgraded = migrator("upgrade", cwd=configured)
    assert upgraded.out.startswith("upgraded testing: base -> elsewhere"), upgraded.err
    generated = migrator("generate", "--empty", "-m", "more", cwd=configured)
    assert generated.out.startswith(f"wrote {other.name}/"), generated.err


def test_version_locations_goes_before_versions(configured: Path, migrator: Migrator) -> None:
    text = ini(configured).read_text().replace("[migrator]", "versions = %(here)s/nowhere\n\n[migrator]")
    ini(configured).write_text(text)
    assert migrator("heads", cwd=configured).out == "first (head)\n"


def test_without_version_locations_the_folder_is_named_after_the_file(
    tmp_path: Path, migrator: Migrator
) -> None:
    root = write_project(tmp_path / "by name", "test", "online", "eu_west")
    for suffix in ("test", "online", "eu_west"):
        (root / "configs" / f"alembic_{suffix}.ini").write_text(ALEMBIC)
        write_revision(versions(root, suffix), f"of_{suffix}")
    for suffix in ("test", "online", "eu_west"):
        assert migrator("heads", "--env", suffix, cwd=root).out == f"of_{suffix} (head)\n"


def test_a_folder_with_spaces_needs_no_path_separator(configured: Path, migrator: Migrator) -> None:
    other = configured / "migrations" / "the old ones, kept"
    other.mkdir()
    write_revision(other, "spaced")
    ini(configured).write_text(ALEMBIC + f"version_locations = %(here)s/../migrations/{other.name}\n")
    assert migrator("heads", cwd=configured).out == "spaced (head)\n"
    generated = migrator(
        "generate", "--empty", "-m", "next", cwd=configured, env={"DATABASE_URL": "sqlite:///b.db"}
    )
    assert generated.code == 0, generated.err
    assert len(list(other.glob("*.py"))) == 2


def test_several_version_folders_are_read(configured: Path, migrator: Migrator) -> None:
    more = configured / "more"
    more.mkdir()
    write_revision(more, "second", "first")
    ini(configured).write_text(
        ALEMBIC + "version_locations =\n    %(here)s/../migrations/test/versions\n    %(here)s/../more\n"
        "path_separator = newline\n"
    )
    assert migrator("heads", cwd=configured).out == "second (head)\n"


def test_without_script_location_the_error_says_what_to_add(configured: Path, migrator: Migrator) -> None:
    ini(configured).write_text("[alembic]\nprepend_sys_path = .\n")
    ran = migrator("upgrade", cwd=configured)
    assert ran.code == 3
    assert "script_location" in ran.err
