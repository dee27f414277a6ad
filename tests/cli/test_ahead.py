"""A database that is ahead of an older checkout, told apart from one at a revision that nobody knows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.projects.shops import Shop
from tests.projects.small import revision_text, versions

Migrator = Callable[..., Ran]


def older_image(project: Path, *gone: str) -> None:
    """Take away the files that an older version of the application does not have."""
    for revision in gone:
        (versions(project, "staging") / f"{revision}.py").unlink()


@pytest.mark.parametrize(("gone", "count"), [(["ccc3"], 1), (["bbb2", "ccc3"], 2)])
def test_after_a_rollback_of_the_application_the_database_is_ahead(
    gone: list[str], count: int, shop: Shop, project: Path, run_staging: Migrator
) -> None:
    assert run_staging("upgrade", env=shop.env).code == 0
    older_image(project, *gone)
    before = shop.state()

    current, as_json = run_staging("current", env=shop.env), run_staging("current", "--json", env=shop.env)
    refused = run_staging("upgrade", env=shop.env)
    allowed = run_staging("upgrade", "--allow-ahead", env=shop.env)

    assert current.code == 0
    assert "ccc3" in current.out
    assert "ahead" in current.out + current.err
    data = json.loads(as_json.out)["data"]
    assert (data["heads"], data["at_heads"], data["ahead"]) == (["ccc3"], True, count)
    assert refused.code == 5
    assert f"ahead of this checkout by {count} revision" in refused.err
    assert "--allow-ahead" in refused.err.rpartition("hint: ")[2]
    assert allowed.code == 0, allowed.err
    assert f"ahead of this checkout by {count} revision" in allowed.err
    ahead = f"ahead of this checkout by {count} revision{'' if count == 1 else 's'}"
    assert allowed.out == f"staging is at ccc3, {ahead}: nothing to do\n"
    assert shop.state() == before


def test_ahead_counts_as_at_the_heads_for_check_heads(
    shop: Shop, project: Path, run_staging: Migrator
) -> None:
    assert run_staging("upgrade", env=shop.env).code == 0
    older_image(project, "ccc3")

    assert run_staging("current", "--check-heads", env=shop.env).code == 0


def test_nobody_is_ahead_of_revisions_of_ones_own_that_are_pending(
    shop: Shop, project: Path, run_staging: Migrator
) -> None:
    """Another branch was deployed: its history does not contain our head."""
    assert run_staging("upgrade", env=shop.env).code == 0
    older_image(project, "ccc3")
    (versions(project, "staging") / "ours.py").write_text(revision_text("ddd4", "bbb2"))
    before = shop.state()

    for command in ("current", "upgrade", "upgrade --allow-ahead"):
        ran = run_staging(*command.split(), env=shop.env)
        assert (ran.code, shop.state()) == (5, before), f"{command}: {ran.err}"
        assert "ahead of this checkout" not in ran.err


def test_an_unknown_revision_stays_unknown_with_its_cause(
    shop: Shop, project: Path, run_staging: Migrator
) -> None:
    assert run_staging("upgrade", env=shop.env).code == 0
    shop.query("UPDATE alembic_version SET version_num = 'zzz9'")
    others = versions(project, "online") / "zzz9.py"
    others.write_text(revision_text("zzz9", "ccc3"))
    before = shop.state()

    for command in ("current", "upgrade", "upgrade --allow-ahead"):
        ran = run_staging(*command.split(), env=shop.env)
        assert (ran.code, shop.state()) == (5, before), f"{command}: {ran.err}"
        assert "zzz9" in ran.err
        assert "production" in ran.err, "its file is among production's"


def test_without_a_log_it_cannot_be_told(shop: Shop, project: Path, run_staging: Migrator) -> None:
    ini = project / "configs" / "alembic_staging.ini"
    ini.write_text(ini.read_text() + "log_table = off\n")
    assert run_staging("upgrade", env=shop.env).code == 0
    older_image(project, "ccc3")

    for command in ("current", "upgrade --allow-ahead"):
        assert run_staging(*command.split(), env=shop.env).code == 5


def test_downgrade_and_stamp_are_not_helped_by_being_ahead(
    shop: Shop, project: Path, run_staging: Migrator
) -> None:
    assert run_staging("upgrade", env=shop.env).code == 0
    older_image(project, "ccc3")
    before = shop.state()

    for command in ("downgrade -1", "downgrade bbb2", "stamp bbb2"):
        ran = run_staging(*command.split(), env=shop.env)
        assert (ran.code, shop.state()) == (5, before), f"{command}: {ran.err}"


BRANCHES = (("ddd4", "ccc3"), ("eee5", "ccc3"), ("fff6", ("ddd4", "eee5")))


@pytest.fixture
def merged(shop: Shop, project: Path, run_staging: Migrator) -> Shop:
    """A database at a merge of two branches that come after the third revision."""
    for revision, down in BRANCHES:
        text = revision_text(revision, None).replace("down_revision = None", f"down_revision = {down!r}")
        (versions(project, "staging") / f"{revision}.py").write_text(text)
    assert run_staging("upgrade", env=shop.env).code == 0
    assert shop.revisions() == ["fff6"]
    return shop


@pytest.mark.slow
@pytest.mark.parametrize(
    ("gone", "count"),
    [
        (["fff6", "eee5", "ddd4"], 3),
        (["fff6"], 1),
        (["fff6", "eee5"], 2),
        (["fff6", "eee5", "ddd4", "ccc3"], 4),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else str(each),
)
def test_merges_are_followed_through_the_logged_ancestry(
    gone: list[str], count: int, merged: Shop, project: Path, run_staging: Migrator
) -> None:
    older_image(project, *gone)

    current = run_staging("current", "--json", env=merged.env)
    refused, allowed = (
        run_staging("upgrade", env=merged.env),
        run_staging("upgrade", "--allow-ahead", env=merged.env),
    )

    assert current.code == 0, current.err
    assert json.loads(current.out)["data"]["ahead"] == count
    assert (refused.code, allowed.code) == (5, 0), allowed.err
    assert merged.revisions() == ["fff6"]


def test_sqlite_knows_it_too(project: Path, run_staging: Migrator) -> None:
    env = {"DATABASE_URL": "sqlite:///shop.db"}
    assert run_staging("upgrade", env=env).code == 0
    older_image(project, "ccc3", "bbb2")

    codes = [
        run_staging(*each.split(), env=env).code for each in ("current", "upgrade", "upgrade --allow-ahead")
    ]

    assert codes == [0, 5, 0]
