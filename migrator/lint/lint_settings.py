"""What an environment's settings say about rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from migrator.errors import ConfigurationError
from migrator.lint.known_rules import RULES, nearest
from migrator.lint.rule_facts import Rule, Severity
from migrator.lint.squawk import squawk_knows


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
        rules = (*(RULES[name] for name in self.error if name in RULES), *RULES.values())
        return tuple(sorted({rule.name for rule in rules if rule.opt_in and self.severity(rule)}))


def lint_settings(
    error: Iterable[str], ignore: Iterable[str], where: str, *, pg_version: str | None = None
) -> LintSettings:
    """Read the values of `lint_error` and `lint_ignore` of the `[migrator]` section in the file `where`.

    Raises ConfigurationError for a rule that neither migrator nor an installed squawk knows, and for one
    that stands in both.
    """
    settings = LintSettings(frozenset(error), frozenset(ignore), pg_version)
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
