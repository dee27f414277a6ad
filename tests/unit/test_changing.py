"""Several files are changed all together or not at all."""

from __future__ import annotations

import errno
import os
import signal
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from migrator.errors import ConfigurationError, RevisionsError
from migrator.revisions.drafting import publish
from migrator.revisions.file_changes import Delete, FileChange, Move, Rewrite, Write, changed_files


def tree(folder: Path) -> dict[str, str | None]:
    return {
        path.relative_to(folder).as_posix(): path.read_text() if path.is_file() else None
        for path in folder.rglob("*")
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files in a folder, and one of the same name in another."""
    root = tmp_path / "a project"
    for name in ("versions/a.py", "versions/b.py", "versions/c.py", "other/c.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def all_kinds(folder: Path) -> list[FileChange]:
    return [
        Write(folder / "new" / "deep" / "n.py", b"new"),
        Rewrite(folder / "versions" / "a.py", b"again"),
        Delete(folder / "versions" / "b.py"),
        Move(folder / "versions" / "c.py", folder / "archive" / "c.py"),
    ]


AFTER = {
    "versions": None,
    "versions/a.py": "again",
    "new": None,
    "new/deep": None,
    "new/deep/n.py": "new",
    "archive": None,
    "archive/c.py": "versions/c.py",
    "other": None,
    "other/c.py": "other/c.py",
}


def attempt(changes: Sequence[FileChange]) -> None:
    with changed_files(changes):
        pass


def test_all_kinds_of_changes_are_made_and_nothing_else_is_left(folder: Path) -> None:
    with changed_files(all_kinds(folder)):
        assert (folder / "versions" / "a.py").read_text() == "again"
        assert [path.name for path in (folder / "versions").glob("*.py")] == ["a.py"]

    assert tree(folder) == AFTER


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_any_exception_inside_puts_everything_back(folder: Path, error: type[BaseException]) -> None:
    before = tree(folder)

    with pytest.raises(error), changed_files(all_kinds(folder)):
        raise error

    assert tree(folder) == before


def test_ctrl_c_inside_puts_everything_back_and_another_one_does_not_stop_that(folder: Path) -> None:
    before = tree(folder)

    def twice() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), changed_files(all_kinds(folder)):
        twice()

    assert tree(folder) == before


def test_the_mode_of_a_file_stays_and_a_new_one_has_that_of_any_new_file(folder: Path) -> None:
    (folder / "versions" / "a.py").chmod(0o640)
    (folder / "plain.txt").write_text("")

    attempt(all_kinds(folder))

    assert stat.S_IMODE((folder / "versions" / "a.py").stat().st_mode) == 0o640
    modes = [stat.S_IMODE((folder / name).stat().st_mode) for name in ("new/deep/n.py", "plain.txt")]
    assert modes[0] == modes[1]


def test_a_link_stays_one_and_its_file_is_rewritten(folder: Path) -> None:
    link = folder / "other" / "link.py"
    link.symlink_to("../versions/a.py")

    attempt([Rewrite(link, b"again")])

    assert link.is_symlink()
    assert (folder / "versions" / "a.py").read_text() == "again"


def test_bytecode_of_what_was_changed_goes_and_other_stays(folder: Path) -> None:
    cache = folder / "versions" / "__pycache__"
    cache.mkdir()
    for name in ("a.cpython-311.pyc", "b.cpython-311.pyc", "d.cpython-311.pyc"):
        (cache / name).write_bytes(b"")

    attempt(all_kinds(folder))

    assert [path.name for path in cache.iterdir()] == ["d.cpython-311.pyc"]


@pytest.mark.parametrize("kind", ["write", "move"])
def test_a_file_that_is_there_already_is_never_overwritten(folder: Path, kind: str) -> None:
    before = tree(folder)
    target = folder / "other" / "c.py"
    last = Write(target, b"new") if kind == "write" else Move(folder / "versions" / "c.py", target)

    with pytest.raises(RevisionsError, match=r"other/c\.py exists already"):
        attempt([Rewrite(folder / "versions" / "a.py", b"again"), last])

    assert tree(folder) == before


@pytest.mark.parametrize("links", [True, False])
def test_a_draft_takes_no_name_that_somebody_has_taken_meanwhile(
    folder: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:
        # As on FAT, and on some network file systems.
        monkeypatch.setattr(os, "link", no_links)
    draft, free = folder / "draft", folder / "free.py"
    draft.write_text("new")
    before = tree(folder)

    with pytest.raises(FileExistsError):
        publish(draft, folder / "other" / "c.py")

    assert tree(folder) == before
    publish(draft, free)
    assert (free.read_text(), draft.exists()) == ("new", False)


def no_links(*_: object, **__: object) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


@pytest.mark.parametrize("change", [Rewrite, Delete, Move])
def test_a_file_that_is_gone_takes_the_other_changes_back(folder: Path, change: type[FileChange]) -> None:
    before = tree(folder)
    path = folder / "versions" / "gone.py"
    made: dict[type[FileChange], FileChange] = {
        Rewrite: Rewrite(path, b""),
        Delete: Delete(path),
        Move: Move(path, folder / "archive" / "gone.py"),
    }

    with pytest.raises(ConfigurationError, match=r"gone\.py cannot be changed: No such file"):
        attempt([*all_kinds(folder)[:3], made[change]])

    assert tree(folder) == before


def test_a_folder_in_the_way_takes_the_other_changes_back(folder: Path) -> None:
    (folder / "versions" / "d.py").mkdir()
    before = tree(folder)

    with pytest.raises(ConfigurationError, match=r"d\.py cannot be changed: Is a directory"):
        attempt([*all_kinds(folder), Rewrite(folder / "versions" / "d.py", b"again")])

    assert tree(folder) == before


def test_a_file_in_the_place_of_a_folder_takes_the_other_changes_back(folder: Path) -> None:
    before = tree(folder)

    with pytest.raises(ConfigurationError, match="cannot be changed: Not a directory"):
        attempt([*all_kinds(folder), Write(folder / "other" / "c.py" / "n.py", b"new")])

    assert tree(folder) == before
