"""Sample applications that migrator's own environments migrate."""
