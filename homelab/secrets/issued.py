"""Derived and issued secrets: the release's own activation puts into place what was sent for it.

A generation of the system names its release, so going back to an older one also takes back the
secrets that belong to it. Runs at boot too, without the deployer: the files lie on the host.
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
    """The activation script of a host that has such secrets."""
    sent = [s for s in plan.secrets.on(host.name) if s.source != "stored"]
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
