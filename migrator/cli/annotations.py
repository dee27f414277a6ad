"""What `lint` found, in the forms that GitHub and GitLab show beside the lines of a change."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from migrator.config.environments import shown
from migrator.results.findings import Linted, LintFinding

# GitLab's five severities, by ours; what is excused is still told.
_GITLAB_SEVERITIES = {"error": "major", "warning": "minor"}
_GITLAB_EXCUSED = "info"


def in_repository(result: Linted, project: Path) -> Linted:
    """Give findings whose files are named from the top of the repository around a project, as both want it.

    Nothing is changed where the project is that top itself, or in no repository.
    """
    top = next((each for each in (project, *project.parents) if (each / ".git").exists()), project)
    findings = (replace(each, file=shown(project / each.file, top)) for each in result.findings)
    return replace(result, findings=tuple(findings))


def github(result: Linted) -> Iterator[str]:
    """Give a workflow command for each finding: `::error`, `::warning`, or `::notice` where it is excused."""
    for finding in result.findings:
        level = finding.severity if finding.excused_by is None else "notice"
        facts = {"file": finding.file, "line": finding.line, "title": finding.rule}
        properties = ",".join(f"{key}={_property(str(value))}" for key, value in facts.items() if value)
        yield f"::{level} {properties}::{_data(_text(finding))}"


def gitlab(result: Linted) -> str:
    """Give the findings as GitLab's code quality report, a JSON list.

    A fingerprint stays the same when the lines of a file move, and tells two equal statements apart.
    """
    seen: Counter[str] = Counter()
    issues = []
    for finding in result.findings:
        content = "\0".join((finding.rule, finding.file, finding.revision, finding.statement))
        seen[content] += 1
        excused = finding.excused_by is not None
        issues.append(
            {
                "description": _summary(finding),
                "check_name": finding.rule,
                "fingerprint": hashlib.sha256(f"{content}\0{seen[content]}".encode()).hexdigest(),
                "severity": _GITLAB_EXCUSED if excused else _GITLAB_SEVERITIES[finding.severity],
                "location": {"path": finding.file, "lines": {"begin": finding.line or 1}},
            }
        )
    return json.dumps(issues, indent=2, ensure_ascii=False)


def _summary(finding: LintFinding) -> str:
    reason = "" if finding.excused_by is None else f" Excused: {finding.excused_by}"
    lock = f" Lock: {finding.lock}." if finding.lock else ""
    return f"{finding.message}{lock}{reason}"


def _text(finding: LintFinding) -> str:
    remedy = f"\n{finding.remedy}" if finding.remedy and finding.excused_by is None else ""
    return f"{_summary(finding)}\n{finding.operation}: {finding.statement}{remedy}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
