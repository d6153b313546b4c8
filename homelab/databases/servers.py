"""The database servers that a service connects to."""

from __future__ import annotations

from homelab.databases.plan import catalog_databases
from homelab.services.model import Service

_REDIS = "/var/lib/redis-"
"""State of a Redis that the module of an app starts, with the name of its server."""


def servers_of(service: Service) -> tuple[tuple[str, str], ...]:
    """The kind and the host of each server that an instance of a service connects to: those of
    `databases`, and those that its nixpkgs module starts. A file and a container of the service are
    no server.
    """
    stated = [(d.kind, d.host) for d in service.databases]
    made = [kind for kind, _ in catalog_databases(service.entry)]
    made += ["redis" for path in service.entry.persist if path.startswith(_REDIS)]
    return tuple(dict.fromkeys([*stated, *((kind, service.host) for kind in made)]))
