"""The Python API: what `from migrator import Migrator` gives, and the process that each call works in."""
