"""All rules by name, and what an environment's settings say about them."""

from __future__ import annotations

import difflib
import tokenize
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from migrator.config.select import Workspace
from migrator.errors import ConfigurationError
from migrator.lint.catalogue import Rule, Severity
from migrator.lint.catalogue.breaking import BREAKING
from migrator.lint.catalogue.locking import LOCKING
from migrator.lint.catalogue.losing import LOSING
from migrator.lint.catalogue.quiet import QUIET
from migrator.lint.squawk import squawk_knows

RULES: Mapping[str, Rule] = {rule.name: rule for rule in (*LOCKING, *LOSING, *BREAKING, *QUIET)}


def rule_named(name: str, why: str = "", remedy: str = "") -> Rule:
    """Give a rule; one of a newer squawk is a warning with squawk's own `why` and `remedy`."""
    return RULES.get(name) or Rule(name, why, remedy, "warning", lock="")


def nearest(name: str) -> str:
    """Give a hint for a rule that does not exist: the one that it is most like, or all that are on."""
    near = difflib.get_close_matches(name, RULES, n=1, cutoff=0.5)
    if near:
        return f"Did you mean {near[0]}?"
    return f"The rules are: {', '.join(sorted(rule.name for rule in RULES.values() if rule.severity))}."


@dataclass(frozen=True)
class LintSettings:
    """Rules that are errors and rules that are ignored, whatever the table of rules says.

    `pg_version` is that of the server, such as `16`; squawk judges for one of its own choice without it.
    """

    error: frozenset[str] = frozenset()
    ignore: frozenset[str] = frozenset()
    pg_version: str | None = None

    def severity(self, rule: Rule) -> Severity | None:
        """Give how much a rule counts here, None for nothing."""
        if rule.name in self.ignore:
            return None
        return "error" if rule.name in self.error else rule.severity

    @property
    def asked(self) -> tuple[str, ...]:
        """The rules that squawk reports only when asked, and that count here."""
        return tuple(sorted(rule.name for rule in RULES.values() if rule.opt_in and self.severity(rule)))


def lint_settings(error: Iterable[str], ignore: Iterable[str], where: str) -> LintSettings:
    """Read the values of `lint_error` and `lint_ignore` of the `[migrator]` section in the file `where`.

    Raises ConfigurationError for a rule that neither migrator nor an installed squawk knows, and for one
    that stands in both.
    """
    settings = LintSettings(frozenset(error), frozenset(ignore))
    for key, names in (("lint_error", settings.error), ("lint_ignore", settings.ignore)):
        for name in sorted(names):
            if name not in RULES and not squawk_knows(name):
                raise ConfigurationError(
                    f"{key} in [migrator] of {where} names an unknown rule: {name}.", hint=nearest(name)
                )
    if both := sorted(settings.error & settings.ignore):
        raise ConfigurationError(
            f"lint_error and lint_ignore in [migrator] of {where} both name {both[0]}.",
            hint="Take it out of one of them.",
        )
    return settings


def lint_settings_of(workspace: Workspace) -> LintSettings:
    """Return an environment's settings for rules. Raises ConfigurationError for an unknown rule."""
    environment = workspace.environment
    said = environment.settings
    return lint_settings(said.lint_error, said.lint_ignore, environment.shown(environment.config_file))


def source_reader(workspace: Workspace) -> Callable[[str], str]:
    """Return a function that reads a version file by its shown path, in the encoding that it declares."""

    def read(shown: str) -> str:
        with tokenize.open(workspace.environment.root / shown) as file:
            return file.read()

    return read
