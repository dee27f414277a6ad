"""Findings as lines, as GitHub's workflow commands, and as GitLab's report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from migrator.cli.pipeline_reports import github, gitlab, in_repository
from migrator.plain import How, lines
from migrator.results.judged import Linted, LintFinding

DROP = LintFinding(
    rule="ban-drop-column",
    severity="error",
    revision="a1",
    file="migrations/online/versions/a1_orders.py",
    line=7,
    operation="op.drop_column",
    statement="ALTER TABLE orders DROP COLUMN note",
    message="The column's values are gone.",
    lock="ACCESS EXCLUSIVE on orders",
    remedy='Drop it later:\n    op.drop_column("orders", "note")',
)
VIEW = replace(DROP, rule="ban-drop-view", severity="warning", line=None, lock="", remedy="Later.")
EXCUSED = replace(DROP, line=9, excused_by="unused since 2.3")


def linted(*findings: LintFinding, **facts: object) -> Linted:
    result = Linted("production", ("a1", "b2"), findings, 12, "squawk 2.70.0")
    return replace(result, **facts)  # type: ignore[arg-type]


def test_a_finding_is_told_with_place_rule_statement_lock_and_remedy() -> None:
    assert list(lines(linted(DROP), How())) == [
        "migrations/online/versions/a1_orders.py:7: error [ban-drop-column] The column's values are gone.",
        "  op.drop_column of a1: ALTER TABLE orders DROP COLUMN note",
        "  lock: ACCESS EXCLUSIVE on orders",
        "  instead: Drop it later:",
        '      op.drop_column("orders", "note")',
        "production: 12 statements of 2 revisions: 1 error, 0 warnings, 0 excused, squawk 2.70.0",
    ]


def test_what_is_not_known_of_a_finding_leaves_no_empty_line() -> None:
    assert list(lines(linted(VIEW, tool=""), How())) == [
        "migrations/online/versions/a1_orders.py: warning [ban-drop-view] The column's values are gone.",
        "  op.drop_column of a1: ALTER TABLE orders DROP COLUMN note",
        "  instead: Later.",
        "production: 12 statements of 2 revisions: 0 errors, 1 warning, 0 excused",
    ]


def test_an_excused_finding_is_told_with_its_reason() -> None:
    assert list(lines(linted(EXCUSED, statements=1, revisions=("a1",)), How())) == [
        "migrations/online/versions/a1_orders.py:9: excused [ban-drop-column] unused since 2.3",
        "  op.drop_column of a1: ALTER TABLE orders DROP COLUMN note",
        "production: 1 statement of 1 revision: 0 errors, 0 warnings, 1 excused, squawk 2.70.0",
    ]


def test_notes_come_before_the_sum() -> None:
    *_, note, _ = lines(linted(notes=("a1.py:3 allows truncate, which nothing there needs",)), How())

    assert note == "note: a1.py:3 allows truncate, which nothing there needs"


@pytest.mark.parametrize(
    ("findings", "ok"),
    [((), True), ((DROP,), False), ((VIEW,), True), ((EXCUSED,), True), ((EXCUSED, DROP), False)],
)
def test_only_an_error_that_is_not_excused_is_not_ok(findings: tuple[LintFinding, ...], ok: bool) -> None:
    assert linted(*findings).ok is ok


def test_github_gets_a_command_for_each_finding() -> None:
    assert list(github(linted(DROP, VIEW, EXCUSED))) == [
        "::error file=migrations/online/versions/a1_orders.py,line=7,title=ban-drop-column::"
        "The column's values are gone. Lock: ACCESS EXCLUSIVE on orders.%0A"
        "op.drop_column: ALTER TABLE orders DROP COLUMN note%0A"
        'Drop it later:%0A    op.drop_column("orders", "note")',
        "::warning file=migrations/online/versions/a1_orders.py,title=ban-drop-view::"
        "The column's values are gone.%0Aop.drop_column: ALTER TABLE orders DROP COLUMN note%0ALater.",
        "::notice file=migrations/online/versions/a1_orders.py,line=9,title=ban-drop-column::"
        "The column's values are gone. Lock: ACCESS EXCLUSIVE on orders. Excused: unused since 2.3%0A"
        "op.drop_column: ALTER TABLE orders DROP COLUMN note",
    ]


def test_github_reads_no_command_out_of_a_name_or_a_statement() -> None:
    odd = replace(
        DROP, file="a,b:c%\n::error::x.py", statement="SELECT '100%,:' \r\n::error::", lock="", remedy=""
    )

    (command,) = github(linted(odd))

    assert command == (
        "::error file=a%2Cb%3Ac%25%0A%3A%3Aerror%3A%3Ax.py,line=7,title=ban-drop-column::"
        "The column's values are gone.%0Aop.drop_column: SELECT '100%25,:' %0D%0A::error::"
    )


def test_gitlab_gets_what_its_report_needs() -> None:
    report = json.loads(gitlab(linted(DROP, VIEW, EXCUSED)))

    assert [set(issue) for issue in report] == [
        {"description", "check_name", "fingerprint", "severity", "location"}
    ] * 3
    assert [issue["severity"] for issue in report] == ["major", "minor", "info"]
    assert [issue["check_name"] for issue in report] == [
        "ban-drop-column",
        "ban-drop-view",
        "ban-drop-column",
    ]
    assert [issue["location"]["lines"]["begin"] for issue in report] == [7, 1, 9]
    assert {issue["location"]["path"] for issue in report} == {DROP.file}
    assert report[2]["description"].endswith("Excused: unused since 2.3")


def test_without_findings_the_report_is_an_empty_list() -> None:
    assert json.loads(gitlab(linted())) == []
    assert list(github(linted())) == []


def test_a_fingerprint_outlives_a_move_of_lines_and_an_excuse() -> None:
    def prints(*findings: LintFinding) -> list[str]:
        return [issue["fingerprint"] for issue in json.loads(gitlab(linted(*findings)))]

    (before,) = prints(DROP)

    assert prints(replace(DROP, line=70)) == [before]
    assert prints(EXCUSED) == [before]


@pytest.mark.parametrize("other", [{"rule": "x"}, {"file": "x.py"}, {"statement": "x"}, {"revision": "x"}])
def test_other_findings_have_other_fingerprints(other: dict[str, str]) -> None:
    report = json.loads(gitlab(linted(DROP, replace(DROP, **other))))  # type: ignore[arg-type]

    assert len({issue["fingerprint"] for issue in report}) == 2


def test_the_same_statement_twice_has_two_fingerprints() -> None:
    report = json.loads(gitlab(linted(DROP, replace(DROP, line=8))))

    assert len({issue["fingerprint"] for issue in report}) == 2


def test_in_a_larger_repository_files_are_named_from_its_top(tmp_path: Path) -> None:
    project = tmp_path / "services" / "shop"
    project.mkdir(parents=True)
    outside = replace(DROP, file="/elsewhere/a1.py")

    assert in_repository(linted(DROP), project) == linted(DROP)
    (tmp_path / ".git").write_text("gitdir: of a worktree\n")
    named = [finding.file for finding in in_repository(linted(DROP, outside), project).findings]
    assert named == [f"services/shop/{DROP.file}", "/elsewhere/a1.py"]
    (project / ".git").mkdir()
    assert in_repository(linted(DROP), project) == linted(DROP)
