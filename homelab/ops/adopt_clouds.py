"""`homelab adopt cloudflare` and `homelab adopt tailscale`: read what is there, write the ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from homelab.cloudflare.existing import Account, Existing, compare
from homelab.config.stack_edit import lines_to_add, with_added
from homelab.ops.cloudflare import Found, ask, every
from homelab.ops.project.stack import check_stack
from homelab.ops.secrets.lookup import resolve
from homelab.ops.tailnet import read_present
from homelab.ops.whole import replace_file
from homelab.plan import Plan
from homelab.problems import HomelabError, UsageError
from homelab.tailnet.drift import Drift, drift
from homelab.tailnet.existing import Kept, addresses, dns_kept, kept
from homelab.tailnet.policy import policy_text


@dataclass(frozen=True)
class Written:
    """Places that the stack file has now, and lines that a person adds."""

    places: tuple[str, ...]
    to_add: str
    """YAML, where the form of the stack file allows no edit; empty for nothing."""


@dataclass(frozen=True)
class AdoptedAccount:
    """What the account has, and what was written."""

    existing: Existing
    written: Written


@dataclass(frozen=True)
class AdoptedTailnet:
    """What the tailnet has, and what was written."""

    drift: Drift | None
    """None when another stack writes the policy."""
    policy: Kept
    dns: Kept
    dns_was_read: bool
    devices: Mapping[str, str]
    """Node id of each host that has joined, for those whose stack entry has none."""
    foreign: tuple[str, ...]
    written: Written


def adopt_cloudflare(directory: Path, stack: str) -> AdoptedAccount:
    """Read the account and the zone, and write the ids of what the stack names into its file.

    Changes nothing at Cloudflare. Raises HomelabError before anything is written.
    """
    plan, _ = check_stack(directory, stack)
    config, cloud = plan.stack.cloudflare, plan.cloudflare
    if config is None or cloud is None:
        raise UsageError("the stack has no homelab:cloudflare, so there is nothing to adopt")
    token = resolve(config.token, directory, plan.secrets.file).strip()
    existing = compare(cloud, _account(plan, token))
    values = {f"cloudflare.adopt.{place}": id_ for place, id_ in existing.adopt.items()}
    return AdoptedAccount(existing, _write(directory / f"Pulumi.{stack}.yaml", values))


def _account(plan: Plan, token: str) -> Account:
    cloud = plan.cloudflare
    assert cloud is not None
    account = f"accounts/{cloud.account}"

    def some(wanted: object, path: str) -> tuple[Found, ...]:
        # Without that part, the stack's token needs no permission to read it.
        return tuple(every(path, token)) if wanted else ()

    access = f"{account}/access"
    return Account(
        records=tuple(every(f"zones/{cloud.zone}/dns_records", token)),
        tunnels=some(cloud.tunnel, f"{account}/cfd_tunnel?is_deleted=false"),
        apps=some(cloud.policies, f"{access}/apps"),
        policies=some(cloud.policies, f"{access}/policies"),
        groups=some(cloud.groups, f"{access}/groups"),
        service_tokens=some(cloud.service_tokens, f"{access}/service_tokens"),
        logins=some(cloud.one_time_pin, f"{access}/identity_providers"),
        pages=some(cloud.pages, f"{account}/pages/projects"),
        buckets=_buckets(account, token) if cloud.buckets else (),
    )


def _buckets(account: str, token: str) -> tuple[Found, ...]:
    """The API nests them, and pages them by a cursor: the stack's few names are on one page."""
    result = ask(f"{account}/r2/buckets?per_page=1000", token).get("result")
    found = result.get("buckets") if isinstance(result, dict) else None
    return tuple(b for b in found if isinstance(b, dict)) if isinstance(found, list) else ()


def adopt_tailscale(directory: Path, stack: str, *, replace_policy: bool) -> AdoptedTailnet:
    """Read the tailnet, and write the addresses of hosts that have joined into the stack file.

    With `replace_policy`, also the digest that lets `up` replace the policy in force. Changes
    nothing at Tailscale. Raises HomelabError before anything is written.
    """
    plan, _ = check_stack(directory, stack)
    config, tailnet = plan.stack.tailnet, plan.tailnet
    if config is None or tailnet is None:
        raise UsageError("the stack has no homelab:tailnet, so there is nothing to adopt")
    if replace_policy and tailnet.elsewhere:
        raise UsageError("--replace-policy: another stack writes the policy (policy: elsewhere)")
    present = read_present(config, directory, plan.secrets.file)
    hosts = {name: str(h.tailnet or "") for name, h in plan.hosts.items() if h.is_nixos}
    values, foreign = addresses(hosts, present.machines)
    found = (
        None if tailnet.elsewhere else drift(present.policy, policy_text(tailnet), tailnet.adopt)
    )
    if found is not None and replace_policy and not found.is_ours:
        if not found.digest:
            raise HomelabError(
                "tailnet: the policy in force is not HuJSON; make it valid on Tailscale's Access "
                "controls page"
            )
        values["tailnet.adopt"] = found.digest
    is_foreign = found is not None and not found.is_ours
    nothing = Kept({}, ())
    return AdoptedTailnet(
        found,
        kept(tailnet, present.policy) if is_foreign else nothing,
        dns_kept(tailnet, present.dns) if present.dns and not tailnet.elsewhere else nothing,
        present.dns is not None,
        {
            m.name: m.id
            for m in present.machines
            if m.name in hosts and _without_device(plan, m.name)
        },
        foreign,
        _write(directory / f"Pulumi.{stack}.yaml", values),
    )


def _without_device(plan: Plan, host: str) -> bool:
    config = plan.hosts[host].config
    tailscale = getattr(config, "tailscale", None)
    return tailscale is not None and tailscale.device is None


def _write(file: Path, values: Mapping[str, object]) -> Written:
    """Add the values to the stack file, as far as its form allows."""
    text = file.read_text(encoding="utf-8")
    places, rest = [], {}
    for place, value in values.items():
        keys = tuple(place.split("."))
        if edited := with_added(text, keys, value):
            text = edited
            places.append(place)
        else:
            rest[keys] = value
    replace_file(file, text)
    return Written(tuple(places), lines_to_add(rest) if rest else "")


def account_lines(done: AdoptedAccount) -> Iterator[str]:
    """What `homelab adopt cloudflare` prints."""
    existing = done.existing
    for place in existing.adopt:
        yield f"adopt {place}: {existing.why[place]}"
    if existing.ours:
        yield f"made by an earlier up: {existing.ours} objects, which are not adopted"
    if not existing.adopt and not existing.ours:
        yield "nothing of the account has a name of the stack; up makes everything"
    for kind, names in existing.foreign:
        yield f"stays untouched: {len(names)} {kind}: {_few(names)}"
    yield from _written(done.written)


def tailnet_lines(done: AdoptedTailnet) -> Iterator[str]:
    """What `homelab adopt tailscale` prints."""
    if done.drift is None:
        yield "policy: another stack writes it; it stays untouched"
    elif done.drift.is_ours:
        yield f"policy: {done.drift.verdict}; nothing of it is lost"
    else:
        yield "policy: not of this stack; up does not replace it without its digest"
        yield from (f"  {line}".rstrip() for line in done.drift.changes)
    for what, found in (("the policy in force", done.policy), ("the DNS settings", done.dns)):
        if found.values:
            yield (
                f"to keep what {what} say, add:"
                if what.endswith("settings")
                else (f"to keep what {what} allows, add:")
            )
            lines = lines_to_add({tuple(p.split(".")): v for p, v in found.values.items()})
            yield from (f"  {line}" for line in lines.splitlines())
        yield from (f"has no place in the stack: {text}" for text in found.lost)
    if not done.dns_was_read:
        yield "DNS settings: not read; give the OAuth client the scope dns:read to compare them"
    for name, id_ in done.devices.items():
        yield f'hosts.{name}.tailscale.device: "{id_}" lets up set the tags and routes of {name}'
    if done.foreign:
        yield f"stays untouched: {len(done.foreign)} devices: {_few(done.foreign)}"
    yield from _written(done.written)


def _written(written: Written) -> Iterator[str]:
    yield from (f"written: {place}" for place in written.places)
    if written.to_add:
        yield "write into the stack file:"
        yield from (f"  {line}" for line in written.to_add.splitlines())


def _few(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:8])
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown
