"""`heads`, `branches` and `show`, and what `history` and `edit` have in common with them.

They read the headers of the version files. Alembic, which executes the files, is asked, and imported, only
where headers do not tell, or where something is wrong: what it says then is the error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from migrator.config.folders import script_folder, version_folders
from migrator.config.select import Workspace
from migrator.errors import ConfigurationError
from migrator.results.events import Report
from migrator.results.revisions import Revision, RevisionList
from migrator.revisions.graph import Graph, Node, UnclearGraph, read_graph
from migrator.revisions.headers import LONGEST_ID, created_in

if TYPE_CHECKING:
    from alembic.script import Script, ScriptDirectory

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


def _of_database(workspace: Workspace, command: str, report: Report) -> tuple[Revision, ...]:
    from migrator.bridge.env_py.session import Needs, database_session
    from migrator.bridge.revision_files.loading import revision_info, translated
    from migrator.operations.position.position import known_heads

    needs = Needs(writes=False, models=False)
    with database_session(workspace, [command, "current"], report, needs) as session:
        heads = known_heads(session)
        with translated(workspace):
            return tuple(revision_info(each, workspace) for each in session.scripts.get_revisions(heads))
