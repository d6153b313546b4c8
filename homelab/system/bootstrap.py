"""The first system of a new machine, as an image: host name, accounts and SSH.

It has no service, no secret and no host key. The machine generates its host key at its first start,
and a person compares and pins it.
"""

from __future__ import annotations

from homelab.config.hosts import Bootstrap
from homelab.nix import Attrs, Comment, Module, attrs, merge
from homelab.plan import Plan
from homelab.system import base, lan, nixpkgs
from homelab.system.model import Host

FILE = "bootstrap.nix"
IMAGES: dict[Bootstrap, tuple[str, str, str]] = {
    "sd-image": (
        "installer/sd-card/sd-image-aarch64.nix",
        "sdImage",
        "result/sd-image/*.img.zst",
    ),
    "iso": ("installer/cd-dvd/installation-cd-minimal.nix", "isoImage", "result/iso/*.iso"),
}
"""Module of nixpkgs, its attribute of `system.build`, and the path of the image. Every release has
these; `system.build.images` came with 25.05 and had no SD card for aarch64 at first."""


def output(host: Host) -> str:
    """Name of the system in the host's flake."""
    return f"{host.name}-bootstrap"


def image(plan: Plan, host: Host) -> Module | None:
    """`bootstrap.nix`, for a host that asks for it."""
    kind = host.config.bootstrap
    if kind is None:
        return None
    return Module(
        FILE,
        f"{host.name}'s first system, for an image: no service and no secret",
        derived=merge(
            base.identity(plan, host),
            base.people(plan),
            base.way_in(host, everywhere=True),
            nixpkgs.settings(),
            lan.static(plan, host),
            _card(host) if kind == "sd-image" else {},
        ),
        stated=base.installed_with(host),
        imports=(f'"${{modulesPath}}/{IMAGES[kind][0]}"',),
    )


def _card(host: Host) -> Attrs:
    """What an SD image lacks compared with an installation medium of nixpkgs."""
    body: Attrs = {
        "hardware": {"enableRedistributableFirmware": True},
        "services": {
            "getty": {
                "autologinUser": Comment(
                    "No account has a password yet, and access to the console is access to the "
                    "card.",
                    "root",
                )
            }
        },
    }
    if host.config.wifi is None:
        return body
    joined_by_hand = Comment("Join the network with iwctl: the image has no password.", True)
    return merge(body, attrs("networking.wireless.iwd.enable", joined_by_hand))
