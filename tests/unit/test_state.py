"""The folder that several processes of one project make at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from migrator.config.private_folder import private_folder, write_whole

TOGETHER = 8


def test_those_who_make_it_at_once_all_get_it(tmp_path: Path) -> None:
    start = threading.Barrier(TOGETHER)

    def make(root: Path) -> Path:
        start.wait()
        return private_folder(root, "backups")

    with ThreadPoolExecutor(TOGETHER) as pool:
        for number in range(50):
            root = tmp_path / str(number)
            root.mkdir()
            assert set(pool.map(make, [root] * TOGETHER)) == {root / ".migrator" / "backups"}
            assert sorted(path.name for path in (root / ".migrator").iterdir()) == [".gitignore", "backups"]
            assert (root / ".migrator" / ".gitignore").read_text() == "*\n"
            assert (root / ".migrator").stat().st_mode & 0o777 == 0o700


def test_a_file_that_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "state"
    write_whole(path, "before", mode=0o600)

    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "\ud800", mode=0o600)

    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
