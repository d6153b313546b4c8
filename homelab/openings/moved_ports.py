"""Options that make an app listen on another port than the plan's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from homelab.catalog.references import reference
from homelab.network.model import PortUse
from homelab.nix.source import Setting, Value
from homelab.openings.model import Opening, View, rule
from homelab.plan import Plan, once
from homelab.services.declared import flattened
from homelab.services.model import Service

MOVED = "moved-port"
_NUMBER = re.compile(r"(?<![0-9.])[0-9]{1,5}(?![0-9.])")


@rule("services.**")
def port(setting: Setting, view: View) -> Iterator[Opening]:
    """Options with which homelab sets the port of a service, in the stack config and in modules."""
    service, use = _set_ports(view.plan).get((view.host.name, setting.path), (None, None))
    stated = _number(setting.value)
    if service is None or use is None or stated in (0, use.port):
        return
    place = "port" if use.label == "web" else f"ports.{use.label}.port"
    yield Opening(
        MOVED,
        f"{setting.name} makes {service.name} listen on {stated}, and the proxy, the firewall and "
        f"the health check use {use.port}",
        f"leave it out, and write {service.at(place)}: {stated}, which they all follow",
    )


@once
def _set_ports(plan: Plan) -> Mapping[tuple[str, tuple[str, ...]], tuple[Service, PortUse]]:
    """The port that homelab sets with an option of a host, by host and path."""
    return {
        (service.host, option.path): (service, use)
        for service in plan.services
        for option in flattened(service.entry.options)
        for use in service.ports
        if use.label == _label(option.value)
    }


def _label(value: object) -> str:
    """The label of the port that a value of the catalog is, alone or at the end of an address."""
    word = reference(value)
    if word is not None and word[0] == "$text" and str(word[1]).endswith("{port}"):
        return "web"
    return str(word[1]) if word is not None and word[0] == "$port" else ""


def _number(value: Value) -> int:
    """The port that a value states, alone or at the end of an address; 0 if its text shows none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    numbers = _NUMBER.findall(value.rpartition(":")[2]) if isinstance(value, str) else []
    return int(numbers[0]) if len(numbers) == 1 else 0
