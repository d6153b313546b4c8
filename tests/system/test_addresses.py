"""Addresses of hosts are valid host addresses of their network."""

from __future__ import annotations

import pytest

from tests import build
from tests.household import Changes


def at(**address: str) -> Changes:
    """The smallest homelab with its NAS at these addresses."""
    return {"hosts": {"nas": {"address": address}}}


def gateway(address: str, cidr: str = "192.168.1.0/24") -> Changes:
    return {"network": {"lan": {"gateway": address, "cidr": cidr}}}


@pytest.mark.parametrize(
    ("check", "broken", "where", "words", "way_out"),
    [
        (
            "ip-in-lan",
            at(lan="10.0.0.3"),
            "hosts.nas.address.lan",
            "10.0.0.3 is not in the LAN 192.168.1.0/24",
            "correct it, or network.lan.cidr",
        ),
        (
            "ip-in-lan",
            at(lan="192.168.1.0"),
            "hosts.nas.address.lan",
            "192.168.1.0 is the network 192.168.1.0/24 itself, which no host can have",
            "correct it",
        ),
        (
            "ip-in-lan",
            at(lan="192.168.1.255"),
            "hosts.nas.address.lan",
            "192.168.1.255 is the broadcast address of 192.168.1.0/24",
            "correct it",
        ),
        (
            "ip-in-lan",
            at(lan="192.168.1.1"),
            "hosts.nas.address.lan",
            "192.168.1.1 is the gateway's own address",
            "give the host another",
        ),
        (
            "gateway-in-lan",
            gateway("192.168.2.1"),
            "network.lan.gateway",
            "the gateway 192.168.2.1 is not in the LAN 192.168.1.0/24",
            "ip route shows it",
        ),
        (
            "gateway-in-lan",
            gateway("192.168.1.255"),
            "network.lan.gateway",
            "192.168.1.255 is the broadcast address of 192.168.1.0/24, which no router can have",
            "ip route shows it",
        ),
        (
            "ip-in-tailnet",
            at(tailnet="10.0.0.6"),
            "hosts.nas.address.tailnet",
            "10.0.0.6 is no tailnet address; those are in 100.64.0.0/10",
            "tailscale ip -4",
        ),
    ],
)
@pytest.mark.requirement("S0-01", "S1-01", "S4-36")
def test_an_address_that_no_host_can_have_is_refused(
    check: str, broken: Changes, where: str, words: str, way_out: str
) -> None:
    """Static or not. The type enforces `cidr-valid`."""
    (problem,) = [p for p in build.problems(broken) if p.severity == "error"]
    assert (problem.check, problem.where) == (check, where)
    assert words in problem.what
    assert way_out in problem.way_out


@pytest.mark.parametrize("check", ["ip-in-lan", "gateway-in-lan", "ip-in-tailnet"])
@pytest.mark.parametrize(
    "fine",
    [
        {},
        at(lan="192.168.1.254", tailnet="100.127.255.254"),
        # Loopback, as in a rehearsal with the real engine.
        at(tailnet="127.0.1.3"),
        # In a /31, neither is the network or broadcast address.
        {
            **gateway("192.168.1.2", "192.168.1.2/31"),
            "hosts": {
                "pi": {"address": {"lan": "192.168.1.3"}},
                "nas": {"address": {"lan": None}},
            },
        },
    ],
)
@pytest.mark.requirement("S0-01", "S4-36")
def test_an_address_of_its_network_passes(check: str, fine: Changes) -> None:
    assert build.found(fine, check) == []
