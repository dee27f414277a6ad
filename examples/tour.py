"""`make demo`: a tour of migrator on a real, private PostgreSQL.

It works on a copy of this project in a temporary folder, so that nothing of the working tree changes, and
runs the commands that a developer would type. Everything that it shows is what they print.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from migrator.database.embedded.shared_use import remove_server

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("configs", "migrations", "examples")
BEFORE = "    full_name: Mapped[str]"
ADDED = "    nickname: Mapped[str | None] = mapped_column(String(40))\n"


def main() -> int:
    """Run the tour; gives the exit code of the first command that failed, or 0."""
    with _copy_of_project() as project:
        try:
            _tour(project)
        except subprocess.CalledProcessError as exc:
            _say(f"the tour stopped: {' '.join(exc.cmd)} ended with code {exc.returncode}")
            return exc.returncode
        finally:
            remove_server(project)
    return 0


def _tour(project: Path) -> None:
    _head("Every environment has its own file, its own folder of revisions, its own database.")
    _run(project, "envs")
    _head("Bring the testing database up to date: a PostgreSQL of this project's own, nothing to install.")
    _run(project, "upgrade")
    _head("A model changes (examples/api/models/user.py) ...")
    _say(f"    + {ADDED.strip()}")
    _change_a_model(project)
    _head("... and the difference becomes a revision.")
    _run(project, "generate", "-m", "add nickname")
    _run(project, "upgrade")
    _head("Where are we?")
    _run(project, "history", "-i")
    _head("One step back.")
    _run(project, "downgrade", "-1")
    _run(project, "current")
    _head("And nothing is left running. Next: migrator --help, and the README.")


def _change_a_model(project: Path) -> None:
    file = project / "examples" / "api" / "models" / "user.py"
    source = file.read_text(encoding="utf-8")
    at = source.index(BEFORE)
    file.write_text(source[:at] + ADDED + source[at:], encoding="utf-8")


@contextmanager
def _copy_of_project() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="migrator-tour-") as folder:
        for name in COPIED:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, Path(folder) / name, ignore=ignored)
        yield Path(folder)


def _run(project: Path, *arguments: str) -> None:
    shown = " ".join(f'"{each}"' if " " in each else each for each in arguments)
    _say(f"\n$ migrator {shown}")
    # The tour is about this project: variables of the shell would lead it to another database.
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ALEMBIC_", "POSTGRES_")) and not name.endswith("DATABASE_URL")
    }
    command = [sys.executable, "-m", "migrator", *arguments]
    subprocess.run(command, cwd=project, env=variables, stderr=subprocess.STDOUT, check=True)


def _head(text: str) -> None:
    _say(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n# {text}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
