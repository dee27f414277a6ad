"""Which tables belong to other applications."""

from __future__ import annotations

import pytest

from migrator.database.own.own_tables import excluder


@pytest.mark.parametrize(
    ("pattern", "table", "schema", "excluded"),
    [
        ("django_*", "django_session", None, True),
        ("django_*", "django_session", "web", True),
        ("django_*", "orders", None, False),
        ("auth_user", "auth_user", None, True),
        ("auth_user", "auth_user_groups", None, False),
        ("audit.*", "entries", "audit", True),
        ("audit.*", "entries", "public", False),
        ("audit.*", "entries", None, False),
        ("*.django_*", "django_session", "web", True),
        ("log_20[0-9][0-9]", "log_2024", None, True),
    ],
)
def test_a_glob_is_compared_with_the_table_and_with_its_qualified_name(
    pattern: str, table: str, schema: str | None, excluded: bool
) -> None:
    assert excluder([pattern])(table, schema) is excluded


def test_a_glob_without_a_dot_leaves_a_schema_of_that_name_alone() -> None:
    assert not excluder(["audit*"])("orders", "audit")


def test_patterns_are_case_sensitive() -> None:
    assert not excluder(["django_*"])("Django_session", None)


def test_any_of_several_patterns_excludes() -> None:
    excluded = excluder(["django_*", "celery_*"])
    assert excluded("celery_task", None)
    assert not excluded("tasks", None)


def test_without_patterns_nothing_is_excluded() -> None:
    assert not excluder([])("orders", "public")
