"""The hosts of a new homelab and their LAN, from flags and questions of `homelab init`."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from homelab.ops.starter.answers import Ask, Given, answered, named_values, text_of
from homelab.problems import UsageError, did_you_mean
from homelab.starter.answers import Machine

_PLATFORMS = ("x86_64-linux", "aarch64-linux")
_HOST = "server=192.168.1.10"


def machines_of(given: Given, ask: Ask | None) -> tuple[Machine, ...]:
    """The hosts, in the order of the flags. Raises UsageError for one that is written wrong."""
    if not given.hosts and ask:
        question = "Hosts, NAME=ADDRESS with spaces between"
        return answered(ask, question, _HOST, lambda text: _of_hosts(given, tuple(text.split())))
    return _of_hosts(given, given.hosts)


def _of_hosts(given: Given, hosts: tuple[str, ...]) -> tuple[Machine, ...]:
    found = []
    for name, value in named_values(hosts or (_HOST,), "--host").items():
        address, _, platform = value.partition(",")
        platform = platform or _PLATFORMS[0]
        if platform not in _PLATFORMS:
            raise UsageError(
                f"--host {name}: {did_you_mean(platform, _PLATFORMS, 'platforms')}; write "
                f"{name}={address},{_PLATFORMS[1]}"
            )
        try:
            ipaddress.IPv4Address(address)
        except ValueError:
            raise UsageError(
                f"--host {name}: {address!r} is not an IPv4 address; write {name}=192.168.1.10"
            ) from None
        found.append(Machine(name, address, platform))
    keys, hardware = (
        named_values(given.host_keys, "--host-key"),
        named_values(given.hardware, "--hardware"),
    )
    names = [m.name for m in found]
    for flag, pairs in (("--host-key", keys), ("--hardware", hardware)):
        for name in pairs:
            if name not in names:
                raise UsageError(f"{flag} {name}: {did_you_mean(name, names, 'hosts')}")
    return tuple(
        replace(
            m,
            host_key=keys.get(m.name, ""),
            hardware=text_of(hardware[m.name], "--hardware") if m.name in hardware else "",
        )
        for m in found
    )


def lan_of(given: Given, first: Machine) -> ipaddress.IPv4Network:
    """The network of `--lan`, else the 256 addresses around the first host. Raises UsageError."""
    text = given.lan or f"{first.address}/24"
    try:
        return ipaddress.IPv4Network(text, strict=given.lan is not None)
    except ValueError:
        raise UsageError(f"--lan {text}: this is not a network; write 192.168.1.0/24") from None


def check_places(machines: tuple[Machine, ...], network: ipaddress.IPv4Network) -> None:
    """Raises UsageError for a host that is neither on the LAN nor on the internet, and for a first
    one on the internet.
    """
    first = machines[0]
    if first.is_public:
        raise UsageError(
            f"--host {first.name}: {first.address} is an address of the internet, and the first "
            "host is at home: it runs the reverse proxy and the resolver of the LAN; name one of "
            f"the LAN before it, such as {_HOST}"
        )
    for machine in machines:
        if not machine.is_public and ipaddress.IPv4Address(machine.address) not in network:
            raise UsageError(
                f"--host {machine.name}: {machine.address} is not on the LAN, {network}; correct "
                "it, write a larger network with --lan, or leave the host out and add it afterwards"
            )
