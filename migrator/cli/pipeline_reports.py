"""Reports for pipelines: findings beside the lines of a change, and a Markdown summary of a command."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from migrator import secrets
from migrator.cli.invocation import Outcome
from migrator.config.environments import shown
from migrator.errors import ExitCode, MigratorError
from migrator.plain import How, error_lines, lines
from migrator.results.judged import Linted, LintFinding

# GitLab's severities, by ours. What is excused is still told, as its lowest.
_GITLAB_SEVERITIES = {"error": "major", "warning": "minor"}


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
                "severity": "info" if excused else _GITLAB_SEVERITIES[finding.severity],
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


# GitHub takes a megabyte a step, and shows nothing of a page that is longer.
_MOST_LINES = 400
_LONGEST_LINE = 1000


def section(command: str, how: How, outcome: Outcome, errors: tuple[MigratorError, ...] = ()) -> str:
    """Give heading, verdict and plain lines of an outcome; the verdict tells a no from no answer."""
    text = [each[:_LONGEST_LINE] for each in _plain_text(how, outcome.result, errors)]
    left_out = len(text) - _MOST_LINES
    if left_out > 0:
        text[_MOST_LINES:] = [f"... and {left_out} more lines, which are in the log"]
    fence = _fence("\n".join(text))
    of = f" of {how.environment}" if how.environment else ""
    shown = ["", f"{fence}text", *text, fence] if text else []
    return "\n".join([f"### migrator {command}{of}", "", _verdict(outcome.code), *shown, "", ""])


def _verdict(code: int) -> str:
    if code == ExitCode.OK:
        return "✅ **in order**"
    if code == ExitCode.NO:
        return "❌ **not in order** (exit code 1)"
    return f"⚠️ **no answer**: {ExitCode(code).name.lower()} (exit code {int(code)})"


def _plain_text(how: How, result: object, errors: tuple[MigratorError, ...]) -> Iterator[str]:
    if result is not None:
        yield from lines(result, how)
    for error in errors:
        for line in error_lines(error):
            yield from secrets.scrub(line).splitlines()


def _fence(text: str) -> str:
    """Give a fence that no line of a text can close."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    return "`" * max(3, longest + 1)
