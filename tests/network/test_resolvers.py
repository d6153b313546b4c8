"""Both resolvers answer the same names, and neither queries itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from homelab.nix import Comment, Module
from homelab.plan import Plan
from homelab.render import modules_of
from tests import build
from tests.tools.options import check_module
from tests.tools.programs import formatted

SERVERS = ("blocky", "adguard")
HOME = "192.168.1.2"
FORWARDED = "asked upstream"
each = pytest.mark.parametrize("server", SERVERS)


def stack(server: str, **more: Any) -> dict[str, Any]:
    """A stack with two names, one of them on the resolver's host."""
    return {
        "network": {"dns": {"server": server, **more}},
        "services": {"miniflux": {"host": "nas", "name": "news"}, "gatus": {"host": "pi"}},
    }


def plan(server: str, **more: Any) -> Plan:
    """Its plan."""
    return build.plan(stack(server, **more))


def bare(value: Any) -> Any:
    """A value without its comments."""
    if isinstance(value, Comment):
        return bare(value.value)
    if isinstance(value, Mapping):
        return {k: bare(v) for k, v in value.items()}
    return [bare(v) for v in value] if isinstance(value, list | tuple) else value


def dns_module(made: Plan, host: str = "pi") -> Module | None:
    """The resolver's file on a host."""
    return next((m for m in modules_of(made, made.hosts[host]) if m.file == "dns.nix"), None)


def options(made: Plan) -> dict[str, Any]:
    """The options in the resolver's file."""
    module = dns_module(made)
    assert module is not None
    return bare(module.derived)


def blocky(settings: dict[str, Any], name: str, kind: str) -> str:
    """Blocky's answers: a mapping covers a name and all names below it. Other record types are
    empty."""
    found = [a for n, a in settings["customDNS"]["mapping"].items() if f".{name}".endswith(f".{n}")]
    assert settings["customDNS"]["filterUnmappedTypes"] is True
    if not found:
        return FORWARDED
    return found[0] if kind == "A" else ""


def adguard(settings: dict[str, Any], name: str, kind: str) -> str:
    """AdGuard Home's answers: an enabled rewrite covers A records, as tested with the program."""
    filtering = settings["filtering"]
    for rule in filtering["rewrites"] if filtering["rewrites_enabled"] else ():
        if rule["enabled"] and rule["domain"] == name and kind == "A":
            return rule["answer"]
    return FORWARDED


RESOLVERS: dict[str, tuple[str, Callable[[dict[str, Any], str, str], str]]] = {
    "blocky": ("blocky", blocky),
    "adguard": ("adguardhome", adguard),
}


@each
@pytest.mark.parametrize(
    ("name", "kind", "answer"),
    [
        ("news.home.example.org", "A", HOME),
        ("gatus.home.example.org", "A", HOME),
        ("other.home.example.org", "A", FORWARDED),
        # For DNS-01: the zone, and the challenge names.
        ("home.example.org", "SOA", FORWARDED),
        ("example.org", "SOA", FORWARDED),
        ("_acme-challenge.home.example.org", "TXT", FORWARDED),
    ],
)
@pytest.mark.requirement("S0-19")
def test_both_resolvers_answer_the_same_table(
    server: str, name: str, kind: str, answer: str
) -> None:
    service, ask = RESOLVERS[server]
    assert ask(options(plan(server))["services"][service]["settings"], name, kind) == answer


@each
@pytest.mark.requirement("S0-19")
def test_one_entry_for_each_name_of_the_plan(server: str) -> None:
    """The mapping is exactly the plan's table."""
    made = plan(server)
    settings = options(made)["services"][RESOLVERS[server][0]]["settings"]
    if server == "blocky":
        table = settings["customDNS"]["mapping"]
    else:
        table = {r["domain"]: r["answer"] for r in settings["filtering"]["rewrites"]}
    assert table == dict(made.dns.names)


@each
@pytest.mark.requirement("S0-19")
def test_the_resolvers_host_never_asks_itself(server: str) -> None:
    """Own upstreams, no resolved on port 53, and no tailnet DNS."""
    made = build.plan(
        {
            **stack(server),
            "tailnet": {
                "name": "tail1.ts.net",
                "client_id": {"sops": "a"},
                "client_secret": {"sops": "b"},
                "owners": ["sam@example.org"],
            },
        }
    )
    said = options(made)
    assert said["networking"]["nameservers"] == ["1.1.1.1", "9.9.9.9"]
    assert said["services"]["resolved"]["enable"] is False
    flags = {
        name: next(m for m in modules_of(made, made.hosts[name]) if m.file == "tailnet.nix").derived
        for name in ("pi", "nas")
    }
    assert "--accept-dns=false" in str(flags["pi"])
    # Other hosts have further resolvers.
    assert "--accept-dns=false" in str(flags["nas"])


@each
@pytest.mark.requirement("S0-19", "S0-56")
def test_only_the_resolvers_host_runs_it_and_opens_its_port(server: str) -> None:
    made = plan(server)
    assert dns_module(made, "nas") is None
    opened = {p.host for p in made.firewall.ports if p.port == 53}
    assert opened == {"pi"}


@each
def test_its_options_exist_and_its_file_is_as_nixfmt_has_it(server: str, tmp_path: Any) -> None:
    """The file is as nixfmt formats it."""
    module = dns_module(plan(server, blocklists=["https://example.org/hosts"]))
    assert module is not None
    assert check_module(module) == []
    texts = [text for path, text in build.render(stack(server))["pi"].items() if path == "dns.nix"]
    assert formatted(tmp_path, texts) == []


@pytest.mark.requirement("S0-19")
def test_adguard_home_cannot_change_its_configuration() -> None:
    """Changes on its page are lost after a restart, and the page needs no sign-in."""
    said = options(plan("adguard"))["services"]["adguardhome"]
    assert said["mutableSettings"] is False
    assert "schema_version" not in said["settings"]
    assert isinstance(said["settings"]["dns"]["bootstrap_dns"], list)
    assert all(r["enabled"] is True for r in said["settings"]["filtering"]["rewrites"])
    assert "users" not in said["settings"]


@pytest.mark.requirement("S4-02")
def test_its_page_is_on_loopback_with_a_port_and_a_name_like_any_service() -> None:
    """The port comes from the port registry."""
    made = build.plan(
        {
            **stack("adguard"),
            "network": {
                "dns": {"server": "adguard"},
                "ports": {"policy": "banded"},
            },
        }
    )
    said = options(made)["services"]["adguardhome"]
    route = next(r for r in made.routes if r.service == "adguardhome")
    assert (said["host"], said["port"]) == ("127.0.0.1", route.port)
    assert 10000 <= route.port <= 19999
    assert route.internal == "adguardhome.home.example.org"
    assert route.audience == "operator"


@pytest.mark.requirement("S0-19")
def test_blocked_names_get_the_same_answer_from_both() -> None:
    """Both answer 0.0.0.0, Blocky's default."""
    settings = options(plan("adguard"))["services"]["adguardhome"]["settings"]
    assert settings["filtering"]["blocking_mode"] == "null_ip"
    assert [f["id"] for f in settings["filters"]] == [1]
    assert all(f["enabled"] for f in settings["filters"])


@pytest.mark.requirement("S0-02")
def test_a_host_on_flash_storage_logs_no_queries() -> None:
    """Writing wears out flash storage."""
    made = build.plan({**stack("adguard"), "hosts": {"pi": {"flash": True}}})
    settings = options(made)["services"]["adguardhome"]["settings"]
    assert settings["querylog"] == {"file_enabled": False}


@each
@pytest.mark.parametrize("other", ["blocky", "adguardhome"])
@pytest.mark.requirement("S0-19")
def test_only_one_service_defines_names(server: str, other: str) -> None:
    """dns-single-writer."""
    changes = stack(server)
    changes["services"][other] = {"host": "nas"} if other != RESOLVERS[server][0] else {}
    found = build.found(changes, "dns-single-writer")
    assert bool(found) == (other != RESOLVERS[server][0])


@pytest.mark.parametrize(
    "options",
    [
        {"services.dnsmasq.enable": True},
        {"services.blocky.settings.customDNS.mapping": {"a.b": "192.168.1.9"}},
    ],
)
@pytest.mark.requirement("S0-60")
def test_options_of_a_service_cannot_start_a_resolver_or_define_names(options: Any) -> None:
    """Names come only from the plan's table."""
    changes = {"services": {"gatus": {"host": "pi", "options": options}}}
    assert build.found(changes, "dns-single-writer")


@pytest.mark.requirement("S0-19")
def test_port_53_of_the_resolvers_host_is_taken() -> None:
    """`dns-single-writer`, for any other service."""
    box = {
        "container": {"image": f"a/b:1@sha256:{'0' * 64}", "port": 80},
        "ports": {"dns": {"port": 53, "protocol": "udp"}},
        "port": 8081,
    }
    for host, wrong in (("pi", True), ("nas", False)):
        found = build.found({"services": {"box": {"host": host, **box}}}, "dns-single-writer")
        assert bool(found) is wrong


@each
@pytest.mark.requirement("S0-19")
def test_a_name_of_a_device_leads_to_the_device_and_not_to_the_proxy(server: str) -> None:
    changes = stack(server, names={"printer": "192.168.1.7"})
    made = build.plan(changes)
    service, ask = RESOLVERS[server]
    settings = options(made)["services"][service]["settings"]
    assert ask(settings, "printer.home.example.org", "A") == "192.168.1.7"
    assert ask(settings, "news.home.example.org", "A") == HOME
    assert not any("printer" in str(r) for r in made.routes)
    assert not build.found(changes, "dns-name-unique")


def test_a_name_of_a_device_that_a_route_has_is_an_error() -> None:
    changes = stack("blocky", names={"news": "192.168.1.7"})
    (problem,) = build.found(changes, "dns-name-unique")
    assert problem.where == "network.dns.names.news"
