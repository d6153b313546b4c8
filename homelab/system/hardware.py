"""Hardware settings: boot, power, memory, graphics."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from homelab.config.disks import in_bytes
from homelab.config.graphics import BEFORE_TURING
from homelab.deploy.model import wake_command
from homelab.nix import Attrs, Call, Comment, Lines, Module, Nix, Pkg, Script, attrs, merge
from homelab.plan import Plan
from homelab.system.model import Host

SLEEP_TARGETS = ("hibernate", "hybrid-sleep", "sleep", "suspend")


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """The host's hand-written modules, and modules for its hardware fields."""
    if not host.is_nixos:
        return
    yield from _own(host)
    yield _boot(host)
    power = _power(plan, host)
    if power:
        yield Module("power.nix", "Sleep, wake and memory", derived=power)
    if host.config.gpu is not None:
        yield Module("graphics.nix", "Graphics hardware that services use", derived=_gpu(host))


def _own(host: Host) -> Iterator[Module]:
    """Hand-written modules keep the names that they have beside the stack file."""
    paths = [p for p in (host.config.hardware, *host.config.modules) if p]
    named = (flake.partition(".") for flake in host.config.flakes)
    flakes = tuple((name, path) for name, _, path in named)
    # Without host.nix nothing else of homelab names the platform. A flake names its own.
    named_here = not host.config.manages("system") and host.config.extends is None
    if paths or flakes or named_here:
        yield Module(
            "own.nix",
            "Hand-written modules, copied as they are",
            derived=attrs("nixpkgs.hostPlatform", host.config.platform) if named_here else {},
            imports=tuple(f"./own/{p}" for p in paths),
            flakes=flakes,
        )


def _boot(host: Host) -> Module:
    boot = host.config.boot
    body: Attrs = {}
    if boot.loader == "systemd-boot":
        body = {
            "boot": {
                "loader": {
                    "efi": {"canTouchEfiVariables": True},
                    "systemd-boot": {"enable": True, "configurationLimit": boot.limit},
                }
            }
        }
    elif boot.loader == "grub":
        grub: Attrs = {"enable": True, "configurationLimit": boot.limit}
        if boot.device is not None:
            grub["device"] = boot.device
        body = attrs("boot.loader.grub", grub)
        if boot.device == "nodev":
            body = merge(
                body,
                attrs("boot.loader.grub.efiSupport", True),
                attrs("boot.loader.efi.canTouchEfiVariables", True),
            )
    elif boot.loader == "extlinux":
        body = {
            "boot": {
                "loader": {
                    "generic-extlinux-compatible": {
                        "enable": True,
                        "configurationLimit": boot.limit,
                    },
                    "grub": {"enable": False},
                }
            }
        }
    flakes: tuple[tuple[str, str], ...] = ()
    if host.config.profile == "raspberry-pi-4":
        flakes = (("nixos-hardware", "nixosModules.raspberry-pi-4"),)
    return Module(
        "boot.nix", "Boot loader and kernel", derived=merge(body, _flash(host)), flakes=flakes
    )


def _flash(host: Host) -> Attrs:
    if not host.config.flash:
        return {}
    return attrs(
        "services.journald.extraConfig",
        Comment(
            "The root is on flash: keep the journal in memory.",
            Lines("Storage=volatile\nRuntimeMaxUse=64M\n"),
        ),
    )


def _power(plan: Plan, host: Host) -> Attrs:
    body: Attrs = {}
    if host.config.profile == "laptop-server":
        body = merge(
            _lid(host), {"systemd": {"targets": {t: {"enable": False} for t in SLEEP_TARGETS}}}
        )
    wake = host.config.wake_on_lan
    if wake is not None:
        interface: Attrs = {wake.interface: {"wakeOnLan": {"enable": True}}}
        body = merge(body, {"networking": {"interfaces": interface}})
    body = merge(body, _wakers(plan, host))
    zram = host.config.zram
    if zram is not None:
        body = merge(
            body,
            attrs(
                "zramSwap",
                {"enable": True, "algorithm": zram.algorithm, "memoryPercent": zram.percent},
            ),
        )
    return merge(body, _user_memory(host))


def _user_memory(host: Host) -> Attrs:
    """Limits for the manager of each user, from which systemd starts their programs."""
    limits = host.config.user_memory
    if limits is None:
        return {}
    stated = {"MemoryHigh": limits.high, "MemoryMax": limits.max}
    settings: Attrs = {k: f"{in_bytes(v) // 2**20}M" for k, v in stated.items() if v is not None}
    return attrs('systemd.services."user@".serviceConfig', settings)


LOGIND_SINCE = "25.11"
"""First release where logind's settings are one set; the older names are aliases that warn."""


def _lid(host: Host) -> Attrs:
    """Do not suspend when the lid closes."""
    cases = ("", "Docked", "ExternalPower")
    if host.release >= LOGIND_SINCE:
        login: Attrs = {f"HandleLidSwitch{case}": "ignore" for case in cases}
        return attrs("services.logind.settings.Login", login)
    return attrs("services.logind", {f"lidSwitch{case}": "ignore" for case in cases})


def _wakers(plan: Plan, host: Host) -> Attrs:
    """A wake command for each machine with Wake-on-LAN: on every appliance that is always on, and
    on the machine's `wake_by` host.
    """
    commands: list[Nix] = []
    for name, mac, waker in _woken(plan):
        if waker == host.name or host.role == "appliance":
            packet = Script.of("exec ", Pkg("wakeonlan"), f"/bin/wakeonlan {mac}\n")
            commands.append(Call("pkgs.writeShellScriptBin", (wake_command(name), packet)))
    return attrs("environment.systemPackages", commands) if commands else {}


@lru_cache(maxsize=1)
def _woken(plan: Plan) -> tuple[tuple[str, str, str], ...]:
    """Machines with Wake-on-LAN: name, MAC address, and the `wake_by` host."""
    return tuple(
        (
            name,
            host.config.wake_on_lan.mac,
            (host.config.offline and host.config.offline.wake_by) or "",
        )
        for name, host in sorted(plan.hosts.items())
        if host.config.wake_on_lan is not None
    )


def _gpu(host: Host) -> Attrs:
    gpu = host.config.gpu
    if gpu is None:
        return {}
    body = attrs("hardware.graphics.enable", True)
    if gpu.vendor == "nvidia":
        body = merge(
            body,
            attrs("hardware.nvidia.open", gpu.open_modules),
            attrs("services.xserver.videoDrivers", ["nvidia"]),
        )
        if gpu.architecture in BEFORE_TURING and host.release >= WITHOUT_OLD_CARDS_SINCE:
            body = merge(body, attrs("hardware.nvidia.branch", "legacy_580"))
    elif gpu.vendor == "intel":
        packages: list[Nix] = [*map(Pkg, intel_packages(gpu.generation, host.release))]
        body = merge(body, attrs("hardware.graphics.extraPackages", packages))
    return body


WITHOUT_OLD_CARDS_SINCE = "26.05"
"""First release whose driver (595) ignores cards before Turing, and that has
`hardware.nvidia.branch` (NixOS/nixos-hardware#1880)."""
VPL_SINCE = "24.11"
"""First release that calls Quick Sync's runtime vpl-gpu-rt (renamed 2024-06-04)."""
LEGACY_SINCE = "25.05"
"""First release with a separate OpenCL runtime for processors before the 11th generation."""


def intel_packages(generation: int | None, release: str) -> tuple[str, ...]:
    """Packages for video decoding and encoding (VA-API, Quick Sync) and tone mapping (OpenCL)."""
    if generation is not None and generation < 5:
        return ("intel-vaapi-driver",)
    if generation is not None and generation < 11:
        legacy = "-legacy1" if release >= LEGACY_SINCE else ""
        return (f"intel-compute-runtime{legacy}", "intel-media-driver")
    vpl = "vpl-gpu-rt" if release >= VPL_SINCE else "onevpl-intel-gpu"
    return ("intel-compute-runtime", "intel-media-driver", vpl)
