"""Making a server's data folder, once."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from migrator.config.private_folder import write_whole
from migrator.database.embedded.server_home import Home
from migrator.database.embedded.server_log import failure, open_log
from migrator.database.embedded.server_place import ServerPlace
from migrator.database.embedded.system_account import SystemAccount, give_to, run_as


def create(place: ServerPlace) -> None:
    """Run initdb in a folder of its own and put the finished data in place; the caller holds the start lock.

    DatabaseError when initdb fails.
    """
    home, account = place.home, place.account
    password = secrets.token_urlsafe(32)
    with _workshop(home, account) as workshop:
        password_file = workshop / "password"
        write_whole(password_file, password, mode=0o600)
        give_to(account, password_file)
        argv = _initdb(place, workshop / "data", password_file)
        with open_log(home) as log:
            start = log.tell()
            code = run_as(account, argv, output=log)
        if code != 0:
            raise failure(home, f"initdb failed (exit code {code})", since=start)
        write_whole(home.password, password, mode=0o600)
        (workshop / "data").rename(home.data)


@contextlib.contextmanager
def _workshop(home: Home, account: SystemAccount | None) -> Iterator[Path]:
    for left_behind in home.folder.glob("initdb-*"):
        shutil.rmtree(left_behind, ignore_errors=True)
    workshop = home.folder / f"initdb-{secrets.token_hex(4)}"
    workshop.mkdir(mode=0o700)
    give_to(account, workshop)
    try:
        yield workshop
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def _initdb(place: ServerPlace, data: Path, password_file: Path) -> list[str]:
    argv = [place.program("initdb"), "-D", str(data), "-U", "postgres", f"--pwfile={password_file}"]
    argv += ["--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-instructions"]
    if place.binaries.major >= 16:
        # Iterations slow down the guessing of weak passwords; ours has 256 random bits, and asyncpg computes
        # each login's iterations in Python. The server sets the usual number again for roles made later.
        argv += ["-c", "scram_iterations=1"]
    if place.binaries.major >= 17:
        # Upper and lower case of all of Unicode, on systems without any locale installed too.
        argv += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return argv if place.durable else [*argv, "--no-sync"]
