"""What a revision asks for itself at the top of its file."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from migrator.errors import RevisionsError
from migrator.revisions.directives import Directives, directives

FUNCTION = "\n\ndef upgrade() -> None:\n    pass\n"


def read(tmp_path: Path, top: str | bytes, rest: str = FUNCTION) -> Directives:
    path = tmp_path / "a.py"
    path.write_bytes((top if isinstance(top, bytes) else top.encode()) + rest.encode())
    return directives(path, "versions/a.py")


def test_everything_can_be_asked_for_in_one_line(tmp_path: Path) -> None:
    found = read(tmp_path, "# migrator: lock_timeout=500ms statement_timeout=2m retries=2\n")

    assert found == Directives(0.5, 120.0, 2)


def test_several_lines_anywhere_before_the_first_function_count(tmp_path: Path) -> None:
    top = (
        '"""message"""\n#migrator:retries=0\nimport os\n\nrevision = "a"\nlabels = (\n'
        "    #  migrator : lock_timeout=1h\n)"
    )

    assert read(tmp_path, top) == Directives(3600.0, None, 0)


def test_no_limit_is_told_from_not_said(tmp_path: Path) -> None:
    assert read(tmp_path, "# migrator: statement_timeout=none\n") == Directives(None, math.inf)


def test_spaces_around_the_equals_sign_and_plain_seconds_are_read(tmp_path: Path) -> None:
    top = "# migrator: lock_timeout = 1.5 statement_timeout= 2M retries =2\n"

    assert read(tmp_path, top) == Directives(1.5, 120.0, 2)


@pytest.mark.parametrize(
    "top",
    [
        "revision = 'a'\n",
        "# migrator is a tool\n",
        "# migrator:\n",
        "# for migrator: retries=2\n",
        'TEXT = """\n# migrator: retries=2\n"""\n',
        "revision = 'a'  # migrator: retries=2\n",
        "def helper():\n    pass\n\n\n# migrator: retries=2\n",
        "async def helper():\n    # migrator: retries=2\n    pass\n",
        "# migrator is great\n",
        "# Migrator: see the docs about retries=2 there\n",
        "# Migrator: colour=blue\n",
        "# migrator retries twice here\n",
        "# Migration: irreversible\n",
        "# operator: retries=2\n",
        "revision = 'a'  # Migrator: retries=2\n",
        "def helper():\n    pass\n\n\n# Migrator: retries=2\n",
        "# migrator: allow adding-column, dropping-table -- nobody reads it\n",
        "revision = 'a'  # migrator: allow anything\n",
    ],
)
def test_nothing_else_asks_for_anything(tmp_path: Path, top: str) -> None:
    assert read(tmp_path, top) == Directives()


def test_the_words_def_and_migrator_in_texts_do_not_end_the_top(tmp_path: Path) -> None:
    top = "undef = 'def upgrade(): # migrator: retries=1'  # def\n# migrator: retries=2\n"

    assert read(tmp_path, top).retries == 2


def test_a_file_of_another_encoding_and_line_end_is_read(tmp_path: Path) -> None:
    top = "# coding: latin-1\r\n# é\r\n# migrator: retries=3\r\n".encode("latin-1")

    assert read(tmp_path, top).retries == 3


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ("lock_timout=3s", "asks for something unknown: 'lock_timout'", "Did you mean lock_timeout?"),
        ("retry=2", "asks for something unknown: 'retry'", "Did you mean retries?"),
        ("zzz", "unknown: 'zzz'", "Write it as lock_timeout=10s statement_timeout=none retries=2."),
        ("lock_timeout=3d", "'3d' is not a duration", "Write lock_timeout=10s."),
        ("lock_timeout=", "'' is not a duration", "Write lock_timeout=10s."),
        ("statement_timeout", "'' is not a duration", "Write statement_timeout=none."),
        ("statement_timeout=0", "nothing runs within 0; none is no limit", "Write statement_timeout=none."),
        ("lock_timeout=inf", "'inf' is not a duration", "Write lock_timeout=10s."),
        ("retries=-1", "'-1' is not a number", "Write retries=2."),
        ("retries=2s", "'2s' is not a number", "Write retries=2."),
        ("retries=1 retries=1", "says retries a second time", "Take one of the two out."),
        ("lock_timeout=0 lock_timeout=3s", "says lock_timeout a second time", "Take one"),
    ],
)
def test_what_makes_no_sense_is_refused_with_file_and_line(
    tmp_path: Path, words: str, message: str, hint: str
) -> None:
    with pytest.raises(RevisionsError) as caught:
        read(tmp_path, f'"""message"""\n\n# migrator: {words}\n')

    assert caught.value.message.startswith("versions/a.py, line 3, ")
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_the_same_word_on_two_lines_is_refused_at_the_second(tmp_path: Path) -> None:
    with pytest.raises(RevisionsError, match=r"line 2, says retries a second time"):
        read(tmp_path, "# migrator: retries=1\n# migrator: retries=2\n")


@pytest.mark.parametrize("rest", ["\nx = (\n", "\nx = '''\n", "\nif x:\n        y\n    z\n"])
def test_a_file_that_is_not_python_is_refused(tmp_path: Path, rest: str) -> None:
    with pytest.raises(RevisionsError, match=r"versions/a\.py is not valid Python"):
        read(tmp_path, "# migrator: retries=1\n", rest)


def test_bytes_that_are_not_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RevisionsError, match=r"versions/a\.py is not valid Python"):
        read(tmp_path, b"# migrator: retries=1\n\n\n\nx = '\xff'\n")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RevisionsError, match=r"versions/a\.py cannot be read: No such file"):
        directives(tmp_path / "none.py", "versions/a.py")


@pytest.mark.parametrize(
    "before", ["Migrator:", "MIGRATOR :", "migrator", "migrater:", "migrators:", "migrator;"]
)
@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("lock_timeout=10s", "lock_timeout=10s"),
        ("retries = 2", "retries=2"),
        ("lock_timout=3s retries=2", "lock_timout=3s retries=2"),
        ("irreversible retries=1", "irreversible retries=1"),
    ],
)
def test_a_line_that_is_misspelt_before_its_settings_is_refused_with_its_right_spelling(
    tmp_path: Path, before: str, words: str, meant: str
) -> None:
    with pytest.raises(RevisionsError) as caught:
        read(tmp_path, f'"""message"""\n\n# {before} {words}\n')

    assert caught.value.message.startswith("versions/a.py, line 3, is not read")
    assert f"# {before} {words}" in caught.value.message
    assert caught.value.hint == f"Write it as: # migrator: {meant}"


@pytest.mark.parametrize("line", ["# Migrator: irreversible", "# migrator irreversible"])
def test_irreversible_is_not_passed_over_for_a_capital_or_a_colon(tmp_path: Path, line: str) -> None:
    with pytest.raises(RevisionsError, match="does not begin with '# migrator:'"):
        read(tmp_path, line + "\n")


@pytest.mark.parametrize(
    ("top", "found"),
    [
        ("# migrator: irreversible\n", Directives(irreversible=True)),
        (
            "# migrator: irreversible retries=2\n# migrator: irreversible\n",
            Directives(None, None, 2, irreversible=True),
        ),
    ],
)
def test_a_revision_may_say_that_it_is_irreversible(tmp_path: Path, top: str, found: Directives) -> None:
    assert read(tmp_path, top) == found


def test_irreversible_takes_no_value(tmp_path: Path) -> None:
    with pytest.raises(RevisionsError, match=r"line 1, gives irreversible a value"):
        read(tmp_path, "# migrator: irreversible=yes\n")


def test_what_is_allowed_stands_beside_settings(tmp_path: Path) -> None:
    top = "# migrator: allow adding-column -- retries=7 would not help\n# migrator: retries=2\n"

    assert read(tmp_path, top) == Directives(None, None, 2)
