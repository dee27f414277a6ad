"""`promote`: tested revisions on their way from one environment's folder to another's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Database, Ran
from tests.projects.books import docstring
from tests.projects.small import tree
from tests.projects.two import TwoProject, revision, two_project
from tests.slow import slow

ONE = 'op.execute("CREATE TABLE one (id integer NOT NULL PRIMARY KEY, name text)")'
NO_ONE = 'op.execute("DROP TABLE one")'
TWO = 'op.execute("CREATE TABLE two (id integer NOT NULL PRIMARY KEY)")'
NO_TWO = 'op.execute("DROP TABLE two")'
ROWS = "op.execute(\"INSERT INTO one VALUES (1, 'it''s')\")"
NO_ROWS = 'op.execute("DELETE FROM one WHERE id = 1")'


@pytest.fixture(params=["postgresql", slow("sqlite")])
def two(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    migrator: Callable[..., Ran],
    new_database: Callable[[], Database],
) -> TwoProject:
    """A project in which testing has three revisions, and production the first of them."""
    return _project(tmp_path, migrator, new_database if request.param == "postgresql" else None)


@pytest.fixture
def on_sqlite(tmp_path: Path, migrator: Callable[..., Ran]) -> TwoProject:
    """The same project on SQLite."""
    return _project(tmp_path, migrator, None)


@pytest.fixture
def on_postgresql(
    tmp_path: Path, migrator: Callable[..., Ran], new_database: Callable[[], Database]
) -> TwoProject:
    """The same project on PostgreSQL."""
    return _project(tmp_path, migrator, new_database)


def _project(
    tmp_path: Path, migrator: Callable[..., Ran], new_database: Callable[[], Database] | None
) -> TwoProject:
    two = two_project(tmp_path / "two", migrator, new_database)
    for folder in (two.testing, two.production):
        revision(folder, "r1", None, ONE, NO_ONE)
    revision(two.testing, "r2", "r1", ROWS, NO_ROWS)
    revision(two.testing, "r3", "r2", TWO, NO_TWO)
    return two


def table(name: str) -> tuple[str, str]:
    """Give what makes a table, and what takes it back."""
    return f'op.execute("CREATE TABLE {name} (id integer)")', f'op.execute("DROP TABLE {name}")'


def data(ran: Ran) -> dict[str, Any]:
    """Give the data of the JSON document."""
    return dict(json.loads(ran.out)["data"])


def test_what_is_lacking_goes_over_in_order_and_makes_the_same_schema(two: TwoProject) -> None:
    two.run("upgrade")

    ran = two.run("promote", "--from", "testing", "--to", "production")

    assert ran.out.splitlines() == [
        "wrote migrations/online/versions/r2.py (after r1)",
        "wrote migrations/online/versions/r3.py (after r2)",
        "2 revisions promoted from testing to production: the schemas are equal",
        "next: migrator upgrade --env production",
    ]
    assert sorted(two.files(two.production)) == [f"versions/r{number}.py" for number in (1, 2, 3)]
    assert docstring(two.production / "r2.py").splitlines()[-1] == "Promoted from: testing"
    assert "the schemas of production and testing are equal" in two.run("diff").out
    assert two.run("upgrade", "--env", "production").code == 0
    assert two.run("promote").out == "nothing to promote from testing to production\n"


@pytest.mark.slow
def test_a_dry_run_proves_all_and_writes_nothing(two: TwoProject) -> None:
    two.run("upgrade")
    before = two.files(two.production)

    found = data(two.run("promote", "--dry-run", "--json"))

    assert [each["revision"] for each in found["revisions"]] == ["r2", "r3"]
    assert (found["equal"], found["dry_run"], two.files(two.production)) == (True, True, before)


@pytest.mark.slow
def test_a_revision_moves_on_top_of_what_production_has_of_its_own(on_sqlite: TwoProject) -> None:
    two = on_sqlite
    revision(
        two.production, "p2", "r1", 'op.execute("CREATE TABLE own (id integer)")', "op.drop_table('own')"
    )
    two.run("upgrade")
    before = two.files(two.production)

    refused = two.run("promote", code=4)
    named = two.run("promote", "r3")

    assert "the schemas would not be equal: table own: only in production" in refused.err
    assert named.out.splitlines() == [
        "wrote migrations/online/versions/r2.py (after p2)",
        "wrote migrations/online/versions/r3.py (after r2)",
        "2 revisions promoted from testing to production: applied, taken back and applied again on scratch",
        "next: migrator upgrade --env production",
    ]
    assert {name: two.files(two.production)[name] for name in before} == before


@pytest.mark.slow
def test_named_revisions_bring_what_they_need_and_nothing_above(on_sqlite: TwoProject) -> None:
    two = on_sqlite
    two.run("upgrade")

    assert [each["revision"] for each in data(two.run("promote", "r2", "--json"))["revisions"]] == ["r2"]
    assert [each["revision"] for each in data(two.run("promote", "--json"))["revisions"]] == ["r3"]


@pytest.mark.slow
def test_an_empty_folder_gets_the_whole_history(on_sqlite: TwoProject) -> None:
    two = on_sqlite
    two.run("upgrade")
    (two.production / "r1.py").unlink()

    ran = two.run("promote")

    assert ran.out.startswith("wrote migrations/online/versions/r1.py (after <base>)\n")


@pytest.mark.slow
def test_what_testing_has_not_applied_is_refused_unless_it_is_said(two: TwoProject) -> None:
    two.run("upgrade", "r2")
    before = two.files(two.production)

    refused = two.run("promote", code=4)

    assert "The database of testing has not applied r3; nothing was written." in refused.err
    assert "migrator upgrade --env testing" in refused.err
    assert two.files(two.production) == before
    assert "--untested" in two.run("promote", "--untested").out


@pytest.mark.slow
def test_a_database_that_cannot_be_asked_is_a_note(on_sqlite: TwoProject) -> None:
    two = TwoProject(on_sqlite.root, on_sqlite.migrator, {})
    for suffix in ("test", "online"):
        ini = two.root / "configs" / f"alembic_{suffix}.ini"
        ini.write_text(
            ini.read_text().replace(
                "[alembic]", "[alembic]\nsqlalchemy.url = sqlite:///%(here)s/no/" + suffix
            )
        )

    ran = two.run("promote")

    assert "note: Whether testing has applied it could not be asked: " in ran.out


@pytest.mark.slow
def test_what_leaves_something_behind_is_refused(two: TwoProject) -> None:
    revision(two.testing, "r4", "r3", 'op.execute("CREATE TABLE left_behind (id integer)")')
    two.run("upgrade")
    before = two.files(two.production)

    ran = two.run("promote", code=4)

    assert "Nothing was promoted to production: the downgrade of r4" in ran.err
    assert "table left_behind: only in after" in ran.err
    assert two.files(two.production) == before


@pytest.mark.slow
def test_what_has_lint_errors_for_the_target_is_refused_with_the_real_path(two: TwoProject) -> None:
    drop = 'op.execute("ALTER TABLE one DROP COLUMN name")'
    revision(two.testing, "r4", "r3", drop, 'op.execute("ALTER TABLE one ADD COLUMN name text")')
    two.run("upgrade")
    before = two.files(two.production)

    ran = two.run("promote", code=4)

    assert "lint finds errors: migrations/online/versions/r4.py:" in ran.err
    assert "[ban-drop-column]" in ran.err
    assert two.files(two.production) == before
    ini = two.root / "configs" / "alembic_online.ini"
    ini.write_text(f"{ini.read_text()}lint_ignore = ban-drop-column\n")
    assert "3 revisions promoted" in two.run("promote").out


def test_a_file_of_that_name_is_left_alone(on_sqlite: TwoProject) -> None:
    two = on_sqlite
    two.run("upgrade")
    (two.production / "r1.py").rename(two.production / "r3.py")
    before = two.files(two.production)

    ran = two.run("promote", code=5)

    assert "The file migrations/online/versions/r3.py exists already; nothing was written." in ran.err
    assert two.files(two.production) == before


def test_what_an_earlier_version_put_into_one_file_is_not_promoted_again(on_sqlite: TwoProject) -> None:
    two = on_sqlite
    revision(two.production, "all_of_it", "r1", f"{ROWS}\n{TWO}", f"{NO_TWO}\n{NO_ROWS}")
    path = two.production / "all_of_it.py"
    path.write_text(path.read_text().replace('"""', '"""one release\n\nCollapses: r2, r3\n', 1))
    two.run("upgrade")

    ran = two.run("promote")

    assert ran.out.startswith("nothing to promote from testing to production\n")
    assert "note: r2 is there as all_of_it" in ran.out


@pytest.mark.slow
def test_what_the_target_has_squashed_is_not_promoted_again(on_sqlite: TwoProject) -> None:
    two = on_sqlite
    two.run("upgrade")
    two.run("promote")
    two.run("upgrade", "--env", "production", "--yes")
    for last in ("r2", "r3"):
        two.run("squash", "--env", "production", "--to", last, "--without-rows")
    revision(two.testing, "r4", "r3")
    two.run("upgrade")

    assert two.run("promote").out.startswith("wrote migrations/online/versions/r4.py (after r3)\n")


@pytest.mark.slow
def test_branches_that_meet_again_keep_their_shape(on_sqlite: TwoProject) -> None:
    two = on_sqlite
    revision(two.testing, "left", "r3", *table("l"))
    revision(two.testing, "right", "r3", *table("r"))
    revision(two.testing, "met", ("left", "right"))
    two.run("upgrade")

    found = data(two.run("promote", "--json"))["revisions"]

    assert {each["revision"]: each["down_revisions"] for each in found} == {
        "r2": ["r1"],
        "r3": ["r2"],
        "left": ["r3"],
        "right": ["r3"],
        "met": ["left", "right"],
    }
    assert two.run("heads", "--env", "production").out == "met (head) (mergepoint)\n"


def test_what_would_leave_two_heads_or_join_one_line_is_refused(on_sqlite: TwoProject) -> None:
    two = on_sqlite
    revision(two.testing, "left", "r3")
    revision(two.testing, "right", "r3")
    two.run("upgrade", "heads")
    heads = two.run("promote", code=5)
    two.run("promote", "left")
    revision(two.testing, "met", ("left", "right"))
    two.run("upgrade", "heads")

    merge = two.run("promote", code=5)

    assert "would be one of 2 heads: left, right; nothing was written." in heads.err
    assert (
        "met cannot be promoted: it merges left, right, of which the target has left in one line" in merge.err
    )


def test_a_dependency_goes_along(on_sqlite: TwoProject) -> None:
    two = on_sqlite
    revision(two.testing, "other", None)
    revision(two.testing, "r4", "r3", depends_on="other")
    two.run("upgrade", "heads")

    ran = two.run("promote", code=5)

    # Two bases are two lines, and this one would begin above production's head.
    assert "would be one of 2 heads" in ran.err


def test_a_branch_label_that_the_target_has_is_refused(on_sqlite: TwoProject) -> None:
    two = on_sqlite
    for folder, name, down in ((two.testing, "r4", "r3"), (two.production, "p2", "r1")):
        revision(folder, name, down, head=f"name = {name!r}", branch_labels="shop")
    two.run("upgrade")

    assert "has the branch label shop, which the target has too" in two.run("promote", "r4", code=5).err


@pytest.mark.slow
def test_the_origin_is_kept_by_a_second_promotion(on_sqlite: TwoProject) -> None:
    two = on_sqlite
    ini = (two.root / "configs" / "alembic_online.ini").read_text()
    (two.root / "configs" / "alembic_staging.ini").write_text(ini.replace("online", "staging"))
    staging = two.root / "migrations" / "staging" / "versions"
    staging.mkdir(parents=True)
    env = {**two.env, "STAGING_DATABASE_URL": "sqlite:///staging.db"}
    three = TwoProject(two.root, two.migrator, env)
    three.run("upgrade")
    three.run("promote", "--from", "testing", "--to", "staging")
    three.run("upgrade", "--env", "staging")

    three.run("promote", "--from", "staging", "--to", "production")

    assert docstring(two.production / "r3.py").splitlines()[-1] == "Promoted from: testing, staging"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--from", "testing", "--to", "test"], 2, "testing and test are one environment."),
        (["--to", "stagin"], 3, "There is no environment stagin (from --to)."),
        (["--collapse"], 2, "No such option: --collapse"),
        (["--env", "production"], 2, "promote takes --from and --to, and no --env."),
        (["nothing"], 5, "No such revision or branch 'nothing'"),
    ],
)
def test_bad_arguments_are_one_sentence_and_change_nothing(
    on_sqlite: TwoProject, arguments: list[str], code: int, said: str
) -> None:
    before = tree(on_sqlite.root)

    ran = on_sqlite.run("promote", *arguments, code=code)

    assert said in ran.err
    assert (ran.out, tree(on_sqlite.root)) == ("", before)


def test_one_folder_for_both_is_refused(on_sqlite: TwoProject) -> None:
    ini = on_sqlite.root / "configs" / "alembic_online.ini"
    ini.write_text(ini.read_text().replace("/online/versions", "/test/versions"))

    assert "have one version folder" in on_sqlite.run("promote", code=4).err
