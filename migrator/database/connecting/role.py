"""Takes on the role of the configuration, and says whose fault it is where that cannot be done."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from migrator.database.failures import meaning_of
from migrator.database.kinds.interface import ErrorMeaning
from migrator.database.kinds.postgresql import quoted
from migrator.errors import ConfigurationError, Effect


@dataclass(frozen=True)
class Role:
    """A role of PostgreSQL, and the file whose key `role` names it, as it is shown."""

    name: str
    config_file: str

    def sql(self) -> str:
        """Give the statement that takes the role on."""
        # Quoted in any case: NONE would take the role off.
        return f"SET ROLE {quoted(self.name)}"

    @contextmanager
    def taken_on(self, user: str | None) -> Iterator[None]:
        """Translate what a driver raises where `sql` is run in the block.

        `user` is who has logged in, None where that is not known. Raises ConfigurationError for a role that
        does not exist, or that the user may not take on.
        """
        try:
            yield
        except Exception as exc:
            # Every driver has a class of its own for this.
            meaning = meaning_of(exc)
            said = f"The key role in the [migrator] section of {self.config_file} names {self.name}"
            if meaning in (ErrorMeaning.NO_OBJECT, ErrorMeaning.BAD_VALUE):
                raise ConfigurationError(
                    f"{said}, but the server has no such role.",
                    effect=Effect.NOTHING_DONE,
                    hint=f"Correct the key role, or create it: CREATE ROLE {_quoted(self.name)}",
                ) from exc
            if meaning is ErrorMeaning.NO_PRIVILEGE:
                who = user or "the user of the database URL"
                raise ConfigurationError(
                    f"{said}, a role that {who} may not take on.",
                    effect=Effect.NOTHING_DONE,
                    hint=f"Grant it: GRANT {_quoted(self.name)} TO {_quoted(user) if user else who};"
                    " or correct the key role.",
                ) from exc
            raise


def _quoted(name: str) -> str:
    # As a person would write it; a keyword as a name is quoted by whoever has one.
    return name if re.fullmatch("[a-z_][a-z0-9_]*", name) else quoted(name)
