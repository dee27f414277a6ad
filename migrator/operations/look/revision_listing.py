"""`history`, `current`, `heads`, `branches` and `show`: the revisions of an environment and its database.

All but `current` read the headers of the version files. Alembic, which executes the files, is asked, and
imported, only where headers do not tell, or where something is wrong: what it says then is the error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from migrator.config.folders import script_folder, version_folders
from migrator.config.select import Workspace
from migrator.config.url import address
from migrator.errors import ConfigurationError, UsageError
from migrator.results.events import Report
from migrator.results.revisions import Current, History, Revision, RevisionList
from migrator.revisions.graph import Graph, Node, UnclearGraph, read_graph
from migrator.revisions.headers import LONGEST_ID, created_in

if TYPE_CHECKING:
    from alembic.script import Script, ScriptDirectory

    from migrator.bridge.env_py.session import Session

_SWITCHES = {"true": True, "false": False}


def revisions_in_files(
    workspace: Workspace,
    from_graph: Callable[[Graph], Iterable[Node]],
    from_scripts: Callable[[ScriptDirectory], Iterable[Script]],
) -> tuple[Revision, ...]:
    """Give revisions as the graph of the headers has them, else as Alembic's ScriptDirectory has them.

    Raises RevisionsError and ConfigurationError.
    """
    try:
        return tuple(_info(node, workspace) for node in from_graph(graph_in_files(workspace)))
    except UnclearGraph:
        from migrator.bridge.revision_files.loading import revision_info, scripts_of, translated

        scripts = scripts_of(workspace)
        with translated(workspace):
            return tuple(revision_info(script, workspace) for script in from_scripts(scripts))


def named_revisions(target: str, workspace: Workspace, command: str, report: Report) -> tuple[Revision, ...]:
    """Give the revisions that `target` names; `current` asks the database. Raises RevisionsError."""
    if target == "current":
        return _of_database(workspace, command, report)
    return revisions_in_files(
        workspace,
        lambda graph: graph.find(target),
        lambda scripts: [each for each in scripts.get_revisions(target) if each is not None],
    )


def heads(workspace: Workspace, *, resolve_dependencies: bool = False) -> RevisionList:
    """Give the heads. With `resolve_dependencies`, `depends_on` counts like a down revision."""
    found = revisions_in_files(
        workspace,
        lambda graph: graph.real_heads if resolve_dependencies else graph.heads,
        lambda scripts: scripts.get_revisions("heads" if resolve_dependencies else scripts.get_heads()),
    )
    return RevisionList(found)


def branches(workspace: Workspace) -> RevisionList:
    """Give the branch points; `next_revisions` of each says what it branches into."""
    points = revisions_in_files(
        workspace,
        lambda graph: (node for node in graph.walk() if node.is_branch_point),
        lambda scripts: (script for script in scripts.walk_revisions() if script.is_branch_point),
    )
    return RevisionList(points)


def show(workspace: Workspace, target: str, report: Report) -> RevisionList:
    """Give the revisions that `target` names, such as `head`, an id or `current`. Raises RevisionsError."""
    return RevisionList(named_revisions(target, workspace, "show", report))


def graph_in_files(workspace: Workspace) -> Graph:
    """Read the graph of a workspace's version files, executing none. Raises UnclearGraph."""
    environment = workspace.environment
    try:
        recursive = _switch(workspace, "recursive_version_locations")
        if _switch(workspace, "sourceless"):
            raise UnclearGraph
        folders = (script_folder(environment), *version_folders(environment))
    except ConfigurationError as exc:
        raise UnclearGraph from exc
    if not all(folder.is_dir() for folder in folders):
        raise UnclearGraph
    graph = read_graph(folders[1:], recursive=recursive)
    if environment.managed and any(len(node.revision) > LONGEST_ID for node in graph.nodes):
        raise UnclearGraph
    return graph


def _switch(workspace: Workspace, name: str) -> bool:
    said = workspace.environment.file.option(name)
    if said is None:
        return False
    if said not in _SWITCHES:
        raise UnclearGraph
    return _SWITCHES[said]


def _info(node: Node, workspace: Workspace) -> Revision:
    """Give the facts of a revision file as plain data."""
    header = node.header
    return Revision(
        revision=header.revision,
        down_revisions=header.down_revision,
        depends_on=header.depends_on,
        branch_labels=tuple(sorted(node.labels)),
        message=" ".join(header.doc.split()),
        description=header.description,
        path=workspace.environment.shown(header.file),
        created=created_in(header.description),
        is_head=node.is_head,
        is_branch_point=node.is_branch_point,
        is_merge_point=node.is_merge_point,
        is_effective_head=node.is_head and not node.is_real_head,
        next_revisions=tuple(sorted(node.next)),
    )


def history(
    workspace: Workspace, report: Report, *, rev_range: str | None = None, indicate_current: bool = False
) -> History:
    """Give the history, newest first, or the range `[start]:[end]` of it.

    Only with `indicate_current`, or `current` in the range, the database is asked; it is never written to.
    Raises UsageError for a range without a colon, RevisionsError, and DatabaseError.
    """
    start, colon, end = (":" if rev_range is None else rev_range.strip()).partition(":")
    if not colon or ":" in end:
        raise UsageError(
            f"The range {rev_range} is not of the form [start]:[end].",
            hint="For example: -r base:current, -r 1975ea:, -r :head",
        )
    base, head = start or "base", end or "heads"
    if indicate_current or "current" in (base, head):
        return _history_in_database(workspace, report, base, head)
    walked = revisions_in_files(
        workspace,
        lambda graph: graph.walk(base, head),
        lambda scripts: scripts.walk_revisions(base=base, head=head),
    )
    return History(walked)


def _history_in_database(workspace: Workspace, report: Report, base: str, head: str) -> History:
    from migrator.bridge.revision_files.loading import translated
    from migrator.operations.position.position import infos_in_database, known_heads

    with _database_session(workspace, ["history", "-i"], report) as session:
        heads = known_heads(session)
        with translated(workspace):
            walked = session.scripts.walk_revisions(_or_current(base, heads), _or_current(head, heads))
            return History(infos_in_database(walked, session, heads), current=heads)


def _or_current(said: str, heads: tuple[str, ...]) -> str:
    if said != "current":
        return said
    if len(heads) > 1:
        raise UsageError(
            f"The database is at several revisions ({', '.join(heads)}), so that 'current' is not one point.",
            hint="Name one of them in the range.",
        )
    return heads[0] if heads else "base"


def _of_database(workspace: Workspace, command: str, report: Report) -> tuple[Revision, ...]:
    from migrator.bridge.revision_files.loading import revision_info, translated
    from migrator.operations.position.position import known_heads

    with _database_session(workspace, [command, "current"], report) as session:
        heads = known_heads(session)
        with translated(workspace):
            return tuple(revision_info(each, workspace) for each in session.scripts.get_revisions(heads))


def current(workspace: Workspace, report: Report) -> Current:
    """Read the revisions of the environment's database, writing nothing.

    A database ahead of this checkout has heads that no file has. Raises RevisionsError for any other such
    revision, DatabaseError, ConfigurationError.
    """
    from migrator.bridge.revision_files.loading import translated
    from migrator.operations.position.position import heads_and_ahead, infos_in_database

    with _database_session(workspace, ["current"], report) as session:
        heads, ahead = heads_and_ahead(session)
        url = session.connected_to
        where = address(url) if url is not None else ""
        if ahead:
            return Current((), heads, at_heads=True, database=where, ahead=ahead)
        with translated(workspace):
            # With depends_on a database stands at more heads than its version table holds.
            scripts = session.scripts.get_all_current(heads)
            revisions = infos_in_database(sorted(scripts, key=lambda s: s.revision), session, heads)
            at_heads = set(heads) == set(session.scripts.get_heads(consider_depends_on=True))
        return Current(revisions, heads, at_heads, where)


def _database_session(
    workspace: Workspace, command: list[str], report: Report
) -> AbstractContextManager[Session]:
    from migrator.bridge.env_py.session import Needs, database_session

    return database_session(workspace, command, report, Needs(writes=False, models=False))
