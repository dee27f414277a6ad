from __future__ import annotations

import os
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Settings:
    """What the application is told by its surroundings."""

    database_url: str = field(default_factory=lambda: os.environ["SHOP_DATABASE"])


settings = Settings()
