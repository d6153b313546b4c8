"""The place in the stack config that a Pulumi resource comes from, by its URN."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from homelab.evaluation.origin import Origins
from homelab.ops.project.stack import Stack
from homelab.plan import Plan
from homelab.problems import UsageError

_URN = re.compile(r"urn:pulumi:([^:]*)::[^:]*::(.+)::(.+)")
_PROVIDER = "pulumi:providers:"
_WHOLE = {
    "pulumi:pulumi:Stack": "site",
    "homelab:index:Homelab": "site",
    "homelab:cloudflare:CloudflareZone": "cloudflare",
    "homelab:cloudflare:Tunnel": "cloudflare.tunnel",
    "homelab:tailnet:Tailnet": "tailnet",
    "homelab:deploy:Rollout": "deploy",
    "homelab:deploy:Wave": "deploy",
    f"{_PROVIDER}command": "hosts",
    f"{_PROVIDER}cloudflare": "cloudflare",
    f"{_PROVIDER}tailscale": "tailnet",
}
"""Places of components, and of all resources in them that belong to no host."""


def resource_of(stack: Stack, word: str) -> tuple[str, str] | None:
    """What a URN names, and its place; None if the word is no URN, or names no resource of the
    stack, as far as the plan tells.

    Raises UsageError for the URN of another stack.
    """
    urn = _URN.fullmatch(word)
    if urn is None:
        return None
    if urn[1] != stack.name:
        raise UsageError(f"this is a resource of the stack {urn[1]}; ask with -s {urn[1]}")
    types, name = urn[2].split("$"), urn[3]
    place = _place(stack, types, name)
    return (f"{types[-1]} {name}", place) if place else None


def _place(stack: Stack, types: list[str], name: str) -> str:
    if types[-1] == "homelab:hosts:File":
        return _of_file(stack, *name.partition("/")[::2])
    entries = _entries(stack.plan)
    # The innermost component with entries of the stack decides: a wave has switches of hosts.
    for kind in reversed(types):
        if kind in entries:
            known = entries[kind]
            return known.get(name, "") if kind == types[-1] else _owner(known, name)
    whole = next((_WHOLE[kind] for kind in reversed(types) if kind in _WHOLE), "")
    if types[-1] in _WHOLE:
        return whole
    hosts = entries["homelab:hosts:Host"] if whole in ("deploy", "tailnet") else {}
    return _owner(hosts, name) or whole


def _entries(plan: Plan) -> dict[str, dict[str, str]]:
    """By type of component: the place of each, by name."""
    cloud, hosts = plan.cloudflare, {name: h.source for name, h in plan.hosts.items()}
    return {
        "homelab:hosts:Host": hosts,
        "homelab:hosts:HomeManagerHost": hosts,
        "homelab:services:Service": {s.name: s.source for s in plan.services},
        "homelab:services:Route": {r.name: r.source for r in plan.routes},
        "homelab:cloudflare:Pages": {p.key: p.source for p in cloud.pages} if cloud else {},
        "homelab:cloudflare:Bucket": {
            b.key: f"cloudflare.buckets.{b.key}" for b in (cloud.buckets if cloud else ())
        },
    }


def _owner(known: Mapping[str, str], name: str) -> str:
    """The place of the entry with the longest name that a name starts with."""
    fitting: Iterable[str] = (o for o in known if name == o or name.startswith(f"{o}-"))
    return known.get(max(fitting, key=len, default=""), "")


def _of_file(stack: Stack, host: str, file: str) -> str:
    release = stack.releases.get(host)
    files = dict(release.files) if release else {}
    if file not in files:
        return ""
    found = Origins(stack.plan, stack.plan.hosts[host], files).of_file(file).place
    return found.where if found else stack.plan.hosts[host].source
