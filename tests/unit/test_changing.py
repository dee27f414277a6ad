"""Several files and folders are changed all together or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from migrator.errors import ConfigurationError, RevisionsError
from migrator.revisions.drafting import publish
from migrator.revisions.file_changes import FileChange, Move, Rewrite, Write, changed_files


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
        Move(folder / "versions" / "c.py", folder / "archive" / "c.py"),
    ]


AFTER = {
    "versions": None,
    "versions/a.py": "again",
    "versions/b.py": "versions/b.py",
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
        assert sorted(path.name for path in (folder / "versions").glob("*.py")) == ["a.py", "b.py"]

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
    for name in ("a.cpython-311.pyc", "c.cpython-311.pyc", "d.cpython-311.pyc"):
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


@pytest.mark.parametrize("change", [Rewrite, Move])
def test_a_file_that_is_gone_takes_the_other_changes_back(folder: Path, change: type[FileChange]) -> None:
    before = tree(folder)
    path = folder / "versions" / "gone.py"
    made: dict[type[FileChange], FileChange] = {
        Rewrite: Rewrite(path, b""),
        Move: Move(path, folder / "archive" / "gone.py"),
    }

    with pytest.raises(ConfigurationError, match=r"gone\.py cannot be changed: No such file"):
        attempt([*all_kinds(folder)[:2], made[change]])

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


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A history of two files with bytecode and a folder in it, and a replacement of one file beside it."""
    for name in (
        "versions/a.py",
        "versions/sub/b.py",
        "versions/__pycache__/a.cpython-311.pyc",
        "versions/sub/__pycache__/b.cpython-311.pyc",
        "new/initial.py",
        "new/__pycache__/initial.cpython-311.pyc",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def replaced(root: Path) -> list[FileChange]:
    """Give what archives the history and puts the replacement in its place."""
    return [Move(root / "versions", root / "archive" / "T1"), Move(root / "new", root / "versions")]


def sources(root: Path) -> dict[str, str | None]:
    """Give all but the bytecode, which is nobody's."""
    return {name: text for name, text in tree(root).items() if "__pycache__" not in name}


def test_a_folder_is_archived_and_another_takes_its_place_without_bytecode(history: Path) -> None:
    with changed_files(replaced(history)):
        assert sources(history / "versions") == {"initial.py": "new/initial.py"}
        (history / "versions" / "__pycache__").mkdir()

    assert tree(history) == {
        "versions": None,
        "versions/initial.py": "new/initial.py",
        "archive": None,
        "archive/T1": None,
        "archive/T1/a.py": "versions/a.py",
        "archive/T1/sub": None,
        "archive/T1/sub/b.py": "versions/sub/b.py",
    }


def test_a_failure_puts_folders_back_with_an_archive_that_was_there_before(history: Path) -> None:
    (history / "archive" / "T0").mkdir(parents=True)
    before = sources(history)

    with pytest.raises(RuntimeError), changed_files(replaced(history)):
        raise RuntimeError

    assert sources(history) == before


@pytest.mark.parametrize("moves", [1, 2])
def test_an_interrupt_during_any_of_the_moves_undoes_those_that_were_made(
    history: Path, moves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sources(history)
    rename = Path.rename
    made: list[Path] = []

    def rename_and_interrupt(path: Path, target: Path) -> Path:
        moved = rename(path, target)
        made.append(path)
        if len(made) == moves:
            signal.raise_signal(signal.SIGINT)
        return moved

    monkeypatch.setattr(Path, "rename", rename_and_interrupt)
    with pytest.raises(KeyboardInterrupt), changed_files(replaced(history)):
        pytest.fail("the block must not be entered")

    assert sources(history) == before


def test_an_interrupt_while_folders_are_put_back_waits(
    history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sources(history)
    rename = Path.rename

    def rename_while_interrupted(path: Path, target: Path) -> Path:
        signal.raise_signal(signal.SIGINT)
        return rename(path, target)

    def fail() -> None:
        with changed_files(replaced(history)):
            monkeypatch.setattr(Path, "rename", rename_while_interrupted)
            raise RuntimeError

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert sources(history) == before


def test_a_missing_replacement_undoes_the_move_before_it(history: Path) -> None:
    shutil.rmtree(history / "new")
    before = sources(history)

    with pytest.raises(ConfigurationError, match=r"new cannot be changed: No such file"):
        attempt(replaced(history))

    assert sources(history) == before


@pytest.mark.parametrize("content", [None, "earlier"])
def test_an_archive_that_exists_is_never_replaced(history: Path, content: str | None) -> None:
    (history / "archive" / "T1").mkdir(parents=True)
    if content:
        (history / "archive" / "T1" / "c.py").write_text(content)
    before = sources(history)

    with pytest.raises(RevisionsError, match="T1 exists already"):
        attempt(replaced(history))

    assert sources(history) == before


def test_a_folder_does_not_go_into_itself(history: Path) -> None:
    before = sources(history)

    with pytest.raises(ConfigurationError, match=r"folder .*versions cannot be changed: Invalid argument"):
        attempt([Move(history / "versions", history / "versions" / "old" / "T1")])

    assert sources(history) == before
