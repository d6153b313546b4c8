"""From a plan to the files of each host: a tree that works without homelab.

`default.nix` can be imported by an owner's own flake; `flake.nix` is a minimal flake around it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from importlib import resources

from homelab.backup import restic
from homelab.certificates import acme, internal
from homelab.certificates.model import ROOT
from homelab.cloudflare import cloudflared
from homelab.dashboard import homepage
from homelab.deploy import reboot
from homelab.deploy.model import Release
from homelab.hardening import systemd
from homelab.identity import authelia, directory, pocket_id, portal
from homelab.monitoring import gatus, measurements
from homelab.network import adguard, avahi, blocky, firewall
from homelab.nix import Module, Nix, Raw, print_file, print_module
from homelab.offline import delivery
from homelab.plan import Plan
from homelab.proxy import caddy, nginx, traefik
from homelab.secrets import issued, sops_nix
from homelab.services import containers, control, nixos
from homelab.storage import datasets, samba
from homelab.system import (
    ban,
    base,
    bootstrap,
    facts,
    flakes,
    hardware,
    home,
    lan,
    nixpkgs,
    own,
    persistence,
    recovery,
    watchdog,
)
from homelab.system.model import Host
from homelab.tailnet import tailscale
from homelab.vpn import killswitch, namespace

Backend = Callable[["Plan", "Host"], Iterator[Module]]
"""A function that renders a package's part of the plan as NixOS modules of one host."""

BACKENDS: tuple[Backend, ...] = (
    base.modules,
    hardware.modules,
    recovery.modules,
    reboot.modules,
    watchdog.modules,
    nixpkgs.modules,
    home.modules,
    lan.modules,
    ban.modules,
    facts.modules,
    delivery.modules,
    firewall.modules,
    adguard.modules,
    avahi.modules,
    blocky.modules,
    caddy.modules,
    nginx.modules,
    traefik.modules,
    acme.modules,
    internal.modules,
    cloudflared.modules,
    tailscale.modules,
    authelia.modules,
    directory.modules,
    pocket_id.modules,
    portal.modules,
    sops_nix.modules,
    issued.modules,
    datasets.modules,
    samba.modules,
    restic.modules,
    gatus.modules,
    measurements.modules,
    homepage.modules,
    systemd.modules,
    killswitch.modules,
    namespace.modules,
    containers.modules,
    nixos.modules,
    control.modules,
)

HEAD = "Made by homelab from the stack config; the next `pulumi up` writes it anew."
Files = Mapping[str, str | bytes]


def modules_of(plan: Plan, host: Host) -> list[Module]:
    """Every module of a host, by file name."""
    backends: tuple[Backend, ...] = (home.modules,)
    if host.config.state == "retired":
        backends = (
            base.modules,
            hardware.modules,
            nixpkgs.modules,
            lan.modules,
            sops_nix.modules,
            firewall.modules,
            # The deployer may reach the host only over the tailnet.
            tailscale.modules,
        )
    elif host.is_nixos:
        backends = BACKENDS
    made = [m for backend in backends for m in backend(plan, host)]
    # Persistence depends on all other modules.
    made += persistence.modules(plan, host, made)
    return sorted(made, key=lambda m: m.file)


def render(plan: Plan, sources: Files) -> dict[str, Release]:
    """The release of every host that is not only planned: its files and their digest.

    `sources` are the files that hosts refer to: hand-written modules, sops files and flake locks,
    by their path relative to the stack file.
    """
    printed: dict[str, str] = {}
    return {
        name: _release(plan, host, sources, printed)
        for name, host in sorted(plan.hosts.items())
        if host.config.state != "planned"
    }


def render_images(plan: Plan, sources: Files) -> dict[str, Release]:
    """The files of planned hosts with a bootstrap image: only the image, no system."""
    return {
        name: _image(plan, host, image, sources)
        for name, host in sorted(plan.hosts.items())
        if host.config.state == "planned" and (image := bootstrap.image(plan, host)) is not None
    }


def _image(plan: Plan, host: Host, image: Module, sources: Files) -> Release:
    files: dict[str, str | bytes] = {
        "lib/derive.nix": _DERIVE,
        image.file: print_module(image, HEAD),
    }
    files["flake.nix"], files["flake.lock"] = flakes.flake(plan, host, None, sources, HEAD)
    return Release(digest(files), host.name, tuple(sorted(files.items())))


def _release(plan: Plan, host: Host, sources: Files, printed: dict[str, str]) -> Release:
    modules = modules_of(plan, host)
    files: dict[str, str | bytes] = {"lib/derive.nix": _DERIVE}
    for module in modules:
        root = "/".join([".."] * module.file.count("/")) or "."
        text = printed.get(module.file) or print_module(module, HEAD, root)
        if module.shared:
            printed[module.file] = text
        files[module.file] = text
        files |= dict(module.extra)
    image = bootstrap.image(plan, host)
    if image is not None:
        files[image.file] = print_module(image, HEAD)
    names: list[Nix] = [Raw(f"./{m.file}") for m in modules]
    files["default.nix"] = print_file(
        {"imports": names},
        head=f"{HEAD}\n{host.name}, whole: import this from a flake of your own, or use flake.nix.",
    )
    files["flake.nix"], files["flake.lock"] = flakes.flake(plan, host, modules, sources, HEAD)
    files |= {f"own/{name}": content for name, content in own.carried(host, sources).items()}
    root = root_path(plan)
    if root in sources and host.is_nixos:
        files[ROOT] = sources[root]
    sops = plan.stack.secrets.hosts.replace("{host}", host.name)
    if sops in sources and any(s.source == "stored" for s in plan.secrets.on(host.name)):
        files["secrets.yaml"] = sources[sops]
    id_ = digest(files)
    if host.is_nixos:
        files["release-id.nix"] = print_file(
            id_, head=f"{HEAD}\nThe digest of every other file here."
        )
    return Release(id_, host.name, tuple(sorted(files.items())))


def digest(files: Files) -> str:
    """Digest of all files, twelve hex digits."""
    whole = hashlib.sha256()
    for path, content in sorted(files.items()):
        data = content.encode() if isinstance(content, str) else content
        whole.update(f"{path}\0{len(data)}\0".encode())
        whole.update(data)
    return whole.hexdigest()[:12]


def root_path(plan: Plan) -> str:
    """Path of the internal authority's root certificate; empty without such an authority."""
    issuer = plan.stack.network.entry.acme
    return (issuer.root or "") if issuer is not None else ""


_DERIVE = resources.files("homelab.nix").joinpath("derive.nix").read_text(encoding="utf-8")
