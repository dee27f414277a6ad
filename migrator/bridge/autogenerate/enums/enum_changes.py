"""How an enum with other values is changed: values renamed and added in place, or the type rebuilt.

And how columns are changed that become an enum, or cease to be one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from sqlalchemy import ARRAY, CheckConstraint, Table
from sqlalchemy.engine import Dialect

from migrator.bridge.autogenerate.dependents import RenamedNames
from migrator.bridge.autogenerate.enums.enum_sql import (
    UseDefaults,
    add_values,
    rebuild,
    rename_values,
    retyping,
    says,
)
from migrator.bridge.autogenerate.enums.enum_types import EnumType, EnumUse, ModelEnum, enum_of
from migrator.bridge.autogenerate.rename_detection import Renaming
from migrator.bridge.autogenerate.reversible import ReversibleSql
from migrator.bridge.autogenerate.sql_text import (
    default_text,
    identifier,
    literal,
    qualified,
    same_default,
    sql_text,
    table_sql,
    type_texts,
    without_cast,
)
from migrator.results.differences import Change, Rename

# ALTER TYPE ... ADD VALUE runs inside a transaction from here on.
_ADDS_IN_TRANSACTIONS = (12,)
# Schema, table and column, as they are in the database.
ColumnKey = tuple[str | None, str, str]


def alteration(
    up: ops.UpgradeOps,
    autogen: AutogenContext,
    renaming: Renaming,
    enum: EnumType,
    model: ModelEnum,
    wished: Sequence[Rename],
) -> tuple[ReversibleSql, UseDefaults]:
    """Give what makes an enum of the database have the values of the models, and back, and the defaults.

    Values that are renamed, or may have been, are added to `renaming`. Changes of defaults that only one of
    the two lists of values allows are taken out of `up` and made here.
    """
    name = qualified(*enum.key)
    pairs = _may_be_renamed(enum.labels, model.labels)
    renaming.candidates += [Rename("value", name, *pair) for pair in pairs]
    applied = [each for each in wished if _is_rename(each, name, enum.labels, model.labels)]
    renaming.applied += applied
    values = [(each.old, each.new) for each in applied]
    names = dict(values)
    between = _with_new_names(enum, names)
    sql, undo = rename_values(*enum.key, values), rename_values(*enum.key, [(n, o) for o, n in values])
    defaults: UseDefaults = {}
    only_adds = between.labels == tuple(label for label in model.labels if label in between.labels)
    if between.labels == model.labels:
        defaults = _defaults(up, autogen, renaming.renamed, between, model.labels)
        sql += _set_defaults(defaults, 1)
        undo = [*_set_defaults(defaults, 0), *undo]
    elif only_adds and _may_add(autogen, between.labels, model):
        sql += add_values(*enum.key, between.labels, model.labels)
        same = {use: (use.default, use.default) for use in between.uses}
        undo = [*rebuild(between, same, between.labels, back=True), *undo]
    else:
        defaults = _defaults(up, autogen, renaming.renamed, between, model.labels)
        sql += rebuild(between, defaults, model.labels)
        undo = [*rebuild(between, defaults, between.labels, back=True), *undo]
    there, back = _change(name, enum.labels, model.labels, values)
    return ReversibleSql(sql, undo, there, back), defaults


def _may_be_renamed(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, str]]:
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "replace" and i2 - i1 == j2 - j1:
            pairs = zip(old[i1:i2], new[j1:j2], strict=True)
            yield from ((one, other) for one, other in pairs if one not in new and other not in old)


def _is_rename(wish: Rename, name: str, old: Sequence[str], new: Sequence[str]) -> bool:
    mine = wish.kind == "value" and wish.where == name
    return mine and wish.old in old and wish.old not in new and wish.new in new and wish.new not in old


def _may_add(autogen: AutogenContext, old: Sequence[str], model: ModelEnum) -> bool:
    """Whether values can be added in place: PostgreSQL forbids it to what uses one in the same run."""
    version = autogen.dialect.server_version_info or _ADDS_IN_TRANSACTIONS
    if tuple(version) < _ADDS_IN_TRANSACTIONS:
        return False
    added = set(model.labels) - set(old)
    tables = {column.table for column in model.columns}
    spoken = " ".join(text for table in tables for text in _spoken(autogen, table))
    return not any(literal(label) in spoken for label in added)


def _spoken(autogen: AutogenContext, table: Table) -> Iterator[str]:
    """Give the SQL in a table's definition: defaults, checks and predicates."""
    for column in table.c:
        yield default_text(column.server_default, autogen.dialect) or ""
    checks = (*table.constraints, *(each for column in table.c for each in column.constraints))
    for check in checks:
        if isinstance(check, CheckConstraint):
            yield sql_text(check.sqltext, autogen.dialect)
    for index in table.indexes:
        where = index.dialect_options["postgresql"]["where"]
        for expression in (where, *index.expressions):
            if expression is not None:
                yield sql_text(expression, autogen.dialect)


def _with_new_names(enum: EnumType, names: dict[str, str]) -> EnumType:
    """Return an enum as the database has it once its values have their new names."""
    labels = tuple(names.get(label, label) for label in enum.labels)
    uses = (replace(use, default=use.default and _mapped(use.default, names)) for use in enum.uses)
    hanging = (replace(each, make=_mapped(each.make, names)) for each in enum.hanging)
    return replace(enum, labels=labels, uses=tuple(uses), hanging=tuple(hanging))


def _mapped(sql: str, names: dict[str, str]) -> str:
    """Give SQL as the database writes it with the new names of values."""
    for old, new in names.items():
        sql = sql.replace(f"{literal(old)}::", f"{literal(new)}::")
    return sql


def _defaults(
    up: ops.UpgradeOps,
    autogen: AutogenContext,
    renamed: RenamedNames,
    enum: EnumType,
    labels: Sequence[str],
) -> UseDefaults:
    """Give each column's default before (under the new names of values) and after."""
    removed = [label for label in enum.labels if label not in labels]
    found: dict[EnumUse, tuple[str | None, str | None]] = {}
    for use in enum.uses:
        before = use.default
        after = None if before is not None and says(before, removed) else before
        alter = _altered_default(up, renamed, use)
        if alter is not None:
            after = default_text(alter.modify_server_default, autogen.dialect)
            _take_default(alter)
        found[use] = (before, after)
    _without_empty(up)
    return found


def _altered_default(up: ops.UpgradeOps, renamed: RenamedNames, use: EnumUse) -> ops.AlterColumnOp | None:
    for block in up.ops:
        for op in block.ops if isinstance(block, ops.ModifyTableOps) else ():
            if (
                isinstance(op, ops.AlterColumnOp)
                and op.modify_name is None
                and op.modify_type is None
                and op.modify_server_default is not False
                and (op.schema, renamed.old_table(op.schema, op.table_name)) == use.where
                and renamed.old_column(op.schema, op.table_name, op.column_name) == use.column
            ):
                return op
    return None


def _without_empty(up: ops.UpgradeOps) -> None:
    for block in up.ops:
        if isinstance(block, ops.ModifyTableOps):
            block.ops[:] = [
                op
                for op in block.ops
                if not isinstance(op, ops.AlterColumnOp) or op.modify_name or op.has_changes()
            ]
    up.ops[:] = [op for op in up.ops if not isinstance(op, ops.ModifyTableOps) or op.ops]


def _set_defaults(defaults: UseDefaults, which: int) -> list[str]:
    found = []
    for use, both in defaults.items():
        if same_default(*both):
            continue
        clause = "DROP DEFAULT" if both[which] is None else f"SET DEFAULT {both[which]}"
        table = table_sql(*use.where)
        found.append(f"ALTER TABLE {table} ALTER COLUMN {identifier(use.column)} {clause}")
    return found


def _change(
    name: str, old: Sequence[str], new: Sequence[str], values: Sequence[tuple[str, str]]
) -> tuple[Change, Change]:
    said = {*(one for one, _ in values), *(other for _, other in values)}
    added = [label for label in new if label not in old and label not in said]
    removed = [label for label in old if label not in new and label not in said]

    def change(plus: Sequence[str], minus: Sequence[str], pairs: Iterable[tuple[str, str]]) -> Change:
        parts = [
            *(f"rename {one} to {other}" for one, other in pairs),
            *([f"add {', '.join(plus)}"] if plus else []),
            *([f"remove {', '.join(minus)}"] if minus else []),
        ]
        text = f"alter enum {name}: {', '.join(parts) or 'another order'}"
        return Change("alter_enum", text, destructive=bool(minus))

    return change(added, removed, values), change(removed, added, [(n, o) for o, n in values])


def retype_columns(
    up: ops.UpgradeOps,
    autogen: AutogenContext,
    renamed: RenamedNames,
    defaults: Mapping[ColumnKey, str | None],
) -> list[ColumnKey]:
    """Put SQL in the place of changes of a column's type from or to an enum.

    `defaults` are those that columns have once the enums have changed, where these had a part in it.
    Gives the columns (schema, table and column, as they are in the database) that had another type before.
    """
    moved: list[ColumnKey] = []
    result: list[ops.MigrateOperation] = []
    for block in up.ops:
        for alter in list(_changed_types(block, autogen.dialect)):
            # Beside the block, not in it: it may be a batch, which has no other SQL.
            table = renamed.old_table(alter.schema, alter.table_name)
            column = renamed.old_column(alter.schema, alter.table_name, alter.column_name)
            moved.append((alter.schema, table, column))
            said = default_text(alter.existing_server_default, autogen.dialect)
            result.append(_retyping(alter, autogen.dialect, said, defaults.get(moved[-1], said)))
            alter.existing_type, alter.modify_type = alter.modify_type, None
            _take_default(alter)
            if isinstance(block, ops.ModifyTableOps) and not alter.has_changes():
                block.ops.remove(alter)
        if not isinstance(block, ops.ModifyTableOps) or block.ops:
            result.append(block)
    up.ops[:] = result
    return moved


def _changed_types(block: ops.MigrateOperation, dialect: Dialect) -> Iterator[ops.AlterColumnOp]:
    for op in block.ops if isinstance(block, ops.ModifyTableOps) else ():
        if (
            isinstance(op, ops.AlterColumnOp)
            and op.modify_type is not None
            and op.existing_type is not None
            and (enum_of(op.existing_type, dialect) or enum_of(op.modify_type, dialect))
        ):
            yield op


def _take_default(alter: ops.AlterColumnOp) -> None:
    """Take the change of a default out of an operation: it is made elsewhere."""
    if alter.modify_server_default is not False:
        alter.existing_server_default = alter.modify_server_default
    alter.modify_server_default = False


def _retyping(
    alter: ops.AlterColumnOp, dialect: Dialect, said: str | None, before: str | None
) -> ReversibleSql:
    """`said` is the default before the revision, `before` when the column's turn comes."""
    old_type, new_type = type_texts(alter.existing_type, alter.modify_type, dialect)
    after = said
    if alter.modify_server_default is not False:
        after = default_text(alter.modify_server_default, dialect)
    types: tuple[Any, Any] = (alter.existing_type, alter.modify_type)
    arrays = [isinstance(each.dialect_impl(dialect), ARRAY) for each in types]
    through = "text[]" if all(arrays) else None if any(arrays) else "text"

    def sql(type_: str, old: str | None, new: str | None) -> str:
        parts = retyping(alter.column_name, type_, old, new, through)
        return f"ALTER TABLE {table_sql(alter.schema, alter.table_name)} {', '.join(parts)}"

    def change(old: str, new: str, old_default: str | None, new_default: str | None) -> Change:
        text = f"alter column {table}.{alter.column_name}: type {old} -> {new}"
        if old_default != new_default:
            text += f", server default {old_default or 'none'} -> {new_default or 'none'}"
        return Change("alter_column", text, table)

    table = qualified(alter.schema, alter.table_name)
    # A default as the database writes it is cast to the type that goes.
    kept, kept_back = without_cast(after), without_cast(said)
    return ReversibleSql(
        [sql(new_type, before, kept)],
        [sql(old_type, after, without_cast(before))],
        change(old_type, new_type, kept_back, kept),
        change(new_type, old_type, kept, kept_back),
    )
