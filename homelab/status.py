"""What is so against what the stack wants, a section for each place that was asked."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import JsonValue


@dataclass(frozen=True)
class Section:
    """One place's answer."""

    name: str
    text: str
    data: JsonValue
    ok: bool
    """Whether nothing there needs a person."""


def as_text(sections: tuple[Section, ...]) -> str:
    """Every section, for people."""
    if not sections:
        return "this stack has nothing that could be asked\n"
    return "\n".join(f"{s.text}\n" for s in sections)


def as_data(sections: tuple[Section, ...]) -> dict[str, JsonValue]:
    """Every section, for scripts."""
    return {s.name: s.data for s in sections}
