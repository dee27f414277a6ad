"""What planning a run keeps from one tenant to the next."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from migrator.bridge.tenant_cache import tenant_cache
from migrator.operations.run import planning


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Gives the functions that were judged, and judges all of them alike."""
    found: list[str] = []

    def judge(_source: bytes, function: str) -> bool:
        found.append(function)
        return function == "upgrade"

    monkeypatch.setattr(planning, "only_operations", judge)
    monkeypatch.setattr(planning, "script_of", lambda step: step.script)
    return found


def _may_hold(path: Path, *, is_upgrade: bool = True) -> bool:
    planner: Any = object.__new__(planning.RunPlanner)
    planner._judged = {}
    settings = SimpleNamespace(hold_statements=True)
    planner._session = SimpleNamespace(
        workspace=SimpleNamespace(environment=SimpleNamespace(settings=settings))
    )
    step: Any = SimpleNamespace(script=SimpleNamespace(path=str(path)), is_upgrade=is_upgrade)
    return bool(planner.may_hold(step))


def test_many_tenants_share_what_was_found_of_a_function(tmp_path: Path, judged: list[str]) -> None:
    file = tmp_path / "r1.py"
    file.write_text("one")

    with tenant_cache():
        assert [_may_hold(file), _may_hold(file)] == [True, True]
        assert judged == ["upgrade"]
        assert not _may_hold(file, is_upgrade=False)
        file.write_text("another")
        assert _may_hold(file)

    assert judged == ["upgrade", "downgrade", "upgrade"]


def test_a_command_of_its_own_keeps_nothing(tmp_path: Path, judged: list[str]) -> None:
    file = tmp_path / "r1.py"
    file.write_text("one")

    assert [_may_hold(file), _may_hold(file)] == [True, True]
    assert judged == ["upgrade", "upgrade"]
