"""Commands that change a database."""
