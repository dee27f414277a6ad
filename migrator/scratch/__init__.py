"""Throw-away databases, into which a history is replayed without touching a real one."""

from migrator.scratch.copies import Copies, copies
from migrator.scratch.database import ScratchDatabase
from migrator.scratch.failing import NoScratchError, ScratchFailedError
from migrator.scratch.known import is_known_equal
from migrator.scratch.place import Scratch, scratch

__all__ = [
    "Copies",
    "NoScratchError",
    "Scratch",
    "ScratchDatabase",
    "ScratchFailedError",
    "copies",
    "is_known_equal",
    "scratch",
]
