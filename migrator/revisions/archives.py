"""Where version files are archived, and what a squashed file says of the files that it replaces."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from migrator.revisions.fingerprint import tree_hash
from migrator.revisions.rewriting import label_docstring


def archive_folder(versions: Path) -> Path:
    """Give the folder that holds the archives of a version folder: `archive` beside it."""
    return versions.parent / "archive"


def new_archive(versions: Path, now: datetime | None = None) -> Path:
    """Give a new archive's path, named by the UTC time to the second; it does not exist yet."""
    stamp = (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = archive_folder(versions) / stamp
    number = 1
    while path.exists():
        number += 1
        path = archive_folder(versions) / f"{stamp}-{number}"
    return path


SQUASHES, STANDS_FOR = "Squashes", "Stands for"
# Files that `promote --collapse` made say `Collapses`.
_MADE_OF = re.compile(rf"^(?:{SQUASHES}|Collapses): *(.+)$", re.MULTILINE)
_NAMES = re.compile(rf"^{SQUASHES}: *(.+)$".encode(), re.MULTILINE)
_HASHES = re.compile(rf"^{STANDS_FOR}: *([0-9a-f]{{64}})$".encode(), re.MULTILINE)


def labelled(source: bytes, path: Path, revisions: Sequence[str], last: bytes) -> bytes:
    """Return `source` with what it was made of: the ids, and the hash of `last`, the file whose id it keeps.

    By the hash a database that has applied that file knows this one. Raises RevisionsError.
    """
    written = label_docstring(source, path, SQUASHES, ", ".join(revisions))
    return label_docstring(written, path, STANDS_FOR, tree_hash(last))


def made_of(docstring: str) -> tuple[str, ...]:
    """Return the ids of the revisions that a version file was made of, by its docstring; empty for most."""
    found = _MADE_OF.search(docstring)
    return tuple(re.split(r",\s*", found[1].strip())) if found else ()


def stood_for(source: bytes) -> frozenset[str]:
    """Return the hashes of the files that the source of a version file says it stands for."""
    return frozenset(found.decode() for found in _HASHES.findall(source))


def squashed_into(sources: Iterable[bytes], revision: str) -> tuple[str, ...]:
    """Return the revision that `revision` became part of, by what the sources of version files say.

    Then the one that this became part of in its turn, and so on. Empty where no source names it.
    """
    into = {}
    for source in sources:
        for found in _NAMES.findall(source):
            *older, last = found.decode().strip().split(", ")
            into.update(dict.fromkeys(older, last))
    chain = []
    while revision in into:
        revision = into.pop(revision)
        chain.append(revision)
    return tuple(chain)
