"""Hosts that sleep, as NixOS knows them: one keeps what waits for them, they fetch it on waking."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from importlib import resources
from typing import TYPE_CHECKING

from homelab.deploy.model import PARCEL_USER
from homelab.deploy.parcel import NAMESPACE, SIGNER
from homelab.nix import Attrs, Comment, Lines, Module, Nix, Pkg, Raw, Script, Text, attrs

if TYPE_CHECKING:
    from homelab.plan import Plan
    from homelab.system.model import Host

PARCELS = "/var/lib/homelab-parcels"
SIGNERS = "homelab/parcel-signers"
"""Below /etc: whose signature a host that fetches trusts."""
_UNIT = "homelab-pull"
_COURIER, _PULL = "courier.sh", "pull.sh"


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`parcels.nix` where releases wait, `pull.nix` where they are waited for."""
    if not host.is_nixos:
        return
    sleepers = [h for h in plan.hosts.values() if courier_of(plan, h) is host]
    if sleepers:
        yield Module(
            "parcels.nix",
            "Releases that wait here for hosts that sleep",
            derived=_parcels(sleepers),
            extra=((f"lib/{_COURIER}", courier_text()),),
        )
    courier = courier_of(plan, host)
    if courier is not None:
        yield Module(
            "pull.nix",
            f"Fetch the release that waits on {courier.name} while this host sleeps",
            derived=_pull(plan, host, courier),
            extra=((f"lib/{_PULL}", pull_text()),),
        )


def pull_words(host: Host, courier: Host) -> tuple[str, ...]:
    """What `pull.sh` is called with: both ends, and each network that has them both."""
    ways = ((host.lan, courier.lan), (host.tailnet, courier.tailnet))
    addresses = (there for here, there in ways if here and there)
    ports = host.config.ssh.port, courier.config.ssh.port
    return (host.name, str(ports[0]), courier.name, str(ports[1]), *addresses)


def courier_of(plan: Plan, host: Host) -> Host | None:
    """Who keeps this host's release, where somebody does."""
    asleep = host.config.asleep
    if asleep is None or not asleep.pull_from or not host.is_nixos:
        return None
    return plan.hosts.get(asleep.pull_from)


def _parcels(sleepers: list[Host]) -> Attrs:
    """An account that hands out what waits and notes what it is told, by each sleeper's key."""
    keys: list[Nix] = []
    places: Attrs = {PARCELS: {"d": {"mode": "0755", "user": "root", "group": "root"}}}
    for each in sleepers:
        key = " ".join((each.config.ssh.host_key or "").split()[:2])
        # The sleeper chooses the words, the key decides whose parcel it is.
        keys.append(
            Text.of(
                'restrict,command="',
                Pkg("bash"),
                "/bin/bash ",
                Raw(f"./lib/{_COURIER}"),
                f' {each.name}" {key}',
            )
        )
        # Root writes what waits, the account only what it was told.
        places[f"{PARCELS}/{each.name}"] = {
            "d": {"mode": "0750", "user": "root", "group": PARCEL_USER}
        }
        places[f"{PARCELS}/{each.name}/told"] = {
            "d": {"mode": "0700", "user": PARCEL_USER, "group": PARCEL_USER}
        }
    return {
        "systemd": {"tmpfiles": {"settings": {"10-homelab-parcels": places}}},
        "users": {
            "groups": {PARCEL_USER: {}},
            "users": {
                PARCEL_USER: {
                    "isSystemUser": True,
                    "group": PARCEL_USER,
                    "useDefaultShell": True,
                    "openssh": {"authorizedKeys": {"keys": keys}},
                }
            },
        },
    }


def _pull(plan: Plan, host: Host, courier: Host) -> Attrs:
    words = shlex.join(pull_words(host, courier))
    signers = "".join(
        f'{SIGNER} namespaces="{NAMESPACE}" {" ".join(key.split()[:2])}\n'
        for key in plan.site.site.owner.ssh_keys
    )
    tools: list[Nix] = [Pkg("age"), "/run/current-system/sw"]
    unit: Attrs = {
        "description": f"Fetch the release that waits on {courier.name}",
        "after": ["post-resume.target"],
        "wantedBy": ["post-resume.target"],
        # It outlives the switch that it began.
        "restartIfChanged": False,
        "unitConfig": {"X-StopOnRemoval": False},
        "path": Comment("A release's scripts find here what they find in a shell.", tools),
        "environment": {"HOME": "/root"},
        "script": Script.of(". ", Raw(f"./lib/{_PULL}"), f" {words}\n"),
        "serviceConfig": {"Type": "oneshot"},
    }
    timer: Attrs = {
        "description": f"Ask {courier.name} whether a release waits",
        "timerConfig": {"OnBootSec": "2min", "OnUnitInactiveSec": "15min"},
        "wantedBy": ["timers.target"],
    }
    return {
        **attrs(f"environment.etc.{shlex.quote(SIGNERS)}.text", Lines(signers)),
        "systemd": {"services": {_UNIT: unit}, "timers": {_UNIT: timer}},
    }


def pull_text() -> str:
    """The script that a host fetches with."""
    return _text(_PULL)


def courier_text() -> str:
    """The script that answers it."""
    return _text(_COURIER)


def _text(name: str) -> str:
    return (resources.files("homelab.deploy") / name).read_text(encoding="utf-8")
