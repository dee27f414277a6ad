"""What a role of PostgreSQL may do with the version table, and see of other sessions."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

NEEDED = ("SELECT", "INSERT", "UPDATE", "DELETE")


@dataclass(frozen=True)
class Privileges:
    """`lacking` are those of NEEDED that a role does not have on the version table, where there is one.

    `sees_sessions` says whether it may see what the sessions of other roles do.
    """

    lacking: tuple[str, ...]
    sees_sessions: bool


_ASKED = text(f"""
SELECT pg_has_role(CAST(:role AS name), 'pg_read_all_stats', 'USAGE'), c.oid IS NOT NULL,
    {", ".join(f"has_table_privilege(CAST(:role AS name), c.oid, '{each}')" for each in NEEDED)}
FROM (SELECT) AS one LEFT JOIN (pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace)
    ON c.relname = CAST(:table AS text) AND n.nspname = CAST(:schema AS text) AND c.relkind IN ('r', 'p')
""")


def read_privileges(
    connection: Connection, role: str | None, schema: str | None, version_table: str
) -> Privileges:
    """Ask what `role` may do; `schema` is the one that the version table is in."""
    named = {"role": role, "schema": schema, "table": version_table}
    sees, there, *may = connection.execute(_ASKED, named).one()
    lacking = tuple(name for name, has in zip(NEEDED, may, strict=True) if there and not has)
    return Privileges(lacking, bool(sees))
