"""What a database holds, as names and definitions, and what two databases do not have alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from migrator.results.differences import Difference

ObjectKey = tuple[str, str]


@dataclass(frozen=True)
class CatalogObject:
    """One object.

    `seen` says whether Alembic's autogenerate takes notice of it, `holder` what it is part of.
    """

    kind: str
    name: str
    definition: str
    seen: bool = True
    holder: ObjectKey | None = None

    @property
    def key(self) -> ObjectKey:
        return self.kind, self.name


@dataclass(frozen=True)
class Catalog:
    """The objects of a database: (kind, qualified name) -> definition on one line.

    `unseen` are the keys of those that Alembic's autogenerate does not see; `holders` say which table, or
    which object, an object is part of.
    """

    objects: Mapping[ObjectKey, str]
    unseen: frozenset[ObjectKey] = frozenset()
    holders: Mapping[ObjectKey, ObjectKey] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Iterable[CatalogObject]) -> Catalog:
        """Give the catalogue of these objects, sorted by kind and name."""
        found = sorted(entries, key=lambda entry: entry.key)
        return cls(
            {entry.key: entry.definition for entry in found},
            frozenset(entry.key for entry in found if not entry.seen),
            {entry.key: entry.holder for entry in found if entry.holder is not None},
        )


def differences(left: Catalog, right: Catalog) -> tuple[Difference, ...]:
    """Give what two databases do not have alike, sorted by kind and name.

    A table that only one of them has is one difference: its columns and what else is part of it go without
    saying.
    """
    keys = sorted(left.objects.keys() | right.objects.keys())
    pairs = ((key, left.objects.get(key), right.objects.get(key)) for key in keys)
    return tuple(
        Difference(*key, one, other)
        for key, one, other in pairs
        if one != other
        and not (one is None and _goes_with_its_holder(key, right, left))
        and not (other is None and _goes_with_its_holder(key, left, right))
    )


def _goes_with_its_holder(key: ObjectKey, there: Catalog, missing: Catalog) -> bool:
    holder = there.holders.get(key)
    return holder in there.objects and holder not in missing.objects


def foreign_objects(catalog: Catalog) -> list[ObjectKey]:
    """Give the keys of those objects that Alembic's autogenerate does not see, with their comments.

    Schemas, extensions, domains, composite and range types, enums that no column has, functions, aggregates,
    sequences without an owner, views, materialized views with their indexes, triggers, rules, policies, row
    security and extended statistics.
    """
    return [key for key in catalog.objects if key in catalog.unseen]
