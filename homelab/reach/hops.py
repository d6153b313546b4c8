"""One hop of a path: from an origin to a port of a host, through tailnet policy and firewall."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network

from homelab.network.model import PortUse
from homelab.plan import Plan
from homelab.reach.model import Barrier, Origin, Path, Reason
from homelab.system.model import Host
from homelab.tailnet.evaluate import Grants
from homelab.tailnet.hujson import Document
from homelab.tailnet.members import is_member
from homelab.tailnet.policy import policy


@dataclass(frozen=True)
class Hop:
    """The result of one hop: where a request passes, or what stops it."""

    path: Path
    via: str = ""
    barriers: tuple[Barrier, ...] = ()
    why: tuple[Reason, ...] = ()
    stopped: Reason | None = None


@dataclass(frozen=True)
class Ground:
    """The facts of the plan that every hop is evaluated with."""

    plan: Plan

    @cached_property
    def document(self) -> Document:
        """The tailnet's policy, as Tailscale reads it."""
        return policy(self.plan.tailnet) if self.plan.tailnet else {}

    @cached_property
    def open(self) -> Mapping[tuple[str, int, str], PortUse]:
        """Open ports of the firewalls, by host, number and protocol."""
        return {(p.host, p.port, p.protocol): p for p in self.plan.firewall.ports}

    @cached_property
    def names(self) -> Mapping[str, str]:
        """The names of the home resolver, with their addresses."""
        return dict(self.plan.dns.names)

    @cached_property
    def _policy(self) -> Grants:
        assert self.plan.tailnet is not None
        return Grants(self.document, self.plan.tailnet.tags)

    @cached_property
    def _grants(self) -> dict[tuple[str, str, PortUse], tuple[str, ...]]:
        return {}

    @cached_property
    def routers(self) -> tuple[tuple[IPv4Network, str], ...]:
        """Subnet routes, and the host that advertises each."""
        return tuple(
            (network, host.name)
            for host in self.plan.hosts.values()
            if is_member(host) and host.tailnet and host.config.tailscale is not None
            for network in host.config.tailscale.subnet_routes
        )

    def hop(
        self, origin: Origin, host: Host, address: str, port: int, protocol: str = "tcp"
    ) -> Hop:
        """The hop from an origin to a port at one address of its host."""
        what = f"{port}/{protocol} on {host.name}"
        # A retired host runs no service, and its firewall still opens SSH.
        if host.config.state == "planned":
            return _no(f"{host.name} is planned", f"{host.source}.state")
        use = self.open.get((host.name, port, protocol))
        if use is None:
            return _no(f"the firewall: nothing opens {what}", host.source)
        if use.internet and address == host.public:
            why = f"the firewall: {what} is open to the internet"
            return Hop("direct", why=(Reason(why, host.address_at("public")),))
        if origin.place == "lan":
            return self._from_lan(origin, host, address, use)
        if origin.place == "tailnet":
            return self._from_tailnet(origin, host, address, use)
        return _no(f"the firewall: {what} is not open to the internet", use.source)

    def granted(self, who: str, whom: str, use: PortUse) -> tuple[str, ...]:
        """The places in the stack config whose grants let an origin reach a port; empty if none."""
        tailnet = self.plan.tailnet
        if tailnet is None:
            return ()
        key = (who, whom, use)
        if key not in self._grants:
            found = self._policy.granting(who, whom, use.port, use.protocol)
            sources = [s for i in found for s in _about(tailnet.grants[i].source, use)]
            self._grants[key] = tuple(dict.fromkeys(sources))
        return self._grants[key]

    def _from_lan(self, origin: Origin, host: Host, address: str, use: PortUse) -> Hop:
        what = f"{use.port}/{use.protocol} on {host.name}"
        if not host.lan or not address:
            return _no(f"{host.name} has no LAN address", f"{host.source}.address")
        if address != host.lan:
            return _no(f"{address} is not a LAN address", f"{host.source}.address")
        caller = self.plan.hosts.get(origin.name)
        if use.peers and caller is not None and caller.lan in use.peers:
            why = f"the firewall: {what} is open to {caller.lan} ({caller.name})"
            return Hop("lan", why=(Reason(why, use.source),))
        if use.scope in ("tailnet", "hosts"):
            whom = "on the tailnet" if use.scope == "tailnet" else "to the hosts that call it"
            return _no(f"the firewall: {what} is open only {whom}", use.source)
        cidr = self.plan.stack.network.lan.cidr
        return Hop("lan", why=(Reason(f"the firewall: {what} is open to {cidr}", use.source),))

    def _from_tailnet(self, origin: Origin, host: Host, address: str, use: PortUse) -> Hop:
        what = f"{use.port}/{use.protocol} on {host.name}"
        if self.plan.tailnet is None:
            return _no(f"the stack has no tailnet through which to reach {what}", host.source)
        direct = address == host.tailnet
        if direct and not is_member(host):
            return _no(f"{host.name} is not in the tailnet", host.source)
        router = "" if direct else self._router(address)
        if not direct and not router:
            return _no(f"no host forwards the tailnet to {address}", "hosts")
        joined = direct and host.name in self.plan.tailnet.hosts
        whom = host.name if joined else address
        sources = self.granted(origin.identity, whom, use)
        if not sources:
            end = host.name if direct else f"{address} ({host.name})"
            return _no(
                f"the tailnet's policy: no grant lets {origin.name} reach "
                f"{use.port}/{use.protocol} on {end}",
                "tailnet.grants",
            )
        # A subnet router passes packets on under its own LAN address.
        if router not in ("", host.name) and use.scope == "tailnet":
            return _no(f"the firewall: {what} is open only on the tailnet", use.source)
        if use.scope == "link":
            return _no(f"the firewall: {what} is open only on the LAN interface", use.source)
        if use.scope == "hosts":
            return _no(f"the firewall: {what} is open only to the hosts that call it", use.source)
        forwarded = (
            Reason(f"{router} forwards the tailnet to {address}", f"hosts.{router}.tailscale"),
        )
        return Hop(
            path="tailnet" if direct else "subnet",
            via=router,
            barriers=(Barrier("tailnet", "tailnet policy", ", ".join(sources)),),
            why=(
                *(forwarded if router else ()),
                Reason(f"the firewall: {what} is open to the tailnet", use.source),
            ),
        )

    def _router(self, address: str) -> str:
        own = self.plan.stack.network.entry.host
        fit = [name for net, name in self.routers if address and IPv4Address(address) in net]
        return own if own in fit else next(iter(sorted(fit)), "")


def _about(source: str, use: PortUse) -> list[str]:
    """The places of a merged grant that are about this port."""
    sources = source.split(", ")
    if use.owner == "ssh":
        return [s for s in sources if not s.startswith("services.")] or sources
    ends = f".databases.{use.label}"
    own = [
        s
        for s in sources
        if f"{s}.".startswith(f"services.{use.owner}.")
        or (use.source.endswith(ends) and s.endswith(ends))
    ]
    return own or [s for s in sources if s.startswith("services.")] or sources


def _no(what: str, source: str) -> Hop:
    return Hop("nobody", stopped=Reason(what, source))
