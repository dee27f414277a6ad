"""What one project's server runs from, where it lives, and making its data folder, once."""

from __future__ import annotations

import functools
import hashlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pwd import struct_passwd
from tempfile import TemporaryDirectory

from migrator.config.private_folder import write_whole
from migrator.database.embedded.binaries import Binaries, system_binaries, wheel_binaries
from migrator.database.embedded.server_home import (
    ROOT_STATE,
    Home,
    boot_id,
    failure,
    home_of,
    make_open_folder,
    open_log,
)
from migrator.database.embedded.system_account import give_to, run_as, server_account
from migrator.errors import ConfigurationError, DatabaseError
from migrator.file_locks import LockFile


@functools.cache
def runnable_binaries(binaries: Binaries, account: struct_passwd | None) -> Binaries:
    """The programs themselves, or a copy where private folders keep the account away from them.

    ConfigurationError when the account cannot execute the copy either.
    """
    if account is None or _runs(binaries, account):
        return binaries
    copy = _copy(binaries)
    if not _runs(copy, account):
        raise ConfigurationError(
            f"The account {account.pw_name!r} cannot execute {copy.program('postgres')}.",
            hint="Check the permissions and mount options of that folder, or give a database URL.",
        )
    return copy


def _runs(binaries: Binaries, account: struct_passwd) -> bool:
    try:
        code = run_as(account, [binaries.program("postgres"), "--version"], output=subprocess.DEVNULL)
    except DatabaseError:
        return False
    return code == 0


def _copy(binaries: Binaries) -> Binaries:
    source = binaries.install
    built = (source / "bin" / "postgres").stat().st_mtime_ns
    digest = hashlib.sha256(os.fsencode(source) + b"\0" + str(built).encode()).hexdigest()[:10]
    target = ROOT_STATE / "bin" / f"postgresql-{binaries.major}-{digest}"
    copy = Binaries(target / source.parent.name / source.name, binaries.major)
    make_open_folder(target.parent)
    with LockFile(target.parent / "copy.lock") as lock:
        lock.wait()
        if not target.exists():
            _copy_tree(source, target)
    return copy


def _copy_tree(source: Path, target: Path) -> None:
    """Copy the programs and the libraries that they look for beside the package, with their layout."""
    package = source.parent
    draft = target.with_name(f"{target.name}.partial")
    shutil.rmtree(draft, ignore_errors=True)
    libraries = [package.with_name(f"{package.name}.libs"), package / ".dylibs"]
    for part in (source, *(folder for folder in libraries if folder.is_dir())):
        destination = draft / part.relative_to(package.parent)
        shutil.copytree(part, destination, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
    # For everybody to read and, where its owner may, to enter or execute.
    for path in (draft, *draft.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
    draft.rename(target)


@dataclass(frozen=True)
class ServerPlace:
    """One project's server, running or not. What a disposable one holds is worth nothing after a crash."""

    home: Home
    binaries: Binaries
    account: struct_passwd | None
    durable: bool
    disposable: bool = False

    def program(self, name: str) -> str:
        """The path of a program that the server's account can execute."""
        return runnable_binaries(self.binaries, self.account).program(name)


def place_of(root: Path, *, durable: bool) -> ServerPlace:
    """The server of the project at `root`. MissingExtraError or ConfigurationError when it can have none."""
    binaries = wheel_binaries()
    return ServerPlace(home_of(root.resolve(), binaries.major), binaries, server_account(), durable)


def scratch_place(root: Path, *, system: bool) -> ServerPlace:
    """The server for the project's scratch databases; raises as `place_of` does.

    It writes nothing to the disk for good where it can be told whether the machine was started anew.
    """
    binaries = system_binaries() if system else wheel_binaries()
    home = home_of(root.resolve(), binaries.major, kind="system" if system else "scratch")
    return ServerPlace(home, binaries, server_account(), durable=boot_id() is None, disposable=True)


def create_data(place: ServerPlace) -> None:
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


@contextmanager
def _workshop(home: Home, account: struct_passwd | None) -> Iterator[Path]:
    for left_behind in home.folder.glob("initdb-*"):
        shutil.rmtree(left_behind, ignore_errors=True)
    with TemporaryDirectory(prefix="initdb-", dir=home.folder, ignore_cleanup_errors=True) as folder:
        give_to(account, Path(folder))
        yield Path(folder)


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
