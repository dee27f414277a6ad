"""The names of the checks, in their order: the cheapest first."""

CHECKS = (
    "one_head",
    "upgrade_from_base",
    "up_down_up",
    "models_equal_history",
    "no_destructive_change",
)
