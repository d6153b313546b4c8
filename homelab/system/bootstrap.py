"""The first system of a new machine, as an image: host name, accounts and SSH.

It has no service, no secret and no host key. An SD card's first start takes host key and WiFi
networks from the card, where `homelab bootstrap --onto` puts them; otherwise the machine generates
its host key, and a person compares and pins it.
"""

from __future__ import annotations

from importlib import resources

from homelab.config.hosts import Bootstrap
from homelab.nix import Attrs, Comment, Module, Nix, Pkg, Raw, Script, attrs, merge
from homelab.plan import Plan
from homelab.system import base, lan, nixpkgs
from homelab.system.model import Host

FILE = "bootstrap.nix"
_FILE = "lib/card.sh"
_SHELL = (resources.files("homelab.system") / "card.sh").read_text(encoding="utf-8")
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
        extra=((_FILE, _SHELL),) if kind == "sd-image" else (),
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
    body = merge(body, attrs("systemd.services.homelab-card", _taken()))
    if host.config.wifi is None:
        return body
    joined = Comment("The network comes from the card, or is joined with iwctl.", True)
    return merge(body, attrs("networking.wireless.iwd.enable", joined))


def _taken() -> Attrs:
    """The unit that takes the host key and WiFi networks from the card."""
    device: list[Nix] = ["dev-disk-by\\x2dlabel-FIRMWARE.device"]
    return {
        "description": "Take the host key and WiFi networks from the card",
        "wantedBy": ["multi-user.target"],
        "before": ["iwd.service", "sshd-keygen.service", "sshd.service"],
        "wants": device,
        "after": device,
        "path": [Pkg("openssh"), Pkg("util-linux")],
        "script": Script.of(". ", Raw(f"./{_FILE}"), "\n"),
        "serviceConfig": {"Type": "oneshot", "RemainAfterExit": True},
    }
