"""Real packets: what a member of a VPN sends goes by the VPN, or nowhere.

The rendered rules and the shipped scripts, in network namespaces of the test's own. The tunnel is a
cable in place of WireGuard: what is proven is where packets go, not how they are wrapped.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab.vpn.killswitch import TABLE
from tests.vpn import stack, wires
from tests.vpn.wires import (
    ELSEWHERE,
    ELSEWHERE6,
    INSIDE,
    NEIGHBOUR,
    OUT,
    OUT_SEEN,
    PEER,
    ROUTER,
    TUNNEL,
    Wires,
)

PLAN = stack.plan(stack.MEMBERS)
GID = stack.gids(PLAN)["jellyfin"]
WITH_LAN = stack.gids(PLAN)["navidrome"]
STRANGER = 4711


@pytest.fixture
def net() -> Iterator[Wires]:
    with wires.wires() as made:
        made.tunnel()
        made.load(TABLE, stack.table(PLAN, TABLE))
        yield made


def by_tunnel(net: Wires) -> None:
    """The host's routes lead into the tunnel."""
    name = net.host.name
    wires.ip("-n", name, "route", "replace", "default", "dev", TUNNEL)
    wires.ip("-n", name, "-6", "route", "replace", "default", "dev", TUNNEL)


def confine(net: Wires) -> None:
    """What the guard of the kill-switch and wg-quick do for the host's routes."""
    done = net.host.script("killswitch.sh", f"filtered {TABLE}\nconfine 51821 {GID}\n")
    assert done.returncode == 0, done.stderr
    for family in ("-4", "-6"):
        wires.ip(
            "-n", net.host.name, family, "route", "add", "default", "dev", TUNNEL, "table", "51821"
        )


def test_without_rules_everything_would_leave(net: Wires) -> None:
    """The other tests see what there is to see."""
    net.host.run("nft", "delete", "table", "inet", TABLE)
    assert net.seen("lan", *OUT, gid=GID, near="eth") == OUT_SEEN


@pytest.mark.requirement("S4-14")
def test_a_member_does_not_leave_beside_the_tunnel(net: Wires) -> None:
    """IPv4, IPv6, UDP, TCP and DNS are dropped on the way to the router."""
    assert net.seen("lan", *OUT, gid=GID, near="eth") == []


@pytest.mark.requirement("S4-14")
def test_a_member_leaves_by_the_tunnel(net: Wires) -> None:
    """DNS too."""
    by_tunnel(net)
    assert net.seen("wan", *OUT, gid=GID, near=TUNNEL) == OUT_SEEN


@pytest.mark.requirement("S4-14")
def test_a_tunnel_that_is_gone_opens_nothing(net: Wires) -> None:
    """Rules name the interface, and hold while there is none."""
    by_tunnel(net)
    wires.ip("-n", net.host.name, "link", "delete", TUNNEL)
    for family, router in (("-4", ROUTER), ("-6", wires.ROUTER6)):
        wires.ip(
            "-n", net.host.name, family, "route", "replace", "default", "via", router, "dev", "eth"
        )
    assert net.seen("lan", *OUT, gid=GID, near="eth") == []


@pytest.mark.requirement("S4-14")
def test_a_tunnel_that_comes_later_is_taken(net: Wires) -> None:
    """Rules by name need no reload."""
    wires.ip("-n", net.host.name, "link", "delete", TUNNEL)
    net.tunnel()
    by_tunnel(net)
    assert net.seen("wan", f"udp4 {ELSEWHERE} 4000", gid=GID, near=TUNNEL) == ["udp4 4000"]


@pytest.mark.requirement("S4-14")
def test_others_are_left_alone(net: Wires) -> None:
    assert net.seen("lan", *OUT, gid=STRANGER, near="eth") == OUT_SEEN
    assert net.seen("lan", f"udp4 {ROUTER} 53", gid=0, near="eth") == ["udp4 53"]


@pytest.mark.requirement("S4-14")
def test_loopback_works_but_for_lookups(net: Wires) -> None:
    """The proxy and a database are there; the host's resolver would ask beside the tunnel."""
    local = ("udp4 127.0.0.1 4000", "udp6 ::1 4001", "udp4 127.0.0.53 53")
    assert net.seen("lo", *local, gid=GID) == ["udp4 4000", "udp6 4001"]
    with net.host.serve("127.0.0.1", 8096, gid=GID):
        assert net.host.ask("127.0.0.1", 8096) == "hello"


@pytest.mark.requirement("S4-14")
def test_the_lan_is_for_those_who_may(net: Wires) -> None:
    """And not for lookups."""
    at_home = (
        f"udp4 {NEIGHBOUR} 4000",
        f"tcp4 {NEIGHBOUR} 4002",
        f"udp4 {NEIGHBOUR} 53",
        f"tcp4 {NEIGHBOUR} 853",
    )
    assert net.seen("lan", *at_home, gid=GID, near="eth") == []
    assert net.seen("lan", *at_home, gid=WITH_LAN, near="eth") == ["udp4 4000", "tcp4 4002"]
    assert net.seen("lan", *OUT, gid=WITH_LAN, near="eth") == []


@pytest.mark.requirement("S4-14", "S0-12")
def test_a_member_answers_the_tailnet_and_calls_nobody_there(net: Wires) -> None:
    """The reverse proxy may be on another host."""
    with net.host.serve(wires.TAILNET, 8096, gid=GID):
        assert net.world.ask(wires.TAILNET, 8096) == "hello"
    assert (
        net.seen("tail", f"udp4 {PEER} 4000", f"tcp4 {PEER} 4002", gid=GID, near="tailscale0") == []
    )


@pytest.mark.requirement("S4-14")
def test_what_a_program_leaves_behind_does_not_leave(net: Wires) -> None:
    """The last packets of a connection have no group, but they have the tunnel's address."""
    late = (f"udp4 {ELSEWHERE} 4000 {INSIDE}", f"udp6 {ELSEWHERE6} 4001 {wires.INSIDE6}")
    assert net.seen("lan", *late, gid=0, near="eth") == []


@pytest.mark.requirement("S4-13")
def test_nothing_comes_in_by_the_tunnel(net: Wires) -> None:
    """A provider is the internet."""
    wires.ip("-n", net.world.name, "address", "add", "10.2.0.1/32", "dev", "wan")
    wires.ip("-n", net.world.name, "route", "add", f"{INSIDE}/32", "dev", "wan")
    wires.ip("-n", net.world.name, "link", "set", "wan", "arp", "off")
    wires.ip("-n", net.world.name, "link", "set", "wan", "address", "02:00:00:00:00:07")
    wires.ip("-n", net.host.name, "link", "set", TUNNEL, "address", "02:00:00:00:00:07")
    wires.ip("-n", net.host.name, "route", "add", "10.2.0.1/32", "dev", TUNNEL)
    with net.host.serve("0.0.0.0", 8096):
        assert net.world.ask(INSIDE, 8096, patience=0.5) == "TimeoutError"
    net.host.run("nft", "delete", "table", "inet", TABLE)
    with net.host.serve("0.0.0.0", 8096):
        assert net.world.ask(INSIDE, 8096) == "hello"


@pytest.mark.requirement("S4-14")
def test_routes_lead_members_and_nobody_else_into_the_tunnel(net: Wires) -> None:
    """The host itself keeps its way out."""
    confine(net)
    assert net.seen("wan", *OUT, uid=GID, gid=GID, near=TUNNEL) == OUT_SEEN
    assert net.seen("lan", *OUT, uid=STRANGER, gid=STRANGER, near="eth") == OUT_SEEN


@pytest.mark.parametrize("left", ["both", "filter", "routes"])
@pytest.mark.requirement("S4-14")
def test_each_barrier_is_enough(net: Wires, left: str) -> None:
    """Packet filter and routes, one without the other, and no tunnel."""
    confine(net)
    wires.ip("-n", net.host.name, "link", "delete", TUNNEL)
    if left == "filter":
        assert net.host.script("killswitch.sh", "release").returncode == 0
    if left == "routes":
        net.host.run("nft", "delete", "table", "inet", TABLE)
    assert net.seen("lan", *OUT, uid=GID, gid=GID, near="eth") == []


def test_release_leaves_no_rule_behind(net: Wires) -> None:
    before = net.host.run("ip", "rule"), net.host.run("ip", "-6", "rule")
    confine(net)
    assert net.host.run("ip", "rule") != before[0]
    assert net.host.script("killswitch.sh", "release").returncode == 0
    assert (net.host.run("ip", "rule"), net.host.run("ip", "-6", "rule")) == before


@pytest.mark.requirement("S4-14")
def test_no_member_starts_without_the_rules(net: Wires) -> None:
    """The guard, which every member requires, fails."""
    net.host.run("nft", "delete", "table", "inet", TABLE)
    done = net.host.script("killswitch.sh", f"filtered {TABLE}")
    assert done.returncode == 1
    assert "the packet filter has no table vpn-killswitch" in done.stderr


@pytest.mark.parametrize(
    ("uid", "gid", "told"),
    [
        ("598", "598", ""),
        ("998", "598", "user 998 and group 598 here"),
        ("598", "997", "user 598 and group 997 here"),
        ("", "", "user unknown"),
    ],
)
@pytest.mark.requirement("S4-31")
def test_no_member_starts_with_another_number(
    tmp_path: Path, uid: str, gid: str, told: str
) -> None:
    """NixOS does not change the number of an existing group, and warns in passing."""
    (tmp_path / "etc").mkdir()
    passwd = f"jellyfin:x:{uid}:{gid}::/var/empty:/bin/false\n" if uid else ""
    group = f"jellyfin:x:{gid}:\n" if gid else ""
    (tmp_path / "etc/passwd").write_text(f"root:x:0:0::/root:/bin/sh\n{passwd}")
    (tmp_path / "etc/group").write_text(f"root:x:0:\n{group}")
    with wires.wires() as net:
        done = net.host.script("killswitch.sh", "member jellyfin 598 598", root=tmp_path)
    assert (done.returncode, told in done.stderr) == (1 if told else 0, True)
