"""Each line of a result has a kind, which gives it its colour, whatever words it begins with."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from migrator.cli.rich_tables import rendered
from migrator.plain import How, Kind, Line, lines
from migrator.results.differences import Change
from migrator.results.environment_status import EnvironmentInfo, EnvironmentList
from migrator.results.fleet import FleetResult, TenantAnswer
from migrator.results.judged import Checked, Linted, LintFinding
from migrator.results.run import Failure, RunPlan, RunResult, Step
from migrator.results.written import Generated

STEP = Step("aaa1", "one", "versions/aaa1.py")


def kinds(result: object, environment: str = "testing") -> list[tuple[str, Kind]]:
    """Give each line of a result with its kind."""
    return [(line, line.kind) for line in lines(result, How(environment=environment))]


def at_a_terminal(result: object, environment: str = "testing") -> list[list[tuple[str, str]]]:
    """Give the lines of a result as a terminal shows them: parts of text, each with its style."""
    console = Console(force_terminal=True, width=200, highlight=False, markup=False, emoji=False)
    shown = console.render_lines(rendered(result, How(environment=environment)), pad=False)
    return [[(part.text, str(part.style)) for part in line if part.text.strip()] for line in shown]


def test_a_line_is_its_text() -> None:
    line = Line("wrote a.py", Kind.DONE)

    assert (line, str(line), f"{line}", "\n".join([line])) == ("wrote a.py",) * 4
    assert Line("wrote a.py").kind is Kind.PLAIN


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("add_table", Kind.ADDED),
        ("drop_column", Kind.DROPPED),
        ("alter_enum", Kind.ALTERED),
        ("execute", Kind.PLAIN),
        ("other", Kind.PLAIN),
    ],
)
def test_a_change_has_the_kind_of_what_it_does(kind: Any, expected: Kind) -> None:
    assert kinds(Generated((), (Change(kind, "add this"),), True))[0] == ("add this", expected)


def test_a_run_that_failed_shows_what_is_wrong_and_what_is_left() -> None:
    result = RunResult(
        "upgrade", "head", (), (), failed=Failure(STEP, "no", None, None, None), remaining=(STEP,)
    )

    assert [kind for _, kind in kinds(result)] == [Kind.WRONG, Kind.OPEN, Kind.PLAIN]


def test_what_a_step_destroys_is_of_a_kind_of_its_own() -> None:
    step = Step("aaa1", "one", "versions/aaa1.py", destroys=("users",))
    plan = RunPlan("upgrade", "head", "shop", (), (step,))

    assert kinds(plan)[-1] == ("    destroys: users", Kind.LOST)


@pytest.mark.parametrize("environment", ["pending", "wrote", "drop", "failed:", "next:"])
def test_the_name_of_an_environment_gives_a_line_no_colour(environment: str) -> None:
    result = RunResult("upgrade", "head", ("aaa1",), ("aaa1",))

    [(line, kind)] = kinds(result, environment)
    assert (line.startswith(environment), kind) == (True, Kind.PLAIN)
    [[(_, style)]] = at_a_terminal(result, environment)
    assert style in ("none", "None", "")


FINDING: dict[str, Any] = {
    "file": "versions/aaa1.py",
    "line": 1,
    "rule": "ban-drop-table",
    "revision": "aaa1",
    "operation": "upgrade",
    "statement": "DROP TABLE a",
    "lock": "",
    "remedy": "Do not.\ncode",
}


@pytest.mark.parametrize(
    ("said", "style"),
    [
        ({"severity": "error"}, "bold red"),
        ({"severity": "warning"}, "yellow"),
        ({"severity": "error", "excused_by": "it is empty"}, "green"),
    ],
)
def test_a_finding_has_the_colour_of_its_severity(said: dict[str, Any], style: str) -> None:
    # A message of another tool may say anything.
    finding = LintFinding(**{"message": "like: error [x], : excused [y]", **FINDING, **said})

    first, second, *_ = at_a_terminal(Linted("testing", ("aaa1",), (finding,)))
    assert (first[0][1], second[0][1]) == (style, "dim")


def test_a_tenant_has_the_colour_of_its_outcome() -> None:
    answers = (
        TenantAnswer("a", "failed", 7, error="no: done: yes", hint="Look."),
        TenantAnswer("b", "nothing to do", 0),
        TenantAnswer("c", "no", 1, result=Checked("database", ("models",), problems=("two heads",))),
    )

    shown = at_a_terminal(FleetResult(answers, 1.0))

    assert [[text for text, _ in line] for line in shown] == [
        ["a: ", "failed (7): no: done: yes"],
        ["  hint: Look."],
        ["b: ", "nothing to do"],
        ["c: ", "no"],
        ["  wrong: two heads"],
        ["3 tenants: ", "1 nothing to do, 1 no, 1 failed"],
    ]
    assert [line[-1][1] for line in shown[:1] + shown[2:5]] == ["bold red", "dim", "yellow", "bold red"]
    assert "\n".join("".join(text for text, _ in line) for line in shown) == "\n".join(
        lines(FleetResult(answers, 1.0), How(environment="testing"))
    )


def test_an_environment_whose_url_cannot_be_used_is_red() -> None:
    def listed(error: str | None) -> str:
        info = EnvironmentInfo("a", (), "a.ini", (), None, None, False, False, None, error)
        return at_a_terminal(EnvironmentList("/", (info,)))[3][-1][1]

    assert (listed("no URL"), "red" in listed(None)) == ("red", False)
