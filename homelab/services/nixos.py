"""Services as NixOS modules: one file each, whatever kind of service it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from homelab.catalog.options import options_of
from homelab.network.model import LOOPBACK, TAILNET
from homelab.nix import Attrs, Lines, Module, Nix, attrs, merge
from homelab.secrets.model import secret_path
from homelab.services.containers import attached
from homelab.services.fill import filled, path_of_secret, stated_secrets
from homelab.services.options import stated_options

if TYPE_CHECKING:
    from homelab.plan import Plan
    from homelab.services.model import Service
    from homelab.services.parts import Container
    from homelab.system.model import Host


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """A file for each of the host's services that has anything to say."""
    for service in plan.on(host.name):
        said = stated_options(plan, service)
        derived, flakes = _derived(plan, host, service)
        if derived or said:
            yield Module(
                f"services/{service.name}.nix",
                _head(plan, service),
                derived=derived,
                stated=said,
                flakes=flakes,
            )


def _head(plan: Plan, service: Service) -> str:
    title = service.entry.title
    lines = [f"{title}: {service.entry.summary}" if service.entry.summary else title]
    for route in plan.routes_of(service.name):
        lines.append(f"{route.url} ({route.audience}, {route.publish})")
    return "\n".join(lines)


def _derived(plan: Plan, host: Host, service: Service) -> tuple[Attrs, tuple[tuple[str, str], ...]]:
    if service.container is not None:
        return _container(host, service), ()
    flake = service.flake
    if flake is not None:
        return _unit_secrets(service), ((flake.input, f"nixosModules.{flake.module}"),)
    facts = options_of(service.entry, service.release, service.config.gpu)
    options = (attrs(k, v) for k, v in sorted(filled(facts, plan, service).items()))
    return merge(*options, _unit_secrets(service)), ()


def _unit_secrets(service: Service) -> Attrs:
    """Hand the main unit the secrets that the stack config names: variables from a file, files as
    credentials where its user does not exist before it runs. What the catalog knows of, an option
    hands over already.
    """
    files: list[Nix] = []
    credentials: list[Nix] = []
    for name in sorted(stated_secrets(service)):
        fact = service.entry.secrets[name]
        path = path_of_secret(service, name)
        if fact.form == "env":
            files.append(path)
        elif path.startswith("/run/credentials/"):
            credentials.append(f"{name}:{_store(service, name)}")
    config: dict[str, Nix] = {}
    if files:
        config["EnvironmentFile"] = files
    if credentials:
        config["LoadCredential"] = credentials
    unit = service.units[0] if service.units else ""
    return {"systemd": {"services": {unit: {"serviceConfig": config}}}} if config else {}


def _store(service: Service, name: str) -> str:
    fact = service.entry.secrets[name]
    return secret_path(service.name, name, fact.source, fact.form)


def _container(host: Host, service: Service) -> Attrs:
    container = service.container
    assert container is not None
    # Podman's published ports pass by the firewall, so they get an address and a rule of their own.
    addresses = [] if service.callers else [LOOPBACK]
    scope = next((p.scope for p in service.ports if p.label == "web"), "loopback")
    if scope in ("tailnet", "lan"):
        addresses.append(host.tailnet)
    if scope == "lan":
        addresses.append(host.lan)
    body: dict[str, Nix] = {
        "image": container.image,
        "ports": [f"{a}:{service.port}:{container.port}" for a in addresses if a],
    }
    if container.environment:
        body["environment"] = dict(container.environment)
    if container.mounts:
        body["volumes"] = [
            f"{m.source}:{m.target}" + (":ro" if m.read_only else "") for m in container.mounts
        ]
    if container.command:
        body["cmd"] = list(container.command)
    body |= attached(service)
    files: list[Nix] = [
        path_of_secret(service, n)
        for n, fact in sorted(service.entry.secrets.items())
        if fact.form == "env"
    ]
    if files:
        body["environmentFiles"] = files
    return merge(
        {
            "virtualisation": {
                "oci-containers": {"backend": "podman", "containers": {service.name: body}}
            }
        },
        _published(host, service) if scope == "tailnet" and host.tailnet else {},
        _patient(service) if any(a != LOOPBACK for a in addresses if a) else {},
        _mounted(service, container),
    )


def _mounted(service: Service, container: Container) -> Attrs:
    """Make the directories that it writes: Podman starts no container where one is missing.

    What is there stays whose it is, for many images give their files to a user of their own.
    """
    made: Attrs = {
        m.source: {"d": {"mode": ":0755", "user": ":root", "group": ":root"}}
        for m in container.mounts
        if m.source.startswith("/var/") and not m.read_only
    }
    name = f"10-container-{service.name}"
    return {"systemd": {"tmpfiles": {"settings": {name: made}}}} if made else {}


def _published(host: Host, service: Service) -> Attrs:
    """Keep a container's port on the tailnet to the tailnet.

    Podman redirects by destination address, whatever interface a packet comes in by: without the
    rule, a device on the LAN could route to the tailnet address and pass by the proxy's gate.
    """
    match = f"ip daddr {host.tailnet} tcp dport {service.port}"
    rules = [
        "chain published {",
        "  type filter hook prerouting priority dstnat - 10; policy accept;",
        f'  {match} iifname != {{ "lo", "{TAILNET}" }} drop',
        "}",
    ]
    return {
        "networking": {
            "nftables": {
                "tables": {
                    f"container-{service.name}": {
                        "family": "inet",
                        "content": Lines("\n".join(rules) + "\n"),
                    }
                }
            }
        }
    }


def _patient(service: Service) -> Attrs:
    """Podman binds only to an address that is there, and at boot some come late."""
    return {
        "systemd": {
            "services": {
                f"podman-{service.name}": {
                    "after": ["tailscaled.service"],
                    "startLimitIntervalSec": 0,
                    "serviceConfig": {"RestartSec": "5s"},
                }
            }
        }
    }
