"""What a tailnet has already, compared with the plan: lines that keep it, and what has no place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from homelab.config.base import Model
from homelab.config.tailnet import ExtraGrant, NodeAttributes, SshRule, TailnetTest
from homelab.secret_shapes import masked
from homelab.tailnet.hujson import Document, HujsonError, Json, parse
from homelab.tailnet.members import OWNERS
from homelab.tailnet.model import TailnetPlan
from homelab.tailnet.policy import policy
from homelab.tailnet.status import Machine

_KEPT = {
    *("groups", "tagOwners", "hosts", "grants", "acls", "ssh", "nodeAttrs", "autoApprovers"),
    *("tests", "sshTests"),
}
"""Sections of a policy that `kept` looks into. Tests of Tailscale SSH are made from the plan."""
_IGNORED = {"disableIPv4", "OneCGNATRoute", "randomizeClientPort"}


@dataclass(frozen=True)
class Dns:
    """DNS settings of the tailnet."""

    nameservers: tuple[str, ...] = ()
    split: tuple[tuple[str, tuple[str, ...]], ...] = ()
    search: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kept:
    """Lines for the stack, by place, and what has no place in it."""

    values: Mapping[str, object]
    lost: tuple[str, ...]


def addresses(
    hosts: Mapping[str, str], machines: Sequence[Machine]
) -> tuple[dict[str, object], tuple[str, ...]]:
    """(Place to value of each host that has joined and has no address yet, foreign devices).

    `hosts` is each NixOS host's tailnet address; empty for none.
    """
    found: dict[str, object] = {}
    foreign = []
    for machine in machines:
        if machine.name not in hosts:
            foreign.append(machine.name)
        elif not hosts[machine.name] and machine.address:
            found[f"hosts.{machine.name}.address.tailnet"] = machine.address
    return found, tuple(sorted(foreign))


def kept(plan: TailnetPlan, live: str) -> Kept:
    """What the policy in force allows and the planned one does not, as entries of the stack."""
    try:
        document = parse(live)
    except HujsonError:
        return Kept({}, ("the policy in force is not HuJSON",))
    if not isinstance(document, dict):
        return Kept({}, ("the policy in force is not an object",))
    planned = policy(plan)
    lost: list[str] = []
    grants = [*_grants(document, planned, lost)]
    ssh = [*_valid("ssh", SshRule, _ssh(document), planned, lost)]
    attributes = [*_valid("nodeAttrs", NodeAttributes, _attributes(document), planned, lost)]
    tests = [*_valid("tests", TailnetTest, _tests(document), planned, lost)]
    lost += [f"the entry of sshTests {_short(t)}" for t in _items(document, "sshTests")]
    sections = {"grants": grants, "ssh": ssh, "node_attributes": attributes, "tests": tests}
    values: dict[str, object] = {f"tailnet.{key}": made for key, made in sections.items() if made}
    lost += _names(document, planned)
    lost += [f"{key} of the policy" for key in sorted(document.keys() - _KEPT - _IGNORED)]
    return Kept(values, tuple(lost))


def dns_kept(plan: TailnetPlan, found: Dns) -> Kept:
    """What the tailnet's DNS settings say and the planned ones do not."""
    split = {d: list(s) for d, s in found.split if (d, s) not in plan.split}
    search = [d for d in found.search if d not in plan.search]
    values: dict[str, object] = {}
    if split:
        values["tailnet.dns.split"] = split
    if search:
        values["tailnet.dns.search"] = search
    servers = [s for s in found.nameservers if s not in plan.nameservers]
    lost = (f"the nameservers {', '.join(servers)}",) if servers and plan.nameservers else ()
    return Kept(values, lost)


def _grants(document: Document, planned: Document, lost: list[str]) -> Iterator[object]:
    entries = [*_from_grants(document, lost), *_from_acls(document, lost)]
    yield from _valid("grants", ExtraGrant, entries, planned, lost)


def _from_grants(document: Document, lost: list[str]) -> Iterator[dict[str, object]]:
    for grant in _items(document, "grants"):
        if {*grant} <= {"src", "dst", "ip"}:
            yield {
                "src": grant.get("src"),
                "dst": grant.get("dst"),
                "ip": [_with_protocol(p) for p in _texts(grant.get("ip"))],
            }
        else:
            lost.append(f"the grant {_short(grant)}")


def _with_protocol(port: str) -> str:
    return port if port == "*" or ":" in port else f"tcp:{port}"


def _from_acls(document: Document, lost: list[str]) -> Iterator[dict[str, object]]:
    """Rules of the older form: each destination has ports of its own."""
    for rule in _items(document, "acls"):
        protocol = rule.get("proto", "")
        if rule.get("action") != "accept" or protocol not in ("", "tcp", "udp"):
            lost.append(f"the rule {_short(rule)}")
            continue
        kinds = [str(protocol)] if protocol else ["tcp", "udp"]
        by_ports: dict[str, list[str]] = {}
        for end in _texts(rule.get("dst")):
            name, _, ports = end.rpartition(":")
            by_ports.setdefault(ports, []).append(name)
        for ports, names in by_ports.items():
            ip = (
                ["*"]
                if ports == "*" and not protocol
                else [f"{kind}:{port.strip()}" for port in ports.split(",") for kind in kinds]
            )
            yield {"src": rule.get("src"), "dst": names, "ip": ip}


def _ssh(document: Document) -> Iterator[dict[str, object]]:
    for rule in _items(document, "ssh"):
        yield {key: value for key, value in rule.items() if key != "checkPeriod"}


def _attributes(document: Document) -> Iterator[dict[str, object]]:
    for entry in _items(document, "nodeAttrs"):
        yield dict(entry)


def _tests(document: Document) -> Iterator[dict[str, object]]:
    for test in _items(document, "tests"):
        # Tailscale still takes the older name of `accept`.
        yield {"accept" if key == "allow" else key: value for key, value in test.items()}


_PLANNED_KEY = {
    SshRule: "ssh",
    NodeAttributes: "nodeAttrs",
    ExtraGrant: "grants",
    TailnetTest: "tests",
}


def _valid(
    what: str,
    model: type[Model],
    entries: Iterator[dict[str, object]] | Sequence[dict[str, object]],
    planned: Document,
    lost: list[str],
) -> Iterator[object]:
    """The entries that the stack can say, without those that the plan has already."""
    there = _items(planned, _PLANNED_KEY[model])
    for entry in entries:
        if any({**entry} == {**p} for p in there) or _is_of_the_owners(entry):
            continue
        try:
            model.model_validate(entry)
        except ValidationError:
            lost.append(f"the entry of {what} {_short(entry)}")
        else:
            yield entry


def _is_of_the_owners(entry: Mapping[str, object]) -> bool:
    """A rule that allows the owners everything, which the plan always has."""
    return _texts(entry.get("src")) == [OWNERS] and _texts(entry.get("ip")) == ["*"]


def _names(document: Document, planned: Document) -> Iterator[str]:
    """Groups, tags, names of machines and approvals that the planned policy does not have."""
    for key, what in (("groups", "the group"), ("tagOwners", "the tag"), ("hosts", "the machine")):
        theirs, ours = document.get(key), planned.get(key)
        if isinstance(theirs, dict):
            known = ours if isinstance(ours, dict) else {}
            yield from (f"{what} {name}" for name in sorted(theirs.keys() - known.keys()))
    approved = document.get("autoApprovers")
    routes = approved.get("routes") if isinstance(approved, dict) else None
    ours = planned["autoApprovers"]
    known_routes = ours.get("routes") if isinstance(ours, dict) else None
    if isinstance(routes, dict):
        known = known_routes if isinstance(known_routes, dict) else {}
        yield from (f"the approval of {r}" for r in sorted(routes.keys() - known.keys()))


def _items(document: Document, key: str) -> list[dict[str, Json]]:
    found = document.get(key)
    return [i for i in found if isinstance(i, dict)] if isinstance(found, list) else []


def _texts(value: object) -> list[str]:
    return [str(v) for v in value] if isinstance(value, list) else []


def _short(value: object) -> str:
    text = masked(re.sub(r"\s+", " ", json.dumps(value, ensure_ascii=True)))
    return text if len(text) <= 100 else f"{text[:97]}…"
