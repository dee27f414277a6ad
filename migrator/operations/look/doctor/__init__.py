"""`migrator doctor`: says what is wrong with an environment, and what to type."""

from __future__ import annotations

from migrator.config.select import Workspace
from migrator.config.url import address
from migrator.errors import ConfigurationError
from migrator.operations.look.doctor.database_checks import database_findings
from migrator.operations.look.doctor.file_checks import check_env_py, check_version_files, problem_of
from migrator.results.environment_status import Diagnosis, Finding
from migrator.results.events import Report


def doctor(workspace: Workspace, report: Report) -> Diagnosis:
    """Look at an environment's configuration, files and database, writing nothing.

    What cannot be looked at because of something else that is wrong is left out; the rest is not.
    """
    url = _url(workspace)
    in_files, files_load = check_version_files(workspace)
    env_py = check_env_py(workspace)
    findings = [_configuration(workspace), url, *in_files, *env_py]
    if all(finding.severity != "problem" for finding in (url, *env_py)):
        findings += database_findings(workspace, report, files_load=files_load)
    return Diagnosis(workspace.environment.name, tuple(findings))


def _configuration(workspace: Workspace) -> Finding:
    environment = workspace.environment
    protected = ", protected" if environment.protected else ""
    file = environment.shown(environment.config_file)
    return Finding(
        "configuration", "ok", f"{environment.name}: {file}, chosen by {workspace.choice_in_words}{protected}"
    )


def _url(workspace: Workspace) -> Finding:
    if not workspace.resolves_url:
        return Finding("url", "ok", "env.py says which database it is")
    try:
        source = workspace.database
    except ConfigurationError as exc:
        return problem_of("url", exc, workspace)
    where = "the embedded PostgreSQL" if source.url is None else address(source.url)
    return Finding("url", "ok", f"{where}, from {source.origin}")
