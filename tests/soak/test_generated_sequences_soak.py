"""Whatever becomes of the models, once more: others in each run."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.conftest import Database, Ran
from tests.integration.test_generated_sequences import SETTINGS, STATES, State, follow

pytestmark = pytest.mark.soak

# Read when the module is imported: tests see none of the machine's variables.
EXAMPLES = 200 if os.environ.get("MIGRATOR_SOAK") else 12


@settings(SETTINGS, max_examples=EXAMPLES, derandomize=False, print_blob=True)
@given(states=STATES)
def test_after_every_change_of_random_models_nothing_is_left_to_compare(
    migrator: Callable[..., Ran],
    new_database: Callable[[], Database],
    tmp_path: Path,
    states: list[State],
) -> None:
    follow(states, migrator, new_database(), tmp_path / uuid.uuid4().hex)
