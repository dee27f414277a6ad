"""A reader that goes away early: `migrator history | head -1`."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import Ran, process_variables, program
from tests.projects.small import revision_text, versions, write_project, write_revision
from tests.slow import first_is_fast

# More than the 64 KiB that a pipe holds, so that the writer surely meets the missing reader.
REVISIONS, LONG = 400, "x" * 300


@pytest.fixture
def long_history(tmp_path: Path) -> Path:
    """A project of many revisions with long messages."""
    root = write_project(tmp_path / "a project")
    down = None
    for number in range(REVISIONS):
        revision = f"{number:04d}abcdef"
        text = revision_text(revision, down, message=f"{number} {LONG}")
        (versions(root) / f"{revision}.py").write_text(text)
        down = revision
    return root


def in_shell(line: str, cwd: Path) -> Ran:
    """Run a line of bash; the code is that of the first command of its pipe."""
    command = f"{shlex.join(program(['migrator']))} {line}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=cwd,
        env=process_variables(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def test_a_reader_of_stderr_that_goes_away_does_not_stop_an_upgrade(tmp_path: Path) -> None:
    root = write_project(tmp_path / "a project")
    write_revision(versions(root), "aaa1")
    write_revision(versions(root), "bbb2", "aaa1")
    with closed_pipe() as stderr:
        done = subprocess.run(
            program(["migrator", "upgrade", "--url", "sqlite:///data.db"]),
            cwd=root,
            env=process_variables(),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            timeout=60,
            check=False,
        )

    assert done.returncode == 0
    assert done.stdout.startswith("upgraded testing: base -> bbb2")


@pytest.mark.parametrize("command", first_is_fast(["history", "history --json"]))
def test_head_gets_its_line_and_the_command_ends_quietly(command: str, long_history: Path) -> None:
    ran = in_shell(f"{command} | head -1", long_history)

    assert ran.out.count("\n") == 1
    assert (ran.code, ran.err) == (0, "")


@contextmanager
def closed_pipe() -> Iterator[int]:
    """Give the writing end of a pipe whose reader is gone already."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        yield writing
    finally:
        os.close(writing)


def into_closed_pipe(command: Sequence[str], cwd: Path) -> Ran:
    with closed_pipe() as stdout:
        done = subprocess.run(
            program(command),
            cwd=cwd,
            env=process_variables(),
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    return Ran(done.returncode, "", done.stderr)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device without room")
@pytest.mark.parametrize("command", ["--version", "upgrade --help", "envs"])
def test_a_disk_without_room_is_no_fault_of_migrator(command: str, tmp_path: Path) -> None:
    ran = in_shell(f"{command} >/dev/full", write_project(tmp_path / "a project"))

    assert ran.code == 2
    first, hint = ran.err.splitlines()
    assert first == "error: The answer could not be written on stdout: No space left on device."
    assert hint.endswith("Lead stdout to where there is room for it.")


@pytest.mark.slow
def test_the_exit_code_is_that_of_the_command_and_not_that_of_the_pipe(tmp_path: Path) -> None:
    root = write_project(tmp_path / "a project")
    write_revision(versions(root), "aaa1")
    write_revision(versions(root), "bbb2", "aaa1", "raise ValueError('on purpose')")
    url = ["--url", "sqlite:///data.db"]

    for command, code in (
        (["--help"], 0),
        (["upgrade", "--zzz", "--json"], 2),
        (["upgrade", *url], 7),
        (["current", "--check-heads", *url], 1),
    ):
        ran = into_closed_pipe(["migrator", *command], root)
        assert ran.code == code, (command, ran.err)
        assert "Traceback" not in ran.err
        assert "BrokenPipe" not in ran.err
        assert "Broken pipe" not in ran.err
