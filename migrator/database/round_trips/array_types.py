"""PostgreSQL's own array types, which asyncpg would ask each connection's server about.

The first statement that gives one costs four to six round trips more, and there are two such statements where
SQLAlchemy looks at tables. What the answer is has been fixed since the types were made (pg_type.dat).
"""

from __future__ import annotations

from typing import Any

from migrator.database.round_trips.probe import missing_for_array_types

# Their oids, with the oids and the names of what they hold.
_ARRAYS = {
    22: (21, "int2vector"),
    1000: (16, "_bool"),
    1003: (19, "_name"),
    1005: (21, "_int2"),
    1016: (20, "_int8"),
    1028: (26, "_oid"),
}


def know_array_types(driver_connection: Any) -> None:
    """Let a connection of asyncpg read these types without asking for them.

    Where asyncpg no longer has the place for it, it asks, as ever.
    """
    if missing_for_array_types(driver_connection):
        return
    types = [
        {
            "oid": oid,
            "ns": "pg_catalog",
            "name": name,
            "kind": b"b",
            "basetype": None,
            "elemtype": element,
            "elemtype_name": None,
            "elemdelim": ",",
            "range_subtype": None,
            "attrtypoids": None,
            "attrnames": None,
        }
        for oid, (element, name) in _ARRAYS.items()
    ]
    driver_connection.get_settings().register_data_types(types)
