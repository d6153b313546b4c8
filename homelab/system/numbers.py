"""Shell functions for the numbers of users and groups."""

from __future__ import annotations

from importlib import resources

NUMBERS = (resources.files("homelab.system") / "numbers.sh").read_text(encoding="utf-8")
"""The text that a script with `number NAME DATABASE` begins with."""
