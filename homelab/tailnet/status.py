"""The tailnet's section of `homelab status`: the policy in force and the devices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from homelab.status import Section
from homelab.tailnet.drift import Drift, refusal

_WORDS = {
    "same": "as planned",
    "older": "written by an earlier `up`; the next one changes it",
    "untouched": "the default of a new tailnet; the next `up` replaces it",
    "adopted": "not written by homelab, but adopted; the next `up` replaces it",
    "edited": "written by homelab, and edited since",
    "foreign": "not written by homelab",
    "other": "of another stack",
}
NO_IDS = "no device has joined yet"


@dataclass(frozen=True)
class Machine:
    """A device of the tailnet."""

    name: str
    id: str
    address: str
    tags: tuple[str, ...]
    routes: tuple[tuple[str, bool], ...]
    """(advertised route, whether it is approved)."""


@dataclass(frozen=True)
class TailnetStatus:
    """The state of the tailnet at Tailscale."""

    name: str
    policy: Drift | None
    """`None` when another stack writes the policy."""
    machines: tuple[Machine, ...]


def section(status: TailnetStatus) -> Section:
    """The tailnet's section of `homelab status`."""
    return Section(
        name="tailnet",
        text="\n".join((*policy_lines(status.name, status.policy), "", *_devices(status.machines))),
        data=_data(status),
        ok=status.policy is None or status.policy.is_ours,
    )


def policy_lines(name: str, found: Drift | None) -> Iterator[str]:
    """The state of the policy in force, its difference from the planned one, and the way out."""
    yield f"tailnet {name}"
    if found is None:
        yield "  policy  another stack writes it"
        return
    yield f"  policy  {_WORDS[found.verdict]}"
    text = refusal(found)
    if text:
        yield f"  digest  {found.digest or 'none; it is not HuJSON'}"
    if found.changes:
        yield ""
        yield from (f"  {line}".rstrip() for line in found.changes)
    if text:
        yield ""
        yield f"  {text}"


def _devices(machines: tuple[Machine, ...]) -> Iterator[str]:
    if not machines:
        yield f"  {NO_IDS}"
        return
    rows = [("device", "address.tailnet", "tailscale.device", "tags and routes")]
    for machine in machines:
        routes = (f"{r}{'' if approved else ' (not approved)'}" for r, approved in machine.routes)
        rows.append(
            (machine.name, machine.address, machine.id, ", ".join((*machine.tags, *routes)))
        )
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        yield f"  {'  '.join(cells)}  {row[3]}".rstrip()


def policy_data(found: Drift | None) -> dict[str, JsonValue]:
    """The state of the policy as JSON."""
    if found is None:
        return {"verdict": "elsewhere", "digest": "", "changes": []}
    return {"verdict": found.verdict, "digest": found.digest, "changes": list(found.changes)}


def _data(status: TailnetStatus) -> dict[str, JsonValue]:
    return {
        "name": status.name,
        "policy": policy_data(status.policy),
        "devices": [
            {
                "name": m.name,
                "address": m.address,
                "device": m.id,
                "tags": list(m.tags),
                "routes": dict(m.routes),
            }
            for m in status.machines
        ],
    }
