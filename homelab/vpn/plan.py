"""VPNs with the services that use them, and the addresses of those services."""

from __future__ import annotations

from homelab.config.service_base import ServiceConfig
from homelab.config.services import vpn_of
from homelab.config.stack import StackConfig
from homelab.network.between import published
from homelab.services.ids import has_fixed_user
from homelab.services.model import Service
from homelab.vpn.model import Member, Namespace, Vpn, VpnPlan

SECRET = "vpn"
"""Service name of the tunnels' secrets: `vpn-privado`."""


def plan_vpn(stack: StackConfig, services: tuple[Service, ...]) -> VpnPlan:
    """Every tunnel that a service on its host uses, by name, with those services.

    A service on another host than its tunnel is left out, as is a second mode; checks name both.
    """
    found = (_vpn(stack, name, services) for name in sorted(stack.vpn))
    return VpnPlan(tuple(v for v in found if v is not None))


def namespace_of(stack: StackConfig, host: str, config: ServiceConfig) -> Namespace | None:
    """The namespace that a service on this host runs in, if any."""
    vpn = vpn_of(config)
    if vpn is None or vpn.mode != "namespace":
        return None
    found = stack.vpn.get(vpn.name)
    if found is None or found.host != host:
        return None
    return Namespace(_number(stack, vpn.name))


def _number(stack: StackConfig, name: str) -> int:
    return 1 + sorted(stack.vpn).index(name)


def _mode(service: Service) -> str:
    return service.vpn.mode if service.vpn is not None else ""


def _vpn(stack: StackConfig, name: str, services: tuple[Service, ...]) -> Vpn | None:
    config = stack.vpn[name]
    users = [
        s for s in services if s.vpn is not None and s.vpn.name == name and s.host == config.host
    ]
    if not users:
        return None
    mode = users[0].vpn.mode if users[0].vpn is not None else "killswitch"
    members = [_member(stack, s) for s in users if _mode(s) == mode and not _unfit(s)]
    if not members:
        return None
    return Vpn(
        name=name,
        host=config.host,
        mode=mode,
        number=_number(stack, name),
        addresses=tuple(config.address),
        dns=tuple(str(a) for a in config.dns),
        endpoint=config.endpoint,
        public_key=config.public_key,
        key=config.key,
        mtu=config.mtu,
        autostart=config.autostart,
        members=tuple(members),
        source=f"vpn.{name}",
    )


def _unfit(service: Service) -> bool:
    return _mode(service) == "killswitch" and not has_fixed_user(service)


def _member(stack: StackConfig, service: Service) -> Member:
    vpn = service.vpn
    assert vpn is not None
    confined = vpn.mode == "killswitch"
    web = [p for p in service.ports if p.label == "web"]
    return Member(
        service=service.name,
        units=service.units,
        user=service.entry.user if confined else "",
        ids=service.ids if confined else None,
        port=service.port,
        outside=any(p.scope != "loopback" for p in web),
        lan=vpn.lan,
        source=service.at("vpn"),
        is_on_tailnet=any(p.scope in ("tailnet", "lan") for p in web),
        called_at=tuple(a for p in web for a in published(stack, p)),
        peers=tuple(sorted({a for p in web for a in p.peers})),
    )
