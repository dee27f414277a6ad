"""Throw-away databases, into which a history is replayed without touching a real one."""

from migrator.scratch.database import ScratchDatabase
from migrator.scratch.failing import ScratchFailedError
from migrator.scratch.known import is_known_equal
from migrator.scratch.place import Scratch, scratch

__all__ = ["Scratch", "ScratchDatabase", "ScratchFailedError", "is_known_equal", "scratch"]
