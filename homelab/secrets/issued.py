"""Derived and issued secrets: the activation script of a release installs the secrets sent with it.

A system generation refers to its release, so a rollback also restores the secrets of that release.
The script also runs at boot, without the deployer: the files are on the host.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from importlib import resources

from homelab.nix import Module, Raw, Script, attrs
from homelab.plan import Plan
from homelab.system.model import Host

_FILE = "lib/place-secrets.sh"
_SHELL = (resources.files("homelab.secrets") / "place.sh").read_text(encoding="utf-8")
_RELEASE = Raw("import ./release-id.nix")


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """The activation script, for a host with derived or issued secrets."""
    sent = [s for s in plan.secrets.on(host.name) if s.is_sent]
    if not sent or not host.is_nixos:
        return
    calls = "".join(f"place {shlex.join((s.name, s.owner, s.mode, *s.units))}\n" for s in sent)
    script = Script.of("(\n. ", Raw(f"./{_FILE}"), " ", _RELEASE, f"\n{calls}forget_others\n)\n")
    yield Module(
        "issued-secrets.nix",
        "Issued and derived secrets of this host, which the deployer sends with each release",
        derived=attrs(
            "system.activationScripts.homelab-secrets",
            {"deps": ["users", "groups"], "text": script},
        ),
        extra=((_FILE, _SHELL),),
    )
