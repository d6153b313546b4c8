"""`homelab reach`: the table of the home stack, and properties of every answer."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from homelab.cli.app import app
from homelab.config.base import Model
from homelab.config.document import read_document
from homelab.config.load import load_stack_config
from homelab.config.lock import Lock
from homelab.network.model import PortUse
from homelab.plan import Plan
from homelab.planner import make_plan
from homelab.problems import UsageError
from homelab.reach.checks import firewall_reach, internet_gate
from homelab.reach.model import Answer, Reach
from homelab.reach.picture import as_mermaid
from homelab.reach.plan import plan_reach
from homelab.reach.text import as_data, as_text, chosen
from homelab.tailnet.evaluate import allowed
from tests import build
from tests.household import household

EXPECTED = Path(__file__).with_name("home.txt")
TAILNET: dict[str, Any] = {
    "name": "tail1.ts.net",
    "client_id": {"sops": "a"},
    "client_secret": {"sops": "b"},
    "owners": ["sam@example.org"],
    "family": ["kim@example.org"],
}
SUBNET: dict[str, Any] = {"pi": {"tailscale": {"subnet_routes": ["192.168.1.0/24"]}}}


@cache
def home() -> Plan:
    """The home stack's plan."""
    return make_plan(load_stack_config(read_document(build.SHIPPED / "Pulumi.home.yaml")), Lock())


@cache
def home_reach() -> Reach:
    """Its answers."""
    return plan_reach(home())


def small(**changes: Any) -> Plan:
    """A household with a tailnet and one family service on another host."""
    base: dict[str, Any] = {
        "tailnet": TAILNET,
        "hosts": SUBNET,
        "services": {"miniflux": {"host": "aurora", "name": "news"}},
    }
    return build.plan(household(base, changes))


def answer(plan: Plan, asker: str, target: str) -> Answer:
    """One answer."""
    (found,) = [a for a in plan_reach(plan).to(target) if a.origin.name == asker]
    return found


def stopped(plan: Plan, asker: str, target: str) -> str:
    """What stops a request first."""
    found = answer(plan, asker, target)
    assert found.stopped is not None, found
    return found.stopped.what


# --- the table ---


@pytest.mark.requirement("S0-12", "S0-13", "S0-14", "S0-24", "S0-56")
def test_the_home_stack_has_the_expected_table() -> None:
    """Names, ports, paths and gates."""
    lines = EXPECTED.read_text(encoding="utf-8").splitlines()
    expected = "\n".join(line for line in lines if not line.startswith("#")).strip() + "\n"
    assert as_text(home_reach(), home_reach().answers) == expected


# --- properties of every answer ---


@pytest.mark.requirement("S0-14", "S3-01")
def test_the_internet_never_reaches_an_internal_name_or_a_port() -> None:
    internal = {r.name for r in home().routes if r.publish == "internal"}
    for found in home_reach().of("internet"):
        if found.target.kind == "port" or found.target.name in internal:
            assert not found.reachable


@pytest.mark.parametrize("publish", ["internal", "tunnel", "direct"])
@pytest.mark.parametrize("auth", ["none", "native", "forward"])
@pytest.mark.parametrize("audience", ["operator", "family", "public"])
@pytest.mark.parametrize("connector", ["pi", pytest.param("aurora", marks=pytest.mark.long)])
@pytest.mark.parametrize("more", [{}, {"public": "for all"}, {"lan_direct": True}])
@pytest.mark.requirement("S0-13", "S0-14")
def test_the_internet_reaches_a_name_only_through_the_tunnel_and_access_or_a_reason(
    publish: str, auth: str, audience: str, connector: str, more: dict[str, Any]
) -> None:
    """For any route and any end of the tunnel."""
    route = {"name": "news", "publish": publish, "auth": auth, "audience": audience, **more}
    made = small(
        services={"miniflux": {"host": "aurora", "name": None, "routes": [route]}},
        cloudflare={"tunnel": {"host": connector}},
    )
    for found in plan_reach(made).of("internet"):
        if found.target.name != "news" or publish != "tunnel":
            assert not found.reachable
            continue
        kinds = [g.kind for g in found.barriers]
        assert found.reachable
        assert ("access" in kinds) != ("public" in more)
        assert ("forward" in kinds) == (auth == "forward" and connector == "pi")


@pytest.mark.requirement("S0-13", "S2-06")
def test_every_name_on_the_internet_asks_for_a_sign_in() -> None:
    reached = [a for a in home_reach().of("internet") if a.reachable]
    assert reached
    assert all(a.barriers and a.barriers[0].kind == "access" for a in reached)


@pytest.mark.requirement("S0-06", "S0-24")
def test_an_agent_reaches_exactly_what_grants_say() -> None:
    tailnet = home().tailnet
    assert tailnet is not None
    reached = {a.target.name for a in home_reach().of("tag:agent") if a.reachable}
    assert reached == {"workstation:11434/tcp", "pi:53/tcp", "pi:53/udp"}
    for use in home().firewall.ports:
        granted = use.host in tailnet.hosts and allowed(
            tailnet, "tag:agent", use.host, use.port, use.protocol
        )
        assert (f"{use.host}:{use.port}/{use.protocol}" in reached) == granted


@pytest.mark.requirement("S0-24")
def test_an_answer_disappears_with_its_grant() -> None:
    grant = {"src": ["tag:workhorse"], "dst": ["aurora"], "ip": ["tcp:22"]}
    target = "aurora:22/tcp"
    with_it = small(tailnet={"grants": [grant]})
    assert answer(with_it, "tag:workhorse", target).barriers[0].source == "tailnet.grants[0]"
    assert "no grant lets tag:workhorse reach 22/tcp" in stopped(small(), "tag:workhorse", target)


@pytest.mark.parametrize("plan", [home, small], ids=["home", "household"])
def test_every_answer_names_existing_places_of_the_stack(plan: Any) -> None:
    """Every answer, positive or negative, has a reason."""
    made = plan()
    for found in plan_reach(made).answers:
        sources = [r.source for r in found.why] + [g.source for g in found.barriers]
        if found.stopped is not None:
            sources.append(found.stopped.source)
        else:
            assert found.why
        for source in (s for joined in sources for s in joined.split(", ")):
            assert _exists(made.stack, source), (source, found)


def _exists(value: object, source: str) -> bool:
    for part in source.replace("]", "").replace("[", ".").split("."):
        if isinstance(value, Model) and part in type(value).model_fields:
            value = getattr(value, part)
        elif isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return False
    return True


# --- what stops a request first ---


@pytest.mark.requirement("S0-23")
def test_without_a_subnet_route_no_name_is_reachable_from_the_tailnet() -> None:
    without = small(hosts={"pi": {"tailscale": {"subnet_routes": []}}})
    assert "no host forwards the tailnet to 192.168.1.2" in stopped(without, "owner", "news")
    assert answer(without, "lan", "news").path == "lan"
    assert answer(small(), "owner", "news").path == "subnet"


@pytest.mark.requirement("S0-20")
def test_a_resolver_that_has_not_joined_serves_nobody_on_the_tailnet() -> None:
    made = small(
        network={"dns": {"host": "workstation"}},
        hosts={"workstation": {"address": {"tailnet": None}}},
    )
    assert "tailnet's DNS settings do not send" in stopped(made, "owner", "news")


@pytest.mark.requirement("S0-12")
def test_a_proxy_that_does_not_reach_the_app_serves_nobody() -> None:
    """Whatever else is open."""
    made = small()
    assert made.tailnet is not None
    grants = tuple(g for g in made.tailnet.grants if g.src != ("pi",))
    cut = replace(made, tailnet=replace(made.tailnet, grants=grants))
    for asker in ("owner", "family", "lan"):
        assert "pi does not reach miniflux" in stopped(cut, asker, "news")


@pytest.mark.requirement("S0-56")
def test_a_port_that_the_firewall_closes_is_reached_by_nobody() -> None:
    made = small()
    ports = tuple(p for p in made.firewall.ports if p.port != 443)
    cut = replace(made, firewall=replace(made.firewall, ports=ports))
    assert stopped(cut, "lan", "news") == "the firewall: nothing opens 443/tcp on pi"


@pytest.mark.requirement("S0-12", "S0-56")
def test_an_app_port_is_open_to_the_tailnet_and_not_to_the_lan() -> None:
    target = next(
        t.name for t in plan_reach(small()).targets if t.service == "miniflux" and t.kind == "port"
    )
    assert answer(small(), "pi", target).path == "tailnet"
    assert "open only on the tailnet" in stopped(small(), "lan", target)


@pytest.mark.requirement("S0-56")
def test_a_route_can_be_limited_to_networks() -> None:
    """The proxy checks the source address."""
    routes = [{"name": "news", "sources": "tailnet", "auth": "native"}]
    made = small(services={"miniflux": {"host": "aurora", "name": None, "routes": routes}})
    assert answer(made, "owner", "news").reachable
    assert stopped(made, "lan", "news") == "the proxy answers news only for sources: tailnet"


@pytest.mark.requirement("S0-23")
def test_a_forwarding_host_uses_its_own_source_address() -> None:
    """A route that is open only on the tailnet stays closed to it."""
    hosts = {
        "pi": {"tailscale": {"subnet_routes": []}},
        "workstation": {"tailscale": {"subnet_routes": ["192.168.1.0/24"]}},
    }
    found = answer(small(hosts=hosts), "owner", "news")
    assert (found.path, found.via) == ("subnet", "workstation")
    routes = [{"name": "news", "sources": "tailnet", "auth": "native"}]
    made = small(
        hosts=hosts, services={"miniflux": {"host": "aurora", "name": None, "routes": routes}}
    )
    assert "only for sources: tailnet" in stopped(made, "owner", "news")


@pytest.mark.requirement("S1-05")
def test_a_tunnel_that_ends_at_the_app_bypasses_the_auth_proxy() -> None:
    """The answer says so."""
    service = {
        "miniflux": {"host": "aurora", "name": "news", "publish": "tunnel", "auth": "forward"}
    }
    at_proxy = answer(small(services=service), "internet", "news")
    beside = answer(
        small(services=service, cloudflare={"tunnel": {"host": "aurora"}}), "internet", "news"
    )
    assert [g.kind for g in at_proxy.barriers] == ["access", "forward"]
    assert [g.kind for g in beside.barriers] == ["access"]


@pytest.mark.requirement("S2-09")
def test_a_direct_route_lets_the_family_reach_the_app() -> None:
    """On the tailnet only."""
    routes = [{"name": "news", "audience": "family", "auth": "native", "tailnet_direct": True}]
    made = small(services={"miniflux": {"host": "aurora", "name": None, "routes": routes}})
    target = next(
        t.name for t in plan_reach(made).targets if t.service == "miniflux" and t.kind == "port"
    )
    reached = {a.origin.name for a in plan_reach(made).to(target) if a.reachable}
    assert reached == {"owner", "family", "pi"}


@pytest.mark.requirement("S0-14")
def test_without_a_tailnet_there_are_the_lan_and_the_internet() -> None:
    made = build.plan(household({"services": {"gatus": {"host": "pi"}}}))
    assert [a.name for a in plan_reach(made).origins] == ["lan", "internet"]
    assert answer(made, "lan", "gatus").path == "lan"


# --- checks ---


@pytest.mark.requirement("S0-56", "S2-10")
def test_an_unexplained_port_is_reported() -> None:
    """firewall-reach."""
    for made in (home(), small()):
        assert list(firewall_reach(made)) == []
    hole = PortUse("aurora", 9999, "tcp", "ghost", "web", "lan", "services.ghost", "why not")
    made = small()
    ports = (*made.firewall.ports, hole)
    (problem,) = firewall_reach(replace(made, firewall=replace(made.firewall, ports=ports)))
    assert "9999/tcp is open on aurora for ghost" in problem.what


@pytest.mark.requirement("S0-56")
def test_a_port_of_a_service_without_a_route_is_reported() -> None:
    """Removing a route closes its port; otherwise this check reports it."""
    made = small()
    cut = replace(made, routes=tuple(r for r in made.routes if r.service != "miniflux"))
    (problem,) = firewall_reach(cut)
    assert "for miniflux" in problem.what


@pytest.mark.requirement("S0-56")
def test_a_service_on_several_hosts_opens_its_port_where_its_route_leads() -> None:
    """One route, one open port."""
    tags = {"hosts": {h: {"tags": ["web"]} for h in ("aurora", "workstation")}}
    changes = household(tags, {"services": {"miniflux": {"tags": ["web"]}}})
    assert build.found(changes, "firewall-reach") == []
    opened = [p.host for p in build.plan(changes).firewall.ports if p.owner == "miniflux"]
    assert opened == ["aurora"]


@pytest.mark.requirement("S0-13", "S2-06")
def test_a_name_on_the_internet_without_a_sign_in_is_refused() -> None:
    """`internet-gate` looks at the end of the path, not at the route's fields."""
    service = {"miniflux": {"host": "aurora", "name": "news", "publish": "tunnel"}}
    made = small(services=service)
    assert list(internet_gate(made)) == []
    assert made.cloudflare is not None
    bare = replace(made, cloudflare=replace(made.cloudflare, apps=()))
    (problem,) = internet_gate(bare)
    assert "anyone on the internet reaches news-home.example.org" in problem.what
    service["miniflux"]["public"] = "a page for everybody"
    assert list(internet_gate(small(services=service))) == []


@pytest.mark.requirement("S3-03")
def test_a_service_with_never_publish_has_no_name_and_no_port() -> None:
    """exposure-never."""
    never = {"never_publish": "it trusts whoever asks"}
    service = {"miniflux": {"host": "aurora", **never}}
    made = build.plan(household({"services": service}))
    assert not any(r.service == "miniflux" for r in made.routes)
    assert not any(p.owner == "miniflux" for p in made.firewall.ports)
    assert build.found(household({"services": service}), "exposure-never") == []


@pytest.mark.parametrize(
    "more",
    [
        {"miniflux": {"name": "news"}},
        {"miniflux": {"routes": [{"name": "news"}]}},
        {"gatus": {"host": "workstation", "uses": ["miniflux"]}},
    ],
    ids=["name", "route", "caller"],
)
@pytest.mark.requirement("S3-03")
def test_anything_that_publishes_it_is_named(more: Any) -> None:
    """exposure-never."""
    service = {"host": "aurora", "never_publish": "it trusts whoever asks"}
    base = {"services": {"miniflux": service}, "tailnet": TAILNET, "hosts": SUBNET}
    problems = build.found(household(base, {"services": more}), "exposure-never")
    assert problems
    assert all("miniflux" in p.what and "it trusts whoever asks" in p.what for p in problems)


# --- how it is shown ---


def test_reasons_are_printed_step_by_step() -> None:
    """Every answer has a reason."""
    text = as_text(home_reach(), chosen(home_reach(), "music"), why=True)
    for line in (
        "pi answers music.home.example.org with 192.168.1.225 [network.dns]",
        "pi forwards the tailnet to 192.168.1.225 [hosts.pi.tailscale]",
        "pi calls navidrome on aurora:4533 [services.navidrome]",
        "Access allows kim@example.org, sam@example.org [services.navidrome]",
        "stopped by: the tailnet's policy: no grant lets tag:agent reach 443/tcp",
    ):
        assert line in text


@pytest.mark.parametrize(
    ("word", "targets"),
    [
        ("music", {"music"}),
        ("music-home.example.org", {"music"}),
        ("agent", None),
        ("pavilion", {"pavilion:22/tcp", "pavilion:41641/udp"}),
    ],
)
def test_one_argument_selects_a_name_a_host_or_a_source(
    word: str, targets: set[str] | None
) -> None:
    found = chosen(home_reach(), word)
    if targets is None:
        assert {a.origin.name for a in found} == {"tag:agent"}
    else:
        assert {a.target.name for a in found} == targets


def test_an_unknown_argument_is_corrected() -> None:
    with pytest.raises(UsageError, match='did you mean "music"'):
        chosen(home_reach(), "musik")


def test_the_diagram_and_the_json_contain_every_positive_answer() -> None:
    """The diagram and the JSON contain the same answers."""
    reached = [a for a in home_reach().answers if a.reachable]
    picture = as_mermaid(home_reach(), home_reach().answers)
    assert picture.startswith("flowchart LR\n")
    for found in reached:
        assert f'"{found.origin.name}"' in picture
        assert found.target.addresses[0] in picture or found.target.name in picture
    data = as_data(home_reach().answers)
    assert sum(d["reachable"] for d in data) == len(reached)  # type: ignore[call-overload,index]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "closed to tag:agent"),
        (["music", "--why"], "stopped by: "),
        (["--picture"], "flowchart LR"),
        (["agent", "--json"], '"origin": "tag:agent"'),
    ],
)
def test_the_command_answers(words: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["reach", "-s", "home", "-C", str(build.SHIPPED), *words])
    assert done.exit_code == 0
    assert said in done.output


@pytest.mark.requirement("S0-21")
def test_show_prints_the_settings_for_devices() -> None:
    done = CliRunner().invoke(app, ["show", "-s", "home", "-C", str(build.SHIPPED), "--clients"])
    assert done.exit_code == 0
    assert "The DNS server is `192.168.1.225` (pi)" in done.output
