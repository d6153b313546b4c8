"""Ask a policy what it allows, as Tailscale would, without asking Tailscale.

Knows grants, groups, tags, hosts, addresses and the two autogroups of members and machines. What
it does not know, it takes for closed where somebody must get through, and for open where nobody
may: a network that a person's device may be in, an IPv6 address of a host, a set of addresses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from ipaddress import ip_address, ip_network

from homelab.tailnet.hujson import Document, Json
from homelab.tailnet.model import TailnetPlan
from homelab.tailnet.policy import policy

Tags = Mapping[str, tuple[str, ...]]
"""Tag to the hosts that carry it; a policy alone does not say."""


def allowed(plan: TailnetPlan, src: str, dst_host: str, port: int, proto: str = "tcp") -> bool:
    """Whether `src` (a user, a tag, a host) reaches a port of a host (or of hosts under a tag)."""
    return Grants.of(plan).reaches(src, dst_host, port, proto)


class Grants:
    """The grants of a policy, to be asked about many pairs: who matches which is found once."""

    def __init__(self, document: Document, tags: Tags | None = None) -> None:
        self._document, self._tags = document, tags or {}
        self._grants = [
            (_texts(grant.get("src")), _texts(grant.get("dst")), _texts(grant.get("ip")))
            for grant in _objects(document.get("grants"))
        ]
        self._known = frozenset(str(a) for a in _object(document.get("hosts")).values())
        self._identities: dict[str, frozenset[str]] = {}
        self._from: dict[tuple[str, bool], tuple[int, ...]] = {}

    @classmethod
    def of(cls, plan: TailnetPlan) -> Grants:
        """Those of a plan."""
        return cls(policy(plan), plan.tags)

    def reaches(
        self, src: str, dst: str, port: int, proto: str = "tcp", *, perhaps: bool = False
    ) -> bool:
        """Whether a grant lets `src` reach it; with `perhaps` also where it cannot be ruled out."""
        return bool(self.granting(src, dst, port, proto, perhaps=perhaps))

    def granting(
        self, src: str, dst: str, port: int, proto: str = "tcp", *, perhaps: bool = False
    ) -> tuple[int, ...]:
        """The grants that let `src` reach it, by their place in the list."""
        return tuple(
            i
            for i in self._of(src, perhaps)
            if self._match(dst, self._grants[i][1], perhaps)
            and any(_covers(ip, port, proto) for ip in self._grants[i][2])
        )

    def _of(self, src: str, perhaps: bool) -> tuple[int, ...]:
        """The grants whose source this is."""
        found = self._from.get((src, perhaps))
        if found is None:
            found = self._from[src, perhaps] = tuple(
                i for i, grant in enumerate(self._grants) if self._match(src, grant[0], perhaps)
            )
        return found

    def _match(self, who: str, patterns: list[str], perhaps: bool) -> bool:
        mine = self._identities.get(who)
        if mine is None:
            mine = self._identities[who] = _identities(self._document, who, self._tags)
        if _matches(self._document, mine, patterns):
            return True
        return perhaps and _may_match(self._document, self._known, mine, patterns)


def reaches(
    document: Document,
    src: str,
    dst: str,
    port: int,
    proto: str = "tcp",
    tags: Tags | None = None,
    *,
    perhaps: bool = False,
) -> bool:
    """As `allowed`, of any policy; with `perhaps` also where it cannot be ruled out."""
    return Grants(document, tags).reaches(src, dst, port, proto, perhaps=perhaps)


def failed_tests(document: Document, tags: Tags | None = None) -> tuple[str, ...]:
    """The policy's own tests that it does not pass, a sentence for each source."""
    failed: dict[str, dict[str, None]] = {}
    grants = Grants(document, tags)
    for test in _objects(document.get("tests")):
        src = str(test.get("src", ""))
        protocols = (str(test["proto"]),) if "proto" in test else ("tcp", "udp")
        for wanted, ends in ((True, test.get("accept")), (False, test.get("deny"))):
            for end in _texts(ends):
                host, _, port = end.rpartition(":")
                found = any(
                    grants.reaches(src, host, int(port), p, perhaps=not wanted) for p in protocols
                )
                if found is not wanted:
                    verb = "cannot" if wanted else "can"
                    failed.setdefault(f"{src} {verb} reach", {})[end] = None
    return tuple(f"{who} {', '.join(ends)}" for who, ends in failed.items())


def logs_in(document: Document, src: str, tag: str, user: str) -> bool:
    """Whether Tailscale's SSH lets `src` (a user, a tag) be a user of the hosts under a tag."""
    sources = _identities(document, src, {})
    wanted = {user} if user == "root" else {user, "autogroup:nonroot"}
    return any(
        not sources.isdisjoint(_texts(rule.get("src")))
        and tag in _texts(rule.get("dst"))
        and not wanted.isdisjoint(_texts(rule.get("users")))
        for rule in _objects(document.get("ssh"))
    )


def failed_login_tests(document: Document) -> tuple[str, ...]:
    """As `failed_tests`, of the tests about Tailscale's SSH."""
    failed = []
    for test in _objects(document.get("sshTests")):
        src = str(test.get("src", ""))
        for wanted, users in ((True, test.get("accept")), (False, test.get("deny"))):
            for tag in _texts(test.get("dst")):
                for user in _texts(users):
                    if logs_in(document, src, tag, user) is not wanted:
                        verb = "cannot" if wanted else "can"
                        failed.append(f"{src} {verb} log in on {tag} as {user}")
    return tuple(failed)


def _identities(document: Document, who: str, tags: Tags) -> frozenset[str]:
    """Everything that a person or machine counts as, its address among it."""
    if "@" in who:
        groups = _object(document.get("groups"))
        mine = {g for g, members in groups.items() if who in _texts(members)}
        return frozenset({who, *mine, "autogroup:member"})
    if who.startswith("tag:"):
        return frozenset({who, "autogroup:tagged"})
    address = _object(document.get("hosts")).get(who, who)
    mine = {t for t, hosts in tags.items() if who in hosts}
    return frozenset({who, str(address), *mine, *(("autogroup:tagged",) if mine else ())})


def _matches(document: Document, identities: frozenset[str], patterns: list[str]) -> bool:
    hosts = _object(document.get("hosts"))
    for pattern in patterns:
        if pattern == "*" or pattern in identities:
            return True
        place = str(hosts.get(pattern, pattern))
        if any(_inside(identity, place) for identity in identities):
            return True
    return False


def _may_match(
    document: Document, known: frozenset[str], identities: frozenset[str], patterns: list[str]
) -> bool:
    """Whether nobody can tell that it does not match."""
    hosts = _object(document.get("hosts"))
    addresses = any(_is_address(i) for i in identities)
    for pattern in patterns:
        place = str(hosts.get(pattern, pattern))
        if pattern.startswith(("ipset:", "autogroup:danger")):
            return True
        if place in known or not _is_address(place):
            continue
        # A person's devices have addresses that no policy says; a host has one of IPv6, too.
        if not addresses or ip_network(place, strict=False).version == 6:
            return True
    return False


@cache
def _is_address(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


@cache
def _inside(identity: str, place: str) -> bool:
    try:
        return ip_address(identity) in ip_network(place, strict=False)
    except ValueError:
        return False


def _covers(ip: str, port: int, proto: str) -> bool:
    protocol, colon, ports = ip.partition(":")
    if not colon:
        protocol, ports = "*", ip
    if protocol not in ("*", proto):
        return False
    low, _, high = ports.partition("-")
    return ports == "*" or int(low) <= port <= int(high or low)


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _objects(value: Json) -> Iterator[dict[str, Json]]:
    yield from (v for v in value if isinstance(v, dict)) if isinstance(value, list) else ()


def _texts(value: Json) -> list[str]:
    return [v for v in value if isinstance(v, str)] if isinstance(value, list) else []
