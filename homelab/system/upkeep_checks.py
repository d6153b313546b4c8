"""Checks of maintenance settings: watchdog, boot partition, Nix store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil
from pathlib import PurePosixPath

from homelab.check import check, file_check
from homelab.config.host_options import seconds
from homelab.config.host_parts import MINIMUM_LIMIT, Boot
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.system.file_systems import file_systems, is_within
from homelab.system.model import Host

BUILD_DIR_MOUNTED = file_check(
    "build-dir-mounted",
    "error",
    "A build directory must be on a mounted disk and writable by root only.",
)

FILL = 0.85
"""Maximum use of a boot partition; the rest is for firmware and other systems."""
_RARE = ("weekly", "monthly", "quarterly", "semiannually", "yearly", "annually")
"""Calendar events of systemd.time(7) less frequent than daily."""
_SMALL_KEEP = 7
"""Days to keep old generations where few fit."""
_WRITABLE = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - names
"""Directories that anyone may write."""
_OWN = "/var/nix-build"
"""A directory that root alone writes."""
_OF_ROOT = ("/nix", "/var")
"""Directories on the root file system, or on a disk without which a host does not boot."""


@check("watchdog-order")
def watchdog_order(plan: Plan) -> Iterator[Problem]:
    """If the reboot timeout is shorter than the runtime timeout, a slow shutdown is reset."""
    for host in plan.hosts.values():
        dog = host.config.watchdog
        if dog is not None and seconds(dog.reboot) < seconds(dog.runtime):
            yield Problem(
                f"{host.source}.watchdog.reboot",
                f"a reboot has {dog.reboot}, less than the {dog.runtime} of runtime",
                f"write {dog.runtime} or more",
            )


@check("boot-capacity")
def boot_capacity(plan: Plan) -> Iterator[Problem]:
    """A full boot partition fails the next switch, which first writes one more generation."""
    for host in plan.hosts.values():
        boot = host.config.boot
        if not host.is_nixos or boot.esp_mib is None:
            continue
        where, fits = f"{host.source}.boot.limit", _fitting(boot)
        way_out = f"write limit: {fits}"
        if fits < MINIMUM_LIMIT:
            least = ceil(_needed(boot, MINIMUM_LIMIT))
            way_out = (
                f"make the partition larger: {least} MiB hold two; then write esp_mib: {least} and "
                f"limit: {MINIMUM_LIMIT}"
            )
        if "limit" not in boot.model_fields_set:
            # With esp_mib set, the limit must be set too, not left at its default.
            if fits >= MINIMUM_LIMIT:
                way_out = f"write limit: {min(fits, boot.limit)}"
            what = f"no limit says how many generations to keep on {boot.esp_mib} MiB"
            yield Problem(where, what, way_out)
            continue
        taken, usable = (boot.limit + 1) * boot.generation_mib, boot.esp_mib * FILL
        if taken > usable:
            yield Problem(
                where,
                f"({boot.limit} + 1) x {boot.generation_mib} = {taken} MiB, more than "
                f"{boot.esp_mib} x {FILL} = {usable:.1f} MiB",
                way_out,
                severity="error" if taken > boot.esp_mib else "warning",
            )


@check("gc-enabled", severity="warning")
def gc_enabled(plan: Plan) -> Iterator[Problem]:
    """If few generations fit on the boot partition, old ones must be deleted daily."""
    for host in plan.hosts.values():
        boot, gc = host.config.boot, host.config.nix.gc
        if not host.is_nixos or boot.esp_mib is None or _fitting(boot) >= Boot().limit:
            continue
        days = int(gc.keep.removesuffix("d"))
        if gc.dates in _RARE or days > _SMALL_KEEP:
            yield Problem(
                f"{host.source}.nix.gc",
                f"{gc.dates}, older than {gc.keep}, is rare for a boot partition of "
                f"{boot.esp_mib} MiB",
                f"write gc: {{dates: daily, keep: {_SMALL_KEEP}d}}",
            )


def _fitting(boot: Boot) -> int:
    """The highest limit for which one more generation still fits."""
    return int((boot.esp_mib or 0) * FILL / boot.generation_mib) - 1


def _needed(boot: Boot, limit: int) -> float:
    return (limit + 1) * boot.generation_mib / FILL


def check_build_dirs(plan: Plan, sources: Mapping[str, str | bytes]) -> Iterator[Problem]:
    """A build directory must be on a mounted disk and writable by root only."""
    for host in plan.hosts.values():
        if host.is_nixos and host.config.nix.build_dir is not None:
            for what, way_out in _build_dir(plan, host, host.config.nix.build_dir, sources):
                yield Problem(
                    f"{host.source}.nix.build_dir", what, way_out, check=BUILD_DIR_MOUNTED
                )


def _build_dir(
    plan: Plan, host: Host, path: str, sources: Mapping[str, str | bytes]
) -> Iterator[tuple[str, str]]:
    if any(is_within(path, top) for top in _WRITABLE):
        yield f"anyone may write above {path}, so Nix refuses it", f"name another: {_OWN}"
        return
    here = [d for d in plan.datasets if d.host == host.name]
    same = next((d for d in here if d.path.rstrip("/") == path.rstrip("/")), None)
    if same is not None:
        yield (
            f"{path} is the dataset {same.name}, which is not root's alone",
            f"name a directory beside it: {PurePosixPath(same.mount) / 'nix-build'}",
        )
        return
    mounts = {d.mount for d in here} | file_systems(host, sources)
    if any(is_within(path, top) for top in (*_OF_ROOT, *sorted(mounts - {"/"}))):
        return
    elsewhere = next((d for d in plan.datasets if is_within(path, d.mount)), None)
    if elsewhere is not None:
        yield (
            f"{path} is on a disk of {elsewhere.host}",
            f"name a directory of {host.name}: {_OWN}",
        )
        return
    listed = ", ".join(("/var", *sorted(mounts - {"/"})))
    top = "/".join(path.split("/")[:2])
    yield (
        f"no dataset and no file system of {host.name} is above {path}",
        (
            f"name a directory below one of: {listed}, as {_OWN}; or add its disk to "
            f'{host.config.hardware}: fileSystems."{top}"'
        ),
    )
