"""What a template was made of: it serves only while all of that is still so."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from migrator import __version__
from migrator.config.environments import Environment
from migrator.config.select import Workspace

_FORMAT = 1
_NOT_REPLAYED = frozenset({"sqlalchemy.url"})


@dataclass(frozen=True)
class FixedInputs:
    """What has to be the same for a template to be looked at: versions, settings and arguments."""

    root: str
    environment: str
    server: str
    versions: Mapping[str, str]
    x: tuple[str, ...]
    settings: str

    @classmethod
    def of(cls, workspace: Workspace, server: str) -> FixedInputs:
        """Give those of a workspace. `server` names the kind and version of the scratch server."""
        environment = workspace.environment
        return cls(
            root=hashlib.sha256(os.fsencode(environment.root.resolve())).hexdigest()[:16],
            environment=environment.name,
            server=server,
            versions={
                "migrator": __version__,
                "alembic": version("alembic"),
                "sqlalchemy": version("sqlalchemy"),
                "python": ".".join(map(str, sys.version_info[:3])),
            },
            x=workspace.choice.x,
            settings=_settings(environment),
        )


def _settings(environment: Environment) -> str:
    file = environment.file
    said = {
        "alembic": {key: value for key, value in file.alembic.items() if key not in _NOT_REPLAYED},
        "migrator": dict(file.migrator or {}),
    }
    return _digest(json.dumps(said, sort_keys=True).encode())


@dataclass(frozen=True)
class Manifest:
    """What a template holds, and what it was made of.

    `revisions` are the applied ones, with the hash of each version file; `files` are other files of the
    project, with None for one that was looked for in vain; `listings` are folders that were looked through.
    """

    fixed: FixedInputs
    revisions: Mapping[str, str]
    files: Mapping[str, str | None]
    listings: Mapping[str, str | None]

    def dumps(self) -> str:
        """Give it as JSON."""
        return json.dumps({"format": _FORMAT, **asdict(self)}, separators=(",", ":"), sort_keys=True)

    @classmethod
    def loads(cls, text: str) -> Manifest | None:
        """Read it from JSON; None for anything else."""
        try:
            said = json.loads(text)
            if said.pop("format") != _FORMAT:
                return None
            fixed = said.pop("fixed")
            return cls(FixedInputs(**{**fixed, "x": tuple(fixed["x"])}), **said)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    @property
    def key(self) -> str:
        """A short name: equal for equal templates."""
        return _digest(self.dumps().encode())[:16]

    def serves(self, fixed: FixedInputs, revisions: Mapping[str, str], root: Path) -> bool:
        """Whether it holds nothing but `revisions`, as they are now, and all else is as it was."""
        return (
            self.fixed == fixed
            and all(revisions.get(revision) == made for revision, made in self.revisions.items())
            and all(file_hash(root / path) == made for path, made in self.files.items())
            and all(listing_hash(root / path) == made for path, made in self.listings.items())
        )


def file_hash(path: Path) -> str | None:
    """Give the hash of a file's content, None where there is none to be read."""
    try:
        return _digest(path.read_bytes())
    except OSError:
        return None


def listing_hash(path: Path) -> str | None:
    """Give the hash of the names in a folder, None where there is none."""
    try:
        names = sorted(name for name in os.listdir(path) if name != "__pycache__")  # noqa: PTH208
    except OSError:
        return None
    return _digest("\0".join(names).encode(errors="surrogateescape"))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
