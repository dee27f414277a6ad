"""The checks as items of pytest: `migrator::testing::one_head`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from migrator import secrets
from migrator.bridge.revision_files.loading import first_revision, has_revisions, other_with_revisions
from migrator.config.environments import DEFAULT_NAME
from migrator.config.select import Choice, Workspace, choose
from migrator.errors import ExitCode, MigratorError, NoModelsError
from migrator.plain.error_lines import error_lines
from migrator.results.events import ignore
from migrator.scratch import NoScratchError
from migrator.scratch.choose_store import open_store
from migrator.testing.migration_checks import CHECKS, MigrationCheck
from migrator.testing.surroundings import at_root
from migrator.testing.wanted_checks import WantedChecks


def check_items(session: pytest.Session, wanted: WantedChecks) -> Iterator[pytest.Item]:
    """Give the checks that are asked for, in an order that is the same in each process."""
    # As pytest does with what it finds in files, so that they are counted.
    yield from session.genitems(
        Checks.from_parent(session, name="migrator", nodeid="migrator", wanted=wanted)
    )


class CheckFailed(Exception):
    """A check has failed; `lines` say what differs."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__(*lines)
        self.lines = lines


class Checks(pytest.Collector):
    """The checks of all environments, and the scratch servers that go on running from one to the next."""

    def __init__(self, *, wanted: WantedChecks, **node: Any) -> None:
        super().__init__(**node)
        self._wanted = wanted
        self._running: set[str] = set()
        self._stack = ExitStack()

    def collect(self) -> Iterable[EnvironmentChecks]:
        """Give the environments."""
        root = self._wanted.root
        for name, checks in self._wanted.checks.items():
            yield EnvironmentChecks.from_parent(self, name=name, root=root, checks=checks)

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
            raise CheckFailed(found)

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
            lines: Iterable[str] = error.lines
        elif isinstance(error, MigratorError) and error.exit_code != ExitCode.FAULT:
            lines = error_lines(error)
        else:
            return super().repr_failure(excinfo, style)
        return secrets.scrub("\n".join(lines))

    def reportinfo(self) -> tuple[Path, int, str]:
        """Give the name under which a failure is shown."""
        return self.path, 0, self.nodeid
