"""Debian has no Traefik: its routers are parsed and compared with the other proxies' tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from homelab.plan import Plan
from homelab.proxy.model import spellings
from homelab.proxy.registry import PROXIES
from homelab.proxy.traefik import AMBIGUOUS_RULE
from tests import build
from tests.household import household
from tests.proxy.nixos import options
from tests.proxy.stack import changes
from tests.proxy.tables import Line, module_of, table
from tests.tools.options import check_module
from tests.tools.programs import formatted

NEWER = {"nixpkgs": {"default": {"release": "26.05", "url": "github:NixOS/nixpkgs/nixos-26.05"}}}


def planned(kind: str = "traefik", *more: dict[str, object]) -> Plan:
    """The stack of the request table, with this proxy."""
    return build.plan(household(changes(kind), *more))


def dynamic(plan: Plan, tmp_path: Path) -> dict[str, Any]:
    """Traefik's routers, middlewares and services."""
    traefik = options(module_of(plan, "traefik"), tmp_path)["services"]["traefik"]
    found: dict[str, Any] = traefik["dynamicConfigOptions"]
    return found


@pytest.mark.parametrize("kind", PROXIES)
@pytest.mark.requirement("S0-15", "T1")
def test_every_backend_has_the_same_table(kind: str, tmp_path: Path) -> None:
    """Name, upstream, auth proxy, exempt paths, sources and redirects."""
    lines = table(planned(kind), kind, tmp_path)
    auth, inside = "127.0.0.1:9091", "{}.home.example.org"
    open_ = ("^/api/", r"^/ping(\?|$)", r"^/v1\.0/")
    music = {"auth": auth, "exempt": ("^/rest/",)}
    names = ("auth", "gated", "lan", "music", "plain", "sealed", "small")
    expected = [
        Line("https", inside.format("auth"), "http://127.0.0.1:9091"),
        Line("https", inside.format("gated"), "http://127.0.0.1:3001", auth, open_),
        Line("https", inside.format("lan"), "http://127.0.0.1:3002", sources=("127.9.0.0/16",)),
        Line("https", inside.format("music"), "http://127.0.0.1:3003", **music),  # type: ignore[arg-type]
        Line("https", inside.format("plain"), "http://127.0.0.1:3004"),
        Line("https", inside.format("sealed"), "https://127.0.0.1:3005"),
        Line("https", inside.format("small"), "http://127.0.0.1:3006", host="app.example.net"),
        *(Line("moved", f"{n}.nori.lan", f"https://{inside.format(n)}") for n in names),
        Line("moved", inside.format("tunes"), f"https://{inside.format('music')}"),
        Line("moved", "tunes-home.example.org", "https://music-home.example.org"),
        Line("tunnel", "auth-home.example.org", "http://127.0.0.1:9091"),
        Line("tunnel", "music-home.example.org", "http://127.0.0.1:3003", **music),  # type: ignore[arg-type]
    ]
    assert lines == sorted(expected)


@pytest.mark.requirement("S0-15", "T1")
def test_a_direct_name_is_another_name_of_its_route(tmp_path: Path) -> None:
    """It has a certificate of its own domain, and the same auth proxy."""
    direct: dict[str, object] = {
        "services": {"gated": {"routes": [{"auth": "forward", "publish": "direct"}]}}
    }
    tables = [table(planned(kind, direct), kind, tmp_path) for kind in PROXIES]
    (line,) = (x for x in tables[0] if x.name == "gated-home.example.org")
    assert (line.way, line.auth, line.to) == ("https", "127.0.0.1:9091", "http://127.0.0.1:3001")
    assert tables[0] == tables[1] == tables[2]
    certificates = dynamic(planned("traefik", direct), tmp_path)["tls"]["certificates"]
    assert [Path(c["certFile"]).parent.name for c in certificates] == [
        "example.org",
        "home.example.org",
    ]


@pytest.mark.requirement("S1-04", "S2-07")
def test_one_name_may_be_known_at_home_and_through_the_tunnel(tmp_path: Path) -> None:
    """Both names lead to the app, through the same auth proxy."""
    same: dict[str, object] = {"site": {"names": {"public": "{name}.home.example.org"}}}
    tables = [table(planned(kind, same), kind, tmp_path) for kind in PROXIES]
    name = "music.home.example.org"
    ways = {x.way: (x.to, x.auth, x.exempt) for x in tables[0] if x.name == name}
    assert set(ways) == {"https", "tunnel"}
    assert ways["https"] == ways["tunnel"]
    assert tables[0] == tables[1] == tables[2]


@pytest.mark.parametrize("release", ["25.11", "26.05"])
@pytest.mark.requirement("S0-15")
def test_its_options_exist_in_each_release(release: str, tmp_path: Path) -> None:
    """The module's options were renamed in 26.05, with the same meaning."""
    plan = planned("traefik", NEWER if release == "26.05" else {})
    module = module_of(plan, "traefik")
    assert check_module(module) == []
    traefik = options(module, tmp_path)["services"]["traefik"]
    assert set(traefik) == {"enable"} | (
        {"static", "dynamic"}
        if release == "26.05"
        else {"staticConfigOptions", "dynamicConfigOptions"}
    )
    assert table(plan, "traefik", tmp_path) == table(planned(), "traefik", tmp_path)


@pytest.mark.parametrize("kind", PROXIES)
def test_the_files_are_formatted_by_nixfmt(kind: str, tmp_path: Path) -> None:
    """The generated files are formatted."""
    texts = build.render(household(changes(kind)))["pi"]
    assert formatted(tmp_path, [texts["proxy.nix"], texts["certificates.nix"]]) == []


@pytest.mark.requirement("T21")
def test_identity_headers_of_a_client_are_removed_before_the_auth_request(tmp_path: Path) -> None:
    """Every chain begins with the allow-list and the strip, and ends with forward auth."""
    http = dynamic(planned(), tmp_path)["http"]
    stripped = http["middlewares"]["strip"]["headers"]["customRequestHeaders"]
    assert set(stripped.values()) == {""}
    assert set(stripped) >= {s for h in ("Remote-User", "Remote-Groups") for s in spellings(h)}
    assert "forward-auth" in http["middlewares"]
    for router in http["routers"].values():
        chain = [m for m in router["middlewares"] if not m.startswith("from-")]
        if router["service"] != "noop@internal":
            assert chain[0] == "strip"
            assert [m for m in chain if m.startswith("forward-auth")] in ([], [chain[-1]])


@pytest.mark.requirement("T21")
def test_forward_auth_passes_and_returns_the_right_headers(tmp_path: Path) -> None:
    """Forward auth with the entry point's headers, and four headers in return."""
    gates = [
        m["forwardAuth"]
        for m in dynamic(planned(), tmp_path)["http"]["middlewares"].values()
        if "forwardAuth" in m
    ]
    assert gates
    assert all(g["trustForwardHeader"] for g in gates)
    assert {tuple(g["authResponseHeaders"]) for g in gates} == {
        ("Remote-Email", "Remote-Groups", "Remote-Name", "Remote-User")
    }
    assert {g["address"] for g in gates} == {"http://127.0.0.1:9091/api/authz/forward-auth"}


@pytest.mark.requirement("S0-15")
def test_no_router_matches_an_unknown_name(tmp_path: Path) -> None:
    """Traefik answers 404 if no router matches, so no router may match every name."""
    found = dynamic(planned(), tmp_path)
    for router in found["http"]["routers"].values():
        assert router["rule"].startswith(("Host(`", "HostRegexp(`^[^.]+\\.home\\.example\\.org$`)"))
        if router["rule"].startswith("HostRegexp"):
            assert (router["entryPoints"], router["middlewares"]) == (["http"], ["to-https"])
    assert found["tls"]["options"]["default"]["sniStrict"] is True


@pytest.mark.requirement("S1-04")
def test_it_listens_for_the_tunnel_on_loopback_only(tmp_path: Path) -> None:
    """The connector's headers are trusted, and only the connector reaches this listener."""
    traefik = options(module_of(planned(), "traefik"), tmp_path)["services"]["traefik"]
    entries = traefik["staticConfigOptions"]["entryPoints"]
    assert entries["tunnel"]["address"] == "127.0.0.1:8180"
    assert not any("forwardedHeaders" in e for e in entries.values())
    for router in dynamic(planned(), tmp_path)["http"]["routers"].values():
        assert ("tls" in router) == (router["entryPoints"] == ["https"])


@pytest.mark.parametrize("oldest", ["1.2", "1.3"])
@pytest.mark.requirement("S0-16", "S4-12")
def test_certificates_and_tls_are_those_of_the_stack(oldest: str, tmp_path: Path) -> None:
    """The wildcard of security.acme, readable by the proxy, which it restarts."""
    plan = planned("traefik", {"network": {"entry": {"host": "pi", "tls_min": oldest}}})
    tls = dynamic(plan, tmp_path)["tls"]
    assert tls["options"]["default"]["minVersion"] == f"VersionTLS{oldest.replace('.', '')}"
    directory = "/var/lib/acme/home.example.org"
    assert tls["certificates"] == [
        {"certFile": f"{directory}/fullchain.pem", "keyFile": f"{directory}/key.pem"}
    ]
    text = build.render(household(changes("traefik")))["pi"]["certificates.nix"]
    assert 'group = "traefik";' in text
    assert 'reloadServices = [ "traefik.service" ];' in text


@pytest.mark.requirement("S0-26")
def test_forwarded_headers_of_a_tunnel_client_are_replaced_before_forward_auth(
    tmp_path: Path,
) -> None:
    """X-Forwarded headers of a client are replaced before forward auth."""
    http = dynamic(planned(), tmp_path)["http"]
    tunnelled = [r for r in http["routers"].values() if r["entryPoints"] == ["tunnel"]]
    assert tunnelled
    auths: list[tuple[list[str], int]] = []
    for router in tunnelled:
        chain = router["middlewares"]
        auths += [(chain, i) for i, m in enumerate(chain) if m.startswith("forward-auth")]
    assert auths
    assert all(chain.index("tunnelled") < i for chain, i in auths)
    headers = http["middlewares"]["tunnelled"]["headers"]["customRequestHeaders"]
    assert headers == {"X-Forwarded-Proto": "https", "X-Forwarded-Port": "443"}


@pytest.mark.requirement("S1-08")
def test_an_ambiguous_path_has_its_own_router(tmp_path: Path) -> None:
    """Where rules name paths, ambiguous ones are refused."""
    rule = {"route": "gated", "priority": 40, "policy": "deny", "paths": ["/admin/*"]}
    http = dynamic(planned("traefik", {"identity": {"rules": [rule]}}), tmp_path)["http"]
    router = http["routers"]["gated-ambiguous"]
    assert router["rule"] == f"Host(`gated.home.example.org`) && {AMBIGUOUS_RULE}"
    # Traefik tries the longer rule first.
    assert len(router["rule"]) > len(http["routers"]["gated"]["rule"])
    assert router["middlewares"] == ["deny"]
    assert http["middlewares"]["deny"]["ipAllowList"]["sourceRange"] == ["0.0.0.0/32"]
