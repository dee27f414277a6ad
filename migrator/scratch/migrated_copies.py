"""Databases at the end of a history, one for each test: replayed once, then copied."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy import URL

from migrator.config.select import Workspace
from migrator.database.connecting.engine import with_driver
from migrator.results.events import Report
from migrator.scratch.choose_store import open_store
from migrator.scratch.manifest import tracing
from migrator.scratch.scratch_database import ScratchDatabase
from migrator.scratch.scratch_templates import Scratch
from migrator.scratch.store import Store


@contextmanager
def copies(workspace: Workspace, report: Report) -> Iterator[Copies]:
    """Have a database at the environment's heads, to be copied, for the length of the block.

    Raises ScratchFailedError for a revision that fails, and as `scratch` does.
    """
    workspace = workspace.without_tenant()
    with ExitStack() as stack:
        store = stack.enter_context(open_store(workspace, report))
        # What is read later is of the tests, and not of the history.
        with tracing(workspace.environment.root) as trace:
            place = Scratch(workspace, store, trace, report, fresh=False)
            original = stack.enter_context(place.at("heads"))
        yield Copies(store, place, original)


class Copies:
    """Makes copies of one database."""

    def __init__(self, store: Store, place: Scratch, original: ScratchDatabase) -> None:
        self._store = store
        self._place = place
        self._original = original

    @contextmanager
    def copy(self) -> Iterator[URL]:
        """Give the URL of a copy, password and all, whose driver is named; it is taken away afterwards."""
        url = self._store.copy(self._original.url)
        if url is None:
            with self._place.at("heads") as replayed:
                yield with_driver(replayed.url)
            return
        try:
            yield with_driver(url)
        finally:
            self._store.drop(url)
