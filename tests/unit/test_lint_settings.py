"""What an environment says about rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrator.errors import ConfigurationError
from migrator.lint.lint_settings import RULES, LintSettings, lint_settings
from tests.linting import judged, rules

INI = Path("configs/alembic_online.ini")


@pytest.mark.parametrize("key", ["lint_error", "lint_ignore"])
@pytest.mark.parametrize(
    ("name", "hint"), [("ban-drop-colum", "Did you mean ban-drop-column?"), ("xyz", "The rules are: ")]
)
def test_an_unknown_rule_is_an_error_that_names_key_and_file(key: str, name: str, hint: str) -> None:
    said = {"lint_error": [], "lint_ignore": [], key: [name]}

    with pytest.raises(ConfigurationError) as caught:
        lint_settings(said["lint_error"], said["lint_ignore"], str(INI))

    assert caught.value.message == f"{key} in [migrator] of {INI} names an unknown rule: {name}."
    assert caught.value.hint.startswith(hint)


def test_a_rule_in_both_lists_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="both name truncate"):
        lint_settings(["truncate"], ["truncate"], str(INI))


@pytest.mark.parametrize("name", ["unused-ignore; ls", "--help", "../x", ""])
def test_what_is_no_name_is_not_asked_for(name: str) -> None:
    with pytest.raises(ConfigurationError):
        lint_settings([name], [], str(INI))


def test_a_rule_that_only_squawk_knows_may_be_named() -> None:
    # An alias of two others: squawk takes it, and reports it under other names.
    assert "require-timeout-settings" not in RULES

    assert lint_settings([], ["require-timeout-settings"], str(INI)).ignore == {"require-timeout-settings"}


def test_lint_error_makes_an_error_of_a_warning() -> None:
    settings = lint_settings(["ban-drop-view"], [], str(INI))

    assert [finding.severity for finding in judged("DROP VIEW v").findings] == ["warning"]
    assert [finding.severity for finding in judged("DROP VIEW v", settings=settings).findings] == ["error"]


def test_lint_ignore_leaves_the_other_rules() -> None:
    settings = lint_settings([], ["ban-drop-view"], str(INI))

    assert rules(judged("DROP VIEW v", "DROP TABLE t", settings=settings)) == ["ban-drop-table"]


def test_squawk_is_asked_for_what_it_does_not_tell_by_itself() -> None:
    assert LintSettings(error=frozenset({"ban-revoke"})).asked == (
        "ban-alter-generated-expression",
        "ban-revoke",
    )


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_each_rule_says_why_and_what_to_do_in_whole_sentences(rule: object) -> None:
    why, remedy = getattr(rule, "why", ""), getattr(rule, "remedy", "")

    assert why.endswith(".")
    assert remedy
    assert max(len(line) for line in remedy.splitlines()) <= 130
