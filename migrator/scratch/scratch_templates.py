"""Where scratch databases are made, and the templates that spare replaying a history again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL

from migrator.bridge.env_py.session import file_session
from migrator.config.folders import script_folder
from migrator.config.select import Workspace
from migrator.database.connecting.engine import with_driver
from migrator.errors import ConfigurationError
from migrator.results.events import Report, Waiting
from migrator.revisions.env_py_source import runs_only_ours
from migrator.scratch.choose_store import open_store
from migrator.scratch.known_equal import remember_equal, wanted_revisions
from migrator.scratch.manifest import FixedInputs, Manifest, Trace, file_hash, listing_hash, tracing
from migrator.scratch.scratch_database import ScratchDatabase, scratch_workspace
from migrator.scratch.store import Store, TemplateGoneError

# So many take more than a second.
_MANY = 100


@contextmanager
def scratch(workspace: Workspace, report: Report, *, fresh: bool = False) -> Iterator[Scratch]:
    """Have a place for scratch databases of the environment's kind for the length of the block.

    With `fresh` no template is used. Raises ConfigurationError (NoScratchError where there is no place for
    them) and DatabaseError; the environment's own database is never contacted.
    """
    # What a history makes is alike for all tenants, and is replayed once.
    workspace = workspace.without_tenant()
    with open_store(workspace, report) as store, tracing(workspace.environment.root) as trace:
        yield Scratch(workspace, store, trace, report, fresh=fresh)


class Scratch:
    """A place for scratch databases; each is taken away when its block ends.

    `backend` is its kind, `major` the first part of a PostgreSQL server's version, empty for other kinds.
    """

    def __init__(
        self, workspace: Workspace, store: Store, trace: Trace, report: Report, *, fresh: bool
    ) -> None:
        self.backend = store.backend
        self.major = store.major
        self._workspace = workspace
        self._store = store
        self._trace = trace
        self._report = report
        self._fresh = fresh

    def empty(self) -> AbstractContextManager[ScratchDatabase]:
        """Give an empty database."""
        return self.dropped_after(self._store.create())

    def at(self, *targets: str) -> AbstractContextManager[ScratchDatabase]:
        """Give a database at revisions such as `heads`, ids, or `base`.

        The history is replayed from the template that holds most of it, and what was replayed is kept as a
        template. Raises ScratchFailedError for a revision that fails, and as `ScratchDatabase.upgrade` does.
        """
        wanted = wanted_revisions(self._workspace, targets)
        return self._replayed(targets, wanted, *self._best(wanted))

    @contextmanager
    def _replayed(
        self,
        targets: tuple[str, ...],
        wanted: Mapping[str, str] | None,
        name: str | None,
        had: Mapping[str, str],
    ) -> Iterator[ScratchDatabase]:
        """Give a copy of a template that has the revisions `had`, with what else is `wanted`."""
        try:
            url = self._store.create(name)
        except TemplateGoneError:
            url, had = self._store.create(), {}
        with self.dropped_after(url) as database:
            replayed, left = 0, len(wanted or ()) - len(had)
            if left >= _MANY:
                self._report(Waiting(f"replaying {left} revisions on a scratch database"))
            for target in targets if wanted != had else ():
                replayed += len(database.upgrade(target)) if target != "base" else 0
            if replayed and wanted is not None:
                self._keep(database, wanted)
            yield database

    def reading(self, *targets: str) -> AbstractContextManager[ScratchDatabase]:
        """Give a database at revisions, as `at` does, that will not be changed.

        It is a template itself, which takes no time to copy, where there is one of just these revisions and
        env.py is known to change nothing by itself.
        """
        wanted = wanted_revisions(self._workspace, targets)
        name, had = self._best(wanted)
        url = self._store.open(name) if name is not None and wanted == had and self._only_reads else None
        if url is None:
            return self._replayed(targets, wanted, name, had)
        workspace = scratch_workspace(self._workspace, url)
        return nullcontext(ScratchDatabase(url, workspace, self._store, is_template=True))

    def remember_equal(self, targets: tuple[str, ...], digest: str) -> None:
        """Note that a database of this digest equals the history up to `targets`; see `is_known_equal`."""
        wanted = wanted_revisions(self._workspace, targets)
        for manifest in self._store.templates().values():
            if wanted == manifest.revisions and manifest.serves(
                self._fixed, wanted, self._workspace.environment.root
            ):
                remember_equal(self._workspace, manifest, digest)
                return

    @property
    def _only_reads(self) -> bool:
        """Whether env.py does nothing but what ours does: another may run statements of its own."""
        try:
            return runs_only_ours(script_folder(self._workspace.environment) / "env.py")
        except ConfigurationError:
            return False

    @contextmanager
    def dropped_after(self, url: URL) -> Iterator[ScratchDatabase]:
        """Give a database that was made here, and drop it when the block ends."""
        try:
            yield ScratchDatabase(url, scratch_workspace(self._workspace, url), self._store)
        finally:
            self._store.drop(url)

    @property
    def _fixed(self) -> FixedInputs:
        return FixedInputs.of(self._workspace, self._store.server)

    def _best(self, wanted: Mapping[str, str] | None) -> tuple[str | None, Mapping[str, str]]:
        """Give the template that holds most of what is wanted, and its revisions."""
        if wanted is None or self._fresh:
            return None, {}
        templates = self._store.templates().items()
        for name, manifest in sorted(templates, key=lambda each: len(each[1].revisions), reverse=True):
            if manifest.serves(self._fixed, wanted, self._workspace.environment.root):
                # What was read then was not read again now.
                self._trace.files |= set(manifest.files)
                self._trace.listings |= set(manifest.listings)
                return name, manifest.revisions
        return None, {}

    def _keep(self, database: ScratchDatabase, revisions: Mapping[str, str]) -> None:
        root, settings = self._workspace.environment.root, self._workspace.environment.settings
        if not settings.scratch_keep:
            return
        shown = self._workspace.environment.shown
        scripts = file_session(self._workspace, ["heads"], new_folder=True).scripts
        versions = {shown(Path(script.path).resolve()) for script in scripts.walk_revisions()}
        # Of it only two sections count, which have a place of their own in the manifest.
        config_file = shown(self._workspace.environment.config_file)
        manifest = Manifest(
            fixed=self._fixed,
            revisions=revisions,
            files={
                path: file_hash(root / path)
                for path in sorted(self._trace.files)
                if path not in versions and not Path(path).name.startswith(".env") and path != config_file
            },
            listings={
                path: listing_hash(root / path)
                for path in sorted(self._trace.listings)
                if not any(Path(each).is_relative_to(path) for each in versions)
            },
        )
        self._store.keep(database.url, manifest)
        self._evict(settings.scratch_keep)

    def _evict(self, kept: int) -> None:
        fixed = self._fixed
        ours = [
            name
            for name, manifest in self._store.templates().items()
            if (manifest.fixed.root, manifest.fixed.environment) == (fixed.root, fixed.environment)
        ]
        for name in ours[:-kept]:
            self._store.forget(name)


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
        yield Copies(place, original)


@dataclass(frozen=True)
class Copies:
    """Makes copies of one database."""

    _place: Scratch
    _original: ScratchDatabase

    @contextmanager
    def copy(self) -> Iterator[URL]:
        """Give the URL of a copy, password and all, whose driver is named; it is taken away afterwards."""
        url = self._original.store.copy(self._original.url)
        with self._place.at("heads") if url is None else self._place.dropped_after(url) as database:
            yield with_driver(database.url)
