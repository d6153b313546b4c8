"""Checks of hosts that homelab manages in part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.check import check, file_check
from homelab.config.manage import Managed
from homelab.nix.flake_inputs import FlakeInputsError
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.plan import has_proxy
from homelab.system.flakes import read_inputs
from homelab.system.model import Host
from homelab.system.nixpkgs import builds_for

MANAGE_NEEDED = file_check(
    "manage-needed",
    "error",
    "What the stack asks for on a host is missing if homelab does not write that part there.",
)
EXTENDS_INPUTS = file_check(
    "extends-inputs",
    "error",
    "The flake of a host has the inputs of the flake that it extends, with the same lock.",
)
_OPENED_BY_THEMSELVES = ("ssh", "tailscale")
"""Owners of ports that work without an opening of ours: the deployer is connected already, and
Tailscale uses relays."""


def check_managed(plan: Plan) -> Iterator[Problem]:
    """Parts that something in the stack needs on a host, and that its `manage` lacks."""
    for host in plan.hosts.values():
        parts, why = _lacking(plan, host)
        if parts:
            wanted = ", ".join(sorted({*(host.config.manage or ()), *parts}))
            yield Problem(
                f"{host.source}.manage",
                f"{why} on {host.name}, and homelab does not manage {', '.join(sorted(parts))} "
                "there",
                f"write manage: [{wanted}], or let another host have it",
                check=MANAGE_NEEDED,
            )


def _lacking(plan: Plan, host: Host) -> tuple[set[Managed], str]:
    """Parts that a host's `manage` lacks, and what needs them; empty if it lacks none."""
    from homelab.managed import missing
    from homelab.render import wanted_modules

    parts: set[Managed] = set()
    files: set[str] = set()
    if host.config.manage is None:
        return parts, ""
    for part, file in missing(host, wanted_modules(plan, host)):
        if part != "proxy" or has_proxy(plan.stack):
            parts.add(part)
            files.add(file)
    why = [f"the stack asks for {', '.join(sorted(files))}"] if files else []
    if (others := builds_for(plan, host)) and not host.config.manages("nix"):
        parts.add("nix")
        names = ", ".join(h.name for h in others)
        why.append(f"{names} builds with an account of nix.nix")
    return parts, " and ".join(why)


def check_extended(plan: Plan, sources: Mapping[str, str | bytes]) -> Iterator[Problem]:
    """Inputs of extended flakes that a host's own flake cannot have."""
    for host in plan.hosts.values():
        try:
            read_inputs(host, sources)
        except FlakeInputsError as error:
            extends = host.config.extends
            assert extends is not None
            yield Problem(
                f"{host.source}.extends.flake",
                f"{extends.flake}/flake.nix: {error}",
                "remove the line and import its files by their path, or make it a repository of "
                "its own",
                check=EXTENDS_INPUTS,
            )


@check("manage-firewall", severity="warning")
def manage_firewall(plan: Plan) -> Iterator[Problem]:
    """The firewall of a host that homelab does not manage decides alone who reaches a service."""
    for host in plan.hosts.values():
        if host.config.manages("firewall"):
            continue
        ports = sorted(
            f"{p.port}/{p.protocol} ({p.owner})"
            for p in plan.firewall.on(host.name)
            if p.owner not in _OPENED_BY_THEMSELVES
        )
        if ports:
            lacking, _ = _lacking(plan, host)
            wanted = ", ".join(sorted({*(host.config.manage or ()), *lacking, "firewall"}))
            yield Problem(
                f"{host.source}.manage",
                f"homelab does not manage the firewall of {host.name}, so {', '.join(ports)} is "
                "open to whom its own configuration says, and homelab reach may be wrong",
                f"write manage: [{wanted}], or open exactly these ports in a module of yours",
                severity="warning",
            )


@check("extends-pin")
def extends_pin(plan: Plan) -> Iterator[Problem]:
    """A host that extends a flake builds with the inputs that the flake's own lock pins."""
    for host in plan.hosts.values():
        extends = host.config.extends
        pin = plan.stack.nixpkgs.get(host.config.nixpkgs)
        if extends is not None and pin is not None and pin.lock != f"{extends.flake}/flake.lock":
            lock = f"{extends.flake}/flake.lock"
            pins = plan.stack.nixpkgs.items()
            named = next((name for name, other in pins if other.lock == lock), "")
            yield Problem(
                f"{host.source}.nixpkgs",
                f"{host.name} extends the flake in {extends.flake}, and its pin "
                f"{host.config.nixpkgs} has the lock {pin.lock}",
                f"write nixpkgs: {named}" if named else f"name a pin here that has lock: {lock}",
            )
