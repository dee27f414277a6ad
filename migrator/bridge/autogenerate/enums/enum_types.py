"""PostgreSQL's enum types: those of the database, with what uses them, and those of the models."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from alembic.autogenerate.api import AutogenContext
from sqlalchemy import ARRAY, Column, text
from sqlalchemy.dialects.postgresql import ENUM
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.types import TypeDecorator

from migrator.bridge.autogenerate.sql_text import TableKey, included_tables, qualified
from migrator.errors import ModelsError

# Types of extensions are theirs. A column that a partition or a child inherits is changed with its parent.
_ENUMS = """
SELECT json_build_object(
  'schema', n.nspname, 'name', t.typname,
  'labels', (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
  'uses', (
    SELECT json_agg(json_build_object(
      'schema', cn.nspname, 'table', c.relname, 'column', a.attname, 'array', a.atttypid = t.typarray,
      'default', pg_get_expr(d.adbin, d.adrelid)) ORDER BY cn.nspname, c.relname, a.attnum)
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')
    JOIN pg_namespace cn ON cn.oid = c.relnamespace
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum AND a.attgenerated = ''
    WHERE a.atttypid IN (t.oid, t.typarray) AND NOT a.attisdropped AND a.attinhcount = 0),
  'hanging', (
    SELECT json_agg(json_build_object('schema', hn.nspname, 'table', hc.relname, 'columns', (
        SELECT json_agg(DISTINCT a.attname) FROM pg_depend p
        JOIN pg_attribute a ON a.attrelid = p.refobjid AND a.attnum = p.refobjsubid
        WHERE p.classid = h.class AND p.objid = h.oid AND p.refclassid = 'pg_class'::regclass
          AND p.refobjid = h.owner AND p.refobjsubid > 0),
      'name', h.name, 'drop', h.gone, 'make', h.made) ORDER BY h.gone) FROM (
      SELECT k.conname AS name, k.conrelid AS owner, 'pg_constraint'::regclass AS class, k.oid,
        format('ALTER TABLE %s DROP CONSTRAINT %I', k.conrelid::regclass, k.conname) AS gone,
        format('ALTER TABLE %s ADD CONSTRAINT %I %s', k.conrelid::regclass, k.conname,
          pg_get_constraintdef(k.oid)) AS made
      FROM pg_constraint k
      WHERE k.contype = 'c' AND k.conislocal AND EXISTS (
        SELECT FROM pg_depend p WHERE p.classid = 'pg_constraint'::regclass AND p.objid = k.oid
          AND p.refclassid = 'pg_type'::regclass AND p.refobjid IN (t.oid, t.typarray)
        UNION ALL
        SELECT FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
          AND a.atttypid IN (t.oid, t.typarray))
      UNION ALL
      SELECT ic.relname, i.indrelid, 'pg_class'::regclass, i.indexrelid,
        format('DROP INDEX %s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid)
      FROM pg_index i
      JOIN pg_class ic ON ic.oid = i.indexrelid
      WHERE (i.indpred IS NOT NULL OR i.indexprs IS NOT NULL)
        AND strpos(pg_get_indexdef(i.indexrelid), t.typname) > 0
        AND EXISTS (
          SELECT FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.atttypid IN (t.oid, t.typarray))
    ) h JOIN pg_class hc ON hc.oid = h.owner JOIN pg_namespace hn ON hn.oid = hc.relnamespace)
)::text
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype = 'e' AND NOT EXISTS (
  SELECT FROM pg_depend x WHERE x.classid = 'pg_type'::regclass AND x.objid = t.oid AND x.deptype = 'e')
ORDER BY 1
"""


@dataclass(frozen=True)
class EnumUse:
    """A column whose type is an enum, or an array of one, with its default as SQL; `where` is its table."""

    where: TableKey
    column: str
    array: bool
    default: str | None


@dataclass(frozen=True)
class EnumDependent:
    """A check or an index of the table `where` whose text names an enum: how it is dropped and made."""

    where: TableKey
    columns: tuple[str, ...]
    name: str
    drop: str
    make: str


@dataclass(frozen=True)
class EnumType:
    """An enum of the database, with the columns that have it and what else must go while it is rebuilt."""

    schema: str | None
    name: str
    labels: tuple[str, ...]
    uses: tuple[EnumUse, ...] = ()
    hanging: tuple[EnumDependent, ...] = ()

    @property
    def key(self) -> TableKey:
        """Schema, None for the default one, and name."""
        return self.schema, self.name


@dataclass
class ModelEnum:
    """An enum of the models, and the columns that have it."""

    labels: tuple[str, ...]
    makes_type: bool
    columns: list[Column[Any]] = field(default_factory=list)


def database_enums(connection: Connection, default_schema: str | None) -> dict[TableKey, EnumType]:
    """Read every enum of the database with one query."""

    def key(said: dict[str, Any], name: str) -> TableKey:
        return (None if said["schema"] == default_schema else said["schema"]), said[name]

    found: dict[TableKey, EnumType] = {}
    for (row,) in connection.execute(text(_ENUMS)):
        said = json.loads(row)
        uses = tuple(
            EnumUse(key(use, "table"), use["column"], use["array"], use["default"])
            for use in said["uses"] or ()
        )
        hanging = tuple(
            EnumDependent(
                key(each, "table"), tuple(each["columns"] or ()), each["name"], each["drop"], each["make"]
            )
            for each in said["hanging"] or ()
        )
        one = EnumType(*key(said, "name"), tuple(said["labels"] or ()), uses, hanging)
        found[one.key] = one
    return found


def model_enums(autogen: AutogenContext) -> dict[TableKey, ModelEnum]:
    """Give the native enums of the models. Raises ModelsError for one with two lists of values."""
    default = autogen.dialect.default_schema_name
    found: dict[TableKey, ModelEnum] = {}
    for table in included_tables(autogen):
        for column in table.c:
            enum = enum_of(column.type, autogen.dialect)
            if enum is None:
                continue
            key = enum_key(enum, default)
            one = found.setdefault(key, ModelEnum(tuple(enum.enums), enum.create_type))
            if one.labels != tuple(enum.enums):
                first = one.columns[0]
                raise ModelsError(
                    f"The enum {qualified(*key)} has two lists of values in the models:"
                    f" in {first.table.fullname}.{first.name} and in {table.fullname}.{column.name}.",
                    hint="Give both columns the same enum, or one of the enums another name.",
                )
            one.columns.append(column)
            one.makes_type = one.makes_type or enum.create_type
    return found


def enum_of(type_: Any, dialect: Dialect) -> ENUM | None:
    """Give the native enum that a type is, holds or decorates on PostgreSQL."""
    if isinstance(type_, TypeDecorator):
        return enum_of(type_.load_dialect_impl(dialect), dialect)
    impl = type_.dialect_impl(dialect)
    if isinstance(impl, TypeDecorator):
        return enum_of(impl, dialect)
    if isinstance(impl, ARRAY):
        return enum_of(impl.item_type, dialect)
    return impl if isinstance(impl, ENUM) and impl.name and impl.native_enum else None


def enum_key(enum: ENUM, default_schema: str | None) -> TableKey:
    """Give schema, None for the default one, and name."""
    schema = getattr(enum, "schema", None)
    return (None if schema == default_schema else schema), str(enum.name)
