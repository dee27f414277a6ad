"""How paths are shown: relative to the project where they lie in it."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from migrator.config.environments import shown

PATHS = st.lists(st.sampled_from(["a", "b", "c", ".", "..", "...", ".b", "", "a\n"]), max_size=6).map(
    "/".join
)


@given(PATHS, st.sampled_from(["/a/b", "/a/./b/", "/", "a"]), st.booleans())
def test_a_path_in_the_root_is_shown_from_there_and_any_other_as_it_is(
    path: str, root: str, absolute: bool
) -> None:
    # Two slashes at the beginning mean something of their own.
    path = path.lstrip("/")
    path = f"/{path}" if absolute else path
    whole, top = os.path.abspath(path), os.path.abspath(root)  # noqa: PTH100
    inside = whole == top or os.path.commonpath([whole, top]) == top

    assert shown(path, Path(root)) == (os.path.relpath(whole, top) if inside else path)
