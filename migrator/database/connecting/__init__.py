"""Engines and connections: opening them, and what each needs."""
