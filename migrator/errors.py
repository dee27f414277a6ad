"""Everything that can go wrong, one type for each documented exit code.

An error's message is one sentence that says what happened; its hint says what to do next. The
docstring of a class is the message used when none is given.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of the command line."""

    OK = 0
    NO = 1
    USAGE = 2
    CONFIGURATION = 3
    REFUSED = 4
    REVISIONS = 5
    DATABASE = 6
    MIGRATION = 7
    LOCKED = 8
    FAULT = 70
    INTERRUPTED = 130
    TERMINATED = 143


class MigratorError(Exception):
    """Something went wrong."""

    exit_code: ExitCode = ExitCode.FAULT

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        self.hint = hint
        super().__init__(self.message)


class UsageError(MigratorError):
    """The command line makes no sense."""

    exit_code = ExitCode.USAGE


class ConfigurationError(MigratorError):
    """The configuration is wrong."""

    exit_code = ExitCode.CONFIGURATION


class MissingExtraError(ConfigurationError):
    """An optional dependency is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} needs a package that is not installed.",
            hint=f"Install it: pip install 'migrator[{extra}]'",
        )


class ModelsError(ConfigurationError):
    """The models cannot be used."""


class NoModelsError(ModelsError):
    """No models are named."""


class RefusedError(MigratorError):
    """This was refused; nothing has been changed."""

    exit_code = ExitCode.REFUSED


class RevisionsError(MigratorError):
    """The revision files do not allow this."""

    exit_code = ExitCode.REVISIONS


class DatabaseError(MigratorError):
    """The database cannot be used."""

    exit_code = ExitCode.DATABASE


class LockedError(MigratorError):
    """Another run holds the lock."""

    exit_code = ExitCode.LOCKED
