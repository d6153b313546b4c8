"""Hosts and clouds, asked over the network. Reads only; changes nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from homelab.ops.cloudflare import CloudflareError, ask
from homelab.ops.doctor.model import error, note, ok
from homelab.ops.hosts import link_to
from homelab.ops.machine.ssh import DialError, DialMap, HostKeyError
from homelab.ops.secrets.doctor import Finding
from homelab.ops.secrets.lookup import SecretUnavailableError, resolve
from homelab.ops.tailnet import read_scopes
from homelab.plan import Plan
from homelab.problems import HomelabError
from homelab.system.model import Host

SKEW_SECONDS = 30
"""A larger difference of clocks makes one-time passwords, tokens and certificates fail."""


def host_findings(plan: Plan) -> list[Finding]:
    """For each host: the paths that answer, and its clock. All are asked at the same time."""
    asked = [h for h in plan.hosts.values() if h.is_nixos and h.config.state in ("live", "held")]
    dial_map = DialMap.from_environment()

    async def every() -> list[list[Finding]]:
        return await asyncio.gather(*(_host(host, dial_map) for host in asked))

    return [finding for found in asyncio.run(every()) for finding in found]


async def _host(host: Host, dial_map: DialMap | None) -> list[Finding]:
    link = link_to(host, dial_map)
    try:
        before = time.time()
        done = await link.ask("date +%s\n")
        after = time.time()
        paths = await link.working_paths()
    except HostKeyError as problem:
        return [error(str(problem))]
    except DialError as problem:
        text = str(problem).replace("\n", "; ")
        return [error(text) if host.always_on else note(f"{host.name} is off ({text})")]
    finally:
        await link.close()
    missing = [path.name for path in link.paths if path.name not in paths]
    out = [ok(f"{host.name} answers over {' and '.join(paths)}")]
    out += [note(f"{host.name} does not answer over {name}") for name in missing]
    try:
        there = int(done.stdout.strip())
    except ValueError:
        return [*out, note(f"{host.name} does not tell its time")]
    # The answer was made between the two moments.
    skew = max(before - there - 1, there - after, 0)
    if skew > SKEW_SECONDS:
        out.append(
            error(
                f"the clock of {host.name} differs by {skew:.0f} s from this machine's; look at "
                f"both with timedatectl: homelab ssh {host.name}"
            )
        )
    else:
        out.append(ok(f"the clock of {host.name} agrees"))
    return out


def cloud_findings(plan: Plan, directory: Path) -> Iterator[Finding]:
    """For each cloud: whether its token works, and whether it may read what the stack manages."""
    if plan.cloudflare is None and plan.stack.tailnet is None:
        yield ok("the stack uses no cloud")
    try:
        if plan.cloudflare is not None:
            yield from _cloudflare(plan, directory)
    except SecretUnavailableError as problem:
        yield error(f"cloudflare.token: {problem}")
    try:
        for scope, wrong in read_scopes(plan, directory):
            yield error(f"{scope}: {wrong}") if wrong else ok(f"Tailscale: {scope} can be read")
    except HomelabError as problem:
        yield error(str(problem))


def _cloudflare(plan: Plan, directory: Path) -> Iterator[Finding]:
    config, cloud = plan.stack.cloudflare, plan.cloudflare
    if config is None or cloud is None:
        return
    token = resolve(config.token, directory, plan.secrets.file).strip()
    account = f"accounts/{cloud.account}"
    parts = {"DNS Write": f"zones/{cloud.zone}/dns_records?per_page=1"}
    if cloud.tunnel:
        parts["Cloudflare Tunnel Write"] = f"{account}/cfd_tunnel?per_page=1"
    if cloud.apps:
        parts["Access: Apps and Policies Write"] = f"{account}/access/apps?per_page=1"
    if cloud.buckets:
        parts["Workers R2 Storage Write"] = f"{account}/r2/buckets?per_page=1"
    if cloud.pages:
        parts["Pages Write"] = f"{account}/pages/projects?per_page=1"
    yield from _readable(token, parts)


def _readable(token: str, parts: Mapping[str, str]) -> Iterator[Finding]:
    for permission, path in parts.items():
        try:
            ask(path, token)
        except CloudflareError as problem:
            if problem.status in (401, 403):
                yield error(
                    f"cloudflare.token: Cloudflare answered {problem.status} for "
                    f"{path.partition('?')[0]}; give the token the permission {permission}, for "
                    "this account and zone"
                )
            else:
                yield error(str(problem))
        else:
            yield ok(f"Cloudflare: what {permission} is for can be read")
