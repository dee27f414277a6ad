"""What `doctor` found, as plain lines."""

from __future__ import annotations

from collections.abc import Iterator

from migrator.plain import How
from migrator.results.doctor import Diagnosis


def lines(result: Diagnosis, _how: How) -> Iterator[str]:
    """Give a line for each finding: severity, topic, text and any hint, separated by tabs."""
    for finding in result.findings:
        facts = (finding.severity, finding.topic, finding.text, finding.hint)
        yield "\t".join(" ".join(fact.split()) for fact in facts if fact)
