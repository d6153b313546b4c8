"""All rules, from the modules that register them."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.nix.source import Setting
from homelab.openings import (
    accounts,
    backups,
    brokers,
    calendars,
    containers,
    daemons,
    disks,
    firewall,
    literals,
    names,
    rates,
    replaced,
    restarts,
    ssh,
    state,
    web,
)
from homelab.openings.model import RULES, Opening, View, matches

HAVE_RULES = (
    accounts,
    backups,
    brokers,
    calendars,
    containers,
    daemons,
    disks,
    firewall,
    literals,
    names,
    rates,
    replaced,
    restarts,
    ssh,
    state,
    web,
)
"""Each registers its rules when it is imported."""


def openings(setting: Setting, view: View) -> Iterator[Opening]:
    """The openings of one option."""
    for one in RULES:
        if matches(one.path, setting.path):
            yield from one.look(setting, view)
