"""What Tailscale takes: the properties of each type, and policies that hold together."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Final, cast

from homelab.tailnet.evaluate import failed_tests
from homelab.tailnet.policy import Document, Json
from lab.provider import Properties, RefusedError, Value
from lab.standins.records import Shape, items, strangers

ACL: Final = "tailscale:index/acl:Acl"
DNS: Final = "tailscale:index/dnsConfiguration:DnsConfiguration"
KEY: Final = "tailscale:index/tailnetKey:TailnetKey"

_T, _B, _L, _N = "text", "bool", "list", "number"
_KEY = {"description": _T, "ephemeral": _B, "expiry": _N, "preauthorized": _B}
_KEY |= {"reusable": _B, "tags": _L}
SHAPES: Final[Mapping[str, Shape]] = {
    ACL: Shape({"acl": _T}, {"overwriteExistingContent": _B, "resetAclOnDestroy": _B}),
    DNS: Shape(
        {},
        {"magicDns": _B, "overrideLocalDns": _B, "nameservers": _L}
        | {"searchPaths": _L, "splitDns": _L},
    ),
    KEY: Shape({}, {**_KEY, "recreateIfInvalid": _T, "userId": _T}, frozenset(_KEY)),
}
ONE: Final = {ACL: "policy", DNS: "dns_configuration"}
"""There is one of each in a tailnet."""
CLIENT: Final = "tag:iac"
"""Tag of the OAuth client that the program signs in with."""
_SECTIONS = {"groups", "tagOwners", "hosts", "grants", "acls", "autoApprovers", "ssh", "nodeAttrs"}
_SECTIONS |= {"tests", "sshTests", "ipsets", "postures", "disableIPv4", "randomizeClientPort"}
_LONGEST = 90 * 24 * 3600
_DNS_NESTED = {"nameservers": ("address", "useWithExitNode"), "splitDns": ("domain", "nameservers")}


def problems(type_: str, inputs: Properties) -> Iterator[str]:
    """What shows in a preview; that of a policy is Tailscale's own answer already."""
    if type_ == ACL and isinstance(inputs["acl"], str):
        yield from _policy(inputs["acl"])
    elif type_ == DNS:
        for name, known in _DNS_NESTED.items():
            for item in items(inputs.get(name)):
                yield from strangers(item, known, name)
                servers = [item] if name == "nameservers" else items(item, "nameservers")
                yield from _not_addresses(servers)
        if inputs.get("overrideLocalDns") is True and inputs.get("nameservers", []) == []:
            yield "'overrideLocalDns' needs at least one of 'nameservers'"
    elif type_ == KEY:
        expiry, text = inputs.get("expiry"), inputs.get("description")
        if isinstance(expiry, int | float) and not 0 < expiry <= _LONGEST:
            yield f"'expiry' must be between 1 and {_LONGEST} seconds"
        if isinstance(text, str) and not re.fullmatch(r"[A-Za-z0-9 -]{0,50}", text):
            yield "'description' is at most 50 letters, digits, spaces and hyphens"


def refuse_key(inputs: Properties, policy: Document) -> None:
    """A client with a tag of its own gives out keys with tags only, and only with those it owns."""
    tags = [str(t) for t in items(inputs.get("tags"))]
    if not tags:
        raise RefusedError("400 Bad Request: keys made by an OAuth client must have tags")
    owners = _object(policy.get("tagOwners"))
    for tag in tags:
        mine = owners.get(tag)
        if not isinstance(mine, list) or (tag != CLIENT and CLIENT not in mine):
            raise RefusedError(
                f"400 Bad Request: requested tags [{tag}] are invalid or not permitted"
            )


def _policy(text: str) -> Iterator[str]:
    try:
        document = json.loads(text)
    except ValueError as error:
        yield f"ACL validation failed: not JSON: {error}"
        return
    if not isinstance(document, dict):
        yield "ACL validation failed: not an object"
        return
    for name in sorted({*document} - _SECTIONS):
        yield f'ACL validation failed: unknown field "{name}"'
    policy = cast("Document", document)
    unknown = sorted(set(_unknown(policy)))
    for name in unknown:
        yield f"ACL validation failed: {name} is not defined"
    if not unknown:
        for sentence in failed_tests(policy):
            yield f"ACL validation failed: test(s) failed: {sentence}"


def _unknown(policy: Document) -> Iterator[str]:
    """Tags, groups and hosts that are used but defined nowhere."""
    known = {*_object(policy.get("tagOwners")), *_object(policy.get("groups"))}
    known |= {*_object(policy.get("hosts")), "*"}
    used: list[Json] = []
    for grant in _list(policy.get("grants")):
        for side in ("src", "dst"):
            used += _list(_object(grant).get(side))
    approvers = _object(policy.get("autoApprovers"))
    for names in (*_object(approvers.get("routes")).values(), approvers.get("exitNode")):
        used += _list(names)
    for owners in _object(policy.get("tagOwners")).values():
        used += _list(owners)
    for test in _list(policy.get("tests")):
        used.append(_object(test).get("src"))
        for side in ("accept", "deny"):
            used += [str(end).rpartition(":")[0] for end in _list(_object(test).get(side))]
    for name in map(str, used):
        is_address = re.fullmatch(r"[0-9./]+|[0-9a-f]*:[0-9a-f:/]*", name)
        is_outside = "@" in name or name.startswith("autogroup:") or is_address
        if name not in known and not is_outside:
            yield name


def _not_addresses(servers: list[Value]) -> Iterator[str]:
    for server in servers:
        address = server.get("address") if isinstance(server, dict) else None
        if isinstance(address, str):
            try:
                ip_address(address)
            except ValueError:
                if not address.startswith("https://"):
                    yield f"{address} is not an address"


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
