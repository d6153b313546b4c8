"""Nix on a host: settings, remote builders, and allowed unfree packages."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from homelab.deploy.model import BUILD_USER
from homelab.grouping import grouped
from homelab.network.between import dialled
from homelab.nix import Attrs, Call, Function, Lines, Module, Nix, Raw, attrs, merge
from homelab.plan import Plan, once
from homelab.system import home_programs
from homelab.system.model import Host
from homelab.system.store import builds, caches, garbage

SSH_PORT = 22
NVIDIA = ("nvidia-kernel-modules", "nvidia-persistenced", "nvidia-settings", "nvidia-x11")


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """Nix settings, builders, and the release id."""
    if not host.is_nixos:
        return
    yield Module(
        "nix.nix",
        "Nix itself, and the packages it may build",
        derived=merge(
            settings(),
            garbage(host),
            builds(host),
            caches(host),
            unfree(plan, host),
            _builds_for(plan, host),
            _built_by(plan, host),
        ),
    )
    yield Module(
        "release.nix",
        "The release id, for nixos-version and /etc/homelab/release",
        derived={
            "environment": {
                "etc": {
                    "homelab/release": {"text": Raw("import ./release-id.nix")},
                    "homelab/source": {"source": Raw("./.")},
                }
            },
        },
        stated=attrs("system.nixos.tags", [Raw("(import ./release-id.nix)")]),
    )


def settings() -> Attrs:
    """Nix settings of every host."""
    return attrs(
        "nix",
        {
            "optimise": {"automatic": True},
            "settings": {
                "experimental-features": ["nix-command", "flakes"],
                "trusted-users": ["@wheel"],
            },
        },
    )


def unfree(plan: Plan, host: Host) -> Attrs:
    """The unfree packages that a host may build."""
    names = set(NVIDIA) if host.config.gpu and host.config.gpu.vendor == "nvidia" else set()
    for service in plan.on(host.name):
        names |= set(service.entry.unfree)
        if service.config.gpu:
            names |= set(service.entry.unfree_gpu.get(service.config.gpu, ()))
    if any(s.source == "fetched" for s in plan.secrets.on(host.name)):
        names.add("1password-cli")
    return allowed(names | home_programs.unfree(host))


def allowed(names: Collection[str]) -> Attrs:
    """The setting of nixpkgs that allows these unfree packages, and no others."""
    if not names:
        return {}
    listed: list[Nix] = [*sorted(names)]
    return attrs(
        "nixpkgs.config.allowUnfreePredicate",
        Function("pkg", Call("builtins.elem (lib.getName pkg)", (listed,))),
    )


def builds_for(plan: Plan, host: Host) -> tuple[Host, ...]:
    """Hosts that this one builds for."""
    return _builders(plan).get(host.name, ())


@once
def _builders(plan: Plan) -> Mapping[str, tuple[Host, ...]]:
    """For each builder, the hosts that it builds for."""
    given = [h for h in plan.hosts.values() if h.is_nixos and h.config.build.host]
    return grouped(given, lambda h: h.config.build.host or "")


def _copies_from(plan: Plan, host: Host) -> tuple[Host, ...]:
    """Hosts that get their whole system from this one."""
    return _copied(plan).get(host.name, ())


@once
def _copied(plan: Plan) -> Mapping[str, tuple[Host, ...]]:
    """For each host, the hosts that get their whole system from it."""
    given = [h for h in plan.hosts.values() if h.is_nixos and h.config.build.copy_from]
    return grouped(given, lambda h: h.config.build.copy_from or "")


def _builds_for(plan: Plan, host: Host) -> Attrs:
    """The account of a builder, for builds only. Nix on the builder trusts what clients send."""
    others, copied = builds_for(plan, host), _copies_from(plan, host)
    foreign = sorted({h.config.platform for h in (*others, *copied)} - {host.config.platform})
    listed: list[Nix] = list(foreign)
    emulated = attrs("boot.binfmt.emulatedSystems", listed) if foreign else {}
    if not others:
        return emulated
    # The command that ssh-ng runs; no shell, no forwarding.
    keys: list[Nix] = [
        f'restrict,command="nix-daemon --stdio" {h.config.ssh.host_key}'
        for h in others
        if h.config.ssh.host_key
    ]
    return merge(
        emulated,
        attrs("nix.settings.trusted-users", [BUILD_USER]),
        {
            "users": {
                "groups": {BUILD_USER: {}},
                "users": {
                    BUILD_USER: {
                        "isSystemUser": True,
                        "group": BUILD_USER,
                        "useDefaultShell": True,
                        "openssh": {"authorizedKeys": {"keys": keys}},
                    }
                },
            }
        },
    )


def _built_by(plan: Plan, host: Host) -> Attrs:
    """The remote builder of this host; root uses the host's SSH key."""
    builder = plan.hosts.get(host.config.build.host or "")
    if builder is None:
        return {}
    address = dialled(plan.stack, host.name, builder.name) or builder.name
    port = builder.config.ssh.port
    machine: Nix = {
        "hostName": address,
        "protocol": "ssh-ng",
        "sshKey": "/etc/ssh/ssh_host_ed25519_key",
        "sshUser": BUILD_USER,
        "supportedFeatures": ["big-parallel"],
        "systems": [host.config.platform],
    }
    # Nix cannot name a builder's port, so ssh_config does, from this host's first switch on.
    ssh = attrs("programs.ssh.extraConfig", Lines(f"Host {address}\n  Port {port}\n"))
    return merge(
        attrs("nix", {"buildMachines": [machine], "distributedBuilds": True}),
        ssh if port != SSH_PORT else {},
    )
