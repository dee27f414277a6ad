"""Reads the console blocks of a page, and runs what stands in them as it is written.

A page tells a story in an own folder. In the order in which they stand there

- a block with a title (` ```python title="shop/models.py" `) is written to the file of that name;
- a block of the kind `diff` is applied, by git;
- in a block of the kind `console` each line that begins with `$ ` is given to bash, and the lines below it
  are what the command prints, on both streams.

Blocks of any other kind are only read.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# The longest that one command of a page may take, in seconds.
_BOUND = 120
# Who runs the commands, as the log has it; the machine's own name is nobody's business.
_USER, _HOST = "ada", "laptop"
_FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_SCRUBBED = ("ALEMBIC_", "POSTGRES_", "PG", "MIGRATOR_")
_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{12}(?![0-9a-f])")
# What differs from one run to the next, and what is looked for in its place.
_VARYING = (
    (re.compile(r"\b\d{8}T\d{6}Z"), "TIME"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?"), "TIME"),
    (re.compile(r"\b\d+\.\d\ds"), "SECONDS"),
    (re.compile(r"(?<=127\.0\.0\.1:)\d+"), "PORT"),
    (re.compile(r"(?<=squawk )\d+\.\d+\.\d+"), "VERSION"),
)


@dataclass(frozen=True)
class Step:
    """A command of a page, and what it prints: by the page, or in truth."""

    command: str
    output: str


@dataclass(frozen=True)
class Block:
    """One block between fences, and where in the page its text begins and ends."""

    kind: str
    title: str | None
    text: str
    start: int
    end: int

    @property
    def steps(self) -> list[Step]:
        """What a console block has bash do."""
        parts = re.split(r"^\$ ", self.text, flags=re.MULTILINE)
        return [_step(part) for part in parts[1:]]


def _step(text: str) -> Step:
    command = re.match(r"(?:.*\\\n)*.*\n?", text)
    assert command is not None
    return Step(command[0].rstrip("\n"), text[command.end() :].rstrip("\n"))


@dataclass
class Ids:
    """The revision ids of a page and those of a run, which are random, in the order in which they appear."""

    written: list[str] = field(default_factory=list)
    real: list[str] = field(default_factory=list)

    def met(self, written: str, real: str) -> None:
        """Note the ids of what the page says and of what was printed."""
        for text, known in ((written, self.written), (real, self.real)):
            known.extend(each for each in dict.fromkeys(_ID.findall(text)) if each not in known)

    def as_real(self, text: str) -> str:
        """Give a text of the page with the ids of the run."""
        named = dict(zip(self.written, self.real, strict=False))
        return _ID.sub(lambda match: named.get(match[0], match[0]), text)

    def without(self, step: Step, known: list[str]) -> Step:
        """Give a step with the place of each id in the order instead of it, and nothing else that varies."""
        return Step(*(_settled(text, known) for text in (step.command, step.output)))


def _settled(text: str, known: list[str]) -> str:
    text = _ID.sub(lambda match: f"ID-{known.index(match[0])}" if match[0] in known else match[0], text)
    for pattern, name in _VARYING:
        text = pattern.sub(name, text)
    return text


@dataclass(frozen=True)
class PlayedBlock:
    """What a block's commands printed. `written` and `real` have the same form, to be compared."""

    block: Block
    steps: list[Step]
    written: list[Step]
    real: list[Step]


@dataclass(frozen=True)
class Played:
    """What all commands of a page printed, and the ids of that run."""

    blocks: list[PlayedBlock]
    ids: Ids


def blocks(page: str) -> Iterator[Block]:
    """Give the blocks of a page."""
    for match in _FENCE.finditer(page):
        yield Block(match[1], match[2], match[3], match.start(3), match.end(3))


def steps_of(page: str) -> list[Step]:
    """Give all commands of a page, with what they print by the page."""
    return [step for block in blocks(page) if block.kind == "console" for step in block.steps]


def play(page: str, folder: Path, between: Callable[[], None]) -> Played:
    """Do in a folder what a page says, and give what its commands printed.

    `between` is called after each block.

    Raises CalledProcessError where a diff cannot be applied.
    """
    ids, played = Ids(), []
    # Ids that are there already are the same in every run.
    there = " ".join(path.name for path in sorted(folder.rglob("*.py")))
    ids.met(there, there)
    for block in blocks(page):
        if block.title is not None:
            ids.met(block.text, ids.as_real(block.text))
            file = folder / ids.as_real(block.title)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(ids.as_real(block.text), encoding="utf-8")
        elif block.kind == "diff":
            _apply(block.text, folder)
        elif block.kind == "console":
            played.append(_play_block(block, folder, ids))
        between()
    return Played(played, ids)


def _apply(diff: str, folder: Path) -> None:
    # Without a name of a repository git would look for one above the folder, and pass over what is not in it.
    command = ["git", "apply", "--recount", "--unidiff-zero", "-"]
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)}
    subprocess.run(command, cwd=folder, env=environment, input=diff, text=True, check=True)


def _play_block(block: Block, folder: Path, ids: Ids) -> PlayedBlock:
    steps = []
    for step in block.steps:
        ids.met(step.command, ids.as_real(step.command))
        real = Step(ids.as_real(step.command), run(ids.as_real(step.command), folder))
        ids.met(step.output, real.output)
        steps.append(real)
    return PlayedBlock(
        block,
        steps,
        [ids.without(step, ids.written) for step in block.steps],
        [ids.without(step, ids.real) for step in steps],
    )


def run(command: str, folder: Path) -> str:
    """Give what a line prints in bash, on both streams, with the programs of this virtual environment."""
    ran = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=variables(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_BOUND,
        check=False,
    )
    return ran.stdout.rstrip("\n").replace(f"{_USER}@{socket.gethostname()}", f"{_USER}@{_HOST}")


def variables() -> Mapping[str, str]:
    """Give the variables of this process without those that lead to other databases."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_SCRUBBED)
        and not name.endswith("DATABASE_URL")
        and name not in ("CI", "NO_COLOR", "PYTHONDONTWRITEBYTECODE")
    }
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**kept, "PATH": programs, "COLUMNS": "100", "LOGNAME": _USER}


def rewritten(page: str, played: Played) -> str:
    """Give a page with what its commands really printed; the page itself where it says so already."""
    if all(each.written == each.real for each in played.blocks):
        return page
    # Ids are all of one length, so that every block stays in its place.
    page = played.ids.as_real(page)
    for each in reversed(played.blocks):
        parts = [f"$ {real.command}\n{real.output}".rstrip("\n") + "\n" for real in each.steps]
        gap = "\n" if "\n\n$ " in each.block.text else ""
        page = page[: each.block.start] + gap.join(parts) + page[each.block.end :]
    return page


def with_outputs_of(page: str, model: str) -> str:
    """Give a translated page with the console blocks of the page that it is a translation of."""
    theirs = [block for block in blocks(model) if block.kind == "console"]
    ours = [block for block in blocks(page) if block.kind == "console"]
    for mine, other in reversed(list(zip(ours, theirs, strict=True))):
        page = page[: mine.start] + other.text + page[mine.end :]
    return page
