"""Adjusts what Alembic's autogenerate has found, before a revision is made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext

from migrator.bridge.autogenerate.check_constraints import compare_checks
from migrator.bridge.autogenerate.constraint_names import name_constraints
from migrator.bridge.autogenerate.enums.enum_comparison import compare_enums
from migrator.bridge.autogenerate.identities import say_what_was_identity
from migrator.bridge.autogenerate.not_compared import not_compared
from migrator.bridge.autogenerate.rename_detection import Renaming, rename
from migrator.bridge.autogenerate.table_names import qualified
from migrator.bridge.autogenerate.table_order import put_in_order
from migrator.bridge.env_py.session import Session
from migrator.errors import ModelsError
from migrator.results.renames import Rename
from migrator.revisions.created_tables import created_tables


@dataclass(frozen=True)
class Wishes:
    """How a revision is to be written: with which renames."""

    renames: tuple[Rename, ...] = ()


@dataclass
class Found:
    """What was found beside the changes: renames, put in or likely, and what was left alone."""

    applied: list[Rename] = field(default_factory=list)
    candidates: list[Rename] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    not_compared: list[str] = field(default_factory=list)


def adjust(
    up: ops.UpgradeOps, context: MigrationContext, session: Session, wishes: Wishes | None, found: Found
) -> None:
    """Change the operations of an upgrade into what is written; the downgrade is their reverse.

    Without `wishes` only differences that Alembic does not see are added. Raises ModelsError for models of
    which the database has no table.
    """
    autogen = AutogenContext(context)
    files = _files(session)
    renaming = Renaming()
    if wishes is not None:
        _leave_alone(up, files, found)
        renaming = rename(up, autogen, wishes.renames)
        _refuse_other_models(up, autogen, session)
    put_in_order(up, context.dialect)
    name_constraints(up, context.dialect.max_identifier_length)
    say_what_was_identity(up)
    # Before the enums, which take on them what they must drop and make again themselves.
    compare_checks(up, autogen, renaming.renamed)
    enums = compare_enums(up, autogen, renaming.renamed, wishes.renames if wishes else (), files)
    found.not_compared += [each for each in not_compared(context) if each not in found.not_compared]
    found.applied += [*renaming.applied, *enums.applied]
    found.candidates += [*renaming.candidates, *enums.candidates]


def _files(session: Session) -> list[Path]:
    return [Path(script.path) for script in session.scripts.walk_revisions()]


def _leave_alone(up: ops.UpgradeOps, files: list[Path], found: Found) -> None:
    """Take out the drops of tables that no revision has created: they are somebody else's."""
    dropped = [op for op in up.ops if isinstance(op, ops.DropTableOp)]
    created = created_tables(files) if dropped else None
    for drop in dropped:
        if created is None or created.has(drop.table_name, drop.schema):
            continue
        key = (drop.schema, drop.table_name)
        up.ops[:] = [
            op
            for op in up.ops
            if op is not drop
            and not (isinstance(op, ops.ModifyTableOps) and (op.schema, op.table_name) == key)
        ]
        name = qualified(*key)
        found.notes.append(
            f"table {name} is not in the models, and no revision creates it: left alone;"
            " name it in exclude_tables"
        )


def _refuse_other_models(up: ops.UpgradeOps, autogen: AutogenContext, session: Session) -> None:
    dropped = [qualified(op.schema, op.table_name) for op in up.ops if isinstance(op, ops.DropTableOp)]
    added = [qualified(op.schema, op.table_name) for op in up.ops if isinstance(op, ops.CreateTableOp)]
    modelled = [
        table
        for table in autogen.sorted_tables
        if autogen.run_object_filters(table, table.name, "table", False, None)
    ]
    if not dropped or len(added) < len(modelled):
        return
    environment = session.workspace.environment
    raise ModelsError(
        f"The models of {environment.name} have none of the tables that its revisions created: they have"
        f" {_list(added)}, the database has {_list(dropped)}.",
        hint=f"Correct 'models' in the [migrator] section of {environment.shown(environment.config_file)};"
        " a revision that replaces every table is written by hand: migrator generate --empty",
    )


def _list(names: list[str], most: int = 3) -> str:
    shown = ", ".join(sorted(names)[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
