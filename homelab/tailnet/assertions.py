"""Tests that travel in the policy: Tailscale refuses one that fails them, whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.system.model import Host
from homelab.tailnet.evaluate import reaches
from homelab.tailnet.hujson import Document
from homelab.tailnet.members import SSH, role_tag
from homelab.tailnet.model import Grant, Login, LoginTest, PolicyTest, TailnetConfig

PRIVILEGED = "tag:workhorse"
"""Where the data is."""
SUBORDINATE = ("tag:agent", "tag:appliance")
"""Machines that never log in where the data is."""


def plan_tests(
    config: TailnetConfig,
    grants: tuple[Grant, ...],
    names: Mapping[str, str],
    members: Mapping[str, Host],
    tags: Mapping[str, tuple[str, ...]],
) -> tuple[PolicyTest, ...]:
    """The owners' way in, each way that something needs, and what nobody else may."""
    return (
        *_lifelines(config, names, members),
        *_edges(grants, names),
        *_closed(config, members, tags),
        *_apart(grants, names, members, tags),
    )


def plan_login_tests(
    config: TailnetConfig, logins: tuple[Login, ...], tags: Mapping[str, tuple[str, ...]]
) -> tuple[LoginTest, ...]:
    """Whom Tailscale's SSH lets in, and which machines it never does."""
    return tuple(_logins(config, logins, tags))


def _logins(
    config: TailnetConfig, logins: tuple[Login, ...], tags: Mapping[str, tuple[str, ...]]
) -> Iterator[LoginTest]:
    for login in logins:
        if login.source == "tailnet.owners":
            for owner in sorted(set(config.owners)):
                yield LoginTest(owner, login.dst, ("root",), (), login.source)
        elif login.action == "accept":
            for one in login.src:
                if "@" in one or one.startswith("tag:"):
                    yield LoginTest(one, login.dst, login.users, (), login.source)
    if logins and PRIVILEGED in tags:
        for tag in SUBORDINATE:
            if tag in tags:
                yield LoginTest(tag, (PRIVILEGED,), (), ("root",), "hosts")


def _lifelines(
    config: TailnetConfig, names: Mapping[str, str], members: Mapping[str, Host]
) -> Iterator[PolicyTest]:
    """Owners reach every host by SSH, so that no policy locks them out."""
    reach = tuple(f"{n}:{SSH}" for n in names if n in members)
    if reach:
        for owner in sorted(set(config.owners)):
            yield PolicyTest(owner, reach, (), "tailnet.owners")


def _edges(grants: tuple[Grant, ...], names: Mapping[str, str]) -> Iterator[PolicyTest]:
    """Each way from host to host that routes and services need is open."""
    for grant in grants:
        if len(grant.src) == 1 and grant.src[0] in names:
            ports = [p.partition(":")[2] for p in grant.ip if p.startswith("tcp:")]
            accept = tuple(
                f"{d}:{p}" for d in grant.dst if d in names for p in ports if p.isdigit()
            )
            if accept:
                yield PolicyTest(grant.src[0], accept, (), grant.source)


def _closed(
    config: TailnetConfig, members: Mapping[str, Host], tags: Mapping[str, tuple[str, ...]]
) -> Iterator[PolicyTest]:
    """Nobody but owners, and machines that were told to, logs in on a host."""
    for who, source in (("tag:agent", "hosts"), *((m, "tailnet.family") for m in config.family)):
        if who in config.owners:
            continue
        is_tag = who.startswith("tag:")
        if is_tag and who not in tags:
            continue
        deny = tuple(
            f"{n}:{SSH}"
            for n, h in members.items()
            if h.tailnet and not (is_tag and role_tag(h) == who)
        )
        if deny:
            yield PolicyTest(who, (), deny, source)


def _apart(
    grants: tuple[Grant, ...],
    names: Mapping[str, str],
    members: Mapping[str, Host],
    tags: Mapping[str, tuple[str, ...]],
) -> Iterator[PolicyTest]:
    """No machine logs in on another unless a grant says so: Tailscale has to find so, too."""
    document: Document = {
        "hosts": dict(names),
        "grants": [{"src": [*g.src], "dst": [*g.dst], "ip": [*g.ip]} for g in grants],
    }
    joined = [n for n in members if n in names]
    for one in joined:
        deny = tuple(
            f"{other}:{SSH}"
            for other in joined
            if other != one and not reaches(document, one, other, SSH, tags=tags)
        )
        if deny:
            yield PolicyTest(one, (), deny, f"hosts.{one}")
