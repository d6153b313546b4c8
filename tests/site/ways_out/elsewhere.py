"""Checks whose way out is no edit of the stack config nor of a file that it names, and why."""

from __future__ import annotations

ELSEWHERE: dict[str, str] = {}
