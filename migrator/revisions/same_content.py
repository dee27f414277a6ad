"""Revisions of two histories that do the same under different ids."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping


def twins(left: Mapping[str, str], right: Mapping[str, str]) -> dict[str, str]:
    """Pair the ids that only the left has with those that only the right has, by their contents.

    Both give a content (`content_hash`) to each id. An id is in one pair at most, since the same may have
    been done twice; those that stand first are paired first.
    """
    waiting: dict[str, deque[str]] = defaultdict(deque)
    for revision, content in right.items():
        if revision not in left:
            waiting[content].append(revision)
    return {
        revision: waiting[content].popleft()
        for revision, content in left.items()
        if revision not in right and waiting[content]
    }
