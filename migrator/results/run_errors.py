"""The errors of runs that did not end well, with what they did until then. Users import them from here."""

from __future__ import annotations

from migrator.errors import Effect, ExitCode, MigratorError
from migrator.results.run import RunResult


class RunError(MigratorError):
    """A run did not end well. `result` says what was applied, what failed and what remains."""

    def __init__(self, message: str, result: RunResult, *, hint: str = "") -> None:
        super().__init__(message, effect=_effect(result), hint=hint)
        self.result = result


def _effect(result: RunResult) -> Effect | None:
    committed = result.failed is not None and result.failed.committed
    if result.applied or committed or result.after not in (None, result.before):
        return Effect.PARTLY_APPLIED
    return None if result.after is None else Effect.NOTHING_APPLIED


class MigrationFailedError(RunError):
    """A migration failed."""

    exit_code = ExitCode.MIGRATION


class LockLostError(RunError):
    """The lock of the run was lost."""

    exit_code = ExitCode.LOCKED


class RunInterruptedError(RunError):
    """The run was interrupted."""

    exit_code = ExitCode.INTERRUPTED
