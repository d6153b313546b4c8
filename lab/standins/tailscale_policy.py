"""Rules of Tailscale's policy: consistent references, and tags that a client owns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from homelab.lab.provider import Properties, RefusedError
from homelab.lab.standins.records import items
from homelab.tailnet.evaluate import failed_login_tests, failed_tests
from homelab.tailnet.hujson import Document, HujsonError, Json, parse

DEFAULT: Final = """\
// Example/default ACLs for unrestricted connections.
{
\t"grants": [
\t\t// Allow all connections.
\t\t{"src": ["*"], "dst": ["*"], "ip": ["*"]},
\t],
\t"ssh": [
\t\t{
\t\t\t"action": "check",
\t\t\t"src":    ["autogroup:member"],
\t\t\t"dst":    ["autogroup:self"],
\t\t\t"users":  ["autogroup:nonroot", "root"],
\t\t},
\t],
}
"""
"""The policy of a new tailnet, without its examples."""
CLIENT: Final = "tag:iac"
"""Tag of the program's OAuth client."""
_SECTIONS = {"groups", "tagOwners", "hosts", "grants", "acls", "autoApprovers", "ssh", "nodeAttrs"}
_SECTIONS |= {"tests", "sshTests", "ipsets", "postures", "disableIPv4", "randomizeClientPort"}


def refuse_tags(inputs: Properties, policy: Document) -> None:
    """Raise RefusedError for a key without tags, or with tags that the client does not own."""
    tags = [str(t) for t in items(inputs.get("tags"))]
    if not tags:
        raise RefusedError("400 Bad Request: what an OAuth client makes must have tags")
    owners = _object(policy.get("tagOwners"))
    for tag in tags:
        mine = owners.get(tag)
        if not isinstance(mine, list) or (tag != CLIENT and CLIENT not in mine):
            raise RefusedError(
                f"400 Bad Request: requested tags [{tag}] are invalid or not permitted"
            )


def unreadable(text: str) -> Iterator[str]:
    """Problems that the provider finds in a preview, where it only parses the text."""
    try:
        parse(text)
    except HujsonError as error:
        yield f"ACL validation failed: not HuJSON: {error}"


def refuse_policy(text: str) -> None:
    """Raise RefusedError for an inconsistent policy, or one that fails its own tests."""
    problems = [*unreadable(text)] or [*_problems(parse(text))]
    if problems:
        raise RefusedError("\n".join(f"400 Bad Request: {p}" for p in problems))


def _problems(document: Json) -> Iterator[str]:
    if not isinstance(document, dict):
        yield "ACL validation failed: not an object"
        return
    for name in sorted({*document} - _SECTIONS):
        yield f'ACL validation failed: unknown field "{name}"'
    unknown = sorted(set(_unknown(document)))
    for name in unknown:
        yield f"ACL validation failed: {name} is not defined"
    if not unknown:
        for sentence in (*_failed(document), *failed_login_tests(document)):
            yield f"ACL validation failed: test(s) failed: {sentence}"


def _failed(document: Document) -> Iterator[str]:
    """The tests that fail whatever tags the machines have: the policy alone does not tell."""
    tests = [_object(t) for t in _list(document.get("tests"))]
    denied: list[Json] = [{k: v for k, v in t.items() if k != "accept"} for t in tests]
    needed: list[Json] = [{k: v for k, v in t.items() if k != "deny"} for t in tests]
    hosts = tuple(_object(document.get("hosts")))
    anything = dict.fromkeys(_object(document.get("tagOwners")), hosts)
    yield from failed_tests({**document, "tests": needed}, anything)
    yield from failed_tests({**document, "tests": denied})


def _unknown(policy: Document) -> Iterator[str]:
    """Tags, groups and hosts that are used but not defined."""
    known = {*_object(policy.get("tagOwners")), *_object(policy.get("groups"))}
    known |= {*_object(policy.get("hosts")), "*"}
    used: list[Json] = []
    for section in ("grants", "ssh", "nodeAttrs"):
        for entry in _list(policy.get(section)):
            for side in ("src", "dst", "target"):
                used += _list(_object(entry).get(side))
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


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
