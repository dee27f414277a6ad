"""What a database has that its own history does not make, and the other way round."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from alembic.runtime.migration import MigrationContext

from migrator.bridge.env_py.connected_database import connection_of
from migrator.config.select import Workspace
from migrator.database.catalog import Catalog, differences
from migrator.errors import ConfigurationError, DatabaseError, MigratorError, RefusedError
from migrator.operations.judge.catalog_view import CatalogView
from migrator.results.differences import Difference
from migrator.results.events import Report
from migrator.scratch import Scratch, ScratchFailedError, is_known_equal, scratch


class NotComparableError(MigratorError):
    """A database cannot be compared with its history."""


@dataclass(frozen=True)
class ObservedDatabase:
    """A database as it was seen: its kind and version, where it stands, and what it holds."""

    backend: str
    major: str
    heads: tuple[str, ...]
    catalog: Catalog
    view: CatalogView

    @property
    def digest(self) -> str:
        """A hash of all that counts when it is compared with a history."""
        objects = [[*key, definition] for key, definition in self.catalog.objects.items()]
        said = [self.backend, self.major, self.view.version_table, objects]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def observe_database(
    workspace: Workspace, heads: tuple[str, ...], context: MigrationContext
) -> ObservedDatabase:
    """Look at the database of a context, in a handful of queries whatever it holds, writing nothing."""
    connection, view = connection_of(context), CatalogView.of(workspace, context)
    dialect = connection.dialect
    version = dialect.server_version_info or ("",)
    backend = "mysql" if dialect.name == "mariadb" else dialect.name
    return ObservedDatabase(backend, str(version[0]), heads, view.read(connection), view)


def drift(
    workspace: Workspace, seen: ObservedDatabase, report: Report, *, fresh: bool
) -> tuple[Difference, ...]:
    """Give what a database (`left`) and its history, replayed to where it stands (`right`), have otherwise.

    Of a database and a history that were found equal before it is known without a replay, unless `fresh`.
    Raises NotComparableError, with what to do in its hint, where there is no scratch database to replay on,
    or none of the same version, or the history does not run there; and RevisionsError.
    """
    digest = seen.digest
    if not fresh and is_known_equal(workspace, seen.heads, digest):
        return ()
    try:
        with scratch(workspace, report, fresh=fresh) as place:
            _require_like(seen, place)
            with place.reading(*seen.heads) as database:
                found = differences(seen.catalog, database.call(seen.view.read_replayed))
            if not found:
                place.remember_equal(seen.heads, digest)
            return found
    except (ConfigurationError, RefusedError, DatabaseError, ScratchFailedError) as exc:
        raise NotComparableError(exc.message.rstrip("."), hint=exc.hint) from exc


def _require_like(seen: ObservedDatabase, place: Scratch) -> None:
    hint = "Name a server like it in the [migrator] section: scratch_url = URL"
    if place.backend != seen.backend:
        raise NotComparableError(
            f"the scratch database is of the kind {place.backend}, the database {seen.backend}", hint=hint
        )
    if place.major and place.major != seen.major:
        raise NotComparableError(
            f"the scratch server is a PostgreSQL {place.major}, the database a {seen.major}, and two versions"
            " word the same thing differently",
            hint=hint,
        )
