"""What PostgreSQL's SQLSTATEs mean."""

from __future__ import annotations

from migrator.database.kinds.interface import ErrorMeaning, Explanation

_POOLED = (
    "A pooler in front of the server hands sessions around.",
    "Connect to the server itself, past the pooler: correct {origin}",
)
REFUSED_PASSWORD = ("The server refused the password.", "Check the password in: {origin}")
NO_DATABASE = ("The database does not exist.", "Create it (createdb), or correct: {origin}")
EXPLANATIONS: dict[str, Explanation] = {
    "42P05": _POOLED,
    "26000": _POOLED,
    "28P01": REFUSED_PASSWORD,
    "28000": ("The server refused the login.", "Check the user, and pg_hba.conf on the server."),
    "3D000": NO_DATABASE,
    "53300": ("The server has too many connections.", "Try again, or raise max_connections."),
    "57P03": ("The server is starting up or shutting down.", "Try again in a moment."),
    "57014": (
        "The server canceled a statement.",
        "If it took too long, raise statement_timeout: in the [migrator] section, or for the role.",
    ),
    "57P01": ("The server ended the connection.", "Look into the server's log, then run the command again."),
    "55P03": (
        "A statement waited for a lock in vain.",
        "See who holds locks: SELECT * FROM pg_stat_activity WHERE pid IN (SELECT pid FROM pg_locks);"
        " end that session, or wait; then run this again.",
    ),
    "42501": ("The role lacks a privilege.", "Grant it, or use another user: {origin}"),
}
MEANINGS = {
    "55P03": ErrorMeaning.LOCKED,
    "40P01": ErrorMeaning.LOCKED,
    "40001": ErrorMeaning.LOCKED,
    "42P01": ErrorMeaning.NO_TABLE,
    "3D000": ErrorMeaning.NO_DATABASE,
    "42704": ErrorMeaning.NO_OBJECT,
    "42501": ErrorMeaning.NO_PRIVILEGE,
    "22023": ErrorMeaning.BAD_VALUE,
    "0A000": ErrorMeaning.NOT_INSTALLED,
    "58P01": ErrorMeaning.NOT_INSTALLED,
    "55006": ErrorMeaning.IN_USE,
    "42P04": ErrorMeaning.EXISTS,
    "42710": ErrorMeaning.EXISTS,
    "23505": ErrorMeaning.EXISTS,
    "42P05": ErrorMeaning.POOLED,
    "26000": ErrorMeaning.POOLED,
}


def sqlstate(exc: BaseException) -> str:
    """Return the SQLSTATE of a driver's exception, which psycopg2 calls `pgcode`; empty where it has none.

    MySQL's drivers have SQLSTATEs too, beside the numbers that say more.
    """
    numbered = bool(exc.args) and isinstance(exc.args[0], int)
    return "" if numbered else getattr(exc, "sqlstate", None) or getattr(exc, "pgcode", None) or ""
