"""What nixpkgs' own modules say: units and their settings, users, state, what they insist on.

One YAML file per module beside this one, written down from the module's text, with the place of
that text in nixpkgs. Hardening asks what a unit has already, tests hold each entry of the catalog
against it.
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
