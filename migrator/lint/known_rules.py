"""All rules that migrator knows, its own and squawk's, by their names."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from migrator.lint.catalogue.breaking import BREAKING
from migrator.lint.catalogue.locking import LOCKING
from migrator.lint.catalogue.losing import LOSING
from migrator.lint.catalogue.quiet import QUIET
from migrator.lint.rule_facts import Rule

RULES: Mapping[str, Rule] = {rule.name: rule for rule in (*LOCKING, *LOSING, *BREAKING, *QUIET)}


def rule_named(name: str, why: str = "", remedy: str = "") -> Rule:
    """Give a rule; one of a newer squawk is a warning with squawk's own `why` and `remedy`."""
    return RULES.get(name) or Rule(name, "warning", why, remedy)


def nearest(name: str) -> str:
    """Give a hint for a rule that does not exist: the one that it is most like, or all that are on."""
    near = difflib.get_close_matches(name, RULES, n=1, cutoff=0.5)
    if near:
        return f"Did you mean {near[0]}?"
    return f"The rules are: {', '.join(sorted(rule.name for rule in RULES.values() if rule.severity))}."
