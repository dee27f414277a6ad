"""The `[migrator]` section: its keys, and how each value is read."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from migrator.durations import parse_duration, parse_running_time
from migrator.errors import ConfigurationError

Transaction = Literal["revision", "run", "env"]
Against = Literal["history", "database"]


@dataclass(frozen=True)
class Settings:
    """The values of one `[migrator]` section.

    Times are in seconds, infinite for no limit; a timeout of None is left to the server.
    """

    environment: str | None = None
    aliases: tuple[str, ...] = ()
    default: bool = False
    protected: bool | None = None
    models: tuple[str, ...] = ()
    exclude_tables: tuple[str, ...] = ()
    database: Literal["embedded"] | None = None
    shares_database_with: tuple[str, ...] = ()
    transaction: Transaction = "revision"
    role: str | None = None
    lock_timeout: float | None = 3.0
    statement_timeout: float | None = None
    lock_wait: float = 60.0
    retries: int = 5
    hold_statements: bool = True
    round_trips: Literal["fast", "plain"] = "fast"
    log_table: str | None = None
    against: Against = "database"
    scratch: Literal["embedded", "system"] = "embedded"
    scratch_url: str | None = field(default=None, repr=False)
    scratch_keep: int = 5
    lint_error: tuple[str, ...] = ()
    lint_ignore: tuple[str, ...] = ()
    lint_gate: bool | None = None
    tenants: str | None = None
    tenant_url: str | None = field(default=None, repr=False)

    @property
    def log_off(self) -> bool:
        """Whether the environment has no log."""
        return self.log_table == "off"


@dataclass(frozen=True)
class Key:
    """One key of the `[migrator]` section; `meaning`, in Markdown, is what the docs say of it.

    `said_default` is what they say of its default where that is not the one of `Settings`. The value of one
    with `sql` may hold what begins a comment elsewhere.
    """

    name: str
    read: Callable[[str], Any]
    meaning: str
    said_default: str = ""
    sql: bool = False

    @property
    def default(self) -> str:
        """What holds where the section says nothing, in Markdown."""
        value = getattr(Settings, self.name, None)
        if self.said_default or value in (None, ()):
            return self.said_default or "none"
        text = str(value).lower() if isinstance(value, bool) else value
        return f"`{text:g}s`" if isinstance(value, float) else f"`{text}`"

    @property
    def hint(self) -> str:
        """What it means, as a hint on the command line."""
        return f"{self.name}: {self.meaning.replace('`', '')}"


def read_settings(values: Mapping[str, str], path: Path) -> Settings:
    """Read the raw values of a `[migrator]` section.

    Raises ConfigurationError, naming the file and the key, for an unknown key, a trailing comment or a value
    of the wrong kind.
    """
    read: dict[str, Any] = {name: _read_value(name, raw, path) for name, raw in values.items()}
    return Settings(**read)


def _read_value(name: str, raw: str, path: Path) -> object:
    key = KEYS.get(name)
    if key is None:
        raise ConfigurationError(f"[migrator] in {path} has an unknown key: {name}.", hint=_nearest_key(name))
    if re.search(r"\s[;#]", raw) and not key.sql:
        raise ConfigurationError(
            f"The value of {name} in [migrator] of {path} has a comment on the same line.",
            hint="Comments stand on lines of their own; an ini file keeps a trailing one in the value.",
        )
    try:
        return key.read(raw.strip())
    except ValueError as exc:
        raise ConfigurationError(
            f"The value of {name} in [migrator] of {path} is not valid: {exc}.",
            hint=key.hint,
        ) from exc


def _nearest_key(name: str) -> str:
    near = difflib.get_close_matches(name, KEYS, n=1, cutoff=0.5)
    if near:
        return f"Did you mean {near[0]}?"
    return f"The keys are: {', '.join(KEYS)}."


def _boolean(text: str) -> bool:
    if text.lower() in ("true", "yes", "on", "1"):
        return True
    if text.lower() in ("false", "no", "off", "0"):
        return False
    raise ValueError(f"{text!r} is not true or false")


def split_words(text: str) -> tuple[str, ...]:
    """Split a text at commas and spaces."""
    return tuple(word for word in re.split(r"[,\s]+", text) if word)


def _matching(pattern: str, otherwise: str) -> Callable[[str], str]:
    """Make a reader of texts; `otherwise` says what is wrong with another one, whose place is `{text}`."""

    def read(text: str) -> str:
        if not re.fullmatch(pattern, text, re.DOTALL):
            raise ValueError(otherwise.replace("{text}", repr(text)))
        return text

    return read


def _one_of(*choices: str) -> Callable[[str], str]:
    return _matching("|".join(choices), f"{{text}} is not one of: {', '.join(choices)}")


_name = _matching(
    r"[A-Za-z0-9][A-Za-z0-9_.-]*", "{text} is not a name of letters, digits, dots, dashes and underscores"
)
_number = _matching(r"\d{1,3}", "{text} is not a whole number from 0 to 999")
_text = _matching(".+", "it is empty")
# What these two say may be a URL with a password.
_tenants = _matching(
    r"(?:file:\s*\S|(?i:select|with|values|table)\b).*", "it is neither a query nor file:PATH"
)
_tenant_url = _matching(r"(?=.*://).*\{tenant\}.*", "it is not a URL with {tenant} in it")


def _names(text: str) -> tuple[str, ...]:
    return tuple(_name(word) for word in split_words(text))


def _count(text: str) -> int:
    return int(_number(text))


def _log_table(text: str) -> str:
    if text.lower() == "off":
        return "off"
    return _matching(r"\w+\.\w+", "{text} is not schema.table, and not off")(text)


KEYS: Mapping[str, Key] = {
    key.name: key
    for key in (
        Key("environment", _name, "the environment's canonical name", said_default="from the file's name"),
        Key("aliases", _names, "other names of the environment", said_default="from the file's name"),
        Key("default", _boolean, "whether this environment is taken when none is named"),
        Key(
            "protected",
            _boolean,
            "consent for what can hurt: `--confirm ENVIRONMENT`",
            said_default="`true` for production, else `false`",
        ),
        Key(
            "models",
            split_words,
            "packages walked for models, or `package.module:Base` (or `:metadata`); several are allowed",
        ),
        Key(
            "exclude_tables",
            split_words,
            "other applications' tables, as globs (`django_*`, `audit.*`), left alone on both sides",
        ),
        Key("database", _one_of("embedded"), "`embedded`: a PostgreSQL of the project's own"),
        Key("shares_database_with", _names, "environments that may resolve to the same database"),
        Key(
            "transaction",
            _one_of("revision", "run", "env"),
            "one transaction for each `revision`, one for the whole `run`, or as `env` says, the env.py",
            said_default="`revision` (`env` under `--config`)",
        ),
        Key("role", _text, "PostgreSQL role that the run takes on with `SET ROLE`"),
        Key(
            "lock_timeout",
            parse_duration,
            "how long a statement may wait for a lock, on PostgreSQL; all waits of one revision share it",
        ),
        Key("lock_wait", parse_duration, "how long to wait for another run on the same database"),
        Key(
            "statement_timeout",
            parse_running_time,
            "how long a statement may run, on PostgreSQL",
            said_default="the server's",
        ),
        Key(
            "retries",
            _count,
            "how often a revision is begun again after a lock timeout, a deadlock or a serialization failure",
        ),
        Key(
            "hold_statements",
            _boolean,
            "whether the statements of a revision that only calls operations are sent together, with asyncpg",
        ),
        Key(
            "round_trips",
            _one_of("fast", "plain"),
            "`plain`: every statement goes to PostgreSQL as SQLAlchemy sends it, with more round trips",
        ),
        Key(
            "log_table",
            _log_table,
            "where the log is kept on PostgreSQL: `schema.table` in a schema that is there, or `off`",
            said_default="`_migrator.log`",
        ),
        Key(
            "against",
            _one_of("history", "database"),
            "what `generate` and `check` compare the models with: the `history`, replayed on a scratch "
            "database, or the `database`",
        ),
        Key(
            "scratch",
            _one_of("embedded", "system"),
            "whose programs run the scratch server: those of the `embedded` extra, or of the PostgreSQL "
            "that the `system` has, with its extensions",
        ),
        Key(
            "scratch_url",
            _text,
            "a server on which scratch databases may be made (`CREATE DATABASE`), instead",
        ),
        Key("scratch_keep", _count, "how many replayed states are kept, to go on from"),
        Key("lint_error", split_words, "rules of `lint` that are errors here, whatever they are elsewhere"),
        Key("lint_ignore", split_words, "rules of `lint` that do not count here"),
        Key(
            "lint_gate",
            _boolean,
            "whether `upgrade` needs consent for what destroys data: a reason in the file, or "
            "`--confirm ENVIRONMENT`; else it is refused (4)",
            said_default="`true` where the environment is protected, else `false`",
        ),
        Key(
            "tenants",
            _tenants,
            "the environment's tenants: a query for their names (`SELECT ...`), or `file:PATH` with one name "
            "or URL a line",
            sql=True,
        ),
        Key(
            "tenant_url",
            _tenant_url,
            "URL with `{tenant}` in it, where each tenant is a database of its own and not a schema",
            said_default="none (each tenant is a schema)",
        ),
    )
}
