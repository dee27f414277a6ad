"""Processes: starting them, stopping them, and what passes between them."""
