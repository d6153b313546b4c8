"""Replicas: btrbk or syncoid sends the snapshots of a dataset. The receiving host has an account
that can only receive them, and a unit that finds old replicas.

nixpkgs' `services.btrbk.sshAccess` is not used: its keys are text in the configuration, and its
filter lets a client add a command of its own (`btrfs receive '/path' | sh`).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from importlib import resources

from homelab.backup.restic import METRICS
from homelab.disks.waiting import waiting
from homelab.hardening.baseline import sandbox
from homelab.hardening.paths import for_systemd
from homelab.nix import (
    After,
    Attrs,
    Call,
    Comment,
    Lines,
    Module,
    Nix,
    Pkg,
    Raw,
    Script,
    Text,
    attrs,
    merge,
)
from homelab.plan import Plan
from homelab.secret_paths import secret_path
from homelab.services.unit import reported
from homelab.storage import snapshots, syncoid
from homelab.storage.model import REPLICA, Replica, replica_keys
from homelab.storage.readers import described, read_here, readers
from homelab.system.model import Host

PROGRAM = "homelab-replica"
_FILES = resources.files("homelab.storage")
SCRIPT = (
    "lib/replica.sh",
    "\n".join(
        (_FILES / f"{part}.sh").read_text(encoding="utf-8")
        for part in ("replica-btrfs", "replica-zfs", "replica")
    ),
)
"""The file of the command `homelab-replica`: its name and its text."""
REACH = ("lib/reach.sh", (_FILES / "reach.sh").read_text(encoding="utf-8"))
"""The file that looks for a receiver that may be off: its name and its text."""
PROTECTED_DAYS = 7
"""Days for which a received snapshot cannot be deleted by its sender."""
WAKE_SECONDS = 180
"""Seconds that a sender waits for a receiver that it has woken."""
PATH = f"/run/current-system/sw/bin/{PROGRAM}"
SUDO = "/run/wrappers/bin/sudo"
"""The forced command of an account, on NixOS."""


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`replicate.nix` on a host that sends, `replicas.nix` on one that receives."""
    if not host.is_nixos:
        return
    failing = reported(plan, host.name)
    sent = [r for r in plan.replicas if r.dataset.host == host.name and r.address]
    received = [r for r in plan.replicas if r.host == host.name]
    copies = read_here(plan, host)
    if sent:
        yield Module(
            "replicate.nix",
            "Snapshots that this host sends to other hosts",
            derived=merge(
                *(
                    syncoid.sender(host, r, when(r), key_of(r), {**failing, **_tried(r)})
                    if r.on_zfs
                    else _sender(host, r, failing)
                    for r in sent
                )
            ),
            extra=(
                *((syncoid.SCRIPT,) if any(r.on_zfs for r in sent) else ()),
                *((REACH,) if any(r.offline for r in sent) else ()),
            ),
        )
    if received:
        yield Module(
            "replicas.nix",
            "Snapshots of other hosts' datasets: an account that can only receive, and their age",
            derived=merge(
                _program(plan, host, received),
                _freshness(received, failing),
                *(_receiver(host, r, failing, read=r.dataset.name in copies) for r in received),
                syncoid.received(host, [r for r in received if r.on_zfs]),
                readers(plan, host, received),
                attrs(
                    "services.openssh.extraConfig",
                    After(Lines("".join(map(_match, received)) + _END)),
                ),
            ),
            extra=(SCRIPT,),
        )


# --- the sender -----------------------------------------------------------------------------------


def key_of(replica: Replica) -> str:
    """Path of the private key on the sender."""
    private, _ = replica_keys(replica.dataset.name)
    return secret_path(REPLICA, private, "derived", "file")


def when(replica: Replica) -> str:
    """When it is sent, as in systemd.time(7)."""
    return "hourly" if replica.every == "hourly" else f"*-*-* {replica.at}:00"


def _sender(host: Host, replica: Replica, failing: Attrs) -> Attrs:
    dataset, made = replica.dataset, replica.dataset.snapshots
    if made is None:
        return {}
    target = f"ssh://{replica.address}:{replica.port}{replica.place}"
    instance: Attrs = {
        "onCalendar": when(replica),
        "settings": {
            **snapshots.settings(dataset, made),
            "backend_remote": Comment("The receiver's account uses sudo itself.", "btrfs-progs"),
            "ssh_identity": key_of(replica),
            "ssh_user": replica.login,
            "target_preserve": snapshots.retention(replica.keep),
            "target_preserve_min": f"{PROTECTED_DAYS}d",
            **snapshots.subvolume(dataset, made, {"target": {target: {}}}),
        },
    }
    unit = {**snapshots.waits(host, dataset), **failing, **_tried(replica)}
    return merge(
        attrs(f"services.btrbk.instances.{replica.instance}", instance),
        attrs(f"systemd.services.{replica.unit}", unit),
    )


def _tried(replica: Replica) -> Attrs:
    """A receiver that sleeps is woken if possible, and left for the next time if not. The sender
    tells if it stays off, because then the receiver cannot.
    """
    if not replica.offline:
        return {}
    seconds = WAKE_SECONDS if replica.wake else 5
    wake = [f"/run/current-system/sw/bin/{replica.wake}"] if replica.wake else []
    words = [replica.host, replica.address, replica.port, seconds, replica.max_age_hours, *wake]
    return {
        "serviceConfig": {
            "ExecCondition": Comment(
                f"{replica.host} may be off: then this run is skipped, and fails once a day if "
                f"nothing was sent for {replica.max_age_hours} hours.",
                _reach("reach", replica.instance, *words),
            ),
            "ExecStartPost": _reach("arrived", replica.instance),
        }
    }


def _reach(*words: object) -> Text:
    """A command of the unit that runs as root. The words have no character that systemd reads."""
    said = shlex.join(str(word) for word in words)
    return Text.of("+", Pkg("bash"), "/bin/bash ", Raw(f"./{REACH[0]}"), f" {said}")


# --- the receiver ---------------------------------------------------------------------------------

_END = "Match all\n"


def _program(plan: Plan, host: Host, received: list[Replica]) -> Attrs:
    text = {
        r.dataset.name: {
            "fs": "zfs" if r.on_zfs else "btrfs",
            **({"account": r.login, "prefix": r.prefix} if r.on_zfs else {}),
            "from": r.dataset.host,
            "maxAgeHours": r.max_age_hours,
            "path": r.place,
            "protectedDays": PROTECTED_DAYS,
            **described(r, read_here(plan, host)),
        }
        for r in received
    }
    tools = ("bash", "btrfs-progs", "coreutils", "findutils", "gnused", "jq", "util-linux")
    path: list[str | Pkg] = []
    for tool in tools:
        path += [Pkg(tool), "/bin:"]
    measured = any(s.name == "node-exporter" for s in plan.on(host.name))
    program = Script.of(
        *("export PATH=", *path, "$PATH\n"),
        f"export HOMELAB_REPLICA_METRICS={METRICS}\n" if measured else "",
        *("exec bash ", Raw(f"./{SCRIPT[0]}"), ' "$@"\n'),
    )
    exported: Attrs = {}
    if measured and not plan.backup.on(host.name):
        flags: list[Nix] = [f"--collector.textfile.directory={METRICS}"]
        exported = attrs("services.prometheus.exporters.node.extraFlags", flags)
    return merge(
        attrs(
            "environment",
            {
                "etc": {"homelab/replicas.json": {"text": json.dumps(text, sort_keys=True)}},
                "systemPackages": [Call("pkgs.writeShellScriptBin", (PROGRAM, program))],
            },
        ),
        exported,
    )


def _receiver(host: Host, replica: Replica, failing: Attrs, *, read: bool) -> Attrs:
    login = replica.login
    # Only the group of the readers may enter the directory.
    owning: list[Nix] = ["CAP_CHOWN"] if read and not replica.on_zfs else []
    # Without its arguments: sudo-rs has no patterns for them. The account has no other way to sudo
    # than its forced command.
    rule: Nix = {
        "users": [login],
        "commands": [{"command": PATH, "options": ["NOPASSWD"]}],
    }
    rules: list[Nix] = [] if replica.on_zfs else [rule]
    place = syncoid.WAITS if replica.on_zfs else waiting(host, [replica.place])
    return merge(
        attrs(
            f"users.users.{login}",
            {
                "isSystemUser": True,
                "group": login,
                "shell": Comment("sshd runs the one command with it.", Raw("pkgs.bashInteractive")),
            },
        ),
        attrs(f"users.groups.{login}", {}),
        attrs("security.sudo.extraRules", rules) if rules else {},
        attrs("security.sudo-rs.extraRules", rules) if rules else {},
        attrs(
            f"systemd.services.{REPLICA}-{replica.dataset.name}",
            {
                "description": f"Place for the replica of {replica.dataset.name}",
                "wantedBy": ["multi-user.target"],
                "script": f"{PATH} prepare {replica.dataset.name}\n",
                # With the first reader, the replica that is there is mounted at once.
                **({"restartTriggers": ["read"]} if read and replica.on_zfs else {}),
                **place,
                **failing,
                "serviceConfig": {
                    **sandbox("protect-system", "private-devices", "capability-bounding-set"),
                    "Type": "oneshot",
                    "RemainAfterExit": True,
                    "CapabilityBoundingSet": [*owning, "CAP_DAC_OVERRIDE", "CAP_SYS_ADMIN"],
                    "PrivateNetwork": True,
                },
            },
        ),
    )


def _match(replica: Replica) -> str:
    """The account can run one command, which refuses what it does not know."""
    _, public = replica_keys(replica.dataset.name)
    # ZFS lets the account itself receive.
    as_root = "" if replica.on_zfs else f"{SUDO} -n "
    command = f"{as_root}{PATH} receive {shlex.quote(replica.dataset.name)}"
    return "\n".join(
        (
            f"Match User {replica.login}",
            f"  AuthorizedKeysFile {secret_path(REPLICA, public, 'derived', 'file')}",
            f'  ForceCommand {command} "$SSH_ORIGINAL_COMMAND"',
            "  AllowTcpForwarding no",
            "  X11Forwarding no",
            "  PermitTunnel no",
            "  PermitTTY no",
            "  AllowAgentForwarding no",
            "",
        )
    )


FRESH = "replicas-fresh"
"""The unit that finds old replicas, without its suffix."""


def _freshness(received: list[Replica], failing: Attrs) -> Attrs:
    places = [for_systemd(r.place) for r in received if not r.on_zfs]
    unit: Mapping[str, Nix] = {
        "description": "Find replicas that are too old",
        **failing,
        "script": f"{PATH} fresh\n",
        "serviceConfig": {
            **sandbox("protect-system", "private-devices", "capability-bounding-set"),
            "Type": "oneshot",
            "StateDirectory": "homelab/replicas",
            "CapabilityBoundingSet": ["CAP_DAC_OVERRIDE", "CAP_SYS_ADMIN"],
            "PrivateNetwork": True,
            # A disk that is missing is a replica that is too old, not a unit that does not start.
            **({"ReadOnlyPaths": [f"-{p}" for p in places]} if places else {}),
        },
    }
    return merge(
        attrs(f"systemd.services.{FRESH}", unit),
        attrs(
            f"systemd.timers.{FRESH}",
            {
                "wantedBy": ["timers.target"],
                # Half an hour after the hourly ones are sent, and after a host has woken.
                "timerConfig": {"OnCalendar": "*:30"},
            },
        ),
    )
