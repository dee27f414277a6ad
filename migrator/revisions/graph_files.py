"""Reads the graph of version folders without executing a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrator.errors import RevisionsError
from migrator.revisions.graph import Graph, UnclearGraph
from migrator.revisions.headers import ComputedHeader, read_header, real_version_files

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def read_graph(folders: Iterable[Path], *, recursive: bool = False) -> Graph:
    """Return the graph of the version files in `folders`, with the files' real paths, as Alembic has them.

    Raises UnclearGraph where a file has to be executed, or refused, to know.
    """
    try:
        headers = [read_header(file) for file in real_version_files(folders, recursive=recursive)]
    except (ComputedHeader, RevisionsError) as exc:
        raise UnclearGraph from exc
    declared = [header for header in headers if header is not None]
    if len(declared) < len(headers):
        raise UnclearGraph
    return Graph(declared)
