"""Fillings: values in place of required ones that cannot be read, so that the rest has a plan.

There are two of each that decides something: the oldest and the newest release, a host that is
always on and one that is not, a resolver and none. What the checks find with one of them alone
comes from that value, and is not reported. What does not depend on it is found with both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from homelab.config.base import Name
from homelab.config.document import Path_
from homelab.config.scalar import Value

DOMAIN = "left-out.invalid"
LAN, GATEWAY = "192.0.2.0/24", "192.0.2.1"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
WORDS = ("left-out", LAN, GATEWAY)
"""Words of the values, which no other problem says."""
_OWNER: Mapping[str, Value] = {
    "user": "left-out",
    "email": f"left-out@{DOMAIN}",
    "ssh_keys": [f"{KEY} left-out"],
}
_SITE: Mapping[str, Value] = {"domain": DOMAIN, "timezone": "Etc/UTC", "owner": dict(_OWNER)}
_HOST: dict[str, Value] = {"host": "left-out"}
_NETWORK: Mapping[str, Value] = {"lan": {"cidr": LAN, "gateway": GATEWAY}, "entry": _HOST}
_VALUES: Mapping[Path_, Value] = {
    ("site",): dict(_SITE),
    **{("site", key): value for key, value in _SITE.items()},
    **{("site", "owner", key): value for key, value in _OWNER.items()},
    **{("network", key): value for key, value in _NETWORK.items()},
    ("network", "lan", "cidr"): LAN,
    ("network", "lan", "gateway"): GATEWAY,
    ("network", "entry", "host"): "left-out",
    ("network", "dns", "host"): "left-out",
}
"""Values without which there is no plan, and which decide nothing that is still reported."""
_PLACES = ("canary", "host", "hosts", "last")
"""Keys outside of `hosts` whose values are hosts."""
_NAME: TypeAdapter[str] = TypeAdapter(Name)


@dataclass(frozen=True)
class Filling:
    """One set of values."""

    release: str
    platform: str
    settings: Mapping[str, Value]
    """Settings of a host, beside those that it needs."""
    dns: Mapping[str, Value]
    is_first: bool

    def value(self, path: Path_, values: Mapping[str, Value]) -> Value:
        """The value at a place of a stack; None where the value can be left out."""
        match path:
            case ("network",):
                return {**_NETWORK, "dns": dict(self.dns)}
            case ("network", "dns"):
                return dict(self.dns)
            case ("nixpkgs",):
                return {name: self._pin() for name in ("default", *_pins(values))}
            case ("nixpkgs", _):
                return self._pin()
            case ("nixpkgs", _, key):
                return self._pin().get(str(key))
            case ("hosts",):
                names = sorted({*_hosts(values)}, reverse=not self.is_first)
                # Services with tags need a host that has them.
                tags: Mapping[str, Value] = {"tags": [*sorted({*_tags(values)})]}
                return {
                    name: {**self._host(), **(tags if i == 0 else {})}
                    for i, name in enumerate(names)
                }
            case ("hosts", _):
                return self._host()
            case ("hosts", _, "platform" | "state_version" as key):
                return self._host()[key]
        return _VALUES.get(path)

    def _pin(self) -> dict[str, Value]:
        url = f"github:NixOS/nixpkgs/nixos-{self.release}"
        return {"release": self.release, "url": url, "lock": "locks/left-out.lock"}

    def _host(self) -> dict[str, Value]:
        return {"platform": self.platform, "state_version": self.release, **self.settings}


FILLINGS = (
    Filling("26.05", "x86_64-linux", {"ssh": {"host_key": KEY}}, _HOST, is_first=True),
    Filling(
        "24.05",
        "aarch64-linux",
        {"always_on": False, "tailscale": None},
        {"server": "none"},
        is_first=False,
    ),
)


def _pins(values: Mapping[str, Value]) -> Iterator[str]:
    hosts = values.get("hosts")
    for host in hosts.values() if isinstance(hosts, dict) else ():
        name = host.get("nixpkgs") if isinstance(host, dict) else None
        if isinstance(name, str):
            yield name


def _hosts(values: object) -> Iterator[str]:
    """The hosts that the stack names."""
    for key, value in _settings(values):
        if key in _PLACES:
            for name in value if isinstance(value, list) else [value]:
                if isinstance(name, str) and _is_name(name):
                    yield name


def _tags(values: Mapping[str, Value]) -> Iterator[str]:
    """The tags of services without a host."""
    services = values.get("services")
    for service in services.values() if isinstance(services, dict) else ():
        tags = service.get("tags") if isinstance(service, dict) else None
        yield from (t for t in tags if isinstance(t, str)) if isinstance(tags, list) else ()


def _settings(values: object) -> Iterator[tuple[str, object]]:
    if isinstance(values, dict):
        for key, value in values.items():
            yield key, value
            yield from _settings(value)
    elif isinstance(values, list):
        for value in values:
            yield from _settings(value)


def _is_name(value: str) -> bool:
    try:
        _NAME.validate_python(value)
    except ValidationError:
        return False
    return True
