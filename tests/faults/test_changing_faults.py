"""Changes of several files where a folder cannot be written to, and under fire of signals."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from migrator.revisions.drafting import left_behind
from migrator.revisions.file_changes import Rewrite, Write, changed_files
from tests.conftest import Ran
from tests.processes import started
from tests.projects.small import tree
from tests.slow import first_is_fast

# Whoever may do anything is not stopped by a mode; nobody of that number is.
AS_NOBODY = """
import os, sys
from pathlib import Path
from migrator.errors import MigratorError
from migrator.revisions.file_changes import Move, Rewrite, Write, changed_files

folder = Path(sys.argv[1])
if os.getuid() == 0:
    os.setgid(54321)
    os.setuid(54321)
try:
    with changed_files([
        Rewrite(folder / "open" / "a.py", b"again"),
        Write(folder / "open" / "n.py", b"new"),
        {"rewrite": Rewrite(folder / "shut" / "b.py", b"again"),
         "write": Write(folder / "shut" / "n.py", b"new"),
         "move": Move(folder / "shut" / "b.py", folder / "open" / "b.py")}[sys.argv[2]],
    ]):
        print("changed")
except MigratorError as exc:
    print(exc.message)
"""
UNTIL_IT_ENDS = """
import sys
from pathlib import Path
from migrator.revisions.file_changes import Move, Rewrite, Write, changed_files

folder = Path(sys.argv[1])
number = 0
print("begun", flush=True)
while True:
    number += 1
    with changed_files([
        Rewrite(folder / "a.py", f"{number}".encode()),
        Rewrite(folder / "b.py", f"{number}".encode()),
        Move(folder / f"n{number - 1}.py", folder / f"n{number}.py"),
    ]):
        pass
"""
# Stops where all is drafted and nothing has its name yet.
STOPPED = """
import signal, sys
from pathlib import Path
from migrator.revisions import file_changes as changing

def stopped(*_):
    print("drafted", flush=True)
    signal.pause()

changing._replace = stopped
folder = Path(sys.argv[1])
with changing.changed_files([changing.Write(folder / "b.py", b"b"), changing.Write(folder / "c.py", b"c")]):
    pass
"""


@pytest.mark.parametrize("kind", ["rewrite", "write", "move"])
def test_a_folder_that_cannot_be_written_to_takes_the_other_changes_back(
    kind: str, tmp_path: Path, shell: Callable[..., Ran]
) -> None:
    for name in ("open/a.py", "shut/b.py"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(name)
        (tmp_path / name).chmod(0o666)
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "shut").chmod(0o555)
    for parent in (tmp_path, *tmp_path.parents[:3]):
        with contextlib.suppress(PermissionError):
            parent.chmod(parent.stat().st_mode | 0o055)
    before = tree(tmp_path)

    ran = shell(["python", "-c", AS_NOBODY, str(tmp_path), kind])

    assert (ran.code, ran.err) == (0, "")
    assert "cannot be changed: Permission denied; every file is as it was." in ran.out
    assert str(tmp_path / "shut") in ran.out
    assert tree(tmp_path) == before


@pytest.mark.parametrize("number", first_is_fast([signal.SIGINT, signal.SIGTERM]))
def test_an_interrupt_at_any_moment_leaves_one_state_whole(number: signal.Signals, tmp_path: Path) -> None:
    handler = "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(1))\n"
    for attempt in range(8):
        folder = tmp_path / f"{number.name} {attempt}"
        folder.mkdir()
        for name in ("a.py", "b.py", "n0.py"):
            (folder / name).write_text("0")
        process = subprocess.Popen(
            [sys.executable, "-c", handler + UNTIL_IT_ENDS, str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        with process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == "begun\n"
                for _ in range(attempt):
                    tree_of_running(folder)
                process.send_signal(number)
                process.wait(timeout=30)
            finally:
                # One that did not listen would be waited for by the `with` for ever.
                process.kill()

        (done,) = {(folder / name).read_text() for name in ("a.py", "b.py")}
        left = {path.name for path in folder.iterdir()}
        assert left == {"a.py", "b.py", f"n{done}.py"}


def test_what_a_killed_process_has_drafted_goes_and_what_a_running_one_has_does_not(tmp_path: Path) -> None:
    (tmp_path / ".a.py.draft").write_text("somebody's own")
    with started(["python", "-c", STOPPED, str(tmp_path)], tmp_path, {}) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "drafted\n"
        with changed_files([Write(tmp_path / "a.py", b"a")]):
            pass
        left = [path for path in tmp_path.iterdir() if path.name.startswith((".b.py.", ".c.py."))]
        assert len(left) == 2
        assert left_behind(tmp_path) == []

    assert left_behind(tmp_path) == [tmp_path / "b.py", tmp_path / "c.py"]
    with changed_files([Rewrite(tmp_path / "a.py", b"again")]):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a.py.draft", "a.py"]


def tree_of_running(folder: Path) -> None:
    """Look at the folder while it changes: it takes a little while, never the same."""
    with contextlib.suppress(OSError):
        tree(folder)
