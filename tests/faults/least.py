"""Runs `migrator` as real processes, and as a role of PostgreSQL that may do no more than it needs."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from psycopg import sql

from tests.conftest import PASSWORD, Database, Ran, process_variables, program

BOUND = 60.0
# Each advisory lock lives in one database, so that one key does for all tests.
_GATE_KEY = 4711
# In PL/pgSQL: it goes on once the test opens the gate.
GATE_LOOP = f"WHILE NOT pg_try_advisory_xact_lock({_GATE_KEY}) LOOP PERFORM pg_sleep(0.02); END LOOP"
GATE = f'op.execute("DO $$ BEGIN {GATE_LOOP}; END $$ /* at the gate */")'
AT_THE_GATE = "state = 'active' AND query LIKE '%/* at the gate */%'"
_GRANTS = """
REVOKE ALL ON DATABASE {database} FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CONNECT ON DATABASE {database} TO {role};
GRANT USAGE ON SCHEMA public TO {role};
"""
_CATALOGUE = """
SELECT 'column', c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod) || ' not null '
       || a.attnotnull || ' default ' || coalesce(pg_get_expr(d.adbin, d.adrelid), 'none')
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
      AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'index', indexrelid::regclass::text, pg_get_indexdef(indexrelid) || ' valid ' || indisvalid
FROM pg_index WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
UNION ALL
SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT 'relation', relname, relkind::text || ' of ' || relowner::regrole
FROM pg_class WHERE relnamespace = 'public'::regnamespace
ORDER BY 1, 2, 3
"""


@dataclass(frozen=True)
class Least:
    """A database and the role that migrates it; `admin` is the same database for a superuser."""

    admin: Database
    role: str
    password: str

    def variables(self, driver: str = "") -> dict[str, str]:
        """Give the variables that point a process to the database, through a driver where one is named."""
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        login = f"{self.role}:{quote(self.password, safe='')}"
        url = f"{scheme}://{login}@{self.admin.host}:{self.admin.port}/{self.admin.name}"
        return {"DATABASE_URL": url, "ALEMBIC_ENV": "testing"}

    def grant(self, *privileges: str) -> None:
        """Grant the role further privileges, such as `CREATE ON SCHEMA public`."""
        for privilege in privileges:
            self.admin.query(f"GRANT {privilege} TO {self.role}")

    def pids(self, condition: str = "true") -> list[int]:
        """Give the pids of the role's sessions of which a condition on `pg_stat_activity` is true."""
        rows = self.admin.query(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            f" AND usename = '{self.role}' AND {condition}"
        )
        return [int(str(row[0])) for row in rows]

    def version(self) -> list[str]:
        """Give the revisions in the version table; none where there is no such table."""
        if self.admin.query("SELECT to_regclass('public.alembic_version')") == [(None,)]:
            return []
        return [str(row[0]) for row in self.admin.query("SELECT version_num FROM alembic_version ORDER BY 1")]

    def logged(self, table: str = "_migrator.log") -> list[str]:
        """Give the revisions of the log's rows about upgrades, in their order."""
        rows = self.admin.query(f"SELECT revision FROM {table} WHERE direction = 'upgrade' ORDER BY id")
        return [str(row[0]) for row in rows]

    def catalogue(self) -> list[tuple[object, ...]]:
        """Give all that is in the schema `public`, the role under one name in every database."""
        rows = self.admin.query(_CATALOGUE)
        return [tuple(str(cell).replace(self.role, "the_role") for cell in row) for row in rows]

    @contextlib.contextmanager
    def closed_gate(self) -> Iterator[Callable[[], None]]:
        """Hold up every revision with a `GATE`; calling what this gives, or the end, opens it."""
        with self.admin.connect() as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", [_GATE_KEY])
            yield connection.close

    def wait_at_gate(self, running: Running) -> int:
        """Wait until a run is held up at the gate; give the pid of its session."""
        running.until(lambda: self.pids(AT_THE_GATE), "a revision is held up at the gate")
        return self.pids(AT_THE_GATE)[0]


def make_least(admin: Database, *grants: str) -> Least:
    """Make a role that may connect, and what `grants` say (`{database}` stands for the database)."""
    least = Least(admin, f"app_{uuid.uuid4().hex[:12]}", f"{PASSWORD}{uuid.uuid4().hex[:6]}")
    names = {"role": sql.Identifier(least.role), "database": sql.Identifier(admin.name)}
    with admin.connect() as connection:
        # Each login of asyncpg counts these iterations in Python.
        connection.execute("SET scram_iterations = 1")
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(names["role"], sql.Literal(least.password))
        )
        connection.execute(sql.SQL(_GRANTS).format(**names))
        # Off as on any other server; the embedded one has it on.
        connection.execute(
            sql.SQL("ALTER ROLE {} SET client_connection_check_interval = 0").format(names["role"])
        )
    least.grant(*(grant.format(database=admin.name) for grant in grants))
    return least


ALL_GRANTS = ("CREATE ON DATABASE {database}", "CREATE ON SCHEMA public")


@contextlib.contextmanager
def least_databases(new_database: Callable[[], Database]) -> Iterator[Callable[..., Least]]:
    """Give a function that makes an empty database and its role; without arguments it may all it needs."""
    made: list[Least] = []

    def make(*grants: str) -> Least:
        made.append(make_least(new_database(), *(grants or ALL_GRANTS)))
        return made[-1]

    try:
        yield make
    finally:
        for least in made:
            drop(least)


def drop(least: Least) -> None:
    """Drop the database with all that is connected to it, then the role."""
    with replace(least.admin, name="postgres").connect() as connection:
        name = sql.Identifier(least.admin.name)
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(least.role)))


class Process(Protocol):
    """What is used of `Popen`."""

    @property
    def pid(self) -> int:
        """Its number."""

    def poll(self) -> int | None:
        """Give its exit code, or None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises TimeoutExpired."""

    def send_signal(self, sig: int) -> None:
        """Send it a signal, if it is there."""

    def kill(self) -> None:
        """End it at once, if it is there."""


@dataclass(frozen=True)
class Running:
    """A process whose output goes to files, to be read while it runs."""

    process: Process
    out: Path
    err: Path
    secret: str

    def said(self) -> str:
        """Give what it has written to stderr up to now."""
        return self.err.read_text(encoding="utf-8")

    def until(self, question: Callable[[], object], what: str) -> None:
        """Wait until the answer is true; fails where the process ends before that."""

        def answered() -> object:
            ended = self.process.poll() is not None
            answer = question()
            assert answer or not ended, f"{what}: it ended before that, and says: {self.said()}"
            return answer

        wait_for(answered, what)

    def ended(self, within: float = BOUND) -> Ran:
        """Wait until it has ended; fails where it takes longer (seconds) or has printed the password."""
        try:
            code = self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"not within {within} s; it says: {self.said()}") from None
        ran = Ran(code, self.out.read_text(encoding="utf-8"), self.said())
        refuse_secret(ran, self.secret)
        return ran


def refuse_secret(ran: Ran, secret: str) -> None:
    """Fail where a run has printed the password in any of its forms."""
    forms = {secret, quote(secret), quote(secret, safe="")} if secret else set()
    for form in forms:
        assert form not in ran.out, ran.out
        assert form not in ran.err, ran.err


@contextlib.contextmanager
def started(
    root: Path, variables: Mapping[str, str], *args: str, secret: str = "", cwd: Path | None = None
) -> Iterator[Running]:
    """Run `migrator` with these arguments; the process is gone after the block, whatever happens in it."""
    with tempfile.TemporaryDirectory(prefix="migrator-run-") as folder:
        running = start(root, variables, args, secret=secret, output=Path(folder), cwd=cwd)
        try:
            yield running
        finally:
            running.process.kill()
            running.process.wait()


def start(
    root: Path,
    variables: Mapping[str, str],
    args: Sequence[str],
    *,
    output: Path,
    secret: str = "",
    cwd: Path | None = None,
) -> Running:
    """Start `migrator` with its output in files of the folder `output`."""
    out, err = (output / f"{uuid.uuid4().hex}.{name}" for name in ("out", "err"))
    with out.open("wb") as out_file, err.open("wb") as err_file:
        process = subprocess.Popen(
            program(["migrator", *args]),
            cwd=cwd or root,
            env=process_variables(variables),
            stdin=subprocess.DEVNULL,
            stdout=out_file,
            stderr=err_file,
        )
    return Running(process, out, err, secret)


def upgrading(root: Path, least: Least, *args: str) -> contextlib.AbstractContextManager[Running]:
    """Run `migrator upgrade` as the role while the block runs."""
    return started(root, least.variables(), "upgrade", *args, secret=least.password)


def upgrade(root: Path, least: Least, *args: str) -> Ran:
    """Run `migrator upgrade` as the role to its end."""
    with upgrading(root, least, *args) as running:
        return running.ended()


def wait_for(question: Callable[[], object], what: str, within: float = BOUND) -> None:
    """Ask again and again until the answer is true; fails after `within` seconds."""
    end = time.monotonic() + within
    while not question():
        assert time.monotonic() < end, f"{what}: not within {within} s"
        time.sleep(0.01)


def names(pid: int, text: str) -> bool:
    """Whether a text names a pid."""
    return re.search(rf"\b{pid}\b", text) is not None


@dataclass(frozen=True)
class Told:
    """What a run says about its revisions, whether in plain lines or in JSON."""

    applied: list[str]
    failed: str | None
    remaining: list[str]


def told(ran: Ran) -> Told:
    """Read what a run says it has applied, what failed, and what remains."""
    if ran.out.startswith("{"):
        document = json.loads(ran.out)
        assert document["exit_code"] == ran.code
        return _told_in_json(document["data"])
    found: dict[str, list[str]] = {"applied": [], "failed": [], "remaining": []}
    for kind, revision in re.findall(r"^(applied|failed|remaining): (\S+)", ran.out, re.MULTILINE):
        found[kind].append(revision)
    return Told(found["applied"], next(iter(found["failed"]), None), found["remaining"])


def _told_in_json(data: dict[str, Any]) -> Told:
    failed = (data.get("failed") or {}).get("step")
    return Told(
        [step["revision"] for step in data.get("applied") or ()],
        failed["revision"] if failed else None,
        [step["revision"] for step in data.get("remaining") or ()],
    )
