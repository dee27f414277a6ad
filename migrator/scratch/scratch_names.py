"""Names of scratch databases, which tell whose they are and whether those are still at work."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import socket
import time

PREFIX = "migrator_scratch_"
TEMPLATE = f"{PREFIX}t_"
_OLD_SECONDS = 24 * 3600
_NAME = re.compile(rf"{PREFIX}(?P<host>[0-9a-f]{{6}})_(?P<pid>\d+)_(?P<made>\d+)_[0-9a-f]+")


def new_name() -> str:
    """Give a new name, with this host, this process and the time in it."""
    return f"{PREFIX}{_host()}_{os.getpid()}_{int(time.time())}_{secrets.token_hex(3)}"


def is_stale(name: str) -> bool:
    """Whether nobody uses a scratch database any more: its process has ended, or it is a day old."""
    found = _NAME.fullmatch(name)
    if found is None:
        return False
    if found["host"] == _host():
        return not _alive(int(found["pid"]))
    return time.time() - int(found["made"]) > _OLD_SECONDS


def _host() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:6]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
