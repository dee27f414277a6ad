"""Whether the machine has been started anew since a server that writes nothing to the disk was last used."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from migrator.config.private_folder import write_whole

if TYPE_CHECKING:
    from migrator.database.embedded.server_home import Home

_LINUX = Path("/proc/sys/kernel/random/boot_id")
_MACOS = ("sysctl", "-n", "kern.bootsessionuuid")


@cache
def boot_id() -> str | None:
    """Give what names this start of the machine, None where nothing does."""
    try:
        if sys.platform == "darwin":
            done = subprocess.run(_MACOS, capture_output=True, text=True, check=True)
            return done.stdout.strip() or None
        return _LINUX.read_text().strip() or None
    except (OSError, subprocess.SubprocessError):
        return None


def forget_before_boot(home: Home) -> None:
    """Take the data away where the machine has been started anew since: what was in memory may be missing.

    No process of the server may live.
    """
    known = boot_id()
    try:
        same = known is not None and home.boot.read_text(encoding="utf-8") == known
    except FileNotFoundError:
        same = False
    if not same:
        shutil.rmtree(home.data, ignore_errors=True)
        if known is not None:
            write_whole(home.boot, known, mode=0o600)
