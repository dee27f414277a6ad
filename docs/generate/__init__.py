"""Writes what of the documentation comes from the program itself: reference pages, outputs and pictures."""
