"""Finds the database URL of an environment, and the place it came from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from migrator import secrets
from migrator.config.configfile import read_dotenv
from migrator.config.environments import Environment
from migrator.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import URL

_LAST_PORT = 65535
_SHAPE = "postgresql://user:password@host:5432/database"
# Every variable of the process is looked through: what begins only where a word does takes no more time than
# the text is long.
_BEFORE_PASSWORD = re.compile(r"(?<![\w+])[\w+]{1,50}://[^:/@\s]*:")
# What stands before a value, in the query of a URL or in a connection string.
_PARAMETER = re.compile(r"([\w.-]+) ?= ?(?!%\()[^\s=&;]")
_BETWEEN_URLS = re.compile(r"\n|[\s,;](?=[\w+]{1,50}://)")


@dataclass(frozen=True)
class DatabaseSource:
    """A database and where its address was found.

    `url` is None for the embedded PostgreSQL, whose port is known once it runs. `own` says that the place
    belongs to this environment alone.
    """

    url: URL | None = field(repr=False)
    origin: str
    own: bool


@dataclass(frozen=True)
class VariableSource:
    """Variables from one place. `own` says that the place belongs to one environment alone."""

    name: str
    values: Mapping[str, str]
    own: bool


def places(environment: Environment, process: Mapping[str, str]) -> list[VariableSource]:
    """Give the places for an environment's variables, in the order in which they are looked at."""
    root, own = environment.root, f".env.{environment.name}"
    return [
        VariableSource("the process's variables", {k: v for k, v in process.items() if v}, own=False),
        VariableSource(own, read_dotenv(root / own), own=True),
        VariableSource(".env", read_dotenv(root / ".env"), own=False),
    ]


def find_database(
    environment: Environment, process: Mapping[str, str], override: str | None = None
) -> DatabaseSource:
    """Find the database of an environment.

    Looked at in this order: `override` (`--url`), the process, `.env.<environment>`, `.env`, the ini file.
    Raises ConfigurationError where there is none, listing every place, or where it cannot be read.
    """
    if override is not None:
        return DatabaseSource(parse_url(override, "--url"), "--url", own=False)
    looked = places(environment, process)
    found = search(environment, looked)
    if found is None:
        raise _nothing_found(environment, looked)
    return found


def names_database(environment: Environment, process: Mapping[str, str]) -> bool:
    """Whether any place names a database of an environment. Raises ConfigurationError for a broken URL."""
    return search(environment, places(environment, process)) is not None


def own_variable(environment: str) -> str:
    """Give the name of an environment's own variable, such as PRODUCTION_DATABASE_URL."""
    return re.sub(r"\W", "_", environment).upper() + "_DATABASE_URL"


def search(environment: Environment, looked: list[VariableSource]) -> DatabaseSource | None:
    """Look through places and then the ini file; None where no database is named."""
    for place in looked:
        found = _in_place(place, environment)
        if found is not None:
            return found
    return _in_file(environment)


def _in_place(place: VariableSource, environment: Environment) -> DatabaseSource | None:
    own = own_variable(environment.name)
    for name in (own, "DATABASE_URL"):
        if name in place.values:
            origin = f"{name} in {place.name}"
            url = parse_url(place.values[name], origin)
            return DatabaseSource(url, origin, own=place.own or name == own)
    if "POSTGRES_DB" in place.values:
        return DatabaseSource(_from_parts(place), f"POSTGRES_DB in {place.name}", own=place.own)
    return None


def _in_file(environment: Environment) -> DatabaseSource | None:
    file = environment.shown(environment.config_file)
    said = environment.file.option("sqlalchemy.url")
    if said:
        origin = f"sqlalchemy.url in {file}"
        return DatabaseSource(parse_url(said, origin), origin, own=True)
    if environment.settings.database == "embedded":
        return DatabaseSource(None, f"database = embedded in {file}", own=True)
    return None


def _from_parts(place: VariableSource) -> URL:
    from sqlalchemy import URL

    get = place.values.get
    port = get("POSTGRES_PORT", "5432")
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigurationError(
            f"POSTGRES_PORT in {place.name} is not a port number: {port}.", hint="It is usually 5432."
        )
    url = URL.create(
        "postgresql",
        username=get("POSTGRES_USER", "postgres"),
        password=get("POSTGRES_PASSWORD"),
        host=get("POSTGRES_HOST", "localhost"),
        port=int(port),
        database=get("POSTGRES_DB"),
    )
    remember_password(url)
    return url


def parse_url(text: str, origin: str) -> URL:
    """Read a database URL; `origin` names its place in messages.

    A bare `@` in the password is understood. Raises ConfigurationError, without showing the URL, where it
    cannot be read.
    """
    url = _read_url(text.strip())
    if url is None or not url.drivername:
        raise ConfigurationError(
            f"The database URL from {origin} cannot be read.",
            hint=f"It looks like {_SHAPE}; write special characters as %40 (@), %2F (/), %25 (%).",
        )
    if url.port is not None and url.port > _LAST_PORT:
        raise ConfigurationError(
            f"The database URL from {origin} has the port {url.port}.",
            hint=f"A port is between 1 and {_LAST_PORT}.",
        )
    if url.drivername.partition("+")[0] == "postgres":
        url = url.set(drivername=url.drivername.replace("postgres", "postgresql", 1))
    remember_password(url)
    _remember_as_written(text, url)
    _refuse_unknown_driver(url, origin)
    return url


def _remember_as_written(text: str, url: URL) -> None:
    """An encoding of somebody's own, such as %2f for a slash, may be printed as it is."""
    written = re.search(r"://[^:/@]*:([^@]+)@", text)
    if written:
        secrets.register(written[1], harmless=(url.username, url.host, url.database))


def _refuse_unknown_driver(url: URL, origin: str) -> None:
    from sqlalchemy.exc import NoSuchModuleError

    try:
        url.get_dialect()
    except NoSuchModuleError as exc:
        raise ConfigurationError(
            f"The driver {url.drivername} in the database URL from {origin} is not known.",
            hint="Use one such as postgresql+asyncpg, postgresql+psycopg, mysql+asyncmy, sqlite+aiosqlite or "
            "sqlite.",
        ) from exc


def _read_url(text: str) -> URL | None:
    """Read a URL, None where it is none: SQLAlchemy's own message may quote a part of the password."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(_quote_at_signs(text))
    except (ArgumentError, ValueError):
        return None


def _quote_at_signs(text: str) -> str:
    match = re.match(r"^([\w.+-]+://[^:/@]*:)([^@]*@.*)(@[^@]*)$", text, re.DOTALL)
    # An @ after `?name=` belongs to the query; the password ended before.
    if match is None or re.search(r"\?\w+=", match[2].partition("@")[2]):
        return text
    return match[1] + match[2].replace("@", "%40") + match[3]


def remember_passwords_in(texts: Iterable[str]) -> None:
    """Keep the passwords of all URLs in texts such as `url=postgresql://u:password@host` from being shown."""
    for text, password in _urls_in(texts):
        url = _read_url(text)
        if url is not None:
            remember_password(url)
            continue
        # Behind an @ may be the host already.
        certain = password.rpartition("@")[0] or password
        for part in (password, certain, *re.split("[@:/]", certain)):
            secrets.register(part)


def _urls_in(texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Give what looks like a URL with a password, and all that is between its user and its last @."""
    for text in texts:
        if "://" not in text or "@" not in text:
            continue
        for part in _BETWEEN_URLS.split(text):
            found, end = _BEFORE_PASSWORD.search(part), part.rfind("@")
            if found is not None and found.end() < end:
                yield part[found.start() :], part[found.end() : end]


def holds_secret(text: str) -> bool:
    """Whether a text is, or has in it, a URL with a password or with a secret among its parameters.

    So does a text of `name=value` parts of which one has the name of a secret, as the drivers' own have.
    """
    if any(secrets.names_secret(name) for name in _PARAMETER.findall(unquote(text))):
        return True
    if "://" not in text:
        return False
    url = _read_url(text.strip())
    if url is None:
        return _BEFORE_PASSWORD.search(text) is not None and "@" in text
    return bool(url.password) or next(_urls_in([text]), None) is not None


def remember_password(url: URL) -> None:
    """Keep the password of a URL, and secrets among its parameters, from being shown anywhere."""
    harmless = (url.username, url.host, url.database, url.get_backend_name())
    password = url.password
    secrets.register(None if password is None else str(password), harmless=harmless)
    for name, value in url.query.items():
        if secrets.names_secret(name):
            for text in (value,) if isinstance(value, str) else value:
                secrets.register(text, harmless=harmless)


def _nothing_found(environment: Environment, looked: list[VariableSource]) -> ConfigurationError:
    own = own_variable(environment.name)
    file = environment.shown(environment.config_file)
    lines = [f"{place.name} ({own}, DATABASE_URL, POSTGRES_DB)" for place in looked]
    half = [
        f" {place.name} has {name} without POSTGRES_DB."
        for place in looked
        for name in ("POSTGRES_HOST", "POSTGRES_USER")
        if name in place.values
    ][:1]
    return ConfigurationError(
        f"There is no database URL for the environment {environment.name}.{''.join(half)}",
        hint="Looked in: --url; " + "; ".join(lines) + f"; {file} (sqlalchemy.url, database = embedded).\n"
        f"Set {own}={_SHAPE}, or put it into .env at {environment.root}.",
    )


def names_file(url: URL) -> bool:
    """Return whether a URL names a file, where others name a server and a database."""
    # All that this layer knows of SQLite: it may not import `database/kinds/`, which is above it.
    return url.get_backend_name() == "sqlite"


def address(url: URL) -> str:
    """Give `user@host:port/database`, or the file of SQLite: what a person needs, and no password."""
    if names_file(url):
        return url.database or ":memory:"
    host = url.host or str(url.query.get("host", "localhost"))
    user = f"{url.username}@" if url.username else ""
    port = f":{url.port}" if url.port else ""
    return f"{user}{host}{port}/{url.database or ''}"


def masked(url: URL) -> str:
    """Give the URL with `***` for its password and without its query, which may hold one too."""
    return url.set(query={}).render_as_string(hide_password=True)
