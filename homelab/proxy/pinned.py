"""Certificates that apps must present, as files of the entry host."""

from __future__ import annotations

import hashlib

from homelab.network.route import Route
from homelab.nix import Attrs, Lines
from homelab.proxy.model import ProxyPlan

_DIRECTORY = "homelab/upstreams"
"""Directory below /etc."""


def pinned_file(route: Route) -> str:
    """Path of the certificate that the app of a route must present. Another certificate has another
    path, so that the proxy reads it.
    """
    return f"/etc/{_name(route)}"


def pinned_files(proxy: ProxyPlan) -> Attrs:
    """The certificates of all routes, as files below /etc. They are public."""
    found = {
        _name(route): {"text": Lines(f"{route.certificate.strip()}\n")}
        for virtual_host in proxy.virtual_hosts
        for _, route in virtual_host.routes
        if route.certificate
    }
    return {"environment": {"etc": {**dict(sorted(found.items()))}}} if found else {}


def _name(route: Route) -> str:
    digest = hashlib.sha256(route.certificate.strip().encode()).hexdigest()[:8]
    return f"{_DIRECTORY}/{route.service}-{digest}.pem"
