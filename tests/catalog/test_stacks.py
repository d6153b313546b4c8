"""Whole stacks, held against what nixpkgs' modules insist on: also what no entry says, but a package."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from homelab.catalog import upstream
from homelab.nix import Module
from homelab.nix.values import After, Comment, Force
from tests import build
from tests.tools.libraries import FILES, evaluated

STACKS = [
    build.SHIPPED / "Pulumi.home.yaml",
    *sorted(build.ROOT.glob("examples/*/Pulumi.*.yaml")),
]
SWITCHES = {
    "adguardhome": "services.adguardhome.enable",
    "atticd": "services.atticd.enable",
    "authelia": "services.authelia.instances.{instance}.enable",
    "caddy": "services.caddy.enable",
    "cloudflared": "services.cloudflared.tunnels.{tunnel}",
    "fail2ban": "services.fail2ban.enable",
    "gatus": "services.gatus.enable",
    "homepage-dashboard": "services.homepage-dashboard.enable",
    "miniflux": "services.miniflux.enable",
    "nextcloud": "services.nextcloud.enable",
    "nginx": "services.nginx.enable",
    "oauth2-proxy": "services.oauth2-proxy.enable",
    "oci-containers": "virtualisation.oci-containers.containers.{container}",
    "openldap": "services.openldap.enable",
    "pocket-id": "services.pocket-id.enable",
    "restic": "services.restic.backups.{name}",
    "samba": "services.samba.enable",
    "traefik": "services.traefik.enable",
    "wyoming-faster-whisper": "services.wyoming.faster-whisper.servers.{server}",
    "wyoming-piper": "services.wyoming.piper.servers.{server}",
}
"""The option by which a module is asked for; a placeholder takes any name."""


@cache
def hosts() -> dict[str, frozenset[str]]:
    """Every option that is said on each host of each shipped stack, by its full path."""
    return {
        f"{stack.stem}/{host}": frozenset(p for m in modules for p in _paths(m))
        | frozenset(_below("", evaluated(_with_library(modules), Path("/packages"))))
        for stack in STACKS
        for host, modules in build.modules(stack).items()
    }


def _with_library(modules: Iterable[Module]) -> list[Module]:
    return [m for m in modules if m.file in FILES and m.library is not None]


def _paths(module: Module) -> Iterator[str]:
    for said in (module.derived, module.stated):
        yield from _below("", said)


def _below(path: str, value: object) -> Iterator[str]:
    while isinstance(value, After | Comment | Force):
        value = value.value
    if path:
        yield path
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _below(f"{path}.{key}" if path else str(key), inner)


def _asked(switch: str, options: frozenset[str]) -> Iterator[dict[str, str]]:
    """Each way in which a module is asked for: what stands for its placeholder."""
    holes = re.findall(r"\{([a-z]+)\}", switch)
    pattern = re.escape(switch)
    for hole in holes:
        pattern = pattern.replace(rf"\{{{hole}\}}", rf"(?P<{hole}>[^.]+)")
    for path in options:
        match = re.fullmatch(pattern, path)
        if match is not None:
            yield match.groupdict()


def test_there_is_something_to_ask() -> None:
    """A proxy, backups, the tunnel, the sign-in and its directory are in some stack."""
    used = {m for m, s in SWITCHES.items() for o in hosts().values() if [*_asked(s, o)]}
    assert {"authelia", "caddy", "cloudflared", "nextcloud", "openldap", "restic"} <= used


@pytest.mark.parametrize("module", sorted(SWITCHES))
@pytest.mark.requirement("S0-71")
def test_what_a_module_has_no_default_for_is_said_wherever_it_is_used(module: str) -> None:
    """NixOS would stop with `is used but not defined`, after everything else was changed."""
    facts = upstream.release_of(module, "25.11")
    assert facts is not None
    for host, options in hosts().items():
        for parts in _asked(SWITCHES[module], options):
            said = {p.format(**parts) for p in facts.required}
            assert said <= options, host
            for choice in facts.required_one_of:
                assert {p.format(**parts) for p in choice} & options, host
