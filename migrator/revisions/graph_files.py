"""Reads the graph of version folders without executing a file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from migrator.errors import RevisionsError
from migrator.revisions.graph import Graph, UnclearGraph
from migrator.revisions.headers import ComputedHeader, Header, read_header, version_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def read_graph(folders: Iterable[Path], *, recursive: bool = False) -> Graph:
    """Return the graph of the version files in `folders`, with the files' real paths, as Alembic has them.

    Raises UnclearGraph where a file has to be executed, or refused, to know.
    """
    return Graph(_headers(folders, recursive=recursive))


def _headers(folders: Iterable[Path], *, recursive: bool) -> Iterator[Header]:
    # Texts: thousands of Paths take long to compare.
    seen: set[str] = set()
    for folder in folders:
        for path in version_files(folder.resolve(), recursive=recursive):
            real = path.resolve() if os.path.islink(path) else path  # noqa: PTH114
            name = str(real)
            if name in seen:
                raise UnclearGraph
            seen.add(name)
            yield _header(real)


def _header(path: Path) -> Header:
    try:
        header = read_header(path)
    except (ComputedHeader, RevisionsError) as exc:
        raise UnclearGraph from exc
    if header is None:
        raise UnclearGraph
    return header
