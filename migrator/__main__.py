"""`python -m migrator`."""

from migrator.cli.main import run

if __name__ == "__main__":
    run()
