"""Writes small projects for tests: an ini per environment, an env.py, and version files of plain SQL."""

from __future__ import annotations

from pathlib import Path

ENV_PY = "from migrator.env import run_migrations\n\nrun_migrations()\n"
INI = """\
[alembic]
script_location = %(here)s/../migrations
version_locations = %(here)s/../migrations/{suffix}/versions
path_separator = newline
prepend_sys_path = %(here)s/..

[migrator]
{settings}
"""
MAKO = Path(__file__).resolve().parents[2] / "migrations" / "script.py.mako"


def write_project(root: Path, *suffixes: str, settings: str = "") -> Path:
    """Write a project with an environment for each suffix, `test` where none is given, and no revisions."""
    (root / "configs").mkdir(parents=True)
    for suffix in suffixes or ("test",):
        ini = INI.format(suffix=suffix, settings=settings)
        (root / "configs" / f"alembic_{suffix}.ini").write_text(ini)
        versions(root, suffix).mkdir(parents=True)
    (root / "migrations" / "env.py").write_text(ENV_PY)
    (root / "migrations" / "script.py.mako").write_text(MAKO.read_text())
    return root


def versions(root: Path, suffix: str = "test") -> Path:
    """Give the version folder of an environment."""
    return root / "migrations" / suffix / "versions"


def revision_text(
    revision: str, down: str | None = None, up: str = "pass", down_body: str = "pass", message: str = ""
) -> str:
    """Give a version file whose functions have the given bodies, a line or several."""
    indented = [body.replace("\n", "\n    ") for body in (up, down_body)]
    return (
        f'"""{message or "message of " + revision}"""\n\nfrom alembic import op\n\n'
        f"revision = {revision!r}\ndown_revision = {down!r}\nbranch_labels = None\ndepends_on = None\n\n\n"
        f"def upgrade():\n    {indented[0]}\n\n\ndef downgrade():\n    {indented[1]}\n"
    )


def write_revision(folder: Path, revision: str, down: str | None = None, up: str = "pass") -> Path:
    """Write a version file that creates a table of its own name, or whatever `up` says."""
    path = folder / f"{revision}.py"
    path.write_text(revision_text(revision, down, up, message=f"message of {revision}"))
    return path


def tree(root: Path) -> dict[str, bytes]:
    """Give every file below a folder with its content, less bytecode: to see that nothing changed."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
