"""NixOS options of tailscaled: its flags, and the auth key for joining."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.config.host_parts import HostTailscale
from homelab.network.resolver import asks_the_tailnet
from homelab.nix import Comment, Module, Nix, attrs
from homelab.plan import Plan
from homelab.secret_paths import secret_path
from homelab.system.model import Host
from homelab.tailnet.members import is_member
from homelab.tailnet.model import JOIN_KEY


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """Tailscale on every NixOS host that belongs to the tailnet."""
    settings = host.config.tailscale
    if plan.tailnet is None or settings is None or not is_member(host):
        return
    accept_dns = asks_the_tailnet(plan, host)
    options: dict[str, Nix] = {
        "enable": True,
        "useRoutingFeatures": _routing(settings),
        "extraSetFlags": _flags(host.name, settings, accept_dns=accept_dns),
        "extraUpFlags": Comment(
            "Used when the host joins; extraSetFlags apply afterwards.",
            _flags(host.name, settings, accept_dns=accept_dns),
        ),
    }
    if any(key.host == host.name for key in plan.tailnet.keys):
        options["authKeyFile"] = secret_path(*JOIN_KEY, "issued", "file")
    yield Module(
        "tailnet.nix",
        "Tailscale on this host",
        derived=attrs("services.tailscale", options),
    )


def _flags(name: str, settings: HostTailscale, *, accept_dns: bool) -> list[Nix]:
    """Every flag with its value, also `false`, so that removing a setting resets it."""
    routes = ",".join(str(r) for r in sorted(settings.subnet_routes))
    return [
        f"--hostname={name}",
        f"--advertise-routes={routes}",
        f"--advertise-exit-node={_word(settings.exit_node)}",
        f"--accept-routes={_word(settings.accept_routes)}",
        f"--accept-dns={_word(accept_dns)}",
        f"--ssh={_word(settings.ssh)}",
    ]


def _word(value: object) -> str:
    return "true" if value else "false"


def _routing(settings: HostTailscale) -> str:
    serves = bool(settings.subnet_routes) or settings.exit_node
    if serves and settings.accept_routes:
        return "both"
    if serves:
        return "server"
    return "client" if settings.accept_routes else "none"
