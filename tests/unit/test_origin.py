"""Why a database can be at a revision that the version folder does not have."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from migrator.revisions import git_history
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
def in_git(bare: Project) -> Project:
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
        self, in_git: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))

        assert in_git.explain("fff1").cause == "unknown"

    def test_broken_files_elsewhere_are_no_error(self, bare: Project) -> None:
        bare.write("migrations/online/versions/broken.py", "revision = 'bbb1' (\n")

        assert bare.explain("bbb1").cause == "unknown"


class TestDeleted:
    def test_the_commit_that_deleted_the_file_is_named_and_its_hint_works(self, in_git: Project) -> None:
        path = f"{FOLDER}/bbb1_x.py"
        in_git.write(path, version("bbb1", "aaa1"))
        in_git.write(f"{FOLDER}/ccc1_y.py", version("ccc1", "bbb1"))
        in_git.commit()
        (in_git.root / path).unlink()
        deleted = in_git.commit()
        in_git.write("README", "later")
        in_git.commit()

        origin = in_git.explain("bbb1")

        assert origin.cause == "deleted"
        assert origin.message == (
            f"Revision bbb1 was in {path}, which was deleted by commit {deleted} of 2024-05-06 by Zoë Author."
        )
        assert f"`git checkout {deleted}^ -- {path}`" in origin.hint
        in_git.git(*origin.hint.split("`")[1].split()[1:])
        assert (in_git.root / path).read_text() == version("bbb1", "aaa1")

    def test_the_branch_commit_is_named_rather_than_the_merge_of_it(self, in_git: Project) -> None:
        in_git.write(f"{FOLDER}/bbb1_x.py", version("bbb1"))
        in_git.commit()
        in_git.git("switch", "--quiet", "-c", "squash")
        (in_git.root / FOLDER / "bbb1_x.py").unlink()
        deleted = in_git.commit()
        in_git.git("switch", "--quiet", "main")
        in_git.git("merge", "--quiet", "--no-ff", "-m", "merge", "squash")

        origin = in_git.explain("bbb1")

        assert origin.cause == "deleted"
        assert f"commit {deleted} " in origin.message

    def test_a_file_that_a_merge_itself_dropped_is_found(self, in_git: Project) -> None:
        in_git.git("switch", "--quiet", "-c", "feature")
        in_git.write(f"{FOLDER}/bbb1_x.py", version("bbb1"))
        in_git.commit()
        in_git.git("switch", "--quiet", "main")
        in_git.write("README", "x")
        in_git.commit()
        in_git.git("merge", "--quiet", "--no-ff", "--strategy=ours", "-m", "merge", "feature")
        merge = in_git.git("rev-parse", "--short", "HEAD")

        origin = in_git.explain("bbb1")

        assert origin.cause == "deleted"
        assert f"commit {merge} " in origin.message
        assert f"`git checkout {merge}^2 -- " in origin.hint

    def test_a_file_that_was_renamed_first_is_followed_to_its_last_name(self, in_git: Project) -> None:
        in_git.write(f"{FOLDER}/bbb1_old_name.py", version("bbb1"))
        in_git.commit()
        in_git.git("mv", f"{FOLDER}/bbb1_old_name.py", f"{FOLDER}/bbb1_new_name.py")
        in_git.commit()
        (in_git.root / FOLDER / "bbb1_new_name.py").unlink()
        deleted = in_git.commit()

        origin = in_git.explain("bbb1")

        assert f"was in {FOLDER}/bbb1_new_name.py, which was deleted by commit {deleted} " in origin.message

    def test_a_file_that_came_and_went_on_a_merged_branch_is_found(self, in_git: Project) -> None:
        in_git.git("switch", "--quiet", "-c", "feature")
        in_git.write(f"{FOLDER}/bbb1_x.py", version("bbb1"))
        in_git.commit()
        (in_git.root / FOLDER / "bbb1_x.py").unlink()
        deleted = in_git.commit()
        in_git.git("switch", "--quiet", "main")
        in_git.git("merge", "--quiet", "--no-ff", "-m", "merge", "feature")

        origin = in_git.explain("bbb1")

        assert origin.cause == "deleted"
        assert f"commit {deleted} " in origin.message

    def test_an_id_that_was_rewritten_is_told_from_a_deleted_file(self, in_git: Project) -> None:
        in_git.write(f"{FOLDER}/x.py", version("bbb1"))
        in_git.commit()
        in_git.write(f"{FOLDER}/x.py", version("bbb2"))
        rewritten = in_git.commit()

        origin = in_git.explain("bbb1")

        assert origin.cause == "deleted"
        assert f"until it was given another id by commit {rewritten} " in origin.message
        assert "revision: str = 'bbb1'" in in_git.git(*origin.hint.split("`")[1].split()[1:])

    def test_a_file_that_only_the_working_copy_lacks_is_brought_back_from_head(self, in_git: Project) -> None:
        (in_git.root / FOLDER / "aaa1_first.py").unlink()

        origin = in_git.explain("aaa1")

        assert origin.cause == "deleted"
        assert "no longer in the working copy" in origin.message
        assert f"`git checkout HEAD -- {FOLDER}/aaa1_first.py`" in origin.hint

    def test_a_revision_that_is_only_mentioned_was_never_here(self, in_git: Project) -> None:
        in_git.write(f"{FOLDER}/x.py", version("ccc1", "bbb1"))
        in_git.commit()
        (in_git.root / FOLDER / "x.py").unlink()
        in_git.commit()

        assert in_git.explain("bbb1").cause == "unknown"

    def test_files_outside_the_version_folders_do_not_count(self, in_git: Project) -> None:
        in_git.write("other/versions/x.py", version("bbb1"))
        in_git.commit()
        (in_git.root / "other/versions/x.py").unlink()
        in_git.commit()

        origin = in_git.explain("bbb1")

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

    def test_a_revision_of_an_unmerged_branch_names_it(self, in_git: Project) -> None:
        commit = self.feature(in_git)

        origin = in_git.explain("bbb1")

        assert origin.cause == "other-branch"
        assert (
            f"{FOLDER}/bbb1_x.py on feature (commit {commit} of 2024-05-06 by Zoë Author)" in origin.message
        )
        assert "`git merge feature`" in origin.hint

    def test_a_branch_that_only_mentions_the_revision_does_not_have_it(self, in_git: Project) -> None:
        in_git.git("switch", "--quiet", "-c", "child")
        in_git.write(f"{FOLDER}/ddd1_x.py", version("ddd1", "aaa9"))
        in_git.commit()
        in_git.git("switch", "--quiet", "main")
        assert in_git.explain("aaa9").cause == "unknown"

    def test_a_branch_that_only_the_remote_has_is_named_with_the_remote(self, in_git: Project) -> None:
        self.feature(in_git)
        copy = clone(in_git, "copy")

        origin = copy.explain("bbb1")

        assert origin.cause == "other-branch"
        assert "on origin/feature (" in origin.message

    def test_a_revision_that_the_upstream_has_means_a_newer_database(self, in_git: Project) -> None:
        copy = clone(in_git, "copy")
        in_git.write(f"{FOLDER}/bbb1_x.py", version("bbb1", "aaa1"))
        commit = in_git.commit()
        copy.git("fetch", "--quiet")

        origin = copy.explain("bbb1")

        assert origin.cause == "newer"
        assert f"bbb1_x.py on origin/main (commit {commit} " in origin.message
        assert "git pull" in origin.hint

    def test_an_upstream_counts_even_when_work_of_ones_own_lies_beside_it(self, in_git: Project) -> None:
        copy = clone(in_git, "copy")
        self.feature(in_git)
        in_git.git("merge", "--quiet", "feature")
        copy.write("README", "own work")
        copy.commit()
        copy.git("fetch", "--quiet")

        assert copy.explain("bbb1").cause == "newer"

    def test_a_branch_without_upstream_still_knows_its_namesake_on_the_remote(self, in_git: Project) -> None:
        copy = clone(in_git, "copy")
        copy.git("branch", "--unset-upstream")
        in_git.write(f"{FOLDER}/bbb1_x.py", version("bbb1"))
        in_git.commit()
        copy.git("fetch", "--quiet")

        assert copy.explain("bbb1").cause == "newer"

    def test_an_older_commit_checked_out_by_itself_means_a_newer_database(self, in_git: Project) -> None:
        in_git.write(f"{FOLDER}/bbb1_x.py", version("bbb1"))
        in_git.commit()
        in_git.git("switch", "--quiet", "--detach", "HEAD^")

        origin = in_git.explain("bbb1")

        assert origin.cause == "newer"
        assert "on main (" in origin.message

    def test_a_feature_branch_stays_another_branch_for_a_detached_checkout(self, in_git: Project) -> None:
        self.feature(in_git)
        in_git.git("switch", "--quiet", "--detach", "main")

        assert in_git.explain("bbb1").cause == "other-branch"

    def test_a_revision_in_the_stash_is_named_so(self, in_git: Project) -> None:
        in_git.write(f"{FOLDER}/bbb1_x.py", version("bbb1"))
        in_git.git("add", "--all")
        in_git.git("stash", "--quiet")

        origin = in_git.explain("bbb1")

        assert origin.cause == "other-branch"
        assert "on stash (" in origin.message

    def test_a_branch_without_any_commit_can_still_see_the_others(self, in_git: Project) -> None:
        in_git.git("switch", "--quiet", "--orphan", "empty")

        assert in_git.explain("aaa1").cause == "other-branch"


class TestGitItself:
    def test_a_shallow_clone_is_not_asked(self, in_git: Project) -> None:
        in_git.write(f"{FOLDER}/bbb1_x.py", version("bbb1"))
        in_git.commit()
        (in_git.root / FOLDER / "bbb1_x.py").unlink()
        in_git.commit()
        shallow = clone(in_git, "shallow", "--depth=2")

        origin = shallow.explain("bbb1")

        assert origin.cause == "unknown"
        assert "git has" not in origin.message

    def test_a_git_that_does_not_answer_is_given_up(
        self, in_git: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        slow = tmp_path / "bin" / "git"
        slow.parent.mkdir()
        slow.write_text("#!/bin/sh\nexec sleep 60\n")
        slow.chmod(0o755)
        monkeypatch.setenv("PATH", str(slow.parent), prepend=os.pathsep)
        monkeypatch.setattr(git_history, "SECONDS", 0.2)
        began = time.monotonic()

        assert in_git.explain("aaa9").cause == "unknown"
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
    def test_an_id_is_never_taken_for_an_option(self, in_git: Project, revision: str) -> None:
        origin = in_git.explain(revision)

        assert origin.cause == "unknown"
        assert "\x1b" not in origin.message
        assert sorted(path.name for path in in_git.root.iterdir()) == [".git", "migrations"]

    def test_the_users_git_configuration_changes_nothing(
        self, in_git: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        in_git.write(f"{FOLDER}/bbb1_ü.py", version("bbb1"))
        in_git.commit()
        (in_git.root / FOLDER / "bbb1_ü.py").unlink()
        in_git.commit()
        plain = in_git.explain("bbb1")
        (tmp_path / "gitconfig").write_text(
            "[log]\n showSignature = true\n decorate = full\n follow = true\n date = relative\n"
            "[color]\n ui = always\n[diff]\n renames = copies\n noprefix = true\n"
            "[i18n]\n logOutputEncoding = latin1\n[format]\n pretty = oneline\n"
        )
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))

        assert in_git.explain("bbb1") == plain
        assert plain.cause == "deleted"

    def test_variables_of_a_git_hook_do_not_lead_to_its_repository(
        self, in_git: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        other = Project(tmp_path / "other")
        other.git("init", "--quiet")
        (in_git.root / FOLDER / "aaa1_first.py").unlink()
        in_git.commit()
        monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))

        assert in_git.explain("aaa1").cause == "deleted"
