"""Reads the graph of version folders without executing a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrator.errors import RevisionsError
from migrator.revisions.graph import Graph, UnclearGraph
from migrator.revisions.headers import ComputedHeader, Header, read_header, real_version_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def read_graph(folders: Iterable[Path], *, recursive: bool = False) -> Graph:
    """Return the graph of the version files in `folders`, with the files' real paths, as Alembic has them.

    Raises UnclearGraph where a file has to be executed, or refused, to know.
    """
    return Graph(_headers(folders, recursive=recursive))


def _headers(folders: Iterable[Path], *, recursive: bool) -> Iterator[Header]:
    seen: set[str] = set()
    for file in real_version_files(folders, recursive=recursive):
        if file in seen:
            raise UnclearGraph
        seen.add(file)
        yield _header(file)


def _header(path: str) -> Header:
    try:
        header = read_header(path)
    except (ComputedHeader, RevisionsError) as exc:
        raise UnclearGraph from exc
    if header is None:
        raise UnclearGraph
    return header
