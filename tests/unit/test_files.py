"""A version folder is replaced as a whole or not at all."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from migrator.errors import ConfigurationError
from migrator.revisions.folder_swap import archive_and_replace


def tree(folder: Path) -> dict[str, str | None]:
    return {
        path.relative_to(folder).as_posix(): path.read_text() if path.is_file() else None
        for path in folder.rglob("*")
    }


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A history of two files with bytecode and a sub-folder, and a replacement of one file beside it."""
    for name, text in {
        "versions/a.py": "a",
        "versions/sub/b.py": "b",
        "versions/__pycache__/a.cpython-311.pyc": "bytecode",
        "versions/sub/__pycache__/b.cpython-311.pyc": "bytecode",
        "new/initial.py": "initial",
        "new/__pycache__/initial.cpython-311.pyc": "bytecode",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def before(project: Path) -> dict[str, str | None]:
    return {name: text for name, text in tree(project).items() if name.split("/")[0] != "new"}


class TestArchiveAndReplace:
    def test_the_old_files_are_archived_and_the_new_ones_take_their_place(self, history: Path) -> None:
        with archive_and_replace(history / "versions", history / "new", history / "archive" / "T1"):
            assert tree(history / "versions") == {"initial.py": "initial"}

        assert tree(history) == {
            "versions": None,
            "versions/initial.py": "initial",
            "archive": None,
            "archive/T1": None,
            "archive/T1/a.py": "a",
            "archive/T1/sub": None,
            "archive/T1/sub/b.py": "b",
        }

    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
    def test_any_exception_inside_puts_everything_back(
        self, history: Path, error: type[BaseException]
    ) -> None:
        expected = before(history)

        def fail() -> None:
            with archive_and_replace(history / "versions", history / "new", history / "archive" / "T1"):
                (history / "versions" / "generated.py").write_text("generated")
                raise error

        with pytest.raises(error):
            fail()
        assert tree(history) == expected

    def test_an_archive_folder_that_was_there_before_stays(self, history: Path) -> None:
        (history / "archive" / "T0").mkdir(parents=True)
        expected = before(history)

        def fail() -> None:
            with archive_and_replace(history / "versions", history / "new", history / "archive" / "T1"):
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fail()
        assert tree(history) == expected

    def test_a_second_interrupt_waits_until_everything_is_back(
        self, history: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        expected = before(history)
        rename = Path.rename

        def rename_while_interrupted(path: Path, target: Path) -> Path:
            if path == history / "archive" / "T1":
                os.kill(os.getpid(), signal.SIGINT)
            return rename(path, target)

        def fail() -> None:
            with archive_and_replace(history / "versions", history / "new", history / "archive" / "T1"):
                monkeypatch.setattr(Path, "rename", rename_while_interrupted)
                raise RuntimeError

        with pytest.raises(KeyboardInterrupt):
            fail()
        assert tree(history) == expected

    @pytest.mark.parametrize("moves", [1, 2])
    def test_an_interrupt_after_any_of_the_moves_undoes_those_that_were_made(
        self, history: Path, monkeypatch: pytest.MonkeyPatch, moves: int
    ) -> None:
        expected = before(history)
        rename = Path.rename
        made: list[Path] = []

        def rename_then_interrupt(path: Path, target: Path) -> Path:
            moved = rename(path, target)
            made.append(path)
            if len(made) == moves:
                raise KeyboardInterrupt
            return moved

        monkeypatch.setattr(Path, "rename", rename_then_interrupt)
        with (
            pytest.raises(KeyboardInterrupt),
            archive_and_replace(history / "versions", history / "new", history / "archive" / "T1"),
        ):
            pytest.fail("the block must not be entered")
        assert tree(history) == expected

    def test_a_missing_replacement_undoes_the_first_move(self, history: Path) -> None:
        shutil.rmtree(history / "new")
        expected = before(history)

        with (
            pytest.raises(ConfigurationError, match=r"cannot be archived as .*T1: No such file"),
            archive_and_replace(history / "versions", history / "new", history / "archive" / "T1"),
        ):
            pytest.fail("the block must not be entered")
        assert tree(history) == expected

    def test_a_folder_that_cannot_be_moved_stays_and_the_error_names_it(self, history: Path) -> None:
        expected = before(history)

        with (
            pytest.raises(ConfigurationError, match="cannot be archived as") as caught,
            archive_and_replace(history / "versions", history / "new", history / "versions" / "old" / "T1"),
        ):
            pytest.fail("the block must not be entered")
        assert str(history / "versions") in caught.value.message
        assert tree(history) == expected

    @pytest.mark.parametrize("content", [None, "earlier"])
    def test_an_archive_that_exists_is_never_replaced(self, history: Path, content: str | None) -> None:
        (history / "archive" / "T1").mkdir(parents=True)
        if content:
            (history / "archive" / "T1" / "c.py").write_text(content)
        expected = before(history)

        with (
            pytest.raises(ConfigurationError, match="T1 exists already"),
            archive_and_replace(history / "versions", history / "new", history / "archive" / "T1"),
        ):
            pytest.fail("the block must not be entered")
        assert tree(history) == expected

    def test_a_missing_folder_is_an_error(self, history: Path) -> None:
        shutil.rmtree(history / "versions")

        with (
            pytest.raises(ConfigurationError, match="there is no such folder"),
            archive_and_replace(history / "versions", history / "new", history / "archive" / "T1"),
        ):
            pytest.fail("the block must not be entered")
        assert tree(history) == {}

    def test_a_symbolic_link_is_refused(self, history: Path) -> None:
        (history / "link").symlink_to("versions")

        with (
            pytest.raises(ConfigurationError, match="is a symbolic link"),
            archive_and_replace(history / "link", history / "new", history / "archive" / "T1"),
        ):
            pytest.fail("the block must not be entered")
        assert (history / "link" / "a.py").read_text() == "a"

    @pytest.mark.parametrize("replacement", ["versions", "versions/sub", "."])
    def test_a_replacement_that_is_no_sibling_is_refused_untouched(
        self, history: Path, replacement: str
    ) -> None:
        expected = tree(history)

        with (
            pytest.raises(ValueError, match="not a folder beside"),
            archive_and_replace(history / "versions", history / replacement, history / "archive" / "T1"),
        ):
            pytest.fail("the block must not be entered")
        assert tree(history) == expected
