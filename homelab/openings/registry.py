"""All rules, from the modules that register them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from homelab.nix.source import Setting
from homelab.openings import (
    accounts,
    alerts,
    apps,
    backups,
    brokers,
    calendars,
    containers,
    daemons,
    disks,
    firewall,
    headers,
    keys,
    limits,
    literals,
    moved_ports,
    names,
    no_sign_in,
    own_units,
    persistence,
    rates,
    replaced,
    resolvers,
    restarts,
    sandbox,
    ssh,
    state,
    stored,
    tables,
    unsaved,
    vpns,
    web,
    wifi,
    wiped,
)
from homelab.openings.model import RULES, Opening, Rule, View, matches
from homelab.openings.variables import as_settings

HAVE_RULES = (
    accounts,
    alerts,
    apps,
    backups,
    brokers,
    calendars,
    containers,
    daemons,
    disks,
    firewall,
    headers,
    limits,
    keys,
    literals,
    moved_ports,
    names,
    no_sign_in,
    own_units,
    persistence,
    rates,
    replaced,
    resolvers,
    restarts,
    sandbox,
    ssh,
    state,
    stored,
    tables,
    unsaved,
    vpns,
    web,
    wifi,
    wiped,
)
"""Each registers its rules when it is imported."""


def openings(setting: Setting, view: View) -> Iterator[Opening]:
    """The openings of one option, and of the settings that variables in it are."""
    yield from _of(setting, view)
    for other in as_settings(setting, view):
        for opening in _of(other, view):
            # What an image of the owner does by itself is theirs to accept.
            yield replace(opening, acceptable=True) if other.contained else opening


def _of(setting: Setting, view: View) -> Iterator[Opening]:
    for one in _rules_of(*setting.path[:2]):
        # Rules of every option have looked at the variable itself.
        if matches(one.path, setting.path) and (not setting.written or one.path[0] != "**"):
            yield from one.look(setting, view)


@lru_cache(maxsize=4096)
def _rules_of(*start: str) -> tuple[Rule, ...]:
    """The rules of which a path with this start may match one, in order."""
    return tuple(one for one in RULES if _may_match(one.path, start))


def _may_match(pattern: tuple[str, ...], start: tuple[str, ...]) -> bool:
    for mine, theirs in zip(pattern, start, strict=False):
        if mine == "**":
            return True
        if mine not in ("*", theirs):
            return False
    return True
