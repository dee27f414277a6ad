"""Imports an application's models."""
