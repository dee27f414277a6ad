"""Revisions that do the same under different ids, paired one for one."""

from __future__ import annotations

from migrator.revisions.fingerprint import pair_by_content


def test_the_same_contents_are_paired_in_their_order_and_no_id_twice() -> None:
    left = {"a": "x", "b": "x", "c": "x", "d": "y"}

    assert pair_by_content(left, {"p": "x", "q": "x", "r": "z"}) == {"a": "p", "b": "q"}


def test_an_id_that_both_have_is_in_no_pair_whatever_it_contains() -> None:
    assert pair_by_content({"a": "x", "b": "y"}, {"a": "y", "c": "x"}) == {}
    assert pair_by_content({"a": "x", "b": "y"}, {"a": "z", "c": "y"}) == {"b": "c"}
