"""Throw-away databases, into which a history is replayed without touching a real one."""

from migrator.scratch.failures_in_words import NoScratchError, ScratchFailedError
from migrator.scratch.known_equal import is_known_equal
from migrator.scratch.scratch_database import ScratchDatabase
from migrator.scratch.scratch_templates import Copies, Scratch, copies, scratch

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
