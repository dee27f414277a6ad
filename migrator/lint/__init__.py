"""Judges the SQL that revisions run."""
