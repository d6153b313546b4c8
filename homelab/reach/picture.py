"""Reachability as a Mermaid flow chart, which GitHub and most editors render."""

from __future__ import annotations

from homelab.reach.model import Answer, Reach, Target
from homelab.reach.text import barriers_of, path_of

Signature = tuple[tuple[str, str, str], ...]
"""The origins that reach a target, each with its path and sign-ins."""


def as_mermaid(reach: Reach, answers: tuple[Answer, ...]) -> str:
    """Origins on the left, targets on the right; targets with the same signature share a box."""
    groups: dict[tuple[str, Signature], list[Target]] = {}
    for target in reach.targets:
        about = [a for a in answers if a.target == target]
        if about:
            groups.setdefault((target.kind, _signature(about)), []).append(target)
    origins = {name for _, signature in groups for name, _, _ in signature}
    ids = {a.name: f"a{i}" for i, a in enumerate(reach.origins) if a.name in origins}
    lines = ["flowchart LR"]
    lines += [f"  {ids[a.name]}([{_quoted(a.name)}])" for a in reach.origins if a.name in ids]
    edges: list[str] = []
    for index, ((_, signature), targets) in enumerate(groups.items()):
        text = _quoted("<br/>".join(_label(t) for t in targets))
        lines.append(f"  t{index}[{text}]")
        for name, path, barriers in signature:
            said = "<br/>".join(filter(None, (path, barriers)))
            edges.append(f"  {ids[name]} -->|{_quoted(said)}| t{index}")
    return "\n".join([*lines, *edges]) + "\n"


def _signature(answers: list[Answer]) -> Signature:
    return tuple((a.origin.name, path_of(a), barriers_of(a)) for a in answers if a.reachable)


def _label(target: Target) -> str:
    return target.addresses[0] if target.kind == "route" else f"{target.name} {target.service}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "#quot;") + '"'
