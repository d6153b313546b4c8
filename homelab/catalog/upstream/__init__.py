"""Facts about nixpkgs modules: units and their settings, users, state directories, assertions.

There is one YAML file per module in this directory, transcribed from the module's source, with its
path in nixpkgs. Hardening looks up the settings that a unit already has, and tests compare each
catalog entry with these facts.
"""

from __future__ import annotations

from homelab.catalog.upstream.ask import matches, modules_of, release_of, service_config, unit_of
from homelab.catalog.upstream.model import Release, Setting, Unit, Upstream, User
from homelab.catalog.upstream.read import find, names

__all__ = [
    "Release",
    "Setting",
    "Unit",
    "Upstream",
    "User",
    "find",
    "matches",
    "modules_of",
    "names",
    "release_of",
    "service_config",
    "unit_of",
]
