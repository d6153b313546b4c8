"""What a Cloudflare account has already, compared with the plan: what the stack may adopt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from homelab.cloudflare.access import MEMBERS
from homelab.cloudflare.resources import CloudflarePlan

Found = Mapping[str, object]
_TUNNEL_HOST = ".cfargotunnel.com"


@dataclass(frozen=True)
class Account:
    """Objects of an account and its zone, as the API returns them."""

    records: Sequence[Found] = ()
    tunnels: Sequence[Found] = ()
    apps: Sequence[Found] = ()
    policies: Sequence[Found] = ()
    logins: Sequence[Found] = ()
    """Login methods of Access (identity providers)."""
    groups: Sequence[Found] = ()
    service_tokens: Sequence[Found] = ()
    pages: Sequence[Found] = ()
    buckets: Sequence[Found] = ()


@dataclass(frozen=True)
class Existing:
    """The decision: nothing in it changes anything at Cloudflare."""

    adopt: Mapping[str, str] = field(default_factory=dict)
    """Place below `cloudflare.adopt` to the id of the object."""
    why: Mapping[str, str] = field(default_factory=dict)
    """Place to a description of the object."""
    ours: int = 0
    """Objects that an earlier `up` made, by their comment."""
    conflicts: tuple[str, ...] = ()
    """What stops an `up`, with the way out."""
    foreign: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Kind of object, and the names of those that no entry of the stack names."""


def compare(plan: CloudflarePlan, account: Account) -> Existing:
    """Match the objects of the account with those of the plan, by the names that they serve."""
    matched = _Matched()
    tunnel = _tunnel(plan, account, matched)
    _records(plan, account, tunnel, matched)
    _apps(plan, account, matched)
    _policy(plan, account, matched)
    _login(plan, account, matched)
    _unadoptable(plan, account, matched)
    return Existing(
        dict(sorted(matched.adopt.items())),
        matched.why,
        matched.ours,
        tuple(matched.conflicts),
        tuple(_foreign(plan, account, matched)),
    )


class _Matched:
    def __init__(self) -> None:
        self.adopt: dict[str, str] = {}
        self.why: dict[str, str] = {}
        self.conflicts: list[str] = []
        self.ours = 0
        self.seen: set[str] = set()
        """Ids of objects that have a place in the stack."""

    def take(self, place: str, found: Found, why: str) -> None:
        self.adopt[place] = _text(found, "id")
        self.why[place] = why
        self.seen.add(_text(found, "id"))


def _text(found: Found, key: str) -> str:
    value = found.get(key)
    return value if isinstance(value, str) else ""


def _tunnel(plan: CloudflarePlan, account: Account, matched: _Matched) -> str:
    """The id of the tunnel of the stack, if it exists."""
    if not plan.tunnel:
        return ""
    live = [t for t in account.tunnels if not t.get("deleted_at")]
    wanted = {r.name for r in plan.records}
    targets = {
        _text(r, "content").removesuffix(_TUNNEL_HOST)
        for r in account.records
        if _text(r, "name") in wanted and _text(r, "content").endswith(_TUNNEL_HOST)
    }
    found = [t for t in live if _text(t, "name") == plan.tunnel]
    found = found or [t for t in live if _text(t, "id") in targets]
    if not found:
        return ""
    if len(found) > 1:
        names = ", ".join(sorted(_text(t, "name") for t in found))
        matched.conflicts.append(
            f"cloudflare.tunnel: the public names lead to several tunnels ({names}), and the stack "
            "has one; the names of the others move to the stack's tunnel with their records"
        )
        return ""
    (tunnel,) = found
    name, id_ = _text(tunnel, "name"), _text(tunnel, "id")
    matched.seen.add(id_)
    if tunnel.get("remote_config") is True or _text(tunnel, "config_src") == "cloudflare":
        matched.conflicts.append(
            f"cloudflare.tunnel: the tunnel {name} is managed in Cloudflare's dashboard, and the "
            "stack's rules are in the host's files, so it cannot be adopted; "
            + (
                f"rename it there, because the stack makes one of the name {plan.tunnel}"
                if name == plan.tunnel
                else "leave it until `up` has moved the names to the stack's tunnel, then delete it"
            )
        )
        return ""
    if plan.adopt_tunnel != id_:
        renamed = "" if name == plan.tunnel else f", renamed to {plan.tunnel}"
        matched.take(
            "tunnel", tunnel, f"tunnel {name}{renamed}; its connectors need the new secret"
        )
    return id_


def _records(plan: CloudflarePlan, account: Account, tunnel: str, matched: _Matched) -> None:
    for record in plan.records:
        here = [
            r
            for r in account.records
            if _text(r, "name") == record.name and _text(r, "type") in ("A", "AAAA", "CNAME")
        ]
        for found in here:
            matched.seen.add(_text(found, "id"))
        if any(_text(r, "comment") == f"homelab: {record.route}" for r in here):
            matched.ours += 1
        elif len(here) == 1 and _text(here[0], "type") == record.type:
            if record.adopt != _text(here[0], "id"):
                content = _text(here[0], "content")
                at = "its tunnel" if tunnel and content == tunnel + _TUNNEL_HOST else content
                why = f"{record.type} {record.name} → {at}"
                matched.take(f"records.{record.route}", here[0], why)
        elif here:
            kinds = " and ".join(
                sorted({f"{_text(r, 'type')} {_text(r, 'content')}" for r in here})
            )
            matched.conflicts.append(
                f"{record.source}: {record.name} has {kinds}, and the stack makes a "
                f"{record.type}; a record keeps its type, so delete it just before the `up` that "
                "makes the new one"
            )


def _apps(plan: CloudflarePlan, account: Account, matched: _Matched) -> None:
    for app in plan.apps:
        here = [a for a in account.apps if app.domain in _domains(a)]
        for found in here:
            matched.seen.add(_text(found, "id"))
        if app.adopt and app.adopt in {_text(a, "id") for a in here}:
            continue
        if len(here) == 1 and _text(here[0], "type") == app.type:
            if _text(here[0], "name") == app.name:
                matched.ours += 1
                continue
            others = sorted({*_domains(here[0])} - {app.domain})
            lost = f"; it loses {', '.join(others)}" if others else ""
            name = _text(here[0], "name")
            matched.take(f"apps.{app.route}", here[0], f"application {name}{lost}")
        elif here:
            names = ", ".join(sorted(f"{_text(a, 'name')} ({_text(a, 'type')})" for a in here))
            matched.conflicts.append(
                f"{app.source}: Access has {names} for {app.domain}; keep one self-hosted "
                "application for this name, and adopt it"
            )


def _domains(app: Found) -> Iterator[str]:
    yield _text(app, "domain")
    more = app.get("self_hosted_domains")
    yield from (d for d in more if isinstance(d, str)) if isinstance(more, list) else ()


def _policy(plan: CloudflarePlan, account: Account, matched: _Matched) -> None:
    wanted = next((p for p in plan.policies if p.key == MEMBERS), None)
    if wanted is None:
        return
    ids = {_text(p, "id") for p in account.policies}
    if wanted.adopt in ids:
        matched.seen.add(wanted.adopt)
        return
    same = [p for p in account.policies if _text(p, "name") == wanted.name]
    if same:
        matched.ours += 1
        matched.seen |= {_text(p, "id") for p in same}
        return
    alike = [
        p
        for p in account.policies
        if _text(p, "decision") == "allow" and _emails(p) == {*wanted.emails}
    ]
    if len(alike) == 1:
        why = f"policy {_text(alike[0], 'name')}, which lets the same people in"
        matched.take("policy", alike[0], why)


def _emails(policy: Found) -> set[str]:
    """The addresses that a policy lets in; empty if it lets in anybody else, or has conditions."""
    rules = policy.get("include")
    if not isinstance(rules, list) or policy.get("exclude") or policy.get("require"):
        return set()
    found = [r.get("email") if isinstance(r, dict) and len(r) == 1 else None for r in rules]
    if not all(isinstance(e, dict) for e in found):
        return set()
    return {str(e.get("email")).lower() for e in found if isinstance(e, dict)}


def _login(plan: CloudflarePlan, account: Account, matched: _Matched) -> None:
    if not plan.one_time_pin:
        return
    found = [p for p in account.logins if _text(p, "type") == "onetimepin"]
    matched.seen |= {_text(p, "id") for p in found}
    if found and plan.adopt_one_time_pin not in {_text(p, "id") for p in found}:
        matched.take("one_time_pin", found[0], f"login method {_text(found[0], 'name')}")


def _unadoptable(plan: CloudflarePlan, account: Account, matched: _Matched) -> None:
    """Objects of which Cloudflare has one by a name, and that cannot be adopted by id."""
    there = {
        "Pages project": {_text(p, "name") for p in account.pages},
        "bucket": {_text(b, "name") for b in account.buckets},
    }
    wanted = [(s.source, "Pages project", s.project) for s in plan.pages]
    wanted += [(f"cloudflare.buckets.{b.key}", "bucket", b.name) for b in plan.buckets]
    for place, kind, name in wanted:
        if name in there[kind]:
            matched.seen.add(name)
            matched.conflicts.append(
                f"{place}: the account has a {kind} {name}; if an earlier `up` made it, all is "
                "well, and otherwise choose another name"
            )


def _foreign(
    plan: CloudflarePlan, account: Account, matched: _Matched
) -> Iterator[tuple[str, tuple[str, ...]]]:
    made = {f"homelab {g.name}" for g in plan.groups} | {p.name for p in plan.policies}
    made |= {f"homelab {t.name}" for t in plan.service_tokens}
    certified = {(c.name, c.value) for c in plan.caa}

    def rest(objects: Sequence[Found], key: str = "name") -> tuple[str, ...]:
        return tuple(
            sorted(
                _text(o, key)
                for o in objects
                if _text(o, "id") not in matched.seen
                and _text(o, "name") not in matched.seen
                and _text(o, "name") not in made
            )
        )

    live = [t for t in account.tunnels if not t.get("deleted_at")]
    records = [
        {"id": _text(r, "id"), "name": f"{_text(r, 'type')} {_text(r, 'name')}"}
        for r in account.records
        if (_text(r, "name"), _certified(r)) not in certified
    ]
    kinds: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("records", rest(records)),
        ("tunnels", rest(live)),
        ("Access applications", rest(account.apps)),
        ("Access policies", rest(account.policies)),
        ("Access groups", rest(account.groups)),
        ("service tokens", rest(account.service_tokens)),
        ("login methods", rest(account.logins)),
        ("Pages projects", rest(account.pages)),
        ("buckets", rest(account.buckets)),
    )
    yield from ((kind, names) for kind, names in kinds if names)


def _certified(record: Found) -> str:
    data = record.get("data")
    return str(data.get("value")) if isinstance(data, dict) else ""
