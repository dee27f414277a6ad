"""Why a history does not run on a scratch database, in words."""

from __future__ import annotations

import re

from migrator.database.failures import causes, failing_statement, first_line, meaning_of, means
from migrator.database.kinds.interface import ErrorMeaning
from migrator.errors import ConfigurationError, ExitCode, MigratorError
from migrator.results.run import Step

# The server words its errors in its own language.
_QUOTED = re.compile('["\u00ab\u201e\u201c]\\s*(.+?)\\s*["\u00bb\u201c\u201d]')
_ABOUT_ROLES = re.compile(r"\b(?:grant|revoke|owner|role|user|authorization|policy|privileges)\b", re.I)
_CREATE_EXTENSION = re.compile(
    r'\s*create\s+extension\s+(?:if\s+not\s+exists\s+)?(?:"((?:[^"]|"")+)"|([\w$]+))', re.IGNORECASE
)


class ScratchFailedError(MigratorError):
    """A history does not run on a scratch database. `step` is the revision that failed, where it is known."""

    exit_code = ExitCode.MIGRATION

    def __init__(self, message: str, step: Step | None, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.step = step


class NoScratchError(ConfigurationError):
    """There is no place for scratch databases of an environment's kind."""


def failed_step(
    cause: BaseException, step: Step | None, what: str, where: str, server: str
) -> ScratchFailedError:
    """Give the error for a step that failed: `what` was being done, at `where`, on the scratch `server`."""
    named = f"{step.revision} ({step.message})" if step and step.message else step.revision if step else "?"
    extension = _missing_extension(cause)
    if extension is not None:
        return ScratchFailedError(
            f"Revision {named} needs the extension {extension}, which the scratch server ({server}) does not"
            " have.",
            step,
            hint="Use a server that has it: scratch = system (a PostgreSQL installed on this machine), or"
            " scratch_url = postgresql://..., in the [migrator] section.",
        )
    role = missing_role(cause)
    if role is not None:
        return ScratchFailedError(
            f"Revision {named} names the role {role}, which the scratch server does not have.",
            step,
            hint=f'Make it there: CREATE ROLE "{role}" NOLOGIN',
        )
    statement = failing_statement(cause)
    return ScratchFailedError(
        f"{what} of revision {named} failed on a scratch database: {first_line(cause)}"
        + (f" (statement: {statement})" if statement else ""),
        step,
        hint=f"Correct {where}.",
    )


def missing_role(cause: BaseException) -> str | None:
    """Give the role that a statement names and the server does not have."""
    statement = failing_statement(cause) or ""
    for each in causes(cause):
        found = _QUOTED.search(str(each))
        if meaning_of(each) is ErrorMeaning.NO_OBJECT and found and _ABOUT_ROLES.search(statement):
            return found[1]
    return None


def _missing_extension(cause: BaseException) -> str | None:
    found = _CREATE_EXTENSION.match(failing_statement(cause) or "")
    if found is None or not means(cause, ErrorMeaning.NOT_INSTALLED):
        return None
    return found[2] or found[1].replace('""', '"')
