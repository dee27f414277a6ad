"""The pages whose commands are run, and where each begins."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from docs.generate.console import Played, play, rewritten, run, with_outputs_of
from docs.generate.paths import DOCS, ROOT
from migrator.database.embedded import embedded_server, scratch_server
from migrator.database.embedded.server_home import Home
from migrator.database.embedded.server_place import place_of, scratch_place
from migrator.database.embedded.shared_use import remove_server

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
_BY_HAND = """migrator run -- python -c '
import os, psycopg
with psycopg.connect(os.environ["DATABASE_URL"].replace("+asyncpg", "")) as connection:
    connection.execute("CREATE INDEX ix_orders_by_hand ON orders (status)")
    connection.execute("CREATE VIEW open_orders AS SELECT * FROM orders")
'"""

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
    Session(DOCS / "explanation" / "comparing.md", before=(_UPGRADE, _BY_HAND)),
)


def played(session: Session) -> dict[Path, str]:
    """Run a page, and give its text, and its translation's, with what the commands printed."""
    page = session.page.read_text(encoding="utf-8")
    text = rewritten(page, play_session(session))
    texts = {session.page: text}
    if session.translation is not None:
        texts[session.translation] = with_outputs_of(session.translation.read_text(encoding="utf-8"), text)
    return texts


def play_session(session: Session) -> Played:
    """Run a page in a folder of its own, and give what its commands printed."""
    with own_folder(copy=not session.from_nothing) as folder, ExitStack() as stack:
        servers = _Servers(folder, stack)
        for command in session.before:
            run(command, folder)
        servers.keep_up()
        return play(session.page.read_text(encoding="utf-8"), folder, servers.keep_up)


@contextmanager
def own_folder(*, copy: bool) -> Iterator[Path]:
    """Make an empty folder, or with a `copy` of this repository's project.

    Afterwards it is gone, and its databases too.
    """
    with tempfile.TemporaryDirectory(prefix="migrator-docs-") as temporary, ExitStack() as stack:
        folder = Path(temporary) / "shop"
        folder.mkdir()
        stack.callback(remove_server, folder)
        for name in _PROJECT if copy else ():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        yield folder


class _Servers:
    """Keeps the servers of a project up, once a command has made them.

    Each command would start and stop them, which is most of the time that it takes.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._down: dict[Home, Callable[[Path], AbstractContextManager[object]]] = {
            place_of(folder, durable=False).home: partial(embedded_server, durable=False),
            scratch_place(folder, system=False).home: scratch_server,
        }

    def keep_up(self) -> None:
        """Keep up those that are there by now."""
        for home in [home for home in self._down if home.data.exists()]:
            self._stack.enter_context(self._down.pop(home)(self._folder))
