"""The checks of each environment's migrations, as items of pytest: `migrator::testing::one_head`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from migrator import secrets
from migrator.bridge.revision_files.loading import first_revision, has_revisions, other_with_revisions
from migrator.bridge.revision_files.loading_errors import several_heads
from migrator.config.environments import DEFAULT_NAME
from migrator.config.select import Choice, Workspace, choose
from migrator.errors import ExitCode, MigratorError, NoModelsError, RevisionsError
from migrator.plain import How, error_lines, lines
from migrator.plain.judged_lines import finding_lines, wrong_lines
from migrator.results.events import ignore
from migrator.scratch import NoScratchError, scratch
from migrator.scratch.choose_store import open_store
from migrator.testing.surroundings import at_root


@dataclass(frozen=True)
class MigrationCheck:
    """One check. `wrong` gives what is wrong with an environment, in lines, and nothing where all is well.

    It raises what the command line reports as an error.
    """

    wrong: Callable[[Workspace], Iterable[str]]
    needs_scratch: bool = True


def _one_head(workspace: Workspace) -> Iterator[str]:
    from migrator.operations.look.revision_listing import heads

    found = heads(workspace).revisions
    if len(found) > 1:
        root = workspace.environment.root
        files: dict[str, Path | None] = {each.revision: root / each.path for each in found}
        several = several_heads(files, workspace)
        raise RevisionsError(several.message, hint=several.hint)
    yield from ()


def _upgrade_from_base(workspace: Workspace) -> Iterator[str]:
    # Afresh: a template would only show that it ran once.
    with scratch(workspace, ignore, fresh=True) as place, place.at("heads"):
        yield from ()


def _up_down_up(workspace: Workspace) -> Iterator[str]:
    from migrator.operations.judge.verify import VerifyRequest, verify

    found = verify(workspace, ignore, VerifyRequest(models=False))
    if not found.ok:
        yield from wrong_lines(found)
        yield f"again: {workspace.again('verify')}"


def _models_equal_history(workspace: Workspace) -> Iterator[str]:
    from migrator.operations.judge.check import check

    result = check(workspace, ignore, "history")
    # That there are several heads is for another check to say.
    if result.changes or "models" not in result.compared:
        yield from lines(result, How(environment=workspace.environment.name))
        yield f"again: {workspace.again('check', '--against', 'history')}"


def _no_destructive_change(workspace: Workspace) -> Iterator[str]:
    from migrator.operations.judge.lint_command import losses

    for finding in losses(workspace, ignore):
        if finding.severity == "error" and finding.excused_by is None:
            yield from finding_lines(finding)


# In the order in which they run: the cheapest first.
CHECKS = {
    "one_head": MigrationCheck(_one_head, needs_scratch=False),
    "upgrade_from_base": MigrationCheck(_upgrade_from_base),
    "up_down_up": MigrationCheck(_up_down_up),
    "models_equal_history": MigrationCheck(_models_equal_history),
    "no_destructive_change": MigrationCheck(_no_destructive_change),
}


def check_items(
    session: pytest.Session, root: Path, wanted: dict[str, tuple[str, ...]]
) -> Iterator[pytest.Item]:
    """Give the checks that are wanted of each environment, in an order that is the same in each process."""
    # As pytest does with what it finds in files, so that they are counted.
    yield from session.genitems(
        Checks.from_parent(session, name="migrator", nodeid="migrator", root=root, wanted=wanted)
    )


class CheckFailed(Exception):
    """A check has failed; the arguments are lines that say what differs."""


class Checks(pytest.Collector):
    """The checks of all environments, and the scratch servers that go on running from one to the next."""

    def __init__(self, *, root: Path, wanted: dict[str, tuple[str, ...]], **node: Any) -> None:
        super().__init__(**node)
        self._root = root
        self._wanted = wanted
        self._running: set[str] = set()
        self._stack = ExitStack()

    def collect(self) -> Iterable[EnvironmentChecks]:
        """Give the environments."""
        for name, checks in self._wanted.items():
            yield EnvironmentChecks.from_parent(self, name=name, root=self._root, checks=checks)

    def keep_running(self, workspace: Workspace) -> None:
        """Keep the scratch server of an environment running. Raises NoScratchError where there is none."""
        if workspace.environment.name not in self._running:
            self._stack.enter_context(open_store(workspace, ignore))
            self._running.add(workspace.environment.name)

    def teardown(self) -> None:
        """Leave the scratch servers: the last process to do so stops them."""
        self._running.clear()
        self._stack.close()


class EnvironmentChecks(pytest.Collector):
    """The checks of one environment."""

    def __init__(self, *, root: Path, checks: tuple[str, ...], **node: Any) -> None:
        super().__init__(**node)
        self._root = root
        self._checks = checks

    def collect(self) -> Iterable[CheckItem]:
        """Give the checks."""
        for name in self._checks:
            yield CheckItem.from_parent(self, name=name, root=self._root, check=CHECKS[name])


class CheckItem(pytest.Item):
    """One check of one environment."""

    def __init__(self, *, root: Path, check: MigrationCheck, **node: Any) -> None:
        super().__init__(**node)
        self._root = root
        self._check = check

    def runtest(self) -> None:
        """Run the check. Raises CheckFailed, and what migrator raises."""
        environment = self.parent.name if self.parent is not None else ""
        with at_root(self._root):
            try:
                choice = Choice(environment, "--migrator", cwd=self._root, process=os.environ)
                workspace = choose(choice)
                self._skip_without_revisions(workspace)
                if self._check.needs_scratch:
                    checks = self.getparent(Checks)
                    if checks is not None:
                        checks.keep_running(workspace)
                found = tuple(self._check.wrong(workspace))
            except (NoScratchError, NoModelsError) as exc:
                pytest.skip(f"{environment}: {exc.message} {exc.hint}")
        if found:
            raise CheckFailed(*found)

    def _skip_without_revisions(self, workspace: Workspace) -> None:
        """Skip an environment to which nothing has come yet; that of the developers should have something."""
        environment = workspace.environment
        if has_revisions(environment):
            return
        elsewhere = other_with_revisions(workspace) is not None
        if elsewhere and (environment.settings.default or environment.name == DEFAULT_NAME):
            return
        why = "nothing has been promoted to it yet" if elsewhere else "there are no revisions yet"
        pytest.skip(f"{environment.name}: {why}; {first_revision(workspace)}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Say what differs, or what went wrong, in the words of the command line; a fault keeps its trace."""
        error = excinfo.value
        if isinstance(error, CheckFailed):
            return secrets.scrub("\n".join(error.args))
        if isinstance(error, MigratorError) and error.exit_code != ExitCode.FAULT:
            return secrets.scrub("\n".join(error_lines(error)))
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Give the name under which a failure is shown."""
        return self.path, 0, self.nodeid
