"""Runs an env.py and watches what it reaches."""
