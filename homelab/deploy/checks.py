"""Checks of how releases reach their hosts."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.config.host_options import Offline
from homelab.deploy.plan import is_woken_by
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.system.model import Host


@check("offline-known")
def offline_known(plan: Plan) -> Iterator[Problem]:
    """An offline host that names no always-on host of the stack could never be switched."""
    for host in plan.hosts.values():
        offline = host.config.offline
        if offline is None or host.config.state == "planned":
            continue
        kind = "wake_by" if offline.wake_by else "pull_from"
        where = f"{host.source}.offline.{kind}"
        for what, way_out in _wrong(plan, host, offline):
            yield Problem(where, what, way_out)


@check("builder-offline", severity="warning")
def builder_offline(plan: Plan) -> Iterator[Problem]:
    """A builder that is off and that nobody wakes leaves the host to build for itself."""
    for host in plan.hosts.values():
        builder = plan.hosts.get(host.config.build.host or "")
        if builder is None or builder.always_on or is_woken_by(builder, host):
            continue
        waker = builder.config.offline.host if builder.config.offline else host.name
        if waker not in plan.hosts:
            continue  # reported by offline-known
        yield Problem(
            f"{host.source}.build.host",
            f"{builder.name} may be off when {host.name} builds there, and {host.name} does not "
            "wake it",
            f"write {builder.source}.offline: {{wake_by: {host.name}}}, or let another host build",
        )


@check("canary-switches", severity="warning")
def canary_switches(plan: Plan) -> Iterator[Problem]:
    """The other hosts do not wait for a canary that is not switched, or that may be off."""
    canary = plan.hosts.get(plan.stack.deploy.canary or "")
    if canary is None or not canary.is_nixos or (canary.is_deployed and canary.always_on):
        return
    fit = [h.name for h in plan.hosts.values() if h.is_deployed and h.always_on]
    yield Problem(
        "deploy.canary",
        f"{canary.name} tries no release before the others: {_unready(canary)}",
        f"name a host that is live and always on ({', '.join(sorted(fit))}), or leave canary out",
    )


def _wrong(plan: Plan, host: Host, offline: Offline) -> Iterator[tuple[str, str]]:
    """What is wrong with the always-on host, or else with the path to it: what, way out."""
    live = [h for h in plan.hosts.values() if h.is_nixos and h.config.state == "live"]
    awake = [h.name for h in live if h.always_on and h is not host]
    other = plan.hosts.get(offline.host)
    if other is None:
        yield (
            f'there is no host "{offline.host}"',
            did_you_mean(offline.host, awake, "hosts that are always on"),
        )
    elif other.name not in awake:
        why = _unready(other) if other is not host else "it is that host"
        names = did_you_mean(offline.host, awake, "hosts that are always on")
        yield f"{other.name} cannot do that for {host.name}: {why}", names
    elif offline.wake_by:
        yield from _unwakeable(host, other)
    else:
        yield from _unfetchable(host, other)


def _unready(other: Host) -> str:
    if not other.is_nixos:
        return "it is home-manager only"
    state = other.config.state
    return "it is not always on" if state == "live" else f"it is {state}, so it is not deployed"


def _unwakeable(host: Host, other: Host) -> Iterator[tuple[str, str]]:
    if host.config.wake_on_lan is None:
        yield (
            f"{host.name} has no wake_on_lan, so no packet can wake it",
            f"add {host.source}.wake_on_lan: {{interface: …, mac: …}}",
        )
    for each in (host, other):
        # host-complete reports a host without any address.
        if not each.lan and each.addresses:
            yield (
                f"Wake-on-LAN works on the LAN only, and {each.name} has no address there",
                f"add {each.source}.address.lan, or let {host.name} pull_from",
            )


def _unfetchable(host: Host, other: Host) -> Iterator[tuple[str, str]]:
    # host-complete reports a host without any address or without its host key.
    common = (host.lan and other.lan) or (host.tailnet and other.tailnet)
    if host.addresses and other.addresses and not common:
        lacking = " and ".join(f"{h.source}.address.lan" for h in (host, other) if not h.lan)
        yield (
            f"{host.name} and {other.name} have no network in common",
            f"add {lacking}: …, or let both join the tailnet",
        )
    for each in (host, other):
        if each.role == "agent":
            packet = f"{host.source}.wake_on_lan: {{interface: …, mac: …}}"
            yield (
                f"the agent {each.name} can neither fetch bundles nor hand them out",
                f"agents are in quarantine; write wake_by instead, with {packet}, or another host",
            )
