"""Adjusts what Alembic's autogenerate has found, before a revision is made of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Identity

from migrator.bridge.autogenerate.check_constraints import compare_checks
from migrator.bridge.autogenerate.enums.enum_comparison import compare_enums
from migrator.bridge.autogenerate.rename_detection import Renaming, rename
from migrator.bridge.autogenerate.reversible import AlterIdentity
from migrator.bridge.autogenerate.sql_text import included_tables, qualified
from migrator.bridge.autogenerate.table_order import put_in_order
from migrator.bridge.env_py.session import Session
from migrator.errors import ModelsError
from migrator.results.differences import Rename
from migrator.revisions.created_tables import created_tables


def describe_former_identity(up: ops.UpgradeOps) -> None:
    """Put operations that say what a column was before in the place of those that change an identity."""
    for block in up.ops:
        if isinstance(block, ops.ModifyTableOps):
            block.ops[:] = [_told(op) for op in block.ops]


def _told(op: ops.MigrateOperation) -> ops.MigrateOperation:
    if not isinstance(op, ops.AlterColumnOp) or op.modify_server_default is False:
        return op
    if not any(isinstance(each, Identity) for each in (op.existing_server_default, op.modify_server_default)):
        return op
    said = dict(vars(op))
    return AlterIdentity(**said.pop("kw"), **said)


def name_constraints(up: ops.UpgradeOps, longest: int) -> None:
    """Give every constraint that is added to a table a name of at most `longest` bytes.

    It is the one that PostgreSQL itself gives (`ChooseConstraintName` in its source), where that is not too
    long: `orders_user_id_fkey`, `users_email_key`.
    """
    taken: set[str] = set()
    for block in up.ops:
        for op in block.ops if isinstance(block, ops.ModifyTableOps) else ():
            if isinstance(op, ops.CreateForeignKeyOp) and op.constraint_name is None:
                op.constraint_name = _name((op.source_table, *op.local_cols), "fkey", longest, taken)
            elif isinstance(op, ops.CreateUniqueConstraintOp) and op.constraint_name is None:
                op.constraint_name = _name((op.table_name, *op.columns), "key", longest, taken)


def _name(parts: Sequence[str], kind: str, longest: int, taken: set[str]) -> str:
    whole, number = "_".join(map(str, parts)), 0
    while True:
        last = f"_{kind}{number or ''}"
        name = f"{whole}{last}"
        if len(name.encode()) > longest:
            last = f"_{hashlib.sha256(whole.encode()).hexdigest()[:8]}{last}"
            name = whole.encode()[: longest - len(last)].decode(errors="ignore") + last
        if name not in taken:
            taken.add(name)
            return name
        number += 1


_NEVER_COMPARED = ("views", "triggers", "functions", "sequences", "expressions of computed columns")


@dataclass
class Adjustments:
    """What was found beside the changes: renames, put in or likely, and what was left alone."""

    applied: list[Rename] = field(default_factory=list)
    candidates: list[Rename] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    not_compared: list[str] = field(default_factory=list)


def adjust(
    up: ops.UpgradeOps,
    context: MigrationContext,
    session: Session,
    renames: tuple[Rename, ...] | None,
    found: Adjustments,
) -> None:
    """Change the operations of an upgrade into what is written; the downgrade is their reverse.

    Without `renames` only differences that Alembic does not see are added. Raises ModelsError for models of
    which the database has no table.
    """
    autogen = AutogenContext(context)
    files = [Path(script.path) for script in session.scripts.walk_revisions()]
    renaming = Renaming()
    if renames is not None:
        _leave_alone(up, files, found)
        renaming = rename(up, autogen, renames)
        _refuse_other_models(up, autogen, session)
    put_in_order(up, context.dialect)
    name_constraints(up, context.dialect.max_identifier_length)
    describe_former_identity(up)
    # Before the enums, which take on them what they must drop and make again themselves.
    compare_checks(up, autogen, renaming.renamed)
    compare_enums(up, autogen, renaming, renames or (), files)
    found.not_compared += [each for each in _not_compared(context) if each not in found.not_compared]
    found.applied += renaming.applied
    found.candidates += renaming.candidates


def _leave_alone(up: ops.UpgradeOps, files: list[Path], found: Adjustments) -> None:
    """Take out the drops of tables that no revision has created: they are somebody else's."""
    dropped = [(op.schema, op.table_name) for op in up.ops if isinstance(op, ops.DropTableOp)]
    created = created_tables(files if dropped else ())
    theirs = [(schema, table) for schema, table in dropped if not created.has(table, schema)]
    up.ops[:] = [
        op
        for op in up.ops
        if not isinstance(op, ops.DropTableOp | ops.ModifyTableOps)
        or (op.schema, op.table_name) not in theirs
    ]
    found.notes += [
        f"table {qualified(*key)} is not in the models, and no revision creates it: left alone;"
        " name it in exclude_tables"
        for key in theirs
    ]


def _refuse_other_models(up: ops.UpgradeOps, autogen: AutogenContext, session: Session) -> None:
    dropped = [qualified(op.schema, op.table_name) for op in up.ops if isinstance(op, ops.DropTableOp)]
    added = [qualified(op.schema, op.table_name) for op in up.ops if isinstance(op, ops.CreateTableOp)]
    if not dropped or len(added) < len(included_tables(autogen)):
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


def _not_compared(context: MigrationContext) -> tuple[str, ...]:
    """Give what a comparison leaves out, with the options that its env.py has passed."""
    by_name = context.dialect.name == "postgresql"
    found = [*_NEVER_COMPARED, "text of CHECK constraints" if by_name else "CHECK constraints"]
    if context.opts.get("compare_server_default") in (False, None):
        found.append("server defaults (compare_server_default in env.py)")
    if context.opts.get("compare_type") is False:
        found.append("types of columns and enums (compare_type in env.py)")
    return tuple(found)
