"""Why a database can be at a revision that the version folder does not have."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from migrator.revisions import git
from migrator.revisions.revision_origin import RevisionOrigin, SearchPlaces, explain

FOLDER = "migrations/test/versions"
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_DATE": "2024-05-06T07:08:09Z",
    "GIT_COMMITTER_DATE": "2024-05-06T07:08:09Z",
}


def version(revision: str, down: str | None = None) -> str:
    return f'"""message of {revision}"""\nrevision: str = {revision!r}\ndown_revision = {down!r}\n'


@dataclass
class Project:
    """A project in a git repository of its own."""

    root: Path
    places: SearchPlaces = field(init=False)

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self.places = SearchPlaces(
            environment="testing",
            folders=(self.root / FOLDER,),
            archives=(self.root / "migrations/test/archive",),
            others={"production": (self.root / "migrations/online/versions",)},
            root=self.root,
        )

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=Zoë Author", "-c", "user.email=ann@example.org"]
        command = ["git", "-C", str(self.root), *identity, *arguments]
        return subprocess.run(
            command, check=True, capture_output=True, text=True, env=ENVIRONMENT
        ).stdout.strip()

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def commit(self, message: str = "a commit") -> str:
        """Commit everything and return the commit's short name."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "--short", "HEAD")

    def explain(self, revision: str) -> RevisionOrigin:
        return explain(revision, self.places)


@pytest.fixture
def bare(tmp_path: Path) -> Project:
    """A project without git."""
    project = Project(tmp_path / "project")
    project.write(f"{FOLDER}/aaa1_first.py", version("aaa1"))
    return project


@pytest.fixture
def project(bare: Project) -> Project:
    """The same in git, on the branch main, with one commit."""
    bare.git("init", "--quiet", "--initial-branch=main")
    bare.commit()
    return bare


def clone(project: Project, name: str, *options: str) -> Project:
    target = project.root.parent / name
    project.git("clone", "--quiet", *options, project.root.as_uri(), str(target))
    return Project(target)


class TestWithoutGit:
    def test_a_revision_of_another_environment_names_it(self, bare: Project) -> None:
        bare.write("migrations/online/versions/2024/bbb1_x.py", version("bbb1"))

        origin = bare.explain("bbb1")

        assert origin.cause == "other-environment"
        assert "bbb1 belongs to environment production" in origin.message
        assert "(migrations/online/versions/2024/bbb1_x.py)" in origin.message
        assert "--env production" in origin.hint

    def test_an_archived_revision_names_the_time_and_the_files(self, bare: Project) -> None:
        bare.write("migrations/test/archive/20240506T070809Z/ccc1_x.py", version("ccc1"))
        bare.write("migrations/test/archive/20240506T070809Z/ddd1_x.py", version("ddd1", "ccc1"))

        origin = bare.explain("ccc1")

        assert origin.cause == "archived"
        assert "ccc1 was archived at 20240506T070809Z" in origin.message
        assert "migrations/test/archive/20240506T070809Z:" in origin.hint
        assert "migrator stamp --purge head" in origin.hint

    def test_a_revision_that_nothing_knows_is_unknown_and_git_is_not_claimed(self, bare: Project) -> None:
        origin = bare.explain("fff1")

        assert origin.cause == "unknown"
        assert "fff1" in origin.message
        assert "git" not in origin.message
        assert "migrator envs" in origin.hint

    def test_a_machine_without_git_is_no_error(
        self, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))

        assert project.explain("fff1").cause == "unknown"

    def test_broken_files_elsewhere_are_no_error(self, bare: Project) -> None:
        bare.write("migrations/online/versions/broken.py", "revision = 'bbb1' (\n")

        assert bare.explain("bbb1").cause == "unknown"


class TestDeleted:
    def test_the_commit_that_deleted_the_file_is_named_and_its_hint_works(self, project: Project) -> None:
        path = f"{FOLDER}/bbb1_x.py"
        project.write(path, version("bbb1", "aaa1"))
        project.write(f"{FOLDER}/ccc1_y.py", version("ccc1", "bbb1"))
        project.commit()
        (project.root / path).unlink()
        deleted = project.commit()
        project.write("README", "later")
        project.commit()

        origin = project.explain("bbb1")

        assert origin.cause == "deleted"
        assert origin.message == (
            f"Revision bbb1 was in {path}, which was deleted by commit {deleted} of 2024-05-06 by Zoë Author."
        )
        assert f"`git checkout {deleted}^ -- {path}`" in origin.hint
        project.git(*origin.hint.split("`")[1].split()[1:])
        assert (project.root / path).read_text() == version("bbb1", "aaa1")

    def test_the_branch_commit_is_named_rather_than_the_merge_of_it(self, project: Project) -> None:
        project.write(f"{FOLDER}/bbb1_x.py", version("bbb1"))
        project.commit()
        project.git("switch", "--quiet", "-c", "squash")
        (project.root / FOLDER / "bbb1_x.py").unlink()
        deleted = project.commit()
        project.git("switch", "--quiet", "main")
        project.git("merge", "--quiet", "--no-ff", "-m", "merge", "squash")

        origin = project.explain("bbb1")

        assert origin.cause == "deleted"
        assert f"commit {deleted} " in origin.message

    def test_a_file_that_a_merge_itself_dropped_is_found(self, project: Project) -> None:
        project.git("switch", "--quiet", "-c", "feature")
        project.write(f"{FOLDER}/bbb1_x.py", version("bbb1"))
        project.commit()
        project.git("switch", "--quiet", "main")
        project.write("README", "x")
        project.commit()
        project.git("merge", "--quiet", "--no-ff", "--strategy=ours", "-m", "merge", "feature")
        merge = project.git("rev-parse", "--short", "HEAD")

        origin = project.explain("bbb1")

        assert origin.cause == "deleted"
        assert f"commit {merge} " in origin.message
        assert f"`git checkout {merge}^2 -- " in origin.hint

    def test_a_file_that_was_renamed_first_is_followed_to_its_last_name(self, project: Project) -> None:
        project.write(f"{FOLDER}/bbb1_old_name.py", version("bbb1"))
        project.commit()
        project.git("mv", f"{FOLDER}/bbb1_old_name.py", f"{FOLDER}/bbb1_new_name.py")
        project.commit()
        (project.root / FOLDER / "bbb1_new_name.py").unlink()
        deleted = project.commit()

        origin = project.explain("bbb1")

        assert f"was in {FOLDER}/bbb1_new_name.py, which was deleted by commit {deleted} " in origin.message

    def test_a_file_that_came_and_went_on_a_merged_branch_is_found(self, project: Project) -> None:
        project.git("switch", "--quiet", "-c", "feature")
        project.write(f"{FOLDER}/bbb1_x.py", version("bbb1"))
        project.commit()
        (project.root / FOLDER / "bbb1_x.py").unlink()
        deleted = project.commit()
        project.git("switch", "--quiet", "main")
        project.git("merge", "--quiet", "--no-ff", "-m", "merge", "feature")

        origin = project.explain("bbb1")

        assert origin.cause == "deleted"
        assert f"commit {deleted} " in origin.message

    def test_an_id_that_was_rewritten_is_told_from_a_deleted_file(self, project: Project) -> None:
        project.write(f"{FOLDER}/x.py", version("bbb1"))
        project.commit()
        project.write(f"{FOLDER}/x.py", version("bbb2"))
        rewritten = project.commit()

        origin = project.explain("bbb1")

        assert origin.cause == "deleted"
        assert f"until it was given another id by commit {rewritten} " in origin.message
        assert "revision: str = 'bbb1'" in project.git(*origin.hint.split("`")[1].split()[1:])

    def test_a_file_that_only_the_working_copy_lacks_is_brought_back_from_head(
        self, project: Project
    ) -> None:
        (project.root / FOLDER / "aaa1_first.py").unlink()

        origin = project.explain("aaa1")

        assert origin.cause == "deleted"
        assert "no longer in the working copy" in origin.message
        assert f"`git checkout HEAD -- {FOLDER}/aaa1_first.py`" in origin.hint

    def test_a_revision_that_is_only_mentioned_was_never_here(self, project: Project) -> None:
        project.write(f"{FOLDER}/x.py", version("ccc1", "bbb1"))
        project.commit()
        (project.root / FOLDER / "x.py").unlink()
        project.commit()

        assert project.explain("bbb1").cause == "unknown"

    def test_files_outside_the_version_folders_do_not_count(self, project: Project) -> None:
        project.write("other/versions/x.py", version("bbb1"))
        project.commit()
        (project.root / "other/versions/x.py").unlink()
        project.commit()

        origin = project.explain("bbb1")

        assert origin.cause == "unknown"
        assert "no commit in git" in origin.message

    def test_odd_names_and_a_project_below_the_repository_work(self, tmp_path: Path) -> None:
        outer = Project(tmp_path / "outer")
        outer.git("init", "--quiet", "--initial-branch=main")
        project = Project(outer.root / "the service [1]")
        project.write(f"{FOLDER}/bbb1_größe ü.py", version("bbb1"))
        outer.commit()
        (project.root / FOLDER / "bbb1_größe ü.py").unlink()
        deleted = outer.commit()

        origin = project.explain("bbb1")

        assert origin.cause == "deleted"
        assert f"Revision bbb1 was in {FOLDER}/bbb1_größe ü.py, " in origin.message
        assert f"`git checkout {deleted}^ -- '{FOLDER}/bbb1_größe ü.py'`" in origin.hint


class TestBranches:
    def feature(self, project: Project) -> str:
        project.git("switch", "--quiet", "-c", "feature")
        project.write(f"{FOLDER}/bbb1_x.py", version("bbb1", "aaa1"))
        commit = project.commit()
        project.git("switch", "--quiet", "main")
        return commit

    def test_a_revision_of_an_unmerged_branch_names_it(self, project: Project) -> None:
        commit = self.feature(project)

        origin = project.explain("bbb1")

        assert origin.cause == "other-branch"
        assert (
            f"{FOLDER}/bbb1_x.py on feature (commit {commit} of 2024-05-06 by Zoë Author)" in origin.message
        )
        assert "`git merge feature`" in origin.hint

    def test_a_branch_that_only_mentions_the_revision_does_not_have_it(self, project: Project) -> None:
        project.git("switch", "--quiet", "-c", "child")
        project.write(f"{FOLDER}/ddd1_x.py", version("ddd1", "aaa9"))
        project.commit()
        project.git("switch", "--quiet", "main")
        assert project.explain("aaa9").cause == "unknown"

    def test_a_branch_that_only_the_remote_has_is_named_with_the_remote(self, project: Project) -> None:
        self.feature(project)
        copy = clone(project, "copy")

        origin = copy.explain("bbb1")

        assert origin.cause == "other-branch"
        assert "on origin/feature (" in origin.message

    def test_a_revision_that_the_upstream_has_means_a_newer_database(self, project: Project) -> None:
        copy = clone(project, "copy")
        project.write(f"{FOLDER}/bbb1_x.py", version("bbb1", "aaa1"))
        commit = project.commit()
        copy.git("fetch", "--quiet")

        origin = copy.explain("bbb1")

        assert origin.cause == "newer"
        assert f"bbb1_x.py on origin/main (commit {commit} " in origin.message
        assert "git pull" in origin.hint

    def test_an_upstream_counts_even_when_work_of_ones_own_lies_beside_it(self, project: Project) -> None:
        copy = clone(project, "copy")
        self.feature(project)
        project.git("merge", "--quiet", "feature")
        copy.write("README", "own work")
        copy.commit()
        copy.git("fetch", "--quiet")

        assert copy.explain("bbb1").cause == "newer"

    def test_a_branch_without_upstream_still_knows_its_namesake_on_the_remote(self, project: Project) -> None:
        copy = clone(project, "copy")
        copy.git("branch", "--unset-upstream")
        project.write(f"{FOLDER}/bbb1_x.py", version("bbb1"))
        project.commit()
        copy.git("fetch", "--quiet")

        assert copy.explain("bbb1").cause == "newer"

    def test_an_older_commit_checked_out_by_itself_means_a_newer_database(self, project: Project) -> None:
        project.write(f"{FOLDER}/bbb1_x.py", version("bbb1"))
        project.commit()
        project.git("switch", "--quiet", "--detach", "HEAD^")

        origin = project.explain("bbb1")

        assert origin.cause == "newer"
        assert "on main (" in origin.message

    def test_a_feature_branch_stays_another_branch_for_a_detached_checkout(self, project: Project) -> None:
        self.feature(project)
        project.git("switch", "--quiet", "--detach", "main")

        assert project.explain("bbb1").cause == "other-branch"

    def test_a_revision_in_the_stash_is_named_so(self, project: Project) -> None:
        project.write(f"{FOLDER}/bbb1_x.py", version("bbb1"))
        project.git("add", "--all")
        project.git("stash", "--quiet")

        origin = project.explain("bbb1")

        assert origin.cause == "other-branch"
        assert "on stash (" in origin.message

    def test_a_branch_without_any_commit_can_still_see_the_others(self, project: Project) -> None:
        project.git("switch", "--quiet", "--orphan", "empty")

        assert project.explain("aaa1").cause == "other-branch"


class TestGitItself:
    def test_a_shallow_clone_is_not_asked(self, project: Project) -> None:
        project.write(f"{FOLDER}/bbb1_x.py", version("bbb1"))
        project.commit()
        (project.root / FOLDER / "bbb1_x.py").unlink()
        project.commit()
        shallow = clone(project, "shallow", "--depth=2")

        origin = shallow.explain("bbb1")

        assert origin.cause == "unknown"
        assert "git has" not in origin.message

    def test_a_git_that_does_not_answer_is_given_up(
        self, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        slow = tmp_path / "bin" / "git"
        slow.parent.mkdir()
        slow.write_text("#!/bin/sh\nexec sleep 60\n")
        slow.chmod(0o755)
        monkeypatch.setenv("PATH", str(slow.parent), prepend=os.pathsep)
        monkeypatch.setattr(git, "_SECONDS", 0.2)
        began = time.monotonic()

        assert project.explain("aaa9").cause == "unknown"
        assert time.monotonic() - began < 10

    def test_a_repository_without_a_commit_is_no_error(self, bare: Project) -> None:
        bare.git("init", "--quiet")

        assert bare.explain("bbb1").cause == "unknown"

    @pytest.mark.parametrize(
        "revision",
        [
            "--upload-pack=touch x",
            "--output=stolen",
            "-h",
            "a b",
            "a\x1b[31m",
            "a\0b",
            "",
            "x" * 5000,
            "\udcff",
        ],
    )
    def test_an_id_is_never_taken_for_an_option(self, project: Project, revision: str) -> None:
        origin = project.explain(revision)

        assert origin.cause == "unknown"
        assert "\x1b" not in origin.message
        assert sorted(path.name for path in project.root.iterdir()) == [".git", "migrations"]

    def test_the_users_git_configuration_changes_nothing(
        self, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        project.write(f"{FOLDER}/bbb1_ü.py", version("bbb1"))
        project.commit()
        (project.root / FOLDER / "bbb1_ü.py").unlink()
        project.commit()
        plain = project.explain("bbb1")
        (tmp_path / "gitconfig").write_text(
            "[log]\n showSignature = true\n decorate = full\n follow = true\n date = relative\n"
            "[color]\n ui = always\n[diff]\n renames = copies\n noprefix = true\n"
            "[i18n]\n logOutputEncoding = latin1\n[format]\n pretty = oneline\n"
        )
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))

        assert project.explain("bbb1") == plain
        assert plain.cause == "deleted"

    def test_variables_of_a_git_hook_do_not_lead_to_its_repository(
        self, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        other = Project(tmp_path / "other")
        other.git("init", "--quiet")
        (project.root / FOLDER / "aaa1_first.py").unlink()
        project.commit()
        monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))

        assert project.explain("aaa1").cause == "deleted"
