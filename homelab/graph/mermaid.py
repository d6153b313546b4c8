"""A picture as a Mermaid flow chart, which GitHub and most editors render."""

from __future__ import annotations

from html import escape

from homelab.graph.model import Kind, Node, Picture

_SHAPES: dict[Kind, tuple[str, str]] = {
    "network": ("([", "])"),
    "host": ("[[", "]]"),
    "service": ("[", "]"),
    "name": ("(", ")"),
    "target": ("[(", ")]"),
    "off": ("[/", "/]"),
}


def as_mermaid(picture: Picture) -> str:
    """The text of the flow chart, with the title as its front matter."""
    ids = {node.key: f"n{number}" for number, node in enumerate(picture.nodes)}
    lines = ["---", f"title: {picture.title}", "---", "flowchart LR"]
    for number, box in enumerate(dict.fromkeys(n.box for n in picture.nodes)):
        inside = [n for n in picture.nodes if n.box == box]
        if box:
            lines.append(f"  subgraph b{number}[{_quoted(box)}]")
            lines += [f"    {_node(n, ids[n.key])}" for n in inside]
            lines.append("  end")
        else:
            lines += [f"  {_node(n, ids[n.key])}" for n in inside]
    for edge in picture.edges:
        arrow = f"-->|{_quoted(edge.label)}|" if edge.label else "-->"
        lines.append(f"  {ids[edge.start]} {arrow} {ids[edge.end]}")
    return "\n".join(lines) + "\n"


def _node(node: Node, key: str) -> str:
    left, right = _SHAPES[node.kind]
    return f"{key}{left}{_quoted(*node.lines)}{right}"


def _quoted(*lines: str) -> str:
    # Mermaid reads HTML in a text, and writes entities with # instead of &.
    return '"' + "<br/>".join(_entities(line) for line in lines) + '"'


def _entities(line: str) -> str:
    text = escape(line.replace("#", "&num;"), quote=True)
    return text.replace("&amp;num;", "#35;").replace("&#x27;", "#39;").replace("&", "#")
