"""`homelab status`: ask hosts, Tailscale and Cloudflare."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from homelab.deploy import status as deploy
from homelab.deploy.model import Release
from homelab.ops import hosts, tailnet
from homelab.plan import Plan
from homelab.problems import HomelabError
from homelab.status import Section
from homelab.tailnet import status as tail


def read_sections(
    plan: Plan,
    directory: Path,
    releases: Mapping[str, Release],
    what: str = "all",
) -> tuple[Section, ...]:
    """One section per subject: `all`, `hosts`, `tailnet`, or the name of one host. A subject that
    does not answer has a section with the error. Raises UsageError for another word.
    """
    out: list[Section] = []
    only = hosts.named(plan, what).name if what not in ("all", "hosts", "tailnet") else ""
    if what != "tailnet":
        out.append(deploy.section(hosts.read_hosts(plan, releases, only)))
    if what == "hosts" or only:
        return tuple(out)
    try:
        found = tailnet.read_status(plan, directory)
    except HomelabError as error:
        out.append(Section("tailnet", f"tailnet\n  {error}", {"error": str(error)}, ok=False))
    else:
        out += [tail.section(found)] if found is not None else []
    return tuple(out)
