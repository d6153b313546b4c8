"""`kernel.nix`: modules that a host does not load, kernel settings and parameters."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.nix import Module, Nix, attrs, merge
from homelab.plan import Plan
from homelab.system.model import Host


def modules(_plan: Plan, host: Host) -> Iterator[Module]:
    """`kernel.nix`, on a host with `kernel`."""
    kernel = host.config.kernel
    if kernel is None or not host.is_nixos:
        return
    lists: dict[str, list[Nix]] = {
        "blacklistedKernelModules": [*sorted({*kernel.blacklist})],
        "kernelParams": [*dict.fromkeys(kernel.params)],
    }
    settings: dict[str, Nix] = dict(sorted(kernel.sysctl.items()))
    stated = merge(
        *(attrs(f"boot.{name}", found) for name, found in lists.items() if found),
        {"boot": {"kernel": {"sysctl": settings}}} if settings else {},
    )
    if stated:
        yield Module("kernel.nix", "Kernel: what it does not load, and its settings", stated=stated)
