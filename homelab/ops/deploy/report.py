"""The report of a failed switch: what happened, the state of the host, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence

from homelab.deploy.status import NEEDS_A_LOOK, HostFacts
from homelab.ops.deploy.spec import SwitchSpec

_LAST = 8
"""How many failed attempts a report lists."""


def ended(spec: SwitchSpec, facts: HostFacts, tried: Sequence[str], what: str = "") -> str:
    """The report of a switch that is not committed, from a host that answered."""
    phase = facts["phase"]
    if not what:
        ends = {
            "rolled_back": f"was rolled back; the host is as before ({_release(facts)})",
            "failed_rollback": NEEDS_A_LOOK,
        }
        what = ends.get(phase, phase)
    lines = [f"{spec.host}: release {spec.release} {what}"]
    if facts["reason"]:
        lines.append(f"  why: {facts['reason']}")
    lines += [f"  tried: {each}" for each in tried[-_LAST:]]
    lines.append(f"  runs: {facts['running'] or 'unknown'}")
    lines.append(f"  boots: {facts.boots}")
    if facts["deployment"]:
        lines.append(f"  deployment: {facts['deployment']} ({phase})")
    if facts.log:
        lines += ["  log:", *(f"    {line}" for line in facts.log)]
    lines.append("  next: fix the cause, then run pulumi up again")
    if facts["deployment"]:
        lines.append(f"  more: {_ssh(spec)} cat {_log(facts['deployment'])}")
    return "\n".join(lines)


def provisional(spec: SwitchSpec, facts: HostFacts) -> str:
    """What a release that is tested or prepared waits for."""
    release = f"release {spec.release}"
    if spec.mode == "test":
        if facts["committed"] and facts["default"] != facts["committed"]:
            return (
                f"{release} runs as a test; a reboot starts {facts.boots}, which is not committed"
            )
        return f"{release} runs as a test; a reboot returns to {_release(facts)}"
    return f"{release} starts at the next boot; after it: homelab confirm {spec.host}"


def unknown(spec: SwitchSpec, deployment_id: str, last: HostFacts, tried: Sequence[str]) -> str:
    """The report of a host that did not answer, or did not finish, within every deadline."""
    phase = last["phase"]
    look = f"look at it ({_ssh(spec)} cat {_log(deployment_id)})"
    # A host that restarts quickly is gone before its status shows the restart.
    if phase == "rebooting" or (last["mode"] == "boot" and phase in ("armed", "activating")):
        what = f"did not come back within {spec.restart_seconds} s after its restart"
        known = f"it was told to restart at {last['restarted'] or 'a time unknown'}"
        if spec.reboot is not None and spec.reboot.without_one_shot:
            state = "it boots the new system each time, and rolls back if that is not confirmed"
        else:
            # If power is cut before the boot loader read its one-time entry, the new system starts
            # once, supervised.
            state = "turn it off and on: it starts the old system, or rolls back to it by itself"
        return "\n".join(
            [
                f"{spec.host}: release {spec.release} {what}; {known}",
                *(f"  tried: {each}" for each in tried[-_LAST:]),
                f"  ran: {last['running'] or 'unknown'}",
                f"  state: unknown; {state}",
                "  next: look at its screen or power; once it answers, run pulumi up again",
            ]
        )
    seen = f"last seen {phase}" if phase else "it never reported that it began"
    return "\n".join(
        [
            f"{spec.host}: release {spec.release} is not known to be committed; {seen}",
            *(f"  tried: {each}" for each in tried[-_LAST:]),
            "  state: unknown; unless it was confirmed, the host rolls back by itself",
            f"  next: {look}, then run pulumi up again",
        ]
    )


def _ssh(spec: SwitchSpec) -> str:
    path = spec.paths[0]
    if path.here:
        return "sudo"
    if path.proxy_command or path.key:
        return f"homelab ssh {spec.host}"
    port = f"-p {path.port} " if path.port != 22 else ""
    return f"ssh {port}{path.user}@{path.address}"


def _release(facts: HostFacts) -> str:
    return f"release {facts['release']}" if facts["release"] else "no release of homelab"


def _log(deployment_id: str) -> str:
    return f"/var/lib/homelab/deployments/{deployment_id}/log"
