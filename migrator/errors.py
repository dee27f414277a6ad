"""Everything that can go wrong, one type for each documented exit code.

An error says in one sentence what happened, its `effect` what that left behind, and its hint what to do
next. The docstring of a class is the sentence used when none is given.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


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


class Effect(StrEnum):
    """What a command had done when an error ended it."""

    NOTHING_DONE = "nothing done"
    NOTHING_WRITTEN = "nothing written"
    NOTHING_CHANGED = "nothing changed"
    NOTHING_APPLIED = "nothing applied"
    PARTLY_APPLIED = "partly applied"


# The effects that a message ends with. What a run has applied is in its result.
_IN_WORDS: dict[Effect | None, str] = {
    Effect.NOTHING_DONE: "nothing was done",
    Effect.NOTHING_WRITTEN: "nothing was written",
    Effect.NOTHING_CHANGED: "nothing was changed",
}


class MigratorError(Exception):
    """Something went wrong."""

    exit_code: ExitCode = ExitCode.FAULT

    def __init__(self, what: str = "", *, effect: Effect | None = None, hint: str = "") -> None:
        self.what = what or (type(self).__doc__ or "").strip()
        self.effect = effect
        self.hint = hint
        super().__init__(self.what)
        if hint:
            # For whoever calls from Python, and sees a traceback.
            self.add_note(f"hint: {hint}")

    @property
    def message(self) -> str:
        """What happened, and what that left behind where the error knows it."""
        effect = _IN_WORDS.get(self.effect)
        return f"{self.what.removesuffix('.')}; {effect}." if effect else self.what

    def __str__(self) -> str:
        """Return the message."""
        return self.message


class UsageError(MigratorError):
    """The command line makes no sense."""

    exit_code = ExitCode.USAGE


class ConfigurationError(MigratorError):
    """The configuration is wrong."""

    exit_code = ExitCode.CONFIGURATION
    # Whether env.py is what has to be corrected.
    in_env_py = False


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


class InterruptedCommandError(MigratorError):
    """Interrupted."""

    exit_code = ExitCode.INTERRUPTED


class NotAtHeadError(MigratorError):
    """A database is not at the revisions that this code was written for.

    `environment` is the one whose version files were read. `current` are the revisions in the version table,
    none where there is no such table, and `expected` those that it should have.
    """

    exit_code = ExitCode.NO

    def __init__(
        self,
        message: str,
        *,
        environment: str,
        current: tuple[str, ...],
        expected: tuple[str, ...],
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.environment = environment
        self.current = current
        self.expected = expected


class UnknownRevisionError(NotAtHeadError):
    """A database is at a revision that no version file has: a newer version of the code has upgraded it."""


def fault(exc: BaseException) -> MigratorError:
    """Make the error for what nobody has understood: that is our own fault, and is said to be."""
    error = MigratorError(
        f"A fault of migrator itself: {type(exc).__name__}: {exc}",
        hint="Report it with its traceback: a command shows that with --traceback.",
    )
    error.__cause__ = exc
    return error
