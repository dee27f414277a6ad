"""One call of the command line: its options, its workspace, its way of reporting and asking."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

from migrator.cli.messages import Messages
from migrator.cli.options import Common, FleetOptions
from migrator.config.select import Choice, Workspace, choose
from migrator.config.settings import parse_duration
from migrator.errors import Effect, ExitCode, RefusedError, UsageError
from migrator.plain import counted
from migrator.processes.start_up import imports_done
from migrator.results.events import Event

if TYPE_CHECKING:
    from migrator.operations.run.consent import Consent


# `github` and `gitlab` are forms that a pipeline reads, of the findings of `lint`.
Form = Literal["text", "json", "github", "gitlab"]


@dataclass(frozen=True)
class Outcome:
    """What a command gives back: a result to show, the exit code, and the form in which to show it."""

    result: Any
    code: int = ExitCode.OK
    form: Form = "text"


class Invocation:
    """Holds what the options say, so that commands and error reports see the same."""

    def __init__(self, messages: Messages, *, json: bool) -> None:
        self.messages = messages
        self.common = Common()
        # Until the command line is parsed, whether it has the word: a usage error wants its envelope too.
        self.json = json
        self.command = ""
        # Whether it has come to a command, past all that Typer does.
        self.begun = False
        self.environment: str | None = None
        self.verbose = False
        self.fleet = FleetOptions()
        self.summary: TextIO | None = None

    def choice(self) -> Choice:
        """Give what the command line says about where to work.

        Commands come here once their imports are done: what is there by now is never garbage.
        """
        imports_done()
        common = self.common
        return Choice(
            env=common.env,
            config=common.config,
            section=common.name or "alembic",
            url=common.url,
            x=tuple(common.x or ()),
            cwd=Path.cwd(),
            process=os.environ,
        )

    def path(self, said: str) -> str:
        """Give a path from the command line as seen from where the command was started."""
        return str(Path.cwd() / said)

    def summarize(self, said: str | None) -> None:
        """Have the outcome appended to a file, where one is named. Raises UsageError where it cannot be."""
        if said is None:
            return
        try:
            # Before anything is done, and held until its end.
            self.summary = Path(self.path(said)).open("a", encoding="utf-8")  # noqa: SIM115
        except OSError as exc:
            raise UsageError(
                f"--summary {said} cannot be written: {exc.strerror}.",
                hint="Name a file in a folder that is there.",
            ) from exc

    def workspace(self) -> Workspace:
        """Choose the environment, and go to its root: a sub-folder makes no difference.

        Raises ConfigurationError and UsageError.
        """
        workspace = choose(self.choice())
        self.enter(workspace)
        return workspace

    def enter(self, workspace: Workspace) -> None:
        """Work on an environment from now on, at its root."""
        self.environment = workspace.environment.name
        if workspace.environment.root != Path.cwd():
            os.chdir(workspace.environment.root)

    def report(self, event: Event) -> None:
        """Tell about progress on stderr."""
        if not self.common.quiet:
            self.messages.event(event)

    @contextmanager
    def echoing(self) -> Iterator[None]:
        """With `--echo`, show on stderr each statement that any engine of SQLAlchemy runs within the block.

        Parameters are counted and not shown: they may be secrets.
        """
        with ExitStack() as stack:
            if self.common.echo:
                # Not through the logger: an env.py that configures logging, as Alembic's own do, turns that
                # off again.
                from sqlalchemy import Engine, event

                for name, listener in _sql_listeners(self.messages).items():
                    event.listen(Engine, name, listener)
                    stack.callback(event.remove, Engine, name, listener)
            yield

    def consent(self, confirm: str | None, *, yes: bool = False) -> Consent:
        """Give the way in which this call consents to something."""
        from migrator.operations.run.consent import Consent

        return Consent(confirm, self._ask, yes, self.messages.plan, self._can_ask())

    def question(self, text: str) -> str | None:
        """Ask something that has a usual answer; None where nobody can be asked.

        Raises RefusedError where the input ends: whoever ends it does not want the usual answer.
        """
        if not self._can_ask():
            return None
        answer = self.messages.ask(text)
        if answer is None:
            raise RefusedError("The question was not answered.", effect=Effect.NOTHING_DONE)
        return answer

    def _can_ask(self) -> bool:
        if self.common.no_input or os.environ.get("CI"):
            return False
        return sys.stdin.isatty() and sys.stderr.isatty()

    def _ask(self, question: str) -> str | None:
        """Ask something; None where nobody can be asked. The end of the input is an empty answer."""
        return (self.messages.ask(question) or "") if self._can_ask() else None


def _sql_listeners(messages: Messages) -> dict[str, Callable[..., None]]:
    from migrator.database.connecting.second_connection import INTERNAL

    def show(connection: Any, lines: Iterable[str]) -> None:
        # The lock and the search for who blocks whom are not the user's SQL.
        if INTERNAL not in connection.get_execution_options():
            for line in lines:
                messages.line(line, "dim")

    def statement(
        connection: Any, _cursor: Any, sql: str, parameters: Any, _context: Any, executemany: bool
    ) -> None:
        lines = sql.strip().splitlines()
        if parameters:
            what = "parameter set" if executemany else "parameter"
            lines.append(f"-- {counted(len(parameters), what)}")
        show(connection, lines)

    ends = {name: partial(show, lines=[name.upper()]) for name in ("begin", "commit", "rollback")}
    return {"before_cursor_execute": statement, **ends}


def parse_seconds(option: str, text: str) -> float:
    """Read the duration that an option was given, in seconds; infinite for none. Raises UsageError."""
    try:
        duration = parse_duration(text)
    except ValueError as exc:
        raise UsageError(f"{option}: {exc}.", hint=f"For example: {option} 2m") from exc
    if duration is not None:
        return duration
    return 0.0 if text == "0" else float("inf")
