"""The stages of a run, from the plan to the result."""
