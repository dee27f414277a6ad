"""The pytest plugin: checks of each environment's migrations, and databases for an application's tests."""
