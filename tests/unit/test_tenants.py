"""Which tenants there are, which are meant, and to which part of many each belongs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.config.environments import Environment, read_environment
from migrator.config.tenants import (
    Shard,
    Tenant,
    chosen,
    names_in,
    parse_shard,
    tenants_of,
    without_comment,
)
from migrator.errors import ConfigurationError, UsageError
from tests.conftest import ROOT
from tests.projects.small import INI


def environment(tmp_path: Path, settings: str = "") -> Environment:
    path = tmp_path / "alembic_test.ini"
    path.write_text(INI.format(suffix="test", settings=settings))
    return read_environment(path, tmp_path)


@given(st.sets(st.text(min_size=1)), st.integers(1, 40))
def test_every_tenant_is_in_exactly_one_part(names: set[str], count: int) -> None:
    parts = [{name for name in names if Shard(index, count).holds(Tenant(name))} for index in range(count)]

    assert sorted(name for part in parts for name in part) == sorted(names)


def test_a_tenant_stays_in_its_part_when_others_come_and_go(tmp_path: Path) -> None:
    few = [Tenant(f"t{number}") for number in range(0, 300, 3)]
    all_of_them = [Tenant(f"t{number}") for number in range(300)]

    for index in range(3):
        shard = Shard(index, 3)
        there = chosen(few, ["all"], shard, environment(tmp_path))
        among = chosen(all_of_them, ["all"], shard, environment(tmp_path))
        assert set(there) == set(among) & set(few)
        # A part that has nearly all, or nearly none, would be no help.
        assert 70 < len(among) < 130


@pytest.mark.parametrize("text", ["3/3", "0", "1/0", "-1/3", "a/b", "0/3/4", ""])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--shard"):
        parse_shard(text)


def test_the_job_of_kubernetes_has_as_many_pods_as_parts() -> None:
    manifest = (ROOT / "docs" / "deploy" / "fleet-job.yaml").read_text()
    completions = int(re.findall(r"completions: (\d+)", manifest)[0])
    (parts,) = re.findall(r"--shard \"\$JOB_COMPLETION_INDEX/(\d+)\"", manifest)

    assert "completionMode: Indexed" in manifest
    assert int(parts) == completions
    # Kubernetes counts from 0.
    assert [parse_shard(f"{index}/{parts}").index for index in range(completions)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT a FROM b   ; schemas in this database", "SELECT a FROM b"),
        ("SELECT a FROM b", "SELECT a FROM b"),
        ("SELECT ';' FROM \"a;b\";", "SELECT ';' FROM \"a;b\""),
    ],
)
def test_a_comment_behind_a_query_is_left_out(query: str, expected: str) -> None:
    assert without_comment(query) == expected


def test_the_lines_of_a_file_are_names_and_urls(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("# all of them\nacme\n\n  globex \npostgresql://u:p@h/initech\n")

    made = tenants_of(names_in("file:list", tmp_path, "the key"), environment(tmp_path))

    assert made == (
        Tenant("acme", schema="acme"),
        Tenant("globex", schema="globex"),
        Tenant("initech", url="postgresql://u:p@h/initech", address="h/initech"),
    )
    assert "p@h" not in repr(made)


def test_with_a_template_each_is_a_database(tmp_path: Path) -> None:
    of_databases = environment(tmp_path, "tenant_url = postgresql://u@h/{tenant}")

    assert tenants_of(["a b"], of_databases) == (Tenant("a b", url="postgresql://u@h/a%20b"),)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.txt cannot be read"):
        names_in("file:nowhere.txt", tmp_path, "--tenants")


def test_the_same_tenant_twice_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"acme .* twice"):
        tenants_of(["acme", "globex", "acme"], environment(tmp_path))


def test_databases_of_one_name_on_several_servers_have_their_hosts_names(tmp_path: Path) -> None:
    lines = ["postgresql://u@one/shop", "postgresql://u@two:5433/shop", "postgresql://u@two/other"]

    assert [each.name for each in tenants_of(lines, environment(tmp_path))] == [
        "one/shop",
        "two:5433/shop",
        "other",
    ]


def test_a_database_stays_in_its_part_when_another_of_its_name_comes(tmp_path: Path) -> None:
    alone = tenants_of(["postgresql://u@one/shop"], environment(tmp_path))
    among = tenants_of(["postgresql://u@one/shop", "postgresql://u@two/shop"], environment(tmp_path))

    for index in range(7):
        assert Shard(index, 7).holds(alone[0]) == Shard(index, 7).holds(among[0])


@pytest.mark.parametrize(
    "line", ["postgresql://u:secret@h", "sqlite://", "u:secret@h/acme", "postgresql:/u:secret@h/acme"]
)
def test_a_line_that_names_no_database_is_not_shown(line: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"[Ll]ine 2") as raised:
        tenants_of(["acme", line], environment(tmp_path))

    assert "secret" not in raised.value.message + raised.value.hint


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(b"\xef\xbb\xbfacme\r\n")

    assert names_in("file:list", tmp_path, "the key") == ["acme"]


def test_names_and_patterns_choose_in_the_order_of_the_list(tmp_path: Path) -> None:
    tenants = [Tenant(name) for name in ("b2", "a1", "b1", "B3")]

    assert [each.name for each in chosen(tenants, ["b*", "a1"], None, environment(tmp_path))] == [
        "b2",
        "a1",
        "b1",
    ]
    assert len(chosen(tenants, ["all"], None, environment(tmp_path))) == 4
    with pytest.raises(UsageError, match="matches c"):
        chosen(tenants, ["all", "c*"], None, environment(tmp_path))


@pytest.mark.parametrize(
    "value", ["tenants.txt", "DELETE FROM tenants", "file:", "postgresql://u:secret@h/a"]
)
def test_what_is_neither_a_query_nor_a_file_is_no_list(value: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="tenants") as raised:
        environment(tmp_path, f"tenants = {value}")

    assert "secret" not in raised.value.message + raised.value.hint


def test_a_url_without_a_place_for_the_tenant_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="tenant_url"):
        environment(tmp_path, "tenant_url = postgresql://u@h/one")
