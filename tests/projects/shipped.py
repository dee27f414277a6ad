"""A project as it goes through pipelines into a container: application, models, two environments, git."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.bash import without_git
from tests.projects.small import revision_text, versions, write_project

MODELS = """\
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
"""
NICKNAME = "    nickname: Mapped[str | None] = mapped_column(String(50))\n"
MAIN = """\
from fastapi import FastAPI

from shop.models import Author

app = FastAPI()


@app.get("/")
def tables() -> str:
    return Author.__tablename__
"""
TABLE = """\
op.execute("CREATE TABLE authors (id serial PRIMARY KEY, name varchar(50) NOT NULL)")
"""
FIRST, SECOND = "5c1f0a9e2b34", "9d2e64f1c058"
SUFFIXES = ("online", "staging", "test")
ADD = 'op.execute("ALTER TABLE authors ADD COLUMN nickname varchar(50)")'
DROP = 'op.execute("ALTER TABLE authors DROP COLUMN nickname")'


# An author for git, and no configuration of the machine's.
GIT = {
    "GIT_AUTHOR_NAME": "Nobody",
    "GIT_AUTHOR_EMAIL": "nobody@example.org",
    "GIT_COMMITTER_NAME": "Nobody",
    "GIT_COMMITTER_EMAIL": "nobody@example.org",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}


@dataclass(frozen=True)
class Shipped:
    """The project, and the repository that it is in."""

    root: Path
    repository: Path

    def revision(
        self, revision: str, down: str | None, up: str, down_body: str = "pass", message: str = ""
    ) -> Path:
        """Write a version file for each environment; gives that of testing."""
        for suffix in SUFFIXES:
            path = versions(self.root, suffix) / f"{revision}_by_hand.py"
            path.write_text(revision_text(revision, down, up, down_body, message))
        return path

    def nickname(self) -> None:
        """Add a column to the models and not to the history."""
        (self.root / "shop" / "models.py").write_text(MODELS + NICKNAME)

    def grow(self) -> None:
        """Add that column to the history too, as the second revision."""
        self.nickname()
        self.revision(SECOND, FIRST, ADD, DROP, "add nickname")

    def git(self, *arguments: str) -> str:
        """Run git in the repository, and give what it prints."""
        return git(self.repository, *arguments)

    def commit(self, message: str = "a commit") -> None:
        """Commit all that is there."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--no-verify", "-m", message)


def write_shipped(root: Path, scratch_url: str, repository: Path | None = None) -> Shipped:
    """Write the project with one revision, committed on the branch `main` of a repository at or above it."""
    settings = f"models = shop.models:Base\nscratch_url = {scratch_url}\nscratch_keep = 0"
    write_project(root, *SUFFIXES, settings=settings)
    (root / "shop").mkdir()
    for name, text in {"__init__": "", "models": MODELS, "main": MAIN}.items():
        (root / "shop" / f"{name}.py").write_text(text)
    (root / "requirements.txt").write_text("fastapi\nsqlalchemy\n")
    (root / "README.md").write_text("# A shop\n")
    (repository or root).joinpath(".gitignore").write_text("__pycache__/\n.migrator/\n")
    project = Shipped(root, repository or root)
    project.revision(FIRST, None, TABLE, 'op.execute("DROP TABLE authors")', "create authors")
    project.git("init", "--quiet", "--initial-branch=main")
    project.commit("the first revision")
    return project


def git(root: Path, *arguments: str) -> str:
    """Run git by no configuration but its own, and give what it prints."""
    done = subprocess.run(
        ["git", "-C", str(root), *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={**without_git(os.environ), **GIT},
    )
    return done.stdout


def fenced(text: str, language: str) -> list[str]:
    """Give the blocks of a language in a page of Markdown."""
    return [
        re.sub(r"^" + indent, "", block, flags=re.MULTILINE)
        for indent, block in re.findall(rf"^( *)```{language}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    ]
