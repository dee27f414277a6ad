"""A comment in a version file excuses a finding, with its reason."""

from __future__ import annotations

from textwrap import dedent

import pytest

from migrator.errors import RevisionsError
from migrator.lint.excuses import excuses
from migrator.lint.judgement import Judgement
from migrator.lint.lint_settings import LintSettings
from tests.linting import judged, ran, rules

FILE = "versions/a1.py"
REASON = "unused since 2.3"
ALLOW = "# migrator: allow"


def in_file(
    source: str, *lines: int | None, sql: str = "DROP TABLE t", settings: LintSettings | None = None
) -> Judgement:
    """Judge a statement run by the call at each of `lines` of a version file."""
    return judged(
        *(ran(sql, line) for line in lines),
        dialect="sqlite",
        settings=settings or LintSettings(),
        sources={FILE: dedent(source)},
    )


def reasons(judgement: Judgement) -> list[str | None]:
    return [finding.excused_by for finding in judgement.findings]


ON_THE_LINE = f"""\
import alembic.op as op

def upgrade():
    op.drop_table("t")  {ALLOW} ban-drop-table -- {REASON}
    op.drop_table("t")
"""


def test_a_comment_on_the_line_excuses_that_call_alone() -> None:
    assert reasons(in_file(ON_THE_LINE, 4, 5)) == [REASON, None]


def test_an_excused_finding_stays_an_error_with_a_reason() -> None:
    (finding,) = in_file(ON_THE_LINE, 4).findings

    assert (finding.rule, finding.severity, finding.excused_by) == ("ban-drop-table", "error", REASON)


def test_a_comment_for_another_rule_excuses_nothing() -> None:
    judgement = in_file(ON_THE_LINE.replace("ban-drop-table", "truncate"), 4)

    assert reasons(judgement) == [None]
    assert judgement.notes == (f"{FILE}:4 allows truncate, which nothing there needs",)


ABOVE = f"""\
def upgrade():
    op.drop_table("s")
    {ALLOW} ban-drop-table -- {REASON}
    # and a word more
    op.drop_table("t")
    op.drop_table("u")
"""


def test_a_comment_above_excuses_the_call_under_it() -> None:
    assert reasons(in_file(ABOVE, 2, 5, 6)) == [None, REASON, None]


def test_a_blank_line_parts_a_comment_from_its_call() -> None:
    assert reasons(in_file(ABOVE.replace("    # and a word more", ""), 5)) == [None]


LONG_CALL = f"""\
def upgrade():
    op.drop_table("s")
    op.drop_table(
        "t",
        schema="x",  {ALLOW} ban-drop-table -- {REASON}
    )
    op.drop_table("u")
"""


@pytest.mark.parametrize("line", [3, 4, 5, 6])
def test_a_comment_within_a_long_call_excuses_it_wherever_its_line_is_taken_to_be(line: int) -> None:
    assert reasons(in_file(LONG_CALL, 2, line, 7)) == [None, REASON, None]


def test_a_comment_within_a_text_of_sql_is_no_comment() -> None:
    source = (
        f'def upgrade():\n    op.execute("""\n    {ALLOW} ban-drop-table -- {REASON}\n    DROP TABLE t""")\n'
    )

    assert reasons(in_file(source, 2)) == [None]


IN_A_BLOCK = f"""\
def upgrade():
    with op.get_context().autocommit_block():
        {ALLOW} ban-drop-table -- {REASON}
        op.drop_table("t")
        op.drop_table("u")
    if True:
        op.drop_table("v")  {ALLOW} ban-drop-table -- other
"""


def test_a_comment_in_a_block_excuses_one_call_of_it() -> None:
    assert reasons(in_file(IN_A_BLOCK, 4, 5, 7)) == [REASON, None, "other"]


BATCH = f"""\
def upgrade():
    {ALLOW} ban-drop-column -- {REASON}
    with op.batch_alter_table("t") as batch:
        batch.drop_column("a")
        batch.drop_column("b")
"""


def test_a_comment_above_a_batch_excuses_what_its_head_runs_and_not_the_calls_in_it() -> None:
    judgement = in_file(BATCH, 3, 4, sql="ALTER TABLE t DROP COLUMN a")

    assert reasons(judgement) == [REASON, None]


WHOLE_FILE = f'''\
"""Drop what is unused."""

{ALLOW} ban-drop-table, truncate -- {REASON}
revision = "a1"

def upgrade():
    op.drop_table("t")
'''


@pytest.mark.parametrize("line", [7, 1, 99, None])
def test_a_comment_before_the_first_function_excuses_the_whole_file(line: int | None) -> None:
    assert reasons(in_file(WHOLE_FILE, line)) == [REASON]


def test_of_two_rules_in_one_comment_the_one_that_is_not_needed_is_noted() -> None:
    assert in_file(WHOLE_FILE, 7).notes == (f"{FILE}:3 allows truncate, which nothing there needs",)


def test_the_reason_of_the_call_goes_before_that_of_the_file() -> None:
    source = f"{ALLOW} ban-drop-table -- file\ndef upgrade():\n    op.x()  {ALLOW} ban-drop-table -- call\n"

    judgement = in_file(source, 3)

    assert reasons(judgement) == ["call"]
    assert judgement.notes == (f"{FILE}:1 allows ban-drop-table, which nothing there needs",)


def test_a_statement_of_an_unknown_line_is_excused_by_the_file_alone() -> None:
    assert reasons(in_file(ON_THE_LINE, None)) == [None]


def test_an_excuse_in_a_downgrade_is_not_noted_where_only_upgrades_ran() -> None:
    source = f"def upgrade():\n    pass\n\ndef downgrade():\n    op.x()  {ALLOW} ban-drop-table -- gone\n"

    assert in_file(source, 2, sql="SELECT 1").notes == ()
    assert reasons(in_file(source, 5)) == ["gone"]


def test_an_excuse_is_needed_where_these_settings_ignore_the_rule() -> None:
    judgement = in_file(ON_THE_LINE, 4, settings=LintSettings(ignore=frozenset({"ban-drop-table"})))

    assert (judgement.findings, judgement.notes) == ((), ())


def test_the_files_are_not_mixed_up() -> None:
    other = ran("DROP TABLE t", 4, revision="b2")

    judgement = judged(ran("DROP TABLE t", 4), other, dialect="sqlite", sources={FILE: ON_THE_LINE})

    assert reasons(judgement) == [REASON, None]


def test_an_excuse_of_a_rule_of_squawk_holds_too() -> None:
    source = f"def upgrade():\n    op.create_index()  {ALLOW} require-concurrent-index-creation -- small\n"

    judgement = judged(ran("CREATE INDEX i ON t (a)", 2), sources={FILE: source})

    assert rules(judgement) == ["require-concurrent-index-creation"]
    assert reasons(judgement) == ["small"]


@pytest.mark.parametrize(
    "comment",
    [
        "# migrator: allow ban-drop-table -- why",
        "#migrator:allow ban-drop-table -- why",
        "#  migrator : allow  ban-drop-table  --  why  ",
        "# migrator: allow ban-drop-table,truncate -- why",
        "# migrator: allow truncate ban-drop-table -- why",
    ],
)
def test_blanks_do_not_matter(comment: str) -> None:
    assert reasons(in_file(f"def upgrade():\n    op.x()  {comment}\n", 2)) == ["why"]


def test_a_reason_may_have_dashes_in_it() -> None:
    assert reasons(in_file(f"def upgrade():\n    op.x()  {ALLOW} ban-drop-table -- a -- b\n", 2)) == [
        "a -- b"
    ]


@pytest.mark.parametrize(
    ("said", "sentence", "hint"),
    [
        ("ban-drop-table", "allows something without a reason.", f"Write it as {ALLOW} "),
        ("ban-drop-table --", "allows something without a reason.", f"Write it as {ALLOW} "),
        ("ban-drop-table because of that", "allows something without a reason.", f"Write it as {ALLOW} "),
        ("-- why", "names no rule to allow.", f"Write it as {ALLOW} "),
        ("", "allows something without a reason.", f"Write it as {ALLOW} "),
        ("ban-drop-tabel -- why", "allows an unknown rule: ban-drop-tabel.", "Did you mean ban-drop-table?"),
        ("truncate, xyz -- why", "allows an unknown rule: xyz.", "The rules are: "),
    ],
)
def test_an_excuse_that_says_too_little_is_an_error_that_names_file_and_line(
    said: str, sentence: str, hint: str
) -> None:
    with pytest.raises(RevisionsError) as caught:
        in_file(f"def upgrade():\n    op.x()  {ALLOW} {said}\n", 2)

    assert caught.value.message == f"{FILE}, line 2, {sentence}"
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize(
    "comment", ["# migrator: lock_timeout=10s", "# allow ban-drop-table", "# migrator: allowed"]
)
def test_other_comments_are_not_excuses(comment: str) -> None:
    assert excuses(f"{comment}\ndef upgrade(): pass\n", FILE) == ()


def test_a_file_that_is_not_python_is_an_error_that_names_it() -> None:
    with pytest.raises(RevisionsError, match=r"versions/a1\.py is not valid Python"):
        in_file(f"def upgrade(:\n    op.x()  {ALLOW} truncate -- why\n", 2)
