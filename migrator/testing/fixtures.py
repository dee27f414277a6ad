"""Fixtures for an application's tests: a database that is at head, and a session on it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sqlalchemy import URL
    from sqlalchemy.ext.asyncio import AsyncSession

    from migrator.scratch import Copies


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
    from migrator.testing.surroundings import at_root

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
    from migrator.testing.surroundings import at_root

    made, root = _migrator_copies
    with ExitStack() as stack:
        with _told(), at_root(root):
            url = stack.enter_context(made.copy())
        yield ShownUrl(url)


@pytest.fixture
def async_session(request: pytest.FixtureRequest) -> AsyncSession:
    """An AsyncSession on the database of `migrated_database`, in the event loop of the test."""
    from migrator.testing.loops import session_fixture

    session: AsyncSession = request.getfixturevalue(session_fixture(request))
    return session


@pytest.fixture(name="_migrator_session_under_anyio")
async def session_under_anyio(migrated_database: str) -> AsyncIterator[AsyncSession]:
    """The session of a test that anyio runs."""
    from migrator.testing.loops import session_on

    async with session_on(migrated_database) as session:
        yield session


@contextmanager
def _told() -> Iterator[None]:
    """Fail without a traceback, in the words of the command line, where migrator raises an error."""
    from migrator import secrets
    from migrator.errors import MigratorError
    from migrator.plain.error_lines import error_lines

    try:
        yield
    except MigratorError as exc:
        # Alone: what it came from is for whoever works on migrator.
        raise pytest.fail.Exception(secrets.scrub("\n".join(error_lines(exc))), pytrace=False) from None
