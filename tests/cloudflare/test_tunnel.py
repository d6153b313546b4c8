"""Services in the tunnel: names of the proxy, apps of its own host, and other protocols than HTTP.

Every rule has one exact host name.
"""

from __future__ import annotations

import pytest

from homelab.certificates import acme
from homelab.cloudflare import cloudflared
from homelab.problems import InvalidStackError
from homelab.proxy.registry import PROXIES
from tests import build
from tests.cloudflare.stack import Changes, planned, stack
from tests.tools.options import check_module, require_options

pytestmark = pytest.mark.requirement("S1-05", "S2-08", "S4-32")

SSH: Changes = {
    "tunnel_service": "ssh://192.168.1.3:22",
    "audience": "family",
    "auth": "native",
}

NATIVE: Changes = {"audience": "family", "auth": "native"}


@pytest.mark.requirement("S2-08")
def test_the_tunnel_dials_exactly_what_a_route_names() -> None:
    plan = planned(stack(route=SSH))
    assert [(i.hostname, i.service) for i in plan.ingress] == [
        ("music-home.example.org", "ssh://192.168.1.3:22")
    ]
    assert [(a.type, a.domain) for a in plan.apps] == [("ssh", "music-home.example.org")]
    assert len(plan.records) == 1


@pytest.mark.parametrize("proxy", PROXIES)
@pytest.mark.requirement("S2-08")
def test_a_service_without_http_has_no_name_at_home_and_no_virtual_host(proxy: str) -> None:
    changes = stack(
        route=SSH,
        network={"entry": {"host": "pi", "proxy": proxy}},
        monitoring={"ntfy": {"topic": {"sops": "ntfy/topic"}}},
    )
    changes["services"] |= {"gatus": {"host": "pi"}, "homepage": {"host": "pi"}}
    plan = build.plan(changes)
    assert [n for n, _ in plan.dns.names if n.startswith("music")] == []
    assert "navidrome" not in {p.name for p in plan.monitoring.probes if plan.monitoring}  # type: ignore[union-attr]
    files = build.render(changes)["pi"]
    naming = {name for name, text in files.items() if "music" in text}
    assert naming == {"tunnel.nix"}
    assert not any(p.port == 8180 for p in plan.ports), "nothing asks the proxy"
    about = {"audience-auth", "monitor-intent", "host-unique", "entry-address", "internet-gate"}
    assert not [p for p in build.problems(changes) if p.check in about]


def test_other_protocols_than_ssh_are_behind_an_ordinary_application() -> None:
    plan = build.plan(stack(route={**SSH, "tunnel_service": "tcp://192.168.1.9:5432"}))
    assert plan.cloudflare is not None
    assert [a.type for a in plan.cloudflare.apps] == ["self_hosted"]
    assert [r.url for r in plan.routes] == ["tcp://music-home.example.org"]


@pytest.mark.requirement("S4-32")
def test_a_rule_states_how_the_apps_certificate_is_verified() -> None:
    """The rule names the certificate's name; verification stays on."""
    origin = {"server_name": "music.home.example.org", "connect_timeout": "10s"}
    route = {"tunnel_service": "https://127.0.0.1:443", "origin": origin}
    text = build.render(stack(route=route))["pi"]["tunnel.nix"]
    assert 'service = "https://127.0.0.1:443";' in text
    assert 'originServerName = "music.home.example.org";' in text
    assert 'connectTimeout = "10s";' in text
    assert "noTLSVerify" not in text


def test_skipping_verification_needs_a_reason() -> None:
    route = {
        "tunnel_service": "https://127.0.0.1:8443",
        "origin": {"unverified": "the app makes its own at each start"},
    }
    assert planned(stack(route=route)).ingress[0].origin == (("noTLSVerify", True),)


@pytest.mark.requirement("S1-05")
def test_a_tunnel_at_the_proxys_host_can_bypass_the_proxy() -> None:
    changes = stack({"tunnel": {"host": "pi", "via": "direct"}}, NATIVE, on="pi")
    plan = build.plan(changes)
    assert plan.cloudflare is not None
    assert [i.service for i in plan.cloudflare.ingress] == ["http://127.0.0.1:4533"]
    assert not any(p.port == 8180 for p in plan.ports)
    assert build.found(changes, "tunnel-host") == []


BAD: dict[str, tuple[str, Changes, str]] = {
    "an unknown scheme": (
        "tunnel-scheme",
        stack(route={**SSH, "tunnel_service": "ftp://localhost:21"}),
        'does not support "ftp"',
    ),
    "no scheme": (
        "tunnel-scheme",
        stack(route={**SSH, "tunnel_service": "localhost"}),
        'does not support "localhost"',
    ),
    "no address": (
        "tunnel-scheme",
        stack(route={**SSH, "tunnel_service": "ssh:localhost"}),
        "is not a target",
    ),
    "a port that there is not": (
        "tunnel-scheme",
        stack(route={**SSH, "tunnel_service": "tcp://192.168.1.3:99999"}),
        "is not a target",
    ),
    "a socket without a path": (
        "tunnel-scheme",
        stack(route={**SSH, "tunnel_service": "unix://run/app.sock:x"}),
        "is not a target",
    ),
    "not published": (
        "tunnel-scheme",
        stack(route={**SSH, "publish": "internal"}),
        "not published through it",
    ),
    "TLS options for the proxy": (
        "tunnel-origin",
        stack(route={"origin": {"server_name": "x.example.org"}}),
        "plain HTTP on loopback",
    ),
    "TLS options without TLS": (
        "tunnel-origin",
        stack(route={**SSH, "origin": {"ca_file": "/etc/ca.pem"}}),
        "without TLS",
    ),
    "past the gate": (
        "tunnel-host",
        stack({"tunnel": {"host": "pi", "via": "direct"}}, {"auth": "forward"}, on="pi"),
        "bypasses the sign-in at the proxy",
    ),
    "a gate before what is not HTTP": (
        "tunnel-host",
        stack(route={**SSH, "auth": "forward"}),
        "bypasses the sign-in at the proxy",
    ),
    "through a proxy that is elsewhere": (
        "tunnel-host",
        stack({"tunnel": {"host": "nas", "via": "proxy"}}, NATIVE),
        "the proxy that it dials is on pi",
    ),
    "the connector's own sshd in place of the app's": (
        "tunnel-host",
        stack(route={**SSH, "tunnel_service": "ssh://localhost:22"}),
        "ssh://localhost:22 is on pi, where the tunnel ends, but navidrome runs on nas",
    ),
    "the connector's own socket": (
        "tunnel-host",
        stack(route={**NATIVE, "tunnel_service": "unix:/run/app.sock"}),
        "unix:/run/app.sock is on pi",
    ),
    "apps of other hosts": (
        "tunnel-host",
        stack({"tunnel": {"host": "pi", "via": "direct"}}),
        "navidrome runs on nas",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_rule_that_cannot_work_is_refused(case: str) -> None:
    check, changes, says = BAD[case]
    (problem,) = build.found(changes, check)
    assert says in problem.what
    assert problem.way_out


@pytest.mark.parametrize(
    ("target", "way_out"),
    [
        ("ssh://localhost:22", "name that host: ssh://192.168.1.3:22"),
        ("http://127.0.0.1", "name that host: http://192.168.1.3"),
        ("unix:/run/app.sock", "write services.navidrome.host: pi"),
    ],
)
@pytest.mark.requirement("S2-08")
def test_a_loopback_target_must_be_on_the_tunnels_host(target: str, way_out: str) -> None:
    """Otherwise the tunnel would publish the same port of its own host."""
    changes = stack(route={**NATIVE, "tunnel_service": target})
    (problem,) = build.found(changes, "tunnel-host")
    assert problem.way_out == way_out
    beside = stack(route={**NATIVE, "tunnel_service": target}, on="pi")
    assert build.found(beside, "tunnel-host") == []


@pytest.mark.parametrize("check", sorted({c for c, *_ in BAD.values()}))
def test_a_good_stack_passes(check: str) -> None:
    assert build.found(stack(route=SSH), check) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"site": {"names": {"public": "nix-*.{zone}"}}},
        {"services": {"navidrome": {"host": "nas", "name": "nix-*"}}},
        {"services": {"navidrome": {"host": "nas", "routes": [{"name": "nix-*"}]}}},
    ],
)
@pytest.mark.requirement("S4-32")
def test_a_wildcard_is_refused_with_the_reason(changes: Changes) -> None:
    with pytest.raises(InvalidStackError, match="cloudflared accepts"):
        build.stack_config(changes)


def test_every_option_of_a_rule_is_one_that_nixos_has() -> None:
    """Also for the alert before a token expires."""
    require_options()
    origin = {
        "server_name": "music.home.example.org",
        "ca_file": "/etc/ssl/home.pem",
        "connect_timeout": "10s",
    }
    route = {"tunnel_service": "https://127.0.0.1:443", "origin": origin}
    plan = build.plan(
        stack(
            {"acme": {"until": "2027-01-01"}},
            {**route, "upstream": {"host_header": "music.local"}},
            monitoring={"ntfy": {"topic": {"sops": "ntfy/topic"}}},
        )
    )
    unverified = {
        "tunnel_service": "https://127.0.0.1:1",
        "origin": {"unverified": "it is its own"},
    }
    for made in (plan, build.plan(stack(route=unverified))):
        for room in (cloudflared.modules, acme.modules):
            for module in room(made, made.hosts["pi"]):
                assert check_module(module) == []
