"""The graph of version files, from their headers alone: the one that Alembic makes of the loaded files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from migrator.errors import RevisionsError
from migrator.revisions.headers import ComputedHeader, Header, read_header
from migrator.revisions.version_folder import real_version_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

# What stands between the parts of a relative or a branch's target, so that no id may hold it.
_SEPARATORS = frozenset("@-+")
# Alembic takes the beginning of an id for the id from this length on.
_LEAST_PART = 4


class UnclearGraph(Exception):
    """The graph, or what is asked of it, is one that only Alembic can explain, or refuse."""


@dataclass(eq=False)
class Node:
    """One revision. `labels` are those of its branch too, and `next` what names it as its down revision.

    `needs` are the revisions below it, by down revision or dependency, less what is needed below already.
    """

    header: Header
    position: int
    dependencies: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    labels: set[str] = field(default_factory=set)
    next: list[str] = field(default_factory=list)
    dependents: list[str] = field(default_factory=list)

    @property
    def revision(self) -> str:
        """The revision's id."""
        return self.header.revision

    @property
    def is_head(self) -> bool:
        """Whether no revision comes after it."""
        return not self.next

    @property
    def is_real_head(self) -> bool:
        """Whether no revision comes after it or depends on it: where a version table may end."""
        return not self.next and not self.dependents

    @property
    def is_branch_point(self) -> bool:
        """Whether several revisions come after it."""
        return len(self.next) > 1

    @property
    def is_merge_point(self) -> bool:
        """Whether it comes after several."""
        return len(self.header.down_revision) > 1


class Graph:
    """The revisions of the headers given, in the order in which Alembic loads files.

    Raises UnclearGraph for a history that Alembic would refuse, such as one with a missing file or a cycle.
    """

    def __init__(self, headers: Iterable[Header]) -> None:
        self._nodes: dict[str, Node] = {}
        for header in headers:
            if header.revision in self._nodes or _SEPARATORS.intersection(header.revision):
                raise UnclearGraph
            self._nodes[header.revision] = Node(header, len(self._nodes))
        self._labelled = self._by_label()
        self._connect()
        self._order = self._upwards()
        self._leave_out_needed_below()
        self._spread_labels()
        self._reaches: dict[str, int] = {}

    @property
    def nodes(self) -> Sequence[Node]:
        """All revisions, in the order of their files."""
        return tuple(self._nodes.values())

    @property
    def heads(self) -> tuple[Node, ...]:
        """The revisions that none comes after."""
        return tuple(node for node in self._nodes.values() if node.is_head)

    @property
    def real_heads(self) -> tuple[Node, ...]:
        """The revisions that none comes after or depends on."""
        return tuple(node for node in self._nodes.values() if node.is_real_head)

    def find(self, target: str) -> tuple[Node, ...]:
        """Give what `target` names: `heads`, `head`, `base`, an id, its beginning, or a branch's label.

        Raises UnclearGraph for everything else.
        """
        if target == "heads":
            return self.real_heads
        if target == "base":
            return ()
        if target == "head":
            if len(self.heads) > 1:
                raise UnclearGraph
            return self.heads
        return (self._one(target),)

    def walk(self, base: str = "base", head: str = "heads") -> Sequence[Node]:
        """Give the revisions from `head` down to `base`, both included, in the order in which Alembic does.

        Raises UnclearGraph for targets that are not simple, or where `base` is not below `head`.
        """
        tops, bottoms = self.find(head), self.find(base)
        wanted = self._below(tops)
        if not bottoms:
            return self._downwards(tops, wanted)
        if any(node.revision not in wanted for node in bottoms):
            raise UnclearGraph
        wanted -= self._below(bottoms)
        wanted.update(node.revision for node in bottoms)
        return self._downwards(tops, wanted & self._above(bottoms))

    def _one(self, target: str) -> Node:
        if target in self._nodes:
            return self._nodes[target]
        if target in self._labelled:
            return self._labelled[target]
        # Less than four letters Alembic tries too, with another word about it where nothing is found.
        names = [*self._nodes, *self._labelled]
        found = [name for name in names if len(name) >= _LEAST_PART and name.startswith(target)]
        if len(found) != 1 or _SEPARATORS.intersection(target):
            raise UnclearGraph
        return self._nodes.get(found[0]) or self._labelled[found[0]]

    def _by_label(self) -> dict[str, Node]:
        labelled: dict[str, Node] = {}
        for node in self._nodes.values():
            for label in node.header.branch_labels:
                if label in self._nodes or label in labelled:
                    raise UnclearGraph
                labelled[label] = node
            node.labels.update(node.header.branch_labels)
        return labelled

    def _connect(self) -> None:
        for node in self._nodes.values():
            try:
                named = [self._nodes.get(each) or self._labelled[each] for each in node.header.depends_on]
                for revision in dict.fromkeys(node.header.down_revision):
                    self._nodes[revision].next.append(node.revision)
            except KeyError as exc:
                raise UnclearGraph from exc
            node.dependencies = tuple(each.revision for each in named)
            for revision in dict.fromkeys(node.dependencies):
                if revision not in node.header.down_revision:
                    self._nodes[revision].dependents.append(node.revision)

    def _upwards(self) -> list[Node]:
        """Give all nodes, each above those that it needs. Raises UnclearGraph for a cycle."""
        waits = {
            revision: len({*node.header.down_revision, *node.dependencies})
            for revision, node in self._nodes.items()
        }
        ready = [node for node in self._nodes.values() if not waits[node.revision]]
        for node in ready:
            for after in (*node.next, *node.dependents):
                waits[after] -= 1
                if not waits[after]:
                    ready.append(self._nodes[after])
        if len(ready) != len(self._nodes):
            raise UnclearGraph
        return ready

    def _leave_out_needed_below(self) -> None:
        """Set what each node needs, less the dependencies that a revision below it has already.

        Sets of revisions are bits of a number here: a set each would take quadratic time and memory.
        """
        dependencies_below: dict[str, int] = {}
        for node in self._order:
            down = node.header.down_revision
            below = 0
            if any(dependencies_below.get(each) for each in down):
                for each in down:
                    below |= dependencies_below[each]
            own = [each for each in node.dependencies if not below >> self._nodes[each].position & 1]
            node.needs = tuple(dict.fromkeys((*down, *own)))
            for each in node.dependencies:
                below |= 1 << self._nodes[each].position
            dependencies_below[node.revision] = below

    def _spread_labels(self) -> None:
        """Give each label to the revisions after its own, and to those before it in the same line."""
        for node in self._order:
            labels = node.header.branch_labels
            if not labels:
                continue
            above = [self._nodes[each] for each in self._above([node])]
            for each in above:
                each.labels.update(labels)
            if any(_parts(each) for each in above):
                continue
            while node.header.down_revision:
                node = self._nodes[node.header.down_revision[0]]
                if _parts(node):
                    break
                node.labels.update(labels)

    def _above(self, nodes: Iterable[Node]) -> set[str]:
        return reached((node.revision for node in nodes), lambda each: self._nodes[each].next)

    def _below(self, nodes: Iterable[Node]) -> set[str]:
        return reached((node.revision for node in nodes), lambda each: self._nodes[each].needs)

    def _downwards(self, tops: Iterable[Node], wanted: set[str]) -> Sequence[Node]:
        """Give the wanted nodes, each before all that is below it, one line after another.

        A line is followed down until another line still has to come before its next revision.
        """
        lines = sorted((node for node in tops if node.revision in wanted), key=lambda node: node.position)
        at, open_ones = 0, {node.revision for node in lines}
        left, walked = set(wanted), list[Node]()
        while lines:
            node = lines[at]
            above = (
                index
                for index, other in enumerate(lines)
                if index != at and self._reach(other) >> node.position & 1
            )
            first = next(above, None)
            if first is not None:
                at = first
                continue
            if node.revision in left:
                left.discard(node.revision)
                walked.append(node)
            below = [each for each in node.needs if each in left and each not in open_ones]
            open_ones.discard(node.revision)
            open_ones.update(below)
            if below:
                lines[at] = self._nodes[below[0]]
                lines.extend(self._nodes[each] for each in below[1:])
            else:
                del lines[at]
                at = max(at - 1, 0)
        if left:
            raise UnclearGraph
        return walked

    def _reach(self, node: Node) -> int:
        """Give the positions of all that is below a node, and its own, as the bits of a number."""
        if not self._reaches:
            for each in self._order:
                reach = 1 << each.position
                for needed in each.needs:
                    reach |= self._reaches[needed]
                self._reaches[each.revision] = reach
        return self._reaches[node.revision]


def read_graph(folders: Iterable[Path], *, recursive: bool = False) -> Graph:
    """Return the graph of the version files in `folders`, with the files' real paths, as Alembic has them.

    Raises UnclearGraph where a file has to be executed, or refused, to know.
    """
    try:
        headers = [read_header(file) for file in real_version_files(folders, recursive=recursive)]
    except (ComputedHeader, RevisionsError) as exc:
        raise UnclearGraph from exc
    declared = [header for header in headers if header is not None]
    if len(declared) < len(headers):
        raise UnclearGraph
    return Graph(declared)


def reached(start: Iterable[str], after: Callable[[str], Iterable[str]]) -> set[str]:
    """Give the revisions `start`, those that `after` gives for them, and so on."""
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        revision = waiting.pop()
        if revision not in found:
            found.add(revision)
            waiting.extend(after(revision))
    return found


def _parts(node: Node) -> bool:
    """Whether lines part or meet at a node."""
    return len({*node.next, *node.dependents}) > 1 or node.is_merge_point
