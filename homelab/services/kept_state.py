"""State directories of a service in the stack config: who creates them, and what they wait for."""

from __future__ import annotations

from homelab.services.model import Service


def stated_paths(service: Service) -> tuple[str, ...]:
    """State directories that nothing else creates. The module of a flake creates those below
    /var/lib, and systemd those of a unit of our own.
    """
    are_made = service.flake is not None or service.unit is not None
    return tuple(p for p in service.config.state if not (are_made and p.startswith("/var/lib/")))


def created_paths(service: Service) -> tuple[str, ...]:
    """Those that homelab creates. The user of the unit owns them."""
    if service.flake is not None or service.entry.dynamic_user or not service.units:
        return ()
    return stated_paths(service)


def elsewhere(service: Service) -> tuple[str, ...]:
    """State directories that may be on a disk of their own: those outside of /var/lib."""
    return tuple(p for p in service.state if not p.startswith("/var/lib/"))
