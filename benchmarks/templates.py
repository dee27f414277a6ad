"""The files that a tool writes for a new project, taken from its package and changed in named places."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path


def template(package: str, name: str) -> Path:
    """Give the path of a file inside a package, which is not imported; RuntimeError where it is missing."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"{package} is not installed; `make bench` installs what it measures.")
    return Path(spec.origin).parent / name


def changed(path: Path, changes: Mapping[str, str]) -> str:
    """Give a file's text with each key of `changes` replaced; RuntimeError unless each is there once."""
    text = path.read_text()
    for there, instead in changes.items():
        if text.count(there) != 1:
            raise RuntimeError(f"{path} does not have exactly one {there.strip()!r}.")
        text = text.replace(there, instead)
    return text
