"""What a reverse proxy is to do, in no proxy's language."""

from __future__ import annotations

from dataclasses import dataclass

from homelab.network.model import Route


@dataclass(frozen=True)
class Gate:
    """Where the proxy asks whether a request may pass."""

    address: str
    uri: str
    uris: tuple[tuple[str, str], ...]
    """(host name, URI) of names whose visitors are sent to another portal than `uri` would."""
    headers: tuple[str, ...]
    """Identity headers that the gate's answer carries."""

    def uri_for(self, name: str) -> str:
        """What to ask about a request to this host name."""
        return dict(self.uris).get(name, self.uri)


@dataclass(frozen=True)
class Site:
    """One listener: host names below a wildcard, or the tunnel's own."""

    address: str
    """`*.home.example.org`, or `http://:8180`."""
    certificate: str
    """Name of the certificate; empty for plain HTTP on loopback."""
    routes: tuple[tuple[str, Route], ...]
    """(host name, route)."""


@dataclass(frozen=True)
class ProxyPlan:
    """Everything the proxy serves. A host name that is not listed is refused."""

    host: str
    sites: tuple[Site, ...]
    gate: Gate | None


IDENTITY_HEADERS = ("Remote-Email", "Remote-Groups", "Remote-Name", "Remote-User")
"""What the gate tells of a person. Never believed from outside: the proxy removes every header
that starts with `Remote-` before the gate may set these."""
