"""Rules of the security baseline: firewall, kernel, boot, Nix and secrets."""

from __future__ import annotations

from homelab.config.kernel import weakens
from homelab.policy.model import Facts, UnknownError, is_computed
from homelab.policy.rules import REMOVE, option, path, register
from homelab.policy.values import between, is_exactly, items
from homelab.system.model import Host

_STORE = "/nix/store/"


def _is_x86(host: Host) -> bool:
    return host.config.platform == "x86_64-linux"


def _has_systemd_boot(host: Host) -> bool:
    return host.config.boot.loader == "systemd-boot"


option(
    "SEC-NET-001",
    "the firewall is on",
    "networking.firewall.enable",
    is_exactly(True),
    default=True,
    required=True,
    why="Without it every port of every program is open.",
    way_out=REMOVE,
)
option(
    "SEC-NET-002",
    "the firewall uses nftables",
    "networking.nftables.enable",
    is_exactly(True),
    default=False,
    required=True,
    why="The rules of the plan are rules of nftables: without it they do not apply.",
    way_out=REMOVE,
)
option(
    "SEC-NET-003",
    "no network is trusted as a whole",
    "networking.firewall.trustedInterfaces",
    lambda v: set(map(str, items(v))) <= {"lo"},
    default=(),
    required=True,
    why="Every port is open to everybody on a trusted interface.",
    way_out="remove the interface, and write the ports that it needs in the service's ports",
)
option(
    "SEC-NET-004",
    "the kernel drops packets with a foreign source address",
    "networking.firewall.checkReversePath",
    lambda v: v is not False,
    default=True,
    why="Forged packets from the LAN reach rules that trust an address.",
    way_out='write "loose" instead of false',
)


def _microcode(facts: Facts) -> str:
    found = [facts.values.get(path(f"hardware.cpu.{c}.updateMicrocode")) for c in ("amd", "intel")]
    if True in found:
        return ""
    if any(is_computed(v) for v in found):
        raise UnknownError
    return "hardware.cpu.intel.updateMicrocode and hardware.cpu.amd.updateMicrocode are false"


register(
    "SEC-KERN-001",
    "the processor gets new microcode",
    ["hardware.cpu.amd.updateMicrocode", "hardware.cpu.intel.updateMicrocode"],
    why="Flaws of processors are repaired by microcode, which many boards never update.",
    way_out="set the one of the processor to true in the host's hardware module",
    look=_microcode,
    applies=_is_x86,
)
option(
    "SEC-KERN-002",
    "the kernel's mitigations are on",
    "boot.kernelParams",
    lambda v: not any(weakens(word) for p in items(v) for word in str(p).split()),
    default=(),
    required=True,
    why="Without them one program reads the memory of others.",
    way_out="remove the parameter",
)
option(
    "SEC-KERN-003",
    "the kernel shows no addresses to programs",
    'boot.kernel.sysctl."kernel.kptr_restrict"',
    between(1, 2),
    default=1,
    why="Addresses of the kernel make an attack on it easier.",
    way_out=REMOVE,
)
option(
    "SEC-KERN-004",
    "only root reads the kernel's log",
    'boot.kernel.sysctl."kernel.dmesg_restrict"',
    is_exactly(1),
    default=0,
    why="The log contains addresses, serial numbers and names of devices.",
    way_out="write hosts.….kernel.sysctl: {kernel.dmesg_restrict: 1}",
)
option(
    "SEC-KERN-005",
    "a running kernel cannot be replaced",
    "security.protectKernelImage",
    is_exactly(True),
    default=False,
    why="Root could replace the kernel without a restart. It also turns off hibernation.",
    way_out="set security.protectKernelImage = true in a module of yours, unless the host "
    "hibernates",
)
option(
    "SEC-KERN-006",
    "nobody edits the kernel's parameters in the boot menu",
    "boot.loader.systemd-boot.editor",
    is_exactly(False),
    default=True,
    applies=_has_systemd_boot,
    why="Whoever stands before the machine starts a root shell with init=/bin/sh.",
    way_out="set boot.loader.systemd-boot.editor = false in a module of yours",
)

option(
    "SEC-NIX-001",
    "not every user is trusted by Nix",
    "nix.settings.trusted-users",
    lambda v: "*" not in items(v),
    default=("root",),
    required=True,
    why="A trusted user of Nix can become root.",
    way_out='remove "*", and name the accounts',
)
option(
    "SEC-NIX-002",
    "builds run in a sandbox",
    "nix.settings.sandbox",
    lambda v: v in (True, "true"),
    default=True,
    required=True,
    why="A build outside of it reads the files and the network of the host.",
    way_out=REMOVE,
)
option(
    "SEC-NIX-003",
    "Nix takes only signed packages from caches",
    "nix.settings.require-sigs",
    lambda v: v in (True, "true"),
    default=True,
    required=True,
    why="Whoever controls a cache or the connection to it would run programs as root.",
    way_out=f"{REMOVE}, and write the key of the cache: nix.substituters",
)
option(
    "SEC-SECR-001",
    "no secret is readable by everybody",
    "sops.secrets.*.mode",
    lambda v: isinstance(v, str) and v[-1:] == "0",
    required=True,
    why="Every program of the host would read it.",
    way_out='write the mode "0400", or "0440" with the group of its readers',
)
option(
    "SEC-SECR-002",
    "the key of the secrets is not in the Nix store",
    "sops.age.keyFile",
    lambda v: v is None or not str(v).startswith(_STORE),
    default=None,
    required=True,
    why="Every user of the host can read the Nix store, and with the key all secrets.",
    way_out="name a path on the host, in quotes",
)
