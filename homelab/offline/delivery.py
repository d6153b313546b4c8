"""NixOS modules for offline hosts: the relay keeps their bundles, they fetch them on waking."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from importlib import resources

from homelab.deploy.model import BUNDLE_USER
from homelab.nix import Attrs, Comment, Lines, Module, Nix, Pkg, Raw, Script, Text, attrs
from homelab.offline.bundle import NAMESPACE, SIGNER
from homelab.plan import Plan, once
from homelab.system.model import Host

BUNDLES = "/var/lib/homelab-bundles"
SIGNERS = "homelab/bundle-signers"
"""Below /etc: the allowed signers of bundles."""
_UNIT = "homelab-pull"
_RELAY, _PULL = "relay.sh", "pull.sh"


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`bundles.nix` on a relay, `pull.nix` on an offline host that fetches."""
    if not host.is_nixos:
        return
    offline_hosts = _relayed(plan).get(host.name, [])
    if offline_hosts:
        yield Module(
            "bundles.nix",
            "Bundles of offline hosts, kept here until they fetch them",
            derived=_bundles(offline_hosts),
            extra=((f"lib/{_RELAY}", relay_text()),),
        )
    relay = relay_of(plan, host)
    if relay is not None:
        yield Module(
            "pull.nix",
            f"Fetch this host's bundle from {relay.name}",
            derived=_pull(plan, host, relay),
            extra=((f"lib/{_PULL}", pull_text()),),
        )


def pull_arguments(host: Host, relay: Host) -> tuple[str, ...]:
    """The arguments of `pull.sh`: both hosts, and the relay's address on each common network."""
    networks = ((host.lan, relay.lan), (host.tailnet, relay.tailnet))
    addresses = (there for here, there in networks if here and there)
    ports = host.config.ssh.port, relay.config.ssh.port
    return (host.name, str(ports[0]), relay.name, str(ports[1]), *addresses)


@once
def _relayed(plan: Plan) -> Mapping[str, list[Host]]:
    """For each relay, its offline hosts."""
    out: dict[str, list[Host]] = {}
    for host in plan.hosts.values():
        relay = relay_of(plan, host)
        if relay is not None:
            out.setdefault(relay.name, []).append(host)
    return out


def relay_of(plan: Plan, host: Host) -> Host | None:
    """The relay of this host, if it has one."""
    offline = host.config.offline
    if offline is None or not offline.pull_from or not host.is_nixos:
        return None
    return plan.hosts.get(offline.pull_from)


def _bundles(offline_hosts: list[Host]) -> Attrs:
    """The relay account: it hands out bundles and stores reports, by each offline host's key."""
    keys: list[Nix] = []
    places: Attrs = {BUNDLES: {"d": {"mode": "0755", "user": "root", "group": "root"}}}
    for each in offline_hosts:
        key = " ".join((each.config.ssh.host_key or "").split()[:2])
        # The client sends the command; the key alone decides whose bundle it gets.
        keys.append(
            Text.of(
                'restrict,command="',
                Pkg("bash"),
                "/bin/bash ",
                Raw(f"./lib/{_RELAY}"),
                f' {each.name}" {key}',
            )
        )
        # Root writes the bundle; the account may write reports only.
        places[f"{BUNDLES}/{each.name}"] = {
            "d": {"mode": "0750", "user": "root", "group": BUNDLE_USER}
        }
        places[f"{BUNDLES}/{each.name}/report"] = {
            "d": {"mode": "0700", "user": BUNDLE_USER, "group": BUNDLE_USER}
        }
    return {
        "systemd": {"tmpfiles": {"settings": {"10-homelab-bundles": places}}},
        "users": {
            "groups": {BUNDLE_USER: {}},
            "users": {
                BUNDLE_USER: {
                    "isSystemUser": True,
                    "group": BUNDLE_USER,
                    "useDefaultShell": True,
                    "openssh": {"authorizedKeys": {"keys": keys}},
                }
            },
        },
    }


def _pull(plan: Plan, host: Host, relay: Host) -> Attrs:
    arguments = shlex.join(pull_arguments(host, relay))
    signers = "".join(
        f'{SIGNER} namespaces="{NAMESPACE}" {" ".join(key.split()[:2])}\n'
        for key in plan.stack.site.owner.ssh_keys
    )
    tools: list[Nix] = [Pkg("age"), "/run/current-system/sw"]
    unit: Attrs = {
        "description": f"Fetch this host's bundle from {relay.name}",
        "after": ["post-resume.target"],
        "wantedBy": ["post-resume.target"],
        # The unit must survive the switch that it starts.
        "restartIfChanged": False,
        "unitConfig": {"X-StopOnRemoval": False},
        "path": Comment("The scripts of a release need the programs of a login shell.", tools),
        "environment": {"HOME": "/root"},
        "script": Script.of(". ", Raw(f"./lib/{_PULL}"), f" {arguments}\n"),
        "serviceConfig": {"Type": "oneshot"},
    }
    timer: Attrs = {
        "description": f"Ask {relay.name} for a new bundle",
        "timerConfig": {"OnBootSec": "2min", "OnUnitInactiveSec": "15min"},
        "wantedBy": ["timers.target"],
    }
    return {
        **attrs(f"environment.etc.{shlex.quote(SIGNERS)}.text", Lines(signers)),
        "systemd": {"services": {_UNIT: unit}, "timers": {_UNIT: timer}},
    }


def pull_text() -> str:
    """The script that an offline host runs to fetch its bundle."""
    return _text(_PULL)


def relay_text() -> str:
    """The script that answers it on the relay."""
    return _text(_RELAY)


def _text(name: str) -> str:
    return (resources.files("homelab.offline") / name).read_text(encoding="utf-8")
