"""Fixtures for an application's tests: a database that is at head, and a session on it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from migrator.testing.surroundings import at_root

if TYPE_CHECKING:
    from sqlalchemy import URL
    from sqlalchemy.ext.asyncio import AsyncSession

    from migrator.scratch import Copies

# The first pytest-asyncio that says which loop a test runs in, and the key with which it does.
_OLDEST, _LOOP_OF_TESTS = "0.26", "asyncio_default_test_loop_scope"


class ShownUrl(str):
    """A URL with its password, which its `repr` leaves out: pytest writes that of each argument of a test."""

    __slots__ = ("_shown",)
    _shown: str

    def __new__(cls, url: URL) -> ShownUrl:
        """Make one of a URL of SQLAlchemy's."""
        text = super().__new__(cls, url.render_as_string(hide_password=False))
        text._shown = url.render_as_string(hide_password=True)
        return text

    def __copy__(self) -> ShownUrl:
        """Give itself, which nothing changes."""
        return self

    def __deepcopy__(self, memo: object) -> ShownUrl:
        """Give itself, which nothing changes."""
        return self

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """Be a plain text in another process, which may not have migrator."""
        return str, (str(self),)

    def __repr__(self) -> str:
        """Give the URL with `***` for the password, in quotes."""
        return repr(self._shown)


@pytest.fixture(scope="session", name="_migrator_copies")
def migrated_copies(request: pytest.FixtureRequest) -> Iterator[tuple[Copies, Path]]:
    """What makes the databases of this process, and the root of the project."""
    from migrator.config.select import Choice, choose
    from migrator.results.events import ignore
    from migrator.scratch import copies

    named = request.config.getini("migrator_database") or None
    with ExitStack() as stack:
        with _told():
            choice = Choice(named, "migrator_database", cwd=request.config.rootpath, process=os.environ)
            workspace = choose(choice)
            root = workspace.environment.root
            with at_root(root):
                made = stack.enter_context(copies(workspace, ignore))
        yield made, root


@pytest.fixture
def migrated_database(_migrator_copies: tuple[Copies, Path]) -> Iterator[str]:
    """URL of a fresh database at head, with its driver and password; dropped after the test."""
    made, root = _migrator_copies
    with ExitStack() as stack:
        with _told(), at_root(root):
            url = stack.enter_context(made.copy())
        yield ShownUrl(url)


@pytest.fixture
def async_session(request: pytest.FixtureRequest) -> AsyncSession:
    """An AsyncSession on the database of `migrated_database`, in the event loop of the test."""
    session: AsyncSession = request.getfixturevalue(_session_fixture(request))
    return session


@pytest.fixture(name="_migrator_session_under_anyio")
async def session_under_anyio(migrated_database: str) -> AsyncIterator[AsyncSession]:
    """The session of a test that anyio runs."""
    async with session_on(migrated_database) as session:
        yield session


def has_test_loops(config: pytest.Config) -> bool:
    """Whether there is a pytest-asyncio that is new enough for `async_session`."""
    if not config.pluginmanager.hasplugin("asyncio"):
        return False
    try:
        config.getini(_LOOP_OF_TESTS)
    except ValueError:
        return False
    return True


def _session_fixture(request: pytest.FixtureRequest) -> str:
    """Give the name of the fixture whose session belongs to the loop of the test.

    Fails the test where neither anyio nor pytest-asyncio runs it.
    """
    if "anyio_backend" in request.fixturenames:
        return "_migrator_session_under_anyio"
    if not has_test_loops(request.config):
        pytest.fail(_no_loops(request.config), pytrace=False)
    marker = request.node.get_closest_marker("asyncio")
    said = marker.kwargs if marker is not None else {}
    scope = said.get("loop_scope") or said.get("scope")
    return f"_migrator_session_in_{scope or request.config.getini(_LOOP_OF_TESTS)}_loop"


def _no_loops(config: pytest.Config) -> str:
    found = "which is not installed"
    if config.pluginmanager.hasplugin("asyncio"):
        found = f"and {version('pytest-asyncio')} is installed"
    return (
        f"error: async_session needs pytest-asyncio {_OLDEST} or later, {found}.\n"
        f"hint: Install it: pip install 'pytest-asyncio>={_OLDEST}'; or run the test with anyio:"
        " @pytest.mark.anyio"
    )


@asynccontextmanager
async def session_on(url: str) -> AsyncIterator[AsyncSession]:
    """Have a session on a database for the block; what it loaded stays readable after a commit.

    The event loop that runs the test opens it: one that is closed in another loop hangs.
    """
    from sqlalchemy import make_url
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
    from sqlalchemy.pool import NullPool

    from migrator.database.connecting.engine import with_async_driver

    engine = create_async_engine(with_async_driver(make_url(url)), poolclass=NullPool)
    try:
        async with AsyncSession(engine, expire_on_commit=False) as session:
            yield session
    finally:
        await engine.dispose()


@contextmanager
def _told() -> Iterator[None]:
    """Fail without a traceback, in the words of the command line, where migrator raises an error."""
    from migrator import secrets
    from migrator.errors import MigratorError
    from migrator.plain import error_lines

    try:
        yield
    except MigratorError as exc:
        # Alone: what it came from is for whoever works on migrator.
        raise pytest.fail.Exception(secrets.scrub("\n".join(error_lines(exc))), pytrace=False) from None
