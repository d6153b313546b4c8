"""Real packets: what runs in the namespace of a VPN reaches the VPN, its host's questions, and
nothing else.

The rendered rules and the shipped script; a cable stands in for WireGuard, and is moved into the
namespace as WireGuard's interface is.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from homelab.vpn.namespace import TABLE
from tests.vpn import stack, wires
from tests.vpn.wires import (
    ELSEWHERE,
    HOST,
    INSIDE,
    INSIDE6,
    NEIGHBOUR,
    OUT,
    OUT_SEEN,
    Net,
    Wires,
)

NAME = f"n{os.getpid()}"
PLAN = stack.plan(stack.stack(name=NAME, jellyfin={"name": NAME, "mode": "namespace"}))
ENDS = PLAN.vpn.vpns[0].namespace


@pytest.fixture
def net() -> Iterator[Wires]:
    with wires.wires() as made:
        made.load(TABLE, stack.table(PLAN, TABLE))
        try:
            done = made.host.script("namespace.sh", f"up {NAME} {ENDS.host} {ENDS.inside}")
            assert done.returncode == 0, done.stderr
            yield made
        finally:
            subprocess.run(["ip", "netns", "delete", NAME], capture_output=True, check=False)


INNER = Net(NAME)


def tunnel(net: Wires) -> None:
    """What the units of WireGuard do."""
    wires.ip(
        "-n",
        net.host.name,
        "link",
        "add",
        NAME,
        "type",
        "veth",
        "peer",
        "name",
        "wan",
        "netns",
        net.world.name,
    )
    wires.ip("-n", net.world.name, "link", "set", "wan", "up")
    wires.ip("-n", net.host.name, "link", "set", NAME, "netns", NAME)
    wires.ip("-n", NAME, "address", "add", f"{INSIDE}/32", "dev", NAME)
    wires.ip("-n", NAME, "address", "add", f"{INSIDE6}/128", "dev", NAME, "nodad")
    wires.ip("-n", NAME, "link", "set", NAME, "arp", "off", "up")
    for family in ("-4", "-6"):
        wires.ip("-n", NAME, family, "route", "add", "default", "dev", NAME)


def to_host(net: Wires) -> None:
    """Somebody inside who may change routes sends everything to the host, which passes it on."""
    wires.ip("-n", NAME, "route", "replace", "default", "via", ENDS.host)
    net.host.run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")


def on_lan(net: Wires, *what: str) -> list[str]:
    """What goes to the router while a process inside sends."""
    with net.world.background("watch", "lan") as watching:
        INNER.probe("attempt", *what)
        net.host.probe("send", "eth", "0", "0")
        out, _ = watching.communicate(timeout=30)
    return [line for line in out.splitlines()[:-1] if line.startswith(("udp", "tcp"))]


@pytest.mark.requirement("S4-15")
def test_without_the_tunnel_there_is_no_way(net: Wires) -> None:
    """Not the host's, either."""
    assert on_lan(net, *OUT) == []
    assert set(INNER.probe("attempt", *OUT).split()) == {"ENETUNREACH"}


@pytest.mark.requirement("S4-15")
def test_with_the_tunnel_everything_takes_it(net: Wires) -> None:
    """DNS too."""
    tunnel(net)
    assert net.seen("wan", *OUT, near=NAME, net=INNER) == OUT_SEEN
    assert on_lan(net, *OUT) == []


@pytest.mark.requirement("S4-15")
def test_a_tunnel_that_is_gone_opens_nothing(net: Wires) -> None:
    tunnel(net)
    wires.ip("-n", NAME, "link", "delete", NAME)
    assert on_lan(net, *OUT) == []


@pytest.mark.requirement("S4-15")
def test_the_host_reaches_what_runs_inside(net: Wires) -> None:
    """The reverse proxy dials the address that the route has."""
    with INNER.serve("0.0.0.0", 8096):
        assert net.host.ask(ENDS.inside, 8096) == "hello"


@pytest.mark.requirement("S4-15")
def test_what_runs_inside_does_not_reach_the_host(net: Wires) -> None:
    """Neither at its end of the cable nor at its address on the LAN."""
    tunnel(net)
    for address in (ENDS.host, HOST):
        with net.host.serve("0.0.0.0", 8096):
            assert INNER.ask(address, 8096, patience=0.5) in ("TimeoutError", "PermissionError")


@pytest.mark.requirement("S4-15")
def test_loopback_inside_is_the_namespaces_own(net: Wires) -> None:
    """Services in one namespace find each other there, and no service of the host."""
    with net.host.serve("127.0.0.1", 8096):
        assert INNER.ask("127.0.0.1", 8096) == "ConnectionRefusedError"
    with INNER.serve("127.0.0.1", 8097):
        assert INNER.ask("127.0.0.1", 8097) == "hello"


@pytest.mark.parametrize("left", ["both", "inside", "host"])
@pytest.mark.requirement("S4-15")
def test_the_cable_is_no_way_out(net: Wires, left: str) -> None:
    """Not for somebody inside who changes routes; each end's filter is enough by itself."""
    to_host(net)
    if left == "inside":
        net.host.run("nft", "delete", "table", "inet", TABLE)
    if left == "host":
        INNER.run("nft", "flush", "ruleset")
    out = [f"udp4 {ELSEWHERE} 4000", f"tcp4 {ELSEWHERE} 4002", f"udp4 {NEIGHBOUR} 53"]
    assert on_lan(net, *out) == []


def test_without_filters_the_cable_would_be_a_way_out(net: Wires) -> None:
    """The test above sees what there is to see."""
    to_host(net)
    net.host.run("nft", "delete", "table", "inet", TABLE)
    INNER.run("nft", "flush", "ruleset")
    assert on_lan(net, f"udp4 {ELSEWHERE} 4000") == ["udp4 4000"]


@pytest.mark.requirement("S4-15")
def test_nothing_comes_in_by_the_tunnel(net: Wires) -> None:
    """A service listens on every address inside, and a provider is the internet."""
    tunnel(net)
    wires.ip("-n", net.world.name, "address", "add", "10.2.0.1/32", "dev", "wan")
    wires.ip("-n", net.world.name, "route", "add", f"{INSIDE}/32", "dev", "wan")
    for name, wire in ((net.world.name, "wan"), (NAME, NAME)):
        wires.ip("-n", name, "link", "set", wire, "arp", "off", "address", "02:00:00:00:00:07")
    with INNER.serve("0.0.0.0", 8096):
        assert net.world.ask(INSIDE, 8096, patience=0.5) == "TimeoutError"
    INNER.run("nft", "flush", "ruleset")
    with INNER.serve("0.0.0.0", 8096):
        assert net.world.ask(INSIDE, 8096) == "hello"


def test_coming_up_twice_and_going_down_twice_is_no_error(net: Wires) -> None:
    """A unit that was killed half-way starts again."""
    text = f"up {NAME} {ENDS.host} {ENDS.inside}\ndown {NAME}\ndown {NAME}\n"
    done = net.host.script("namespace.sh", text)
    assert done.returncode == 0, done.stderr
    assert NAME not in wires.run("ip", "netns", "list").split()
    assert NAME not in net.host.run("ip", "link")
