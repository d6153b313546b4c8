"""Checks of backups that would contain the Pulumi state."""

from __future__ import annotations

import re
from collections.abc import Iterator

from homelab.backup.globs import leaves_out
from homelab.check import check
from homelab.hardening.paths import below
from homelab.plan import Plan
from homelab.problems import Problem

_STATE = re.compile(r"(^|/)\.pulumi(/|$)")


@check("backup-state", severity="warning")
def backup_state(plan: Plan) -> Iterator[Problem]:
    """A Pulumi state from a backup is older than what Cloudflare, Tailscale and the hosts have:
    `pulumi up` would create again what exists.
    """
    owner = plan.stack.site.owner.user
    reported = set()
    for job in plan.backup.jobs:
        # Where `pulumi up` runs on the host itself, the state is in the home of who runs it.
        local = plan.hosts[job.host].config.ssh.local
        homes = (f"/home/{owner}/.pulumi", "/root/.pulumi") if local else ()
        named = [path for path in job.paths if _STATE.search(path)]
        found = [
            state
            for state in (*named, *(home for home in homes if below(home, job.paths)))
            if not any(leaves_out(out, state) for out in job.exclude)
        ]
        if found and job.source not in reported:
            reported.add(job.source)
            if not named:
                out = f": {_exclude(job.source)}: [{found[0]}]"
            else:
                out = " of paths" if job.source.startswith("backup.extra.") else ""
            yield Problem(
                job.source,
                f"{job.name} of {job.host} contains the Pulumi state in {found[0]}",
                f"leave it out{out}; for a copy of the state, run: pulumi stack export",
            )


def _exclude(source: str) -> str:
    """Where the stack config excludes paths: a dataset has no list of its own."""
    return "backup.exclude" if source.startswith("datasets.") else f"{source}.exclude"
