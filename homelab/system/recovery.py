"""SSH by password for an owner who lost the key: for a few minutes after a boot, from home only.

sshd uses the first value of a setting, and only a Match block can override it; so the window is a
file that such a block includes, which exists while a unit runs. NixOS sets passwords of new
accounts only (`hashedPasswordFile` with `users.mutableUsers`), so the unit sets the owner's
password while the window is open.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from importlib import resources

from homelab.config.host_options import RECOVERY, Recovery
from homelab.nix import Attrs, Lines, Module, Pkg, Raw, Script, attrs, merge
from homelab.plan import Plan
from homelab.secret_paths import referred_path
from homelab.system.model import Host

INCLUDED = "/run/homelab-recovery/sshd.conf"
_UNIT = "ssh-recovery"
_FILE = "lib/recovery.sh"
_SHELL = (resources.files("homelab.system") / "recovery.sh").read_text(encoding="utf-8")


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`recovery.nix`, on a host that asks for it."""
    recovery = host.config.ssh.recovery
    if recovery is None or not host.is_nixos:
        return
    owner, lan = plan.stack.site.owner.user, str(plan.stack.network.lan.cidr)
    match = f"Match Address {lan} User {owner}\n  Include {INCLUDED}\nMatch all\n"
    yield Module(
        "recovery.nix",
        "SSH by password, from home, for a few minutes after a boot",
        derived=merge(
            attrs("services.openssh.extraConfig", Lines(match)),
            attrs(f"systemd.services.{_UNIT}", _window(recovery, owner)),
            attrs(f"systemd.services.{_UNIT}-at-boot", _at_boot()),
        ),
        extra=((_FILE, _SHELL),),
    )


def _window(recovery: Recovery, owner: str) -> Attrs:
    seconds = recovery.seconds
    password = shlex.quote(referred_path(recovery.password, *RECOVERY))
    return {
        "description": "Log in by password from home, for a while",
        # A switch must not open the window.
        "restartIfChanged": False,
        "path": [Pkg("shadow")],
        "script": _run(f"open {seconds} {owner} {password}"),
        "postStop": _run(f"close {owner}"),
        "serviceConfig": {
            "RuntimeDirectory": "homelab-recovery",
            "RuntimeDirectoryMode": "0755",
            "RuntimeMaxSec": seconds + 30,
            "StateDirectory": "homelab-recovery",
            "StateDirectoryMode": "0700",
        },
    }


def _at_boot() -> Attrs:
    return {
        "description": "Open the window for logins by password after a boot",
        "after": ["sshd.service"],
        "wantedBy": ["multi-user.target"],
        "restartIfChanged": False,
        "script": _run("at-boot"),
        "serviceConfig": {"Type": "oneshot", "RemainAfterExit": True},
    }


def _run(words: str) -> Script:
    return Script.of(". ", Raw(f"./{_FILE}"), f" {words}\n")
