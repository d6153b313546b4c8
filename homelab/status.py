"""The report of `homelab status`: one section for each source."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import JsonValue


@dataclass(frozen=True)
class Section:
    """The report of one source."""

    name: str
    text: str
    data: JsonValue
    ok: bool
    """Whether nothing needs attention."""


def as_text(sections: tuple[Section, ...]) -> str:
    """Every section, for people."""
    if not sections:
        return "this stack has no hosts and no tailnet to report on\n"
    return "\n".join(f"{s.text}\n" for s in sections)


def as_data(sections: tuple[Section, ...]) -> dict[str, JsonValue]:
    """Every section, for scripts."""
    return {s.name: s.data for s in sections}
