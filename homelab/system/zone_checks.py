"""Names of the tz database, and the check that the homelab's clock is one of them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources

from homelab.check import check
from homelab.config.calendar import zone_of
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.system.model import nixos_hosts

# Shipped, because not every machine that plans has the database, and none has the same.
ZONES = frozenset(
    (resources.files("homelab.system") / "zones.txt").read_text(encoding="utf-8").split()
)


@check("timezone-known")
def timezone_known(plan: Plan) -> Iterator[Problem]:
    """An unknown zone is silently UTC to systemd, so every timer would be off by hours."""
    said = {"site.timezone": plan.stack.site.timezone}
    for name, host in nixos_hosts(plan.stack.hosts).items():
        said[f"hosts.{name}.timezone"] = host.timezone or ""
        said[f"hosts.{name}.nix.gc.dates"] = zone_of(host.nix.gc.dates)
    for where, zone in said.items():
        if not zone or zone in (*ZONES, "UTC"):
            continue
        yield Problem(
            where,
            f'there is no time zone "{zone}"',
            did_you_mean(zone, ZONES, "time zones"),
        )
