"""Compare the ports that the merged options open with those that the tree opens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from homelab.evaluation.messages import Position
from homelab.evaluation.model import Ports, Report
from homelab.evaluation.places import Place, Places
from homelab.nix import After, Comment, Lines, Nix
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.render import modules_of
from homelab.system.model import Host

Opening = tuple[str, int, int]
"""Protocol, first and last port."""


@dataclass
class _Planned:
    """The firewall as the modules of the tree have it."""

    interfaces: dict[str, set[Opening]] = field(default_factory=dict)
    everywhere: set[Opening] = field(default_factory=set)
    trusted: set[str] = field(default_factory=lambda: {"lo"})
    rules: list[str] = field(default_factory=list)


def openings(plan: Plan, host: Host, places: Places, report: Report) -> Iterator[Problem]:
    """Ports that are open beyond the tree, and ports of the tree that are closed."""
    firewall, whole, planned = report.firewall, places.whole.where, _planned(plan, host)
    if not firewall.enable:
        yield Problem(
            whole,
            "its firewall is off, so every port with a listener is open",
            "remove networking.firewall.enable = false from its modules and options",
        )
        return
    for opening in sorted(set(_of(firewall.everywhere)) - planned.everywhere):
        place = _opener(places, report, opening)
        what = f"{_shown(opening)} is open on every interface, and the plan does not know of it"
        if place.file and not place.line:
            what = f"{place.file}: {what}"
        yield Problem(
            place.where, what, _WAY_OUT, severity="warning", file=place.file, line=place.line
        )
    for name, ports in sorted(firewall.interfaces.items()):
        for opening in sorted(set(_of(ports)) - planned.interfaces.get(name, set())):
            what = f"{_shown(opening)} is open on {name}, and the plan does not know of it"
            yield Problem(whole, what, _WAY_OUT, severity="warning")
    for name in sorted({*firewall.trusted} - planned.trusted):
        yield Problem(
            whole,
            f"every port is open on {name}, which its modules trust",
            "remove it from networking.firewall.trustedInterfaces",
            severity="warning",
        )
    yield from _closed(whole, report, planned)


_WAY_OUT = "give its service a route or a port in the stack config, or close the port"


def _closed(whole: str, report: Report, planned: _Planned) -> Iterator[Problem]:
    """Ports and rules of the tree that are missing after all modules are merged."""
    for name, openings_ in sorted(planned.interfaces.items()):
        left = openings_ - set(_of(report.firewall.interfaces.get(name, Ports())))
        for opening in sorted(left):
            yield Problem(
                whole,
                f"{_shown(opening)} is closed on {name}, where firewall.nix opens it",
                "remove the mkForce from its own modules",
            )
    lines = {line.strip() for line in report.firewall.rules.splitlines()}
    for rule in planned.rules:
        if rule not in lines:
            yield Problem(
                whole,
                f"the rule of firewall.nix is gone: {rule}",
                "remove the mkForce from its own modules",
            )


def _planned(plan: Plan, host: Host) -> _Planned:
    planned = _Planned()
    for module in modules_of(plan, host):
        for options in (module.derived, module.stated):
            firewall = _below(_below(options, "networking"), "firewall")
            planned.everywhere |= _opened_by(firewall)
            interfaces = _below(firewall, "interfaces")
            for name in interfaces:
                ports = _opened_by(_below(interfaces, name))
                planned.interfaces.setdefault(name, set()).update(ports)
            trusted = firewall.get("trustedInterfaces")
            if isinstance(trusted, list):
                planned.trusted |= {t for t in trusted if isinstance(t, str)}
            planned.rules += [
                r.strip() for r in _text(firewall.get("extraInputRules")).splitlines()
            ]
    return planned


def _below(tree: Mapping[str, Nix], key: str) -> Mapping[str, Nix]:
    inner = tree.get(key)
    while isinstance(inner, Comment):
        inner = inner.value
    return inner if isinstance(inner, Mapping) else {}


def _text(value: Nix) -> str:
    while isinstance(value, After | Comment):
        value = value.value
    return value.text if isinstance(value, Lines) else value if isinstance(value, str) else ""


def _opener(places: Places, report: Report, opening: Opening) -> Place:
    """The place of the definition that opens the port."""
    protocol, first, last = opening
    for definition in report.opened:
        if first == last and first in (definition.tcp if protocol == "tcp" else definition.udp):
            own = places.of_position(Position(definition.file))
            if own is not None:
                return own
            for declared in report.declared:
                if definition.file in declared.files:
                    found = places.of_option(declared.name)
                    if found is not None and found.where.startswith("services."):
                        return found
    return places.whole


def _of(ports: Ports) -> Iterator[Opening]:
    for protocol, numbers, ranges in (
        ("tcp", ports.tcp, ports.tcp_ranges),
        ("udp", ports.udp, ports.udp_ranges),
    ):
        for number in sorted(set(numbers)):
            yield protocol, number, number
        for first, last in sorted(set(ranges)):
            yield protocol, first, last


def _shown(opening: Opening) -> str:
    protocol, first, last = opening
    return f"{first}/{protocol}" if first == last else f"{first}-{last}/{protocol}"


def _opened_by(options: Mapping[str, Nix]) -> set[Opening]:
    """Ports that one part of `networking.firewall` opens in a module of the tree."""
    found: set[Opening] = set()
    for protocol, key in (("tcp", "TCP"), ("udp", "UDP")):
        numbers = options.get(f"allowed{key}Ports", [])
        if isinstance(numbers, list):
            found |= {(protocol, n, n) for n in numbers if isinstance(n, int)}
        ranges = options.get(f"allowed{key}PortRanges", [])
        for one in ranges if isinstance(ranges, list) else ():
            if isinstance(one, Mapping):
                first, last = one.get("from"), one.get("to")
                if isinstance(first, int) and isinstance(last, int):
                    found.add((protocol, first, last))
    return found
