"""What a squashed version file says of the files that it was made of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from migrator.revisions.fingerprint import tree_hash
from migrator.revisions.rewriting import label_docstring

SQUASHES, STANDS_FOR = "Squashes", "Stands for"
_HASHES = re.compile(rf"^{STANDS_FOR}: *([0-9a-f]{{64}})$".encode(), re.MULTILINE)


def labelled(source: bytes, path: Path, revisions: Sequence[str], last: bytes) -> bytes:
    """Return `source` with what it was made of: the ids, and the hash of `last`, the file whose id it keeps.

    By the hash a database that has applied that file knows this one. Raises RevisionsError.
    """
    written = label_docstring(source, path, SQUASHES, ", ".join(revisions))
    return label_docstring(written, path, STANDS_FOR, tree_hash(last))


def stood_for(source: bytes) -> frozenset[str]:
    """Return the hashes of the files that the source of a version file says it stands for."""
    return frozenset(found.decode() for found in _HASHES.findall(source))
