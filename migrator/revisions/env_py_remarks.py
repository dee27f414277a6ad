"""What is said of a team's env.py: what it does that migrator cannot see, or that one should know."""

from __future__ import annotations

from migrator.revisions.env_py_source import EnvPy

TOOLS = {"flask": "Flask-Migrate", "advanced-alchemy": "advanced-alchemy"}
_WITHOUT = {
    "flask": "asks for a Flask application",
    "advanced-alchemy": "asks for advanced-alchemy's own Config",
}


def remarks(file: str, env_py: EnvPy, variable: str, own: str) -> list[str]:
    """Give a sentence for each; `variable` says where the database is, `own` is migrator's env.py."""
    if env_py.needs is not None:
        return [
            f"{file} {_WITHOUT[env_py.needs]}, and runs under {TOOLS[env_py.needs]} only: migrator runs {own}"
            f" instead. What {file} passes to context.configure() has to be said there too."
        ]
    said = []
    if env_py.own_url:
        said.append(
            f"{_at(file, env_py.own_url)} takes the database's URL from elsewhere than sqlalchemy.url. Let it"
            f' read config.get_main_option("sqlalchemy.url"), or see to it that {variable} is the same'
            " database: any other is refused."
        )
    if env_py.own_transaction:
        said.append(
            f"{_at(file, env_py.own_transaction)} has its own way with transactions, which is kept:"
            " transaction = env. Without that key each revision has a transaction of its own."
        )
    said += [loggers_remark(file, line) + "." for line in env_py.disables_loggers]
    if env_py.no_models:
        said.append(
            f"{_at(file, env_py.no_models)} has no models (target_metadata = None): generate and check have"
            " nothing to compare until it names them."
        )
    return said


def loggers_remark(file: str, line: int) -> str:
    """Say that a line disables loggers."""
    return f"{file}, line {line}, calls fileConfig(), which disables the loggers that exist already"


def _at(file: str, lines: tuple[int, ...]) -> str:
    numbers = ", ".join(str(line) for line in lines)
    return f"{file}, line{'s' if len(lines) > 1 else ''} {numbers},"
