"""Runs squawk, the linter for PostgreSQL, over many statements at once."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, groupby
from pathlib import Path

from migrator.errors import ConfigurationError, MissingExtraError

SYNTAX_ERROR = "syntax-error"
# Instead of a statement's number: a line that migrator itself has put between the statements.
_OURS = -1
# Nothing else of our environment: it may hold passwords.
_KEPT_VARIABLES = ("PATH", "TMPDIR", "LD_LIBRARY_PATH")


@dataclass(frozen=True)
class SquawkStatement:
    """One statement for squawk, without a semicolon; `group` is the transaction it runs in, None for none."""

    sql: str
    group: str | None


@dataclass(frozen=True)
class SquawkReport:
    """What squawk says of the statement number `index`."""

    index: int
    rule: str
    message: str
    help: str


@dataclass(frozen=True)
class Squawk:
    """The program, the PostgreSQL version to judge for, and rules to ask it for besides its own choice."""

    program: str
    pg_version: str | None = None
    include: Sequence[str] = ()

    def judge(self, statements: Sequence[SquawkStatement]) -> list[SquawkReport]:
        """Judge the statements, which run in this order.

        Where squawk cannot read one of them it judges none, so those are found one by one, reported as
        `syntax-error`, and left out. Raises ConfigurationError when squawk fails.
        """
        if not statements:
            return []
        found = self._together(dict(enumerate(statements)))
        unread: dict[int, SquawkReport] = {}
        if any(each.rule == SYNTAX_ERROR for each in found):
            unread = self._unread(statements)
            found = self._together({at: each for at, each in enumerate(statements) if at not in unread})
        # A finding on a line of ours, such as the COMMIT of a group, is about no statement.
        return [*unread.values(), *(each for each in found if each.index != _OURS)]

    def _together(self, statements: Mapping[int, SquawkStatement]) -> list[SquawkReport]:
        text, starts, indexes = _script(statements)
        return _reports(self._run([], text), lambda _file, line: indexes[bisect_right(starts, line) - 1])

    def _unread(self, statements: Sequence[SquawkStatement]) -> dict[int, SquawkReport]:
        with tempfile.TemporaryDirectory(prefix="migrator-lint-") as folder:
            for at, each in enumerate(statements):
                Path(folder, f"{at}.sql").write_text(f"{each.sql}\n;\n", encoding="utf-8")
            found = _reports(self._run(["*.sql"], "", cwd=folder), lambda file, _line: int(Path(file).stem))
        return {each.index: each for each in found if each.rule == SYNTAX_ERROR}

    def _run(self, arguments: list[str], text: str, cwd: str | None = None) -> str:
        options = ["--reporter=json", f"--config={os.devnull}"]
        options += [f"--pg-version={self.pg_version}"] if self.pg_version else []
        options += [f"--include={rule}" for rule in self.include]
        ran = _run(self.program, [*options, *arguments], text, cwd)
        # With findings it ends with 1; so does an old one that does not know an option, but says nothing.
        if ran.returncode not in (0, 1) or (ran.returncode == 1 and not ran.stdout):
            raise _failed(ran)
        return ran.stdout


def find_squawk() -> str:
    """Give the path of squawk: beside this Python, or on the PATH. MissingExtraError where there is none."""
    beside = shutil.which("squawk", path=str(Path(sys.executable).parent))
    program = beside or shutil.which("squawk")
    if program is None:
        raise MissingExtraError("Linting for PostgreSQL", "lint")
    return program


@cache
def squawk_version(program: str) -> str:
    """Give squawk's version, as `2.70.0`. Raises ConfigurationError when it does not run."""
    ran = _run(program, ["--version"], "")
    if ran.returncode:
        raise _failed(ran)
    return ran.stdout.strip().rpartition(" ")[2]


@cache
def squawk_knows(rule: str) -> bool:
    """Return whether an installed squawk has a rule of this name; a newer one may have more than we know."""
    if not re.fullmatch(r"[a-z][a-z-]*", rule):
        return False
    try:
        ran = _run(find_squawk(), [f"--exclude={rule}", "--reporter=json", f"--config={os.devnull}"], ";")
    except (MissingExtraError, ConfigurationError):
        return False
    return ran.returncode == 0


def _run(
    program: str, arguments: list[str], text: str, cwd: str | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    try:
        return subprocess.run(
            [program, *arguments],
            input=text,
            capture_output=True,
            encoding="utf-8",
            cwd=cwd,
            env=environment,
            check=False,
        )
    except OSError as exc:
        raise ConfigurationError(
            f"squawk at {program} cannot be run: {exc.strerror}.",
            hint="Install it: pip install 'migrator[lint]'",
        ) from exc


def _failed(ran: subprocess.CompletedProcess[str]) -> ConfigurationError:
    said = " ".join(ran.stderr.split()).partition(" For more information")[0]
    return ConfigurationError(
        f"squawk failed with {ran.returncode}: {said}",
        hint="Install a version that migrator works with: pip install --upgrade 'migrator[lint]'",
    )


def _script(statements: Mapping[int, SquawkStatement]) -> tuple[str, list[int], list[int]]:
    """Give one script, the lines at which its parts start, and the statement of each part, _OURS for ours."""
    parts: list[tuple[int, str]] = []
    for group, together in groupby(statements.items(), lambda item: item[1].group):
        run = [(at, each.sql) for at, each in together]
        parts += run if group is None else [(_OURS, "BEGIN"), *run, (_OURS, "COMMIT")]
    # The semicolon has a line of its own, for the statement may end with a comment.
    starts = list(accumulate((sql.count("\n") + 2 for _, sql in parts), initial=0))
    return "".join(f"{sql}\n;\n" for _, sql in parts), starts[:-1], [at for at, _ in parts]


def _reports(output: str, index: Callable[[str, int], int]) -> list[SquawkReport]:
    """Read squawk's answer; `index` tells a statement's number by the file and the line of a finding."""
    try:
        return [
            SquawkReport(
                index(each["file"], each["line"]), each["rule_name"], each["message"], each["help"] or ""
            )
            for each in json.loads(output or "[]")
        ]
    except (ValueError, LookupError, TypeError) as exc:
        raise ConfigurationError(
            "squawk's answer is not what migrator can read.",
            hint="Install a version that migrator works with: pip install --upgrade 'migrator[lint]'",
        ) from exc
