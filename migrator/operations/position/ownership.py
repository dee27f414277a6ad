"""Tells whether a database is the environment's own, by the mark that it carries."""

from __future__ import annotations

from migrator.config.environments import Environment
from migrator.config.select import ChosenBy, Workspace
from migrator.errors import Effect, RefusedError
from migrator.operations.position.examine import Examined

_SHOWN = 3


class UnmarkedError(RefusedError):
    """A database has tables, and nothing says whose it is."""

    def __init__(self, message: str, examined: Examined, *, hint: str) -> None:
        super().__init__(message, effect=Effect.NOTHING_DONE, hint=hint)
        self.examined = examined


def refuse_other_database(workspace: Workspace, examined: Examined) -> None:
    """Refuse a database that is marked for another environment, a copy, or one that nobody has named.

    Raises RefusedError. A plain Alembic configuration has no marks: whatever it reaches is its own.
    """
    if not workspace.environment.managed:
        return
    if examined.mark is None:
        _refuse_unnamed(workspace, examined)
    elif is_copy(examined):
        raise _a_copy(workspace, examined)
    elif not belongs(workspace, examined.mark.environment):
        raise _anothers(workspace, examined)


def refuse_unknown_tables(workspace: Workspace, examined: Examined) -> None:
    """Refuse to begin in a database that holds tables of nobody knows whom. Raises UnmarkedError.

    The rule is Flyway's, which refuses a schema that is not empty and has no history.
    """
    tables = examined.unknown_tables
    if not tables:
        return
    environment, tenant = workspace.environment, workspace.tenant
    where = f"The database {database_name(examined)}"
    if tenant is not None and tenant.schema is not None:
        where = f"The schema {tenant.schema} of {where[0].lower()}{where[1:]}"
    more = f" and {len(tables) - _SHOWN} more" if len(tables) > _SHOWN else ""
    confirm = ("--confirm", environment.name) if environment.protected else ()
    raise UnmarkedError(
        f"{where} has tables ({', '.join(tables[:_SHOWN])}{more}), but no revision and nothing else that says"
        f" that it belongs to {environment.name}.",
        examined,
        hint=f"If it does, and has the schema already: {workspace.again('stamp', 'head', *confirm)}. If"
        f" {environment.name} shares it with these tables: name them in exclude_tables, or"
        f" {_mark_command(workspace, examined)}. If it is another's: correct {workspace.database.origin}",
    )


def is_copy(examined: Examined) -> bool:
    """Whether a database is a copy of the one that its mark was written in."""
    mark, here = examined.mark, examined.found.facts
    if mark is None or examined.found.kind.in_files:
        # A file may be moved, and so may the folder that it lies in.
        return False
    if mark.system_identifier and examined.identifier and mark.system_identifier != examined.identifier:
        return True
    return mark.database != here.database


def belongs(workspace: Workspace, marked: str) -> bool:
    """Whether a database marked with `marked` may be used by the environment."""
    mine = workspace.environment
    if mine.answers_to(marked):
        return True
    other = next((each for each in workspace.others if each.answers_to(marked)), None)
    shared = {*mine.settings.shares_database_with, *(_shares(other) if other else ())}
    return (
        marked in shared
        or any(mine.answers_to(name) for name in _shares(other))
        or bool(other and any(other.answers_to(name) for name in mine.settings.shares_database_with))
    )


def _shares(environment: Environment | None) -> tuple[str, ...]:
    return environment.settings.shares_database_with if environment is not None else ()


def _refuse_unnamed(workspace: Workspace, examined: Examined) -> None:
    """Adopt a database with tables only where somebody said which environment it is."""
    if not (examined.found.heads or examined.unknown_tables) or _was_named(workspace):
        return
    name = workspace.environment.name
    raise UnmarkedError(
        f"The database {database_name(examined)} has tables but carries no mark, and nothing says that it"
        f" belongs to {name}: the environment was {_how(workspace)}, the URL came from"
        f" {workspace.database.origin}.",
        examined,
        hint=f"If it does, name the environment: add --env {name}",
    )


def _how(workspace: Workspace) -> str:
    return (
        "not named" if workspace.chosen_by is ChosenBy.NOTHING else f"chosen by {workspace.choice_in_words}"
    )


def database_name(examined: Examined) -> str:
    """Return the name that a person has for a database: of an SQLite file, its own without the folders."""
    return examined.found.kind.shown_name(examined.found.facts.database)


def _was_named(workspace: Workspace) -> bool:
    said = workspace.by_file or workspace.choice.env is not None
    by_variable = workspace.chosen_by in (ChosenBy.ENV_VARIABLE, ChosenBy.ENV_IN_DOTENV)
    return said or by_variable or workspace.database.own


def _mark_command(workspace: Workspace, examined: Examined) -> str:
    name = database_name(examined) if workspace.tenant is None else workspace.environment.name
    return workspace.again("mark", "--confirm", name)


def _a_copy(workspace: Workspace, examined: Examined) -> RefusedError:
    mark, name = examined.mark, workspace.environment.name
    assert mark is not None
    return RefusedError(
        f"The database {database_name(examined)} is a copy of {mark.environment} (marked in {mark.database}"
        f" on {mark.marked_at:%Y-%m-%d}), and is not marked for {name} itself.",
        effect=Effect.NOTHING_DONE,
        hint=f"If this copy is to be {name}'s database: {_mark_command(workspace, examined)}",
    )


def _anothers(workspace: Workspace, examined: Examined) -> RefusedError:
    mark, name = examined.mark, workspace.environment.name
    assert mark is not None
    return RefusedError(
        f"The database {database_name(examined)} belongs to {mark.environment}, not to {name} (marked on"
        f" {mark.marked_at:%Y-%m-%d}).",
        effect=Effect.NOTHING_DONE,
        hint=f"Correct the URL of {name}. If the database has changed hands:"
        f" {_mark_command(workspace, examined)} --force",
    )
