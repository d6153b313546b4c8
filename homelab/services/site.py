"""Facts of a static site, which follow from its settings: units, state, and what a backup needs."""

from __future__ import annotations

from homelab.config.backup import ServiceBackup
from homelab.config.fact_parts import PortFact, SignIn
from homelab.config.service_programs import StaticService
from homelab.config.static import role_of
from homelab.hardening.paths import below

SYSTEM = ("/nix", "/run")
"""Directories whose content NixOS or a unit makes again."""


def build_unit(name: str) -> str:
    """The unit that builds a site."""
    return f"{name}-build"


def built_at(name: str) -> str:
    """The directory of a build. systemd creates it for the unit's dynamic user."""
    return f"/var/lib/private/{name}"


HOOK = "hook"
"""Name of the port that takes the calls of a webhook."""


def hook_unit(name: str) -> str:
    """The unit that takes the calls of a webhook."""
    return f"{name}-hook"


def request_of(name: str) -> str:
    """The file that asks for a build. systemd creates its directory for the unit's dynamic user."""
    return f"/run/private/{hook_unit(name)}/build"


def site_facts(name: str, config: StaticService) -> dict[str, object]:
    """The facts of its entry that only a static site has."""
    static = config.static
    kept = static.source if static.source and not role_of(static.source) else ""
    hook = static.build.webhook if static.build is not None else None
    ports = {"web": PortFact(port=config.port or 0)}
    if hook is not None:
        ports[HOOK] = PortFact(port=hook.port, why="webhook of the git server")
    is_data = bool(kept) and not below(kept, SYSTEM)
    return {
        "units": (name,),
        "ports": ports,
        "helpers": (
            *((build_unit(name),) if static.build is not None else ()),
            *((hook_unit(name),) if hook is not None else ()),
        ),
        "dynamic_user": True,
        "state": (kept,) if is_data else (),
        "stateless": "" if is_data else _stateless(config, kept),
        "persist": (built_at(name),) if static.build is not None else (),
        "sign_in": SignIn(kinds=("forward", "none")),
    }


def _stateless(config: StaticService, directory: str) -> str:
    backup: ServiceBackup = config.backup
    if backup.skip is not None:
        return backup.skip
    if role := role_of(config.static.source):
        return f"its files are in the dataset {config.datasets[role]}"
    if directory or config.static.package is not None:
        return "its files are part of the system"
    return "its host builds it again"
