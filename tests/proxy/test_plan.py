"""The plan for every proxy, and routes that no proxy could serve."""

from __future__ import annotations

import pytest

from homelab.problems import InvalidStackError
from homelab.proxy.checks import outlived
from homelab.proxy.model import bytes_of, pattern, spellings
from homelab.proxy.plan import plan_proxy
from homelab.proxy.registry import PROXIES
from tests import build
from tests.household import Changes, household
from tests.openings.test_openings import of_module
from tests.proxy.stack import changes
from tests.proxy.tables import module_of
from tests.tools.options import check_module


def test_the_stack_of_the_request_table_is_valid() -> None:
    """The request table uses a stack without errors."""
    for kind in PROXIES:
        found = build.problems(household(changes(kind)))
        assert [str(p) for p in found if p.severity == "error"] == []


@pytest.mark.requirement("S0-15")
def test_caddys_options_exist() -> None:
    """Every option is one of services.caddy."""
    assert check_module(module_of(build.plan(household(changes("caddy"))), "caddy")) == []


@pytest.mark.requirement("S0-18")
def test_a_legacy_name_resolves_and_redirects_to_the_current_name() -> None:
    """One for every internal name and none for public names."""
    plan = build.plan(household(changes("caddy")))
    proxy = plan_proxy(plan.stack, plan.routes, plan.identity, plan.certificates)
    assert {r.name: r.to for r in proxy.redirects} == {
        f"{n}.nori.lan": f"{n}.home.example.org"
        for n in ("auth", "gated", "lan", "music", "plain", "sealed", "small")
    }
    answered = dict(plan.dns.names)
    assert {answered[r.name] for r in proxy.redirects} == {"127.9.0.2"}


@pytest.mark.requirement("S0-18")
def test_a_name_that_leads_to_another_has_all_that_a_name_needs() -> None:
    """An address at home, a certificate, a record and a rule of the tunnel; and it is no route, so it
    has no tile, no probe and no sign-in.
    """
    plan = build.plan(household(changes("caddy")))
    assert dict(plan.dns.names)["tunes.home.example.org"] == "127.9.0.2"
    (wildcard,) = (c for c in plan.certificates.certificates if c.domain == "home.example.org")
    assert "tunes.home.example.org" in wildcard.names
    assert plan.cloudflare is not None
    (record,) = (r for r in plan.cloudflare.records if r.name == "tunes-home.example.org")
    assert (record.route, record.type, record.proxied) == ("tunes", "CNAME", True)
    dialled = {i.hostname: i.service for i in plan.cloudflare.ingress}
    assert dialled[record.name] == dialled["music-home.example.org"]
    assert "tunes" not in {r.name for r in plan.routes}


def test_a_name_leads_to_one_place_that_the_proxy_serves() -> None:
    taken: Changes = {"services": {"lan": {"routes": [{"redirect_from": ["tunes", "plain"]}]}}}
    found = build.found(household(changes("caddy"), taken), "host-unique")
    assert {p.what.split()[0] for p in found} >= {"plain.home.example.org"}
    assert all("redirect_from" in f"{p.where} {p.what}" for p in found)
    direct: Changes = {"cloudflare": {"tunnel": {"via": "direct"}}}
    (problem,) = build.found(household(changes("caddy"), direct), "redirect-served")
    assert problem.where == "services.music.routes[0].redirect_from"


@pytest.mark.requirement("S0-15")
def test_the_entry_is_one_of_three_and_brings_its_own_ports_and_sandbox() -> None:
    """The chosen proxy is a service like any other; the other two are absent."""
    for kind in PROXIES:
        plan = build.plan(household(changes(kind)))
        assert [s.name for s in plan.services if s.name in PROXIES] == [kind]
        opened = {p.port for p in plan.firewall.on("pi") if p.owner == kind}
        assert opened == {80, 443}
        assert any(u.unit == kind for u in plan.hardening)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.requirement("S4-12")
def test_old_tls_versions_are_refused(version: str) -> None:
    """The type enforces `tls-min`."""
    with pytest.raises(InvalidStackError, match="tls_min"):
        build.plan({"network": {"entry": {"host": "pi", "tls_min": version}}})


def _found(check: str, kind: str, more: Changes) -> list[str]:
    return [p.where for p in build.found(household(changes(kind), more), check)]


def _gated(**more: object) -> Changes:
    return {"services": {"gated": {"routes": [{"auth": "forward", "audience": "family", **more}]}}}


@pytest.mark.parametrize("path", ["/a*b", "/a`b", "/a b", "/a?b", "/a%20", '/a"b', "/a{b}", "/a#b"])
@pytest.mark.requirement("S0-15", "T1")
def test_an_exempt_path_that_proxies_would_read_differently_is_refused(path: str) -> None:
    with pytest.raises(InvalidStackError, match=r"services\.gated\.routes\[0\]\.exempt\[0\]"):
        build.stack_config(household(changes("caddy"), _gated(exempt=[path])))
    assert _found("proxy-text", "caddy", _gated(exempt=["/a.b/c+d/*"])) == []


@pytest.mark.requirement("T1")
def test_a_host_header_is_a_host_name() -> None:
    """Other text could become configuration."""
    plan = build.plan(household(changes("nginx"), _gated(upstream={"host_header": "a.example:80"})))
    assert "a.example:80" in {r.host_header for r in plan.routes}
    for header in ("$http_x", "a b", "a;b", "a\nb"):
        with pytest.raises(InvalidStackError, match="host_header"):
            build.plan(household(changes("nginx"), _gated(upstream={"host_header": header})))


@pytest.mark.requirement("T21")
def test_traefik_cannot_rename_headers_of_the_auth_proxy() -> None:
    """`proxy-headers` names the service. Otherwise its app would admit nobody."""
    renamed: Changes = {"services": {"gated": {"headers": {"X-Webauth-User": "user"}}}}
    same: Changes = {"services": {"gated": {"headers": {"Remote-User": "user"}}}}
    assert _found("proxy-headers", "traefik", renamed) == ["services.gated.routes[0]"]
    assert _found("proxy-headers", "traefik", same) == []
    assert _found("proxy-headers", "nginx", renamed) == []


@pytest.mark.requirement("S4-12")
def test_a_published_route_cannot_be_limited_to_the_lan() -> None:
    """`chain-known`; its visitors come from unknown addresses."""
    assert _found("chain-known", "caddy", _gated(sources="internal")) == []
    assert _found("chain-known", "caddy", _gated(sources="internal", publish="tunnel")) == [
        "services.gated.routes[0].sources"
    ]


@pytest.mark.requirement("S4-12", "S4-36")
def test_internal_means_the_lan_and_the_tailnet() -> None:
    """The networks are defined once, for every proxy."""
    for tailnet, more in (({}, ()), (build.TAILNET, ("100.64.0.0/10",))):
        plan = build.plan(household(changes("caddy"), _gated(sources="internal"), tailnet))
        proxy = plan_proxy(plan.stack, plan.routes, plan.identity, plan.certificates)
        (route,) = (r for r in plan.routes if r.service == "gated")
        assert proxy.sources_of(route) == ("127.9.0.0/16", *more)


@pytest.mark.requirement("S0-18")
def test_no_app_is_configured_with_a_legacy_name() -> None:
    """`legacy-uri` names a service whose sign-in would end at a redirect."""

    def said(url: str) -> Changes:
        options = {"systemd.services.podman-plain.environment.URL": {"back": [url]}}
        return {"services": {"plain": {"options": options}}}

    key = "services.plain.options.systemd.services.podman-plain.environment.URL"
    assert _found("legacy-uri", "caddy", said("https://auth.nori.lan/oauth2/callback")) == [key]
    for fine in ("https://auth.home.example.org/", "https://nori.lan.example.com/", "minori.lan"):
        assert _found("legacy-uri", "caddy", said(fine)) == []
    again: Changes = {"site": {"legacy_domains": [{"domain": "home.example.org"}]}}
    assert _found("legacy-uri", "caddy", again) == ["site.legacy_domains[0]"]


@pytest.mark.requirement("S0-18")
def test_a_legacy_domain_past_its_date_is_named() -> None:
    """After its date, a legacy name is only another possible mistake."""
    plan = build.plan(household(changes("caddy")))
    assert [p.where for p in outlived(plan, "2027-07-01")] == ["site.legacy_domains[0].until"]
    assert list(outlived(plan, "2027-06-30")) == []


@pytest.mark.parametrize(
    "line",
    [
        'services.caddy.virtualHosts."x".extraConfig = "";',
        'services.nginx = { virtualHosts."x" = { }; };',
        "services.traefik.dynamicConfigOptions.http.routers.x.rule = config.x;",
        "services.traefik.dynamic.files.x.settings.http = import ./http.nix;",
    ],
)
@pytest.mark.requirement("S0-15")
def test_an_own_module_cannot_add_a_virtual_host(line: str) -> None:
    """`proxy-single-writer`; the plan would not know who may reach it."""
    (told,) = of_module(line)
    assert "own.nix:3: services." in told.what
    assert of_module(f"# {line}") == []


def test_sizes_paths_and_spellings_mean_the_same_everywhere() -> None:
    """Sizes, paths and spellings mean the same to every backend."""
    assert [bytes_of(s) for s in ("", "64KB", "525MB", "50GB")] == [
        0,
        64_000,
        525_000_000,
        50_000_000_000,
    ]
    assert [pattern(p) for p in ("/a.b", "/api/*")] == [r"^/a\.b(\?|$)", "^/api/"]
    assert set(spellings("A-B")) == {"A-B", "A_B", "A.B"}
    assert len(spellings("A-B-C")) == 9
    assert set(spellings("A-B-C-D")) == {f"A{x}B{y}C{z}D" for x in "-_" for y in "-_" for z in "-_"}


@pytest.mark.requirement("S4-12", "S0-23")
def test_the_tailnet_through_a_subnet_router_counts_as_the_lan() -> None:
    """A route for the tailnet only would refuse these clients."""
    tailnet: Changes = {
        "tailnet": {
            "name": "tail1234.ts.net",
            "client_id": {"sops": "tailscale/id"},
            "client_secret": {"sops": "tailscale/secret"},
            "owners": ["sam@example.org"],
        },
        "services": {"miniflux": {"host": "pi", "routes": [{"sources": "tailnet"}]}},
    }

    def routed_by(host: str) -> list[str]:
        routes: Changes = {"hosts": {host: {"tailscale": {"subnet_routes": ["192.168.1.0/24"]}}}}
        return [str(p) for p in build.found(household(tailnet, routes), "sources-tailnet")]

    (message,) = routed_by("aurora")
    assert message.startswith("services.miniflux.routes[0].sources: ")
    assert "through the subnet router aurora" in message
    assert routed_by("pi") == []
