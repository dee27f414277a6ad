"""How a process behaves that another one has made to do a part of its work."""

from __future__ import annotations

import math
import os
import signal
import sys
from contextlib import suppress

from migrator.processes.signals import as_interrupt, shut_out_interrupts


def obey_parent(seconds: float = math.inf) -> None:
    """End when the parent says so by SIGTERM, as if by Ctrl-C, which itself is left to the parent.

    After so many `seconds` it ends by itself: the parent may be there no more.
    """
    # It reaches every process at the terminal.
    shut_out_interrupts()
    signal.signal(signal.SIGTERM, as_interrupt)
    if math.isfinite(seconds):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)


def stdout_to_stderr() -> None:
    """Let whatever is printed on stdout go to stderr: stdout is for the result alone."""
    sys.stdout = sys.stderr
    # Without a stderr the descriptor stays as it is: there is nowhere else to write to.
    with suppress(OSError):
        os.dup2(2, 1)
