"""Checks of this room."""
