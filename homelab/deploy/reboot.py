"""What a host needs so that a switch may restart it: resume at boot, and fall back unattended."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources

from homelab.nix import Comment, Module, Raw, Script, attrs, merge
from homelab.plan import Plan
from homelab.system.model import Host

_FILE = "lib/resume-at-boot.sh"
_SHELL = (resources.files("homelab.deploy") / "resume-at-boot.sh").read_text(encoding="utf-8")
_PANIC_SECONDS = 30


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`reboot.nix`, on a host that a switch may restart."""
    if host.config.reboot is None or not host.is_nixos:
        return
    yield Module(
        "reboot.nix",
        "A switch may restart this host: the switch resumes at boot, and no prompt stops the boot",
        derived=merge(
            attrs(
                "boot.kernelParams",
                Comment(
                    "A kernel or initrd that panics reboots, and the boot loader then starts"
                    " the old system.",
                    [f"panic={_PANIC_SECONDS}", "boot.panic_on_fail"],
                ),
            ),
            attrs("systemd.enableEmergencyMode", False),
            attrs(
                "systemd.services.homelab-resume",
                {
                    "description": "Resume the switch that restarted this host",
                    "restartIfChanged": False,
                    "script": Script.of(". ", Raw(f"./{_FILE}"), "\n"),
                    "serviceConfig": {"Type": "oneshot"},
                    "unitConfig": {"RequiresMountsFor": "/var/lib/homelab"},
                    "wantedBy": ["multi-user.target"],
                },
            ),
        ),
        extra=((_FILE, _SHELL),),
    )
