"""`python -I -S runner.py FD COMMAND...`: runs a command, and writes what it took to a file descriptor.

It is a process of its own because it is small: Linux counts the memory of the process that starts another
one as the other's.
"""

from __future__ import annotations

import os
import sys
import time


def main(descriptor: str, *argv: str) -> int:
    """Write seconds on the clock and of the processor, and KiB of memory. Gives the command's exit code."""
    begun = time.perf_counter()
    child = os.posix_spawnp(argv[0], argv, os.environ)
    _, status, used = os.wait4(child, 0)
    wall = time.perf_counter() - begun
    os.write(int(descriptor), f"{wall} {used.ru_utime + used.ru_stime} {used.ru_maxrss}".encode())
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
