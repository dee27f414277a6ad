"""Makes one revision of a history, or of its older part, and proves that both make the same database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from migrator.bridge.autogenerate.comparing import Comparison
from migrator.bridge.env_py.session import Needs
from migrator.bridge.revision_files.loading import translated
from migrator.bridge.revision_files.writing import atomic_writing, written_info
from migrator.config.select import Workspace
from migrator.database.catalog.carried_objects import (
    CarriedObjects,
    carried_over,
    filled_tables,
    uncatalogued,
)
from migrator.database.catalog.objects import Catalog, ObjectKey, differences
from migrator.errors import Effect, RefusedError
from migrator.operations.judge.drift import scratch_catalog
from migrator.operations.judge.verify import VerifyRequest, verify
from migrator.operations.write.draft_folders import Draft
from migrator.results.differences import Difference
from migrator.results.events import Report, Waiting
from migrator.results.written import WrittenRevision
from migrator.revisions.version_text import docstring_safe
from migrator.scratch import ScratchDatabase, ScratchFailedError, scratch

# These can be made by themselves.
_MADE_ALONE = frozenset({"index", "statistics", "sequence"})


@dataclass(frozen=True)
class Collapse:
    """What becomes one revision: the history up to `targets`, made by `files`.

    Without `rows` what they have put into tables is left behind. With `fresh` no kept template is used.
    """

    targets: tuple[str, ...]
    files: tuple[Path, ...]
    message: str
    rev_id: str | None = None
    rows: bool = True
    fresh: bool = False


@dataclass(frozen=True)
class CollapsedRevision:
    """The new revision in its draft, and the tables that it makes."""

    written: WrittenRevision
    path: Path
    tables: tuple[str, ...]


def collapse(workspace: Workspace, draft: Draft, wanted: Collapse, report: Report) -> CollapsedRevision:
    """Write the revision into the draft, whose folders are empty, and prove it on scratch databases.

    Raises RefusedError where the old revisions have put rows into tables, where something cannot be written,
    and where the new revision makes something else or does not take back what it made; and as `verify` does.
    """
    report(Waiting("replaying the history on a scratch database"))
    old, made = _write(workspace, draft, wanted, report, also=())
    found = _proved(draft, made, old, report, wanted.fresh)
    missing = [(each.kind, each.name) for each in found if each.left and each.kind in _MADE_ALONE]
    if missing:
        # Alembic sees these, and does not make them, or makes them otherwise; the database says how.
        made.path.unlink()
        old, made = _write(workspace, draft, wanted, report, also=missing)
        found = _proved(draft, made, old, report, wanted.fresh)
    if found:
        said = "; ".join(each.describe("the old history", "the new revision") for each in found)
        raise _refused(workspace, f"the new revision would not make the same database: {said}")
    verified = verify(draft.workspace, report, VerifyRequest(fresh=wanted.fresh, models=False))
    faults = [each.cause for each in verified.failed]
    faults += [
        d.describe("the database before", "that after") for u in verified.unlike for d in u.differences
    ]
    if faults:
        raise _refused(workspace, f"the new revision would not take back what it makes: {'; '.join(faults)}")
    return made


def _write(
    workspace: Workspace, draft: Draft, wanted: Collapse, report: Report, also: Collection[ObjectKey]
) -> tuple[Catalog, CollapsedRevision]:
    with scratch(workspace, report, fresh=wanted.fresh) as place:
        with place.empty() as empty:
            base = scratch_catalog(empty)
        with place.at(*wanted.targets) as database:
            old = scratch_catalog(database)
            if wanted.rows:
                _refuse_rows(workspace, database, old)
            carried = database.call(lambda connection: carried_over(connection, base, old, also))
            return _whole(database, old), _written(database, draft, wanted, carried)


def _whole(database: ScratchDatabase, catalog: Catalog) -> Catalog:
    """Add what a catalogue leaves out: here it would be lost for good."""
    return replace(catalog, objects={**catalog.objects, **database.call(uncatalogued)})


def _written(
    database: ScratchDatabase, draft: Draft, wanted: Collapse, carried: CarriedObjects
) -> CollapsedRevision:
    environment = replace(database.workspace.environment, drafts=draft.copies)
    in_draft = replace(database, workspace=replace(database.workspace, environment=environment))
    with in_draft.session(["revision", "--autogenerate"], Needs(writes=False, models=False)) as session:
        comparison = Comparison(
            session,
            message=docstring_safe(wanted.message),
            rev_id=wanted.rev_id,
            version_path=str(draft.copies[0]),
            head="base",
        )
        tables = comparison.create_from_database(carried, wanted.files)
        with translated(in_draft.workspace), atomic_writing(session.scripts, in_draft.workspace):
            (script,) = comparison.write()
    info = written_info(script, in_draft.workspace)
    return CollapsedRevision(replace(info, path=draft.in_place(info.path)), Path(script.path), tables)


def _refuse_rows(workspace: Workspace, database: ScratchDatabase, catalog: Catalog) -> None:
    filled = database.call(lambda connection: filled_tables(connection, catalog))
    if filled:
        said = ", ".join(f"{name} ({count})" for name, count in filled.items())
        raise RefusedError(
            f"The old revisions of {workspace.environment.name} put rows into tables, which one new revision"
            f" would not: {said}.",
            effect=Effect.NOTHING_CHANGED,
            hint="Where no new database needs them, or something else puts them there: --without-rows",
        )


def _proved(
    draft: Draft, made: CollapsedRevision, old: Catalog, report: Report, fresh: bool
) -> Sequence[Difference]:
    try:
        with (
            scratch(draft.workspace, report, fresh=fresh) as place,
            place.at(made.written.revision) as database,
        ):
            return differences(old, _whole(database, scratch_catalog(database)))
    except ScratchFailedError as exc:
        raise _refused(draft.workspace, f"the new revision does not run: {exc.message}") from exc


def _refused(workspace: Workspace, why: str) -> RefusedError:
    return RefusedError(
        f"The history of {workspace.environment.name} was not changed: {why}.",
        hint="Write that revision by hand: what one says here is what it lacks.",
    )
