"""The tenants of an environment: how they are named, chosen, and divided among several machines."""

from __future__ import annotations

import hashlib
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from migrator.config.environments import Environment
from migrator.config.url import names_file, parse_url
from migrator.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from sqlalchemy import URL

FILE = "file:"
# A quoted text may hold a semicolon.
_WITH_COMMENT = re.compile(r"""((?:[^'";]|'[^']*'|"[^"]*")*);.*""", re.DOTALL)


@dataclass(frozen=True)
class Tenant:
    """One tenant: a schema of the environment's database, or a database of its own at `url`.

    `address` is host, port and database of a URL that was listed.
    """

    name: str
    schema: str | None = None
    url: str | None = field(default=None, repr=False)
    address: str = ""

    @property
    def key(self) -> str:
        """What it is told by from all others, whoever they are."""
        return self.address or self.name


@dataclass(frozen=True)
class Shard:
    """One of `count` parts of all tenants; `index` counts from 0."""

    index: int
    count: int

    def holds(self, tenant: Tenant) -> bool:
        """Whether a tenant belongs to this part: by itself alone, so that other tenants move nothing."""
        digest = hashlib.sha256(tenant.key.encode()).digest()
        return int.from_bytes(digest[:8]) % self.count == self.index


def parse_shard(text: str) -> Shard:
    """Read `I/N`, such as `0/3`. Raises UsageError."""
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if match is None or int(match[1]) >= int(match[2]):
        raise UsageError(
            f"--shard {text} is not a part of something.",
            hint="Give I/N with I from 0 to N - 1: --shard 0/3, --shard 1/3 and --shard 2/3.",
        )
    return Shard(int(match[1]), int(match[2]))


def without_comment(query: str) -> str:
    """Give an SQL query without what follows its semicolon: an ini file keeps a comment in the value."""
    found = _WITH_COMMENT.fullmatch(query)
    return (found[1] if found is not None else query).strip()


def names_in(said: str, folder: Path, origin: str) -> list[str]:
    """Read the lines of `file:PATH`, a relative one as seen from `folder`; `file:-` is standard input.

    Empty lines, and those that begin with #, are left out. Raises ConfigurationError.
    """
    place = said.removeprefix(FILE).strip()
    if place == "-":
        return _lines(sys.stdin.read())
    path = folder / place
    try:
        return _lines(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is no UTF-8 text"
        raise ConfigurationError(
            f"The file of tenants {path} cannot be read: {reason}.", hint=f"It is named by {origin}."
        ) from exc


def _lines(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def tenants_of(lines: Sequence[str], environment: Environment) -> tuple[Tenant, ...]:
    """Make tenants of names or URLs.

    A URL's name is that of its database, with its host where several have the same. Raises ConfigurationError
    for a line that is neither, and for a tenant that is there twice.
    """
    made = [_tenant(number, line, environment) for number, line in enumerate(lines, start=1)]
    several = {name for name, count in Counter(tenant.name for tenant in made).items() if count > 1}
    named = [replace(each, name=each.key) if each.name in several else each for each in made]
    for name, count in Counter(tenant.name for tenant in named).items():
        if count > 1:
            raise ConfigurationError(
                f"The tenant {name} of {environment.name} is listed twice.",
                hint="Two runs at one tenant would wait for each other: list each one once.",
            )
    return tuple(named)


def _tenant(number: int, line: str, environment: Environment) -> Tenant:
    if "://" in line:
        url = parse_url(line, f"line {number} of the tenants")
        database = url.database or ""
        if database in ("", ":memory:"):
            raise ConfigurationError(
                f"The URL in line {number} of the tenants of {environment.name} names no database.",
                hint="Write it with the tenant's database: postgresql://user@host/database",
            )
        name = Path(database).name if names_file(url) else database
        return Tenant(name, url=line, address=_address(url))
    if not line or re.search(r":/|:[^@/]*@", line):
        # What it says may be a password.
        raise ConfigurationError(
            f"Line {number} of the tenants of {environment.name} is neither a name nor a URL.",
            hint="A URL begins with postgresql:// or another kind of database.",
        )
    template = environment.settings.tenant_url
    if template is not None:
        return Tenant(line, url=template.replace("{tenant}", quote(line, safe="")))
    return Tenant(line, schema=line)


def _address(url: URL) -> str:
    if url.host is None:
        return url.database or ""
    return f"{url.host}:{url.port}/{url.database}" if url.port else f"{url.host}/{url.database}"


def chosen(
    tenants: Sequence[Tenant], patterns: Sequence[str], shard: Shard | None, environment: Environment
) -> tuple[Tenant, ...]:
    """Give those tenants that a pattern matches (`all`, a name, a glob), in their order, of one shard.

    Raises UsageError for a pattern that matches none: a mistyped name must not pass for success.
    """
    for pattern in patterns:
        if pattern != "all" and not any(_matches(tenant, pattern) for tenant in tenants):
            names = ", ".join(tenant.name for tenant in tenants[:5])
            more = f", and {len(tenants) - 5} more" if len(tenants) > 5 else ""
            raise UsageError(
                f"No tenant of {environment.name} matches {pattern}.",
                hint=f"The tenants are: {names}{more}." if tenants else "It has no tenants.",
            )
    found = (tenant for tenant in tenants if any(_matches(tenant, pattern) for pattern in patterns))
    return tuple(tenant for tenant in found if shard is None or shard.holds(tenant))


def _matches(tenant: Tenant, pattern: str) -> bool:
    return pattern in ("all", tenant.name) or fnmatchcase(tenant.name, pattern)
