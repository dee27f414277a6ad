"""The pages whose commands are run, and where each begins."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from docs.generate.console import Played, play, rewritten, run, with_outputs_of
from docs.generate.paths import DOCS, ROOT
from migrator.database.embedded import embedded_server
from migrator.database.embedded.removal import remove_server

_PROJECT = ("configs", "migrations", "examples")


@dataclass(frozen=True)
class Session:
    """A page that is run from its beginning to its end.

    It begins with an empty folder, or with a copy of this repository's project in which the commands `before`
    have been run. The console blocks of `translation` are those of the page.
    """

    page: Path
    from_nothing: bool = False
    before: tuple[str, ...] = ()
    translation: Path | None = None


_UPGRADE = "migrator upgrade"
_EMPTY = "migrator generate --empty"

SESSIONS = (
    Session(DOCS / "tutorial.md", from_nothing=True),
    Session(ROOT / "README.md", translation=ROOT / "README.zh-CN.md"),
    Session(DOCS / "how-to" / "promote.md", before=(_UPGRADE,)),
    Session(DOCS / "how-to" / "squash.md", before=(_UPGRADE,)),
    Session(DOCS / "how-to" / "lint.md"),
    Session(
        DOCS / "how-to" / "developers.md",
        before=(
            _UPGRADE,
            f'{_EMPTY} -m "add nickname" --rev-id 3b1f6a2c9d04',
            f'{_EMPTY} -m "add birthday" --rev-id 8e52d7c01fab --head d0e182eaac05 --splice',
        ),
    ),
    Session(DOCS / "explanation" / "comparing.md"),
)


def played(session: Session) -> dict[Path, str]:
    """Run a page, and give its text, and its translation's, with what the commands printed."""
    page = session.page.read_text(encoding="utf-8")
    text = rewritten(page, play_session(session))
    texts = {session.page: text}
    if session.translation is not None:
        texts[session.translation] = with_outputs_of(session.translation.read_text(encoding="utf-8"), text)
    return texts


def play_session(session: Session) -> list[Played]:
    """Run a page in a folder of its own, and give what its commands printed."""
    with folder_for(session) as folder:
        return play(session.page.read_text(encoding="utf-8"), folder)


@contextmanager
def folder_for(session: Session) -> Iterator[Path]:
    """Make the folder in which a page begins; afterwards it is gone, and its databases too."""
    with tempfile.TemporaryDirectory(prefix="migrator-docs-") as temporary, ExitStack() as stack:
        folder = Path(temporary) / "shop"
        folder.mkdir()
        if not session.from_nothing:
            copy_project(folder)
        stack.callback(remove_server, folder)
        # Each command would start and stop it, which is most of the time that they take.
        stack.enter_context(embedded_server(folder))
        for command in session.before:
            run(command, folder)
        yield folder


def copy_project(folder: Path) -> None:
    """Copy this repository's project into a folder."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in _PROJECT:
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
