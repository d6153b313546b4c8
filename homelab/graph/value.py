"""The picture of a place in the stack config: the files and clouds that depend on it."""

from __future__ import annotations

from collections.abc import Iterable

from homelab.graph.model import Edge, Node, Picture


def picture_of(subject: str, found: Iterable[str]) -> Picture:
    """The picture of a subject and the lines that it causes: `pi/proxy.nix:12-14: option`, or
    `cloudflare.records: …`.
    """
    counts: dict[str, int] = {}
    for text in found:
        place = text.partition(":")[0].partition(" ")[0]
        # A resource of a cloud: its list is no file.
        place = place if "/" in place else place.partition(".")[0]
        counts[place] = counts.get(place, 0) + 1
    nodes = [Node(subject, (subject,), 0, "name")]
    for place, count in counts.items():
        host, slash, file = place.partition("/")
        times = "once" if count == 1 else f"{count} times"
        title = file if slash else place
        nodes.append(
            Node(place, (title, times), 1, "service" if slash else "target", host if slash else "")
        )
    return Picture(
        f"What depends on {subject}",
        ("value", "files"),
        tuple(nodes),
        tuple(Edge(subject, place) for place in counts),
    )
