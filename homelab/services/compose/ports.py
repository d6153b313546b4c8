"""Ports that a compose file publishes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from homelab.services.compose.reading import ComposeFile, Place, Tree, words

_SHORT = re.compile(
    r"(?:(?P<address>\[[0-9a-fA-F:]+\]|[0-9]+(?:\.[0-9]+){3}):)?(?:(?P<host>[0-9]*(?:-[0-9]+)?):)?"
    r"(?P<inside>[0-9]+(?:-[0-9]+)?)(?:/(?P<protocol>tcp|udp))?"
)


@dataclass(frozen=True)
class Published:
    """A port of a container, and where its host has it."""

    container: str
    """Its name in the compose file."""
    inside: int
    outside: int
    protocol: str
    is_local: bool
    """Whether only the host itself reaches it."""


def published(file: ComposeFile, container: str) -> Iterator[Published]:
    """The ports of a container that its host has."""
    stated = file.section("services")[container]
    listed = stated.get("ports") if isinstance(stated, dict) else None
    for i, item in enumerate(listed if isinstance(listed, list) else ()):
        place = ("services", container, "ports", str(i))
        found = [*_ports(container, item)]
        if not found:
            file.note(place, "it is no port that can be taken over", "write it below ports")
        yield from found


def exposed(file: ComposeFile, container: str) -> list[int]:
    """The ports that a container names for the others."""
    stated = file.section("services")[container]
    listed = words(stated.get("expose")) if isinstance(stated, dict) else []
    return [int(p) for text in listed if (p := text.partition("/")[0]).isdigit()]


def _ports(container: str, item: Tree) -> Iterator[Published]:
    if isinstance(item, dict):
        inside, outside = item.get("target"), item.get("published") or item.get("target")
        address, protocol = item.get("host_ip"), item.get("protocol") or "tcp"
    elif isinstance(item, str) and (match := _SHORT.fullmatch(item)):
        inside, outside = match["inside"], match["host"] or match["inside"]
        address, protocol = match["address"], match["protocol"] or "tcp"
    else:
        return
    is_local = isinstance(address, str) and address.strip("[]").startswith(("127.", "::1"))
    pairs = zip(_numbers(inside), _numbers(outside), strict=False)
    for number, host in pairs:
        yield Published(container, number, host, str(protocol), is_local)


def _numbers(value: object) -> range:
    """The numbers of a port or a range; none for other text. A range has at most a hundred."""
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,5}(-[0-9]{1,5})?", value):
        return range(0)
    first, _, last = value.partition("-")
    numbers = range(int(first), int(last or first) + 1)
    return numbers if numbers and numbers[0] > 0 and numbers[-1] < 65536 else range(0)


def place_of_ports(port: Published) -> Place:
    """The place of the ports of a container."""
    return ("services", port.container, "ports")
