"""Evaluate a tailnet policy locally, as Tailscale does.

Supports grants, groups, tags, hosts, addresses and the autogroups of members and tagged machines.
Unsupported parts count as closed where access is needed, and as open where it must be denied: a
network that may contain a person's device, an IPv6 address of a host, an IP set.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from homelab.tailnet.hujson import Document, Json
from homelab.tailnet.model import TailnetPlan
from homelab.tailnet.policy import policy

Tags = Mapping[str, tuple[str, ...]]
"""Tag to the hosts that have it; a policy does not contain this."""


_UNKNOWN = ("ipset:", "autogroup:danger")
"""Prefixes of sources and targets whose members are not in the policy."""


_FEW = 16
"""Ends that are looked at one by one."""


def allowed(plan: TailnetPlan, src: str, dst_host: str, port: int, proto: str = "tcp") -> bool:
    """Whether `src` (a user, a tag, a host) reaches a port of a host (or of hosts under a tag)."""
    return Grants.of(plan).reaches(src, dst_host, port, proto)


class Grants:
    """The grants of a policy, with caches for queries about many pairs."""

    def __init__(self, document: Document, tags: Tags | None = None) -> None:
        self._document = document
        self._hosts_of = _inverted(tags or {})
        self._groups_of = _inverted(
            {g: tuple(_texts(m)) for g, m in _object(document.get("groups")).items()}
        )
        grants = [*_objects(document.get("grants"))]
        self._sources = Ends(document, [_texts(g.get("src")) for g in grants])
        self._targets = Ends(document, [_texts(g.get("dst")) for g in grants])
        self._ports = [_texts(g.get("ip")) for g in grants]
        self._ends: dict[bool, dict[str, tuple[frozenset[int], int]]] = {False: {}, True: {}}
        self._leading: dict[bool, list[set[str]]] = {
            perhaps: [set() for _ in grants] for perhaps in (False, True)
        }
        """For each grant, the tested ends that it allows a connection to."""
        self._found: dict[tuple[str, bool, bool], frozenset[int]] = {}

    @classmethod
    def of(cls, plan: TailnetPlan) -> Grants:
        """The grants of a plan."""
        return cls(policy(plan), plan.tags)

    def reaches(
        self, src: str, dst: str, port: int, proto: str = "tcp", *, perhaps: bool = False
    ) -> bool:
        """Whether a grant lets `src` reach the port; with `perhaps`, also when it possibly does."""
        return bool(self.reached(src, (f"{dst}:{port}",), (proto,), perhaps=perhaps))

    def reached(
        self, src: str, ends: Iterable[str], protos: Iterable[str], *, perhaps: bool = False
    ) -> tuple[str, ...]:
        """The ends (`host:port`) that `src` reaches by one of these protocols."""
        wanted, from_source = tuple(ends), self._from(src, perhaps)
        known, leading = self._ends[perhaps], self._leading[perhaps]
        for end in set(wanted).difference(known):
            host, _, port = end.rpartition(":")
            to_host = self._to(host, perhaps)
            known[end] = to_host, int(port)
            for i in to_host:
                leading[i].add(end)
        if len(wanted) <= _FEW:
            shared = {end for end in wanted if not from_source.isdisjoint(known[end][0])}
        else:
            # Most ends have no grant in common with the source. Set operations skip them.
            shared = set[str]().union(*(leading[i] for i in from_source)).intersection(wanted)
        reachable = {
            end
            for end in shared
            if any(
                _covers(ip, known[end][1], proto)
                for i in from_source & known[end][0]
                for ip in self._ports[i]
                for proto in protos
            )
        }
        return tuple(end for end in wanted if end in reachable) if reachable else ()

    def granting(
        self, src: str, dst: str, port: int, proto: str = "tcp", *, perhaps: bool = False
    ) -> tuple[int, ...]:
        """Indices of the grants that let `src` reach the port."""
        both = self._from(src, perhaps) & self._to(dst, perhaps)
        return tuple(
            i for i in sorted(both) if any(_covers(ip, port, proto) for ip in self._ports[i])
        )

    def _from(self, src: str, perhaps: bool) -> frozenset[int]:
        """The grants whose `src` matches."""
        found = self._found.get((src, perhaps, True))
        if found is None:
            found = self._sources.of(self._identities(src), perhaps)
            self._found[src, perhaps, True] = found
        return found

    def _to(self, dst: str, perhaps: bool) -> frozenset[int]:
        """The grants whose `dst` matches."""
        found = self._found.get((dst, perhaps, False))
        if found is None:
            found = self._targets.of(self._identities(dst), perhaps)
            self._found[dst, perhaps, False] = found
        return found

    def _identities(self, name: str) -> frozenset[str]:
        return _identities(
            self._document, name, self._groups_of.get(name, ()), self._hosts_of.get(name, ())
        )


class Ends:
    """An index of one end of each grant, by name and address.

    Only wide patterns (`*`, networks, unknown groups) have to be matched one by one.
    """

    def __init__(self, document: Document, ends: list[list[str]]) -> None:
        self._document, self._ends = document, ends
        hosts = _object(document.get("hosts"))
        self._known = frozenset(str(a) for a in hosts.values())
        self._by_name: dict[str, list[int]] = {}
        self._by_address: dict[IPv4Address | IPv6Address, list[int]] = {}
        self._wide: set[int] = set()
        for i, patterns in enumerate(ends):
            for pattern in patterns:
                self._by_name.setdefault(pattern, []).append(i)
                place = str(hosts.get(pattern, pattern))
                address = _address(place)
                if address is not None:
                    self._by_address.setdefault(address, []).append(i)
                if (
                    pattern == "*"
                    or pattern.startswith(_UNKNOWN)
                    or (_is_address(place) and (address is None or place not in self._known))
                ):
                    self._wide.add(i)

    def of(self, identities: frozenset[str], perhaps: bool) -> frozenset[int]:
        """The grants whose end matches one of these identities; with `perhaps`, possibly does."""
        found: set[int] = set()
        for identity in identities:
            found.update(self._by_name.get(identity, ()))
            address = _address(identity)
            if address is not None:
                found.update(self._by_address.get(address, ()))
        # A grant may list every host, so only what the index does not answer is looked through.
        return frozenset(found).union(
            i
            for i in self._wide - found
            if _matches(self._document, identities, self._ends[i])
            or (perhaps and _may_match(self._document, self._known, identities, self._ends[i]))
        )


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
    """`allowed` for any policy; with `perhaps`, also when it is only possible."""
    return Grants(document, tags).reaches(src, dst, port, proto, perhaps=perhaps)


def failed_tests(document: Document, tags: Tags | None = None) -> tuple[str, ...]:
    """The tests in the policy that fail, as one sentence per source."""
    failed: dict[str, dict[str, None]] = {}
    grants = Grants(document, tags)
    for test in _objects(document.get("tests")):
        src = str(test.get("src", ""))
        protocols = (str(test["proto"]),) if "proto" in test else ("tcp", "udp")
        for wanted, ends in ((True, test.get("accept")), (False, test.get("deny"))):
            tested = _texts(ends)
            found = grants.reached(src, tested, protocols, perhaps=not wanted)
            reachable = frozenset(found)
            wrong = [e for e in tested if e not in reachable] if wanted else list(found)
            for end in wrong:
                verb = "cannot" if wanted else "can"
                failed.setdefault(f"{src} {verb} reach", {})[end] = None
    return tuple(f"{subject} {', '.join(ends)}" for subject, ends in failed.items())


def logs_in(document: Document, src: str, tag: str, user: str) -> bool:
    """Whether Tailscale SSH lets `src` (a user, a tag) log in as a user on hosts with a tag."""
    groups = _inverted({g: tuple(_texts(m)) for g, m in _object(document.get("groups")).items()})
    sources = _identities(document, src, groups.get(src, ()), ())
    wanted = {user} if user == "root" else {user, "autogroup:nonroot"}
    return any(
        not sources.isdisjoint(_texts(rule.get("src")))
        and tag in _texts(rule.get("dst"))
        and not wanted.isdisjoint(_texts(rule.get("users")))
        for rule in _objects(document.get("ssh"))
    )


def failed_login_tests(document: Document) -> tuple[str, ...]:
    """`failed_tests` for the tests of Tailscale SSH."""
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


def _identities(
    document: Document, name: str, groups: tuple[str, ...], tags: tuple[str, ...]
) -> frozenset[str]:
    """All names of a person or machine in a policy: itself, its groups or tags, its address."""
    if "@" in name:
        return frozenset({name, *groups, "autogroup:member"})
    if name.startswith("group:"):
        return frozenset({name, "autogroup:member"})
    if name.startswith("tag:"):
        return frozenset({name, "autogroup:tagged"})
    address = _object(document.get("hosts")).get(name, name)
    return frozenset({name, str(address), *tags, *(("autogroup:tagged",) if tags else ())})


def _inverted(members: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Invert a mapping of sets: member to the names of its sets."""
    out: dict[str, list[str]] = {}
    for name, names_inside in members.items():
        for member in dict.fromkeys(names_inside):
            out.setdefault(member, []).append(name)
    return {member: tuple(names) for member, names in out.items()}


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
    """Whether a match is possible: the policy alone does not exclude it."""
    hosts = _object(document.get("hosts"))
    addresses = any(_is_address(i) for i in identities)
    for pattern in patterns:
        place = str(hosts.get(pattern, pattern))
        if pattern.startswith(_UNKNOWN):
            return True
        if place in known or not _is_address(place):
            continue
        # A policy has neither the addresses of people's devices nor the IPv6 addresses of hosts.
        if not addresses or ip_network(place, strict=False).version == 6:
            return True
    return False


@cache
def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


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
