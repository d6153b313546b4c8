"""Who reaches what over the tailnet, and that Tailscale would agree."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from homelab.catalog import ENTRIES
from homelab.checks import run_checks
from homelab.plan import Plan
from homelab.problems import InvalidStackError
from homelab.tailnet.evaluate import allowed, failed_tests, reaches
from homelab.tailnet.model import TailnetPlan
from homelab.tailnet.policy import policy, policy_text
from homelab.testing import merged
from tests import build

OWNER, CHILD = "sam@example.org", "kim@example.org"
TAILNET: dict[str, Any] = {
    "tailnet": {
        "name": "tail1234.ts.net",
        "client_id": {"sops": "tailscale/id"},
        "client_secret": {"sops": "tailscale/secret"},
        "owners": [OWNER],
        "family": [CHILD],
    },
    "hosts": {"pi": {"tailscale": {"subnet_routes": ["192.168.1.0/24"]}}},
}


def host(address: str = "", **more: object) -> dict[str, object]:
    """Another host, joined when it has an address."""
    found: dict[str, str] = {"lan": "192.168.1.9", **({"tailnet": address} if address else {})}
    return {
        "platform": "x86_64-linux",
        "state_version": "25.11",
        "hardware": "hosts/nas/hardware.nix",
        "address": found,
        "ssh": {"host_key": build.host_key("box")},
        **more,
    }


def stack(**changes: Any) -> dict[str, Any]:
    """The tailnet with changes."""
    return merged(TAILNET, changes)


AGENT = {"hosts": {"pavilion": host("100.64.0.9", role="agent")}}


def tailnet(**changes: Any) -> TailnetPlan:
    """The tailnet's plan."""
    made = build.plan(stack(**changes)).tailnet
    assert made is not None
    return made


def test_without_a_tailnet_section_nothing_is_planned() -> None:
    assert build.plan().tailnet is None


@pytest.mark.requirement("S0-24")
def test_owners_reach_everything_and_the_family_the_entry_host_alone() -> None:
    plan = tailnet()
    assert allowed(plan, OWNER, "nas", 22)
    assert allowed(plan, CHILD, "pi", 443)
    assert allowed(plan, CHILD, "pi-lan", 443)
    assert not allowed(plan, CHILD, "pi", 22)
    assert not allowed(plan, CHILD, "nas", 443)


@pytest.mark.requirement("S0-20")
def test_everybody_may_ask_the_resolver() -> None:
    plan = tailnet(**AGENT)
    for who in (OWNER, CHILD, "tag:agent", "nas"):
        assert allowed(plan, who, "pi", 53, "udp")
        assert allowed(plan, who, "pi", 53, "tcp")
    assert not allowed(plan, CHILD, "nas", 53, "udp")


@pytest.mark.requirement("S0-12", "S0-24")
def test_a_backend_elsewhere_opens_its_port_to_the_entry_host_and_to_nobody_else() -> None:
    """The grant appears with the route and goes with it."""
    there = tailnet(services={"navidrome": {"host": "nas"}})
    assert allowed(there, "pi", "nas", 4533)
    assert not allowed(there, CHILD, "nas", 4533)
    assert not allowed(there, "pi", "nas", 22)
    here = tailnet(services={"navidrome": {"host": "pi"}})
    assert not allowed(here, "pi", "nas", 4533)


def test_a_service_that_uses_another_reaches_its_port() -> None:
    services = {
        "ollama": {"host": "nas", "routes": []},
        "miniflux": {"host": "pi", "uses": ["ollama"]},
    }
    plan = tailnet(services=services)
    assert allowed(plan, "pi", "nas", 11434)
    assert not allowed(plan, "nas", "pi", 8080)


def test_machines_that_build_or_back_up_elsewhere_log_in_there() -> None:
    disk = {
        "kind": "sftp",
        "host": "nas",
        "path": "/mnt/disk",
    }
    plan = tailnet(
        backup={"targets": {"disk": disk}},
        services={"miniflux": {"host": "pi"}},
        hosts={"nas": {"build": {"host": "pi"}}},
    )
    assert allowed(plan, "pi", "nas", 22)
    assert allowed(plan, "nas", "pi", 22)


@pytest.mark.requirement("S0-24")
def test_the_policy_passes_its_own_tests_and_tests_each_edge() -> None:
    plan = tailnet(services={"navidrome": {"host": "nas"}}, **AGENT)
    assert failed_tests(policy(plan), plan.tags) == ()
    accepted = {(t.src, end) for t in plan.tests for end in t.accept}
    denied = {(t.src, end) for t in plan.tests for end in t.deny}
    assert {(OWNER, f"{h}:22") for h in ("pi", "nas", "pavilion")} <= accepted
    assert ("pi", "nas:4533") in accepted
    assert {("tag:agent", "nas:22"), ("tag:agent", "pi:22"), (CHILD, "nas:22")} <= denied


@pytest.mark.requirement("S0-24")
def test_machines_are_kept_from_each_other_unless_something_needs_it() -> None:
    """Each undeclared pair is denied by a test that Tailscale runs."""
    plan = tailnet(hosts={"nas": {"build": {"host": "pi"}}})
    denied = {(t.src, end) for t in plan.tests for end in t.deny}
    assert ("pi", "nas:22") in denied
    assert ("nas", "pi:22") not in denied
    document = policy(plan)
    grants = document["grants"]
    assert isinstance(grants, list)
    opened = {**document, "grants": [*grants, {"src": ["pi"], "dst": ["*"], "ip": ["*"]}]}
    assert "pi can reach nas:22" in failed_tests(opened, plan.tags)


@pytest.mark.requirement("S0-25")
def test_nobody_logs_in_by_tailscale_ssh() -> None:
    assert not {"ssh", "sshTests"} & {*policy(tailnet())}


@pytest.mark.requirement("S0-22")
def test_the_deployer_owns_every_tag() -> None:
    """A client with one tag gives out keys for the tags it owns."""
    owners = policy(tailnet(**AGENT))["tagOwners"]
    assert isinstance(owners, dict)
    assert owners.pop("tag:iac") == ["autogroup:admin"]
    assert set(owners) == {"tag:appliance", "tag:workhorse", "tag:agent"}
    assert all("tag:iac" in o for o in owners.values() if isinstance(o, list))


def test_the_text_is_the_same_for_the_same_plan_and_reads_well() -> None:
    text = policy_text(tailnet())
    assert text == policy_text(tailnet())
    head, _, body = text.partition("\n")
    assert head.startswith("// Written by homelab; sha256:")
    assert list(json.loads(body)) == [
        "groups",
        "tagOwners",
        "hosts",
        "grants",
        "autoApprovers",
        "tests",
    ]
    assert '\n  "hosts": {\n    "nas": "100.64.0.3",' in text


@pytest.mark.requirement("S0-23")
def test_routes_and_exit_nodes_approve_themselves_by_tag() -> None:
    plan = tailnet(hosts={"pi": {"tailscale": {"exit_node": True}}})
    assert plan.routes == {"192.168.1.0/24": ("tag:appliance",)}
    assert plan.exit_nodes == ("tag:appliance",)
    assert allowed(plan, CHILD, "autogroup:internet", 443)


@pytest.mark.requirement("S0-22")
def test_only_a_live_host_without_an_address_gets_a_key() -> None:
    plan = tailnet(
        hosts={
            "new": host(tailscale={"tags": ["media"]}),
            "later": host(state="planned"),
            "mac": {
                "kind": "home-manager",
                "platform": "x86_64-darwin",
                "state_version": "25.11",
                "home": "home/sam.nix",
            },
            "alone": host(tailscale=None),
        }
    )
    assert [(k.host, k.tags) for k in plan.keys] == [("new", ("tag:media", "tag:workhorse"))]
    assert set(plan.hosts) == {"nas", "pi", "pi-lan"}


def test_a_key_that_expired_has_a_later_epoch() -> None:
    """By its name, for a key is never made anew; the first one's stays as it was."""
    new = {"new": host()}
    assert [k.name for k in tailnet(hosts=new).keys] == ["new-join"]
    later = tailnet(hosts=new, secrets={"epochs": {"tailscale": 2}})
    assert [k.name for k in later.keys] == ["new-join-2"]
    raised: dict[str, Any] = {"secrets": {"epochs": {"tailscale": 2}}}
    assert build.found(stack(**raised), "secret-epoch") == [], "also when every host has joined"
    assert build.found(raised, "secret-epoch"), "without a tailnet it rotates nothing"


@pytest.mark.requirement("S0-20")
def test_devices_ask_the_resolver_by_its_tailnet_address() -> None:
    """Moving the resolver moves the address."""
    plan = tailnet()
    assert plan.nameservers == ("100.64.0.2",)
    assert plan.split == (("home.example.org", ("100.64.0.2",)),)
    assert plan.search == ("home.example.org",)
    assert plan.override_local_dns
    assert tailnet(network={"dns": {"host": "nas"}}).nameservers == ("100.64.0.3",)


@pytest.mark.requirement("S0-20")
def test_before_the_resolver_has_joined_devices_keep_their_own() -> None:
    """An override without a resolver would leave every device without names."""
    plan = tailnet(hosts={"pi": {"address": {"tailnet": None}}})
    assert plan.nameservers == ()
    assert plan.split == ()
    assert not plan.override_local_dns


@pytest.mark.requirement("S0-22", "S0-23", "S2-10")
def test_flags_hold_when_a_host_joins_and_afterwards() -> None:
    files = build.render(stack(hosts={"new": host()}))
    text = files["pi"]["tailnet.nix"]
    assert text.count('"--advertise-routes=192.168.1.0/24"') == 2
    assert text.count('"--accept-dns=false"') == 2
    assert 'useRoutingFeatures = "server"' in text
    assert "authKeyFile" not in text
    assert "/run/homelab/secrets/tailscale-auth-key" in files["new"]["tailnet.nix"]
    asks = {"nas": {"tailscale": {"accept_dns": True}}}
    assert '"--accept-dns=true"' in build.render(stack(hosts=asks))["nas"]["tailnet.nix"]
    everything = "".join(t for f in files.values() for t in f.values())
    assert "openFirewall = true" not in everything
    assert "trustedInterfaces" not in everything


def grants(*given: dict[str, list[str]]) -> dict[str, Any]:
    return stack(tailnet={"grants": list(given)}, **AGENT)


OPENED = {"src": ["tag:agent"], "dst": ["nas"], "ip": ["tcp:22"]}
BAD: dict[str, dict[str, Any]] = {
    "acl-lockout": grants(OPENED),
    "acl-tag-known": grants({"src": ["tag:agnet"], "dst": ["nas"], "ip": ["tcp:443"]}),
    "acl-route-covered": stack(services={"navidrome": {"host": "nas"}}),
    "subnet-covers-entry": stack(
        services={"navidrome": {"host": "nas"}}, hosts={"pi": {"tailscale": {"subnet_routes": []}}}
    ),
    "dns-push-target": stack(hosts={"pi": {"tailscale": None}}),
    "agent-posture": stack(
        hosts={"pavilion": host("100.64.0.9", role="agent", tailscale={"exit_node": True})}
    ),
}


@pytest.mark.parametrize("check", BAD)
def test_each_check_finds_the_stack_that_breaks_it(check: str) -> None:
    changes = BAD[check]
    if check == "acl-route-covered":
        found = build.plan(changes)
        assert found.tailnet is not None
        made = replace(found, tailnet=replace(found.tailnet, grants=()))
        assert [p for p in run_checks(made) if p.check == check]
        return
    for name, one in dict(changes.get("hosts", {})).items():
        if one.get("tailscale", ...) is None:
            found = build.plan(changes)
            made = replace_tailscale(found, name)
            assert [p for p in run_checks(made) if p.check == check]
            return
    assert build.found(changes, check)


def replace_tailscale(plan: Plan, name: str) -> Plan:
    """The plan with a host that stays out of the tailnet."""
    one = plan.hosts[name]
    alone = replace(one, config=one.config.model_copy(update={"tailscale": None}))
    return replace(plan, hosts={**plan.hosts, name: alone})


@pytest.mark.parametrize("check", BAD)
def test_each_check_passes_a_good_stack(check: str) -> None:
    good = grants({"src": ["tag:agent"], "dst": ["nas"], "ip": ["tcp:443", "tcp:11434"]})
    good = merged(good, {"services": {"navidrome": {"host": "nas"}}})
    assert build.found(good, check) == []


@pytest.mark.requirement("S0-24")
def test_a_policy_without_its_owners_is_refused_before_tailscale_sees_it() -> None:
    plan = build.plan(stack())
    assert plan.tailnet is not None
    robbed = replace(
        plan,
        tailnet=replace(
            plan.tailnet,
            grants=tuple(g for g in plan.tailnet.grants if g.source != "tailnet.owners"),
        ),
    )
    found = [p for p in run_checks(robbed) if p.check == "acl-lockout"]
    assert any(OWNER in p.what for p in found)


@pytest.mark.requirement("S0-06")
def test_an_agent_persists_host_keys_as_files_and_serves_nobody() -> None:
    persistence = {"directories": ["/etc/ssh"]}
    agent = host("100.64.0.9", role="agent", persistence=persistence)
    changes = stack(hosts={"pavilion": agent}, services={"navidrome": {"host": "pavilion"}})
    found = {p.where for p in build.found(changes, "agent-posture")}
    assert found == {"hosts.pavilion.persistence.directories[0]", "services.navidrome"}


DUTIES: dict[str, tuple[dict[str, Any], str]] = {
    "the proxy": ({"network": {"entry": {"host": "pavilion"}}}, "network.entry.host"),
    "the resolver": ({"network": {"dns": {"host": "pavilion"}}}, "network.dns.host"),
    "the sign-in": (
        {"identity": {"host": "pavilion", "users": {"sops": "a/b"}}},
        "identity.host",
    ),
    "the tunnel": ({"cloudflare": {"tunnel": {"host": "pavilion"}}}, "cloudflare.tunnel.host"),
    "a network drive": (
        {"datasets": {"films": {"host": "pavilion", "samba": {"users": ["sam"]}}}},
        "datasets.films.samba",
    ),
    "files over NFS": (
        {"datasets": {"films": {"host": "pavilion", "nfs": {"hosts": {"nas": "/mnt/films"}}}}},
        "datasets.films.nfs.hosts.nas",
    ),
    "a replica": (
        {
            "datasets": {
                "films": {
                    "host": "nas",
                    "fs": "btrfs",
                    "snapshot": "daily",
                    "replicate": {"to": "pavilion", "path": "/srv/copies"},
                }
            }
        },
        "datasets.films.replicate.to",
    ),
    "a database of another host": (
        {
            "services": {
                "miniflux": {"host": "nas", "databases": {"postgresql": {"host": "pavilion"}}}
            }
        },
        "services.miniflux.databases.postgresql",
    ),
    "a port of a service": (
        {"services": {"mosquitto": {"host": "pavilion"}, "gatus": {"host": "pi"}}},
        "services.mosquitto.port",
    ),
    "a tag of another role": (
        {"hosts": {"pavilion": {"tailscale": {"tags": ["appliance"]}}}},
        "hosts.pavilion.tailscale.tags[0]",
    ),
}


@pytest.mark.requirement("S0-06")
@pytest.mark.parametrize("duty", DUTIES)
def test_nothing_of_the_homelab_relies_on_an_agent(duty: str) -> None:
    changes, where = DUTIES[duty]
    films = {"path": "/srv/films", "tier": "re-derivable"}
    if "datasets" in changes:
        changes = merged({"datasets": {"films": films}}, changes)
    quarantined = stack(hosts={"pavilion": host("100.64.0.9", role="agent")})
    (problem,) = build.found(merged(quarantined, changes), "agent-posture")
    assert problem.where == where
    trusted = stack(hosts={"pavilion": host("100.64.0.9")})
    assert not build.found(merged(trusted, changes), "agent-posture")


MEASURES = sorted(
    name
    for name, entry in ENTRIES.items()
    if entry.category == "Monitoring" and entry.stateless and entry.ports
    if not (entry.page or entry.state)
)
"""Every entry that only measures: without a page and without data of its own."""


@pytest.mark.requirement("S0-06")
@pytest.mark.parametrize("name", sorted({"beszel-agent", "node-exporter", *MEASURES}))
def test_the_numbers_of_an_agent_are_read_from_outside(name: str) -> None:
    changes = stack(
        hosts={"pavilion": host("100.64.0.9", role="agent")},
        services={
            name: {"host": "pavilion"},
            **{r: {"host": "pi"} for r in ("beszel", "prometheus")},
        },
    )
    opened = {use.owner for use in build.plan(changes).firewall.on("pavilion")}
    assert name in opened
    assert not build.found(changes, "agent-posture")


@pytest.mark.requirement("S0-25")
def test_a_login_rule_may_name_the_tag_of_a_machine_elsewhere() -> None:
    machines = {"hut": {"address": "100.64.0.40", "tags": ["appliance", "far"]}}
    rule = {"src": ["tag:far"], "dst": ["tag:workhorse"], "users": ["media"]}
    ssh = {"hosts": {"nas": {"tailscale": {"ssh": True}}}}
    changes = merged(stack(), ssh, {"tailnet": {"machines": machines, "ssh": [rule]}})
    (problem,) = build.found(changes, "ssh-direction")
    assert problem.where == "tailnet.ssh[0].src"
    rule = {"src": ["autogroup:member"], "dst": ["tag:far"], "users": ["media"]}
    changes = merged(stack(), ssh, {"tailnet": {"machines": machines, "ssh": [rule]}})
    assert not build.found(changes, "ssh-direction")


@pytest.mark.parametrize(
    "end", ["12", "1.2.3", "nobody@", "@example.org", "fd7a::/999", "nas:22", "a b@example.org"]
)
def test_what_is_nobodys_name_is_said(end: str) -> None:
    (problem,) = build.found(
        grants({"src": [end], "dst": ["nas"], "ip": ["tcp:443"]}), "acl-tag-known"
    )
    assert problem.where == "tailnet.grants[0].src[0]"
    assert f'there is no host, tag or group "{end}"' in problem.what


@pytest.mark.parametrize(
    "end",
    ["100.64.0.9", "10.0.0.0/8", "fd7a:115c:a1e0::1", "fd7a:115c:a1e0::/48", "kim@github", CHILD],
)
def test_addresses_networks_and_logins_are_names_of_somebody(end: str) -> None:
    changes = grants({"src": [end], "dst": ["nas"], "ip": ["tcp:443"]})
    assert build.found(changes, "acl-tag-known") == []
    plan = build.plan(changes).tailnet
    assert plan is not None
    assert failed_tests(policy(plan), plan.tags) == ()


@pytest.mark.parametrize(
    "ports", ["20-25", "tcp/1", "443", "", "tcp:", "tcp:0", "tcp:99999", "udp:25-20", "icmp:1"]
)
def test_wrong_ports_are_answered_with_right_ones(ports: str) -> None:
    changes = grants({"src": ["tag:agent"], "dst": ["nas"], "ip": ["tcp:443", ports]})
    with pytest.raises(InvalidStackError) as caught:
        build.plan(changes)
    (problem,) = caught.value.problems
    assert problem.where == "tailnet.grants[0].ip[1]"
    assert problem.way_out == "write tcp:443, udp:53, tcp:20-25 or *"


@pytest.mark.parametrize("ports", ["tcp:443", "udp:53", "tcp:20-25", "tcp:*", "*"])
def test_right_ports_are_taken(ports: str) -> None:
    changes = grants({"src": [OWNER], "dst": ["nas"], "ip": [ports]})
    assert build.plan(changes).stack.tailnet is not None
    assert build.found(changes, "acl-lockout") == []


@pytest.mark.requirement("S0-24")
def test_the_deployers_tag_is_no_hosts() -> None:
    assert build.found(stack(hosts={"nas": {"tailscale": {"tags": ["iac"]}}}), "acl-tag-known")


def test_ranges_networks_and_protocols_count() -> None:
    document = policy(tailnet())
    document["grants"] = [
        {"src": ["nas"], "dst": ["100.64.0.0/24"], "ip": ["tcp:8000-8010", "udp:*"]},
        {"src": ["group:family"], "dst": ["nas"], "ip": ["443"]},
    ]
    assert reaches(document, "nas", "pi", 8005)
    assert reaches(document, "nas", "pi", 7, "udp")
    assert not reaches(document, "nas", "pi", 8011)
    assert not reaches(document, "nas", "192.168.1.2", 8005)
    assert reaches(document, CHILD, "nas", 443)


@pytest.mark.parametrize(
    ("grant", "who"),
    [
        ({"src": ["tag:agent"], "dst": ["192.168.1.0/24"], "ip": ["*"]}, "tag:agent"),
        ({"src": ["tag:agent"], "dst": ["192.168.1.3"], "ip": ["tcp:22"]}, "tag:agent"),
        ({"src": ["100.64.0.0/10"], "dst": ["nas"], "ip": ["tcp:22"]}, "tag:agent"),
        ({"src": ["100.64.0.0/10"], "dst": ["nas"], "ip": ["tcp:22"]}, CHILD),
        ({"src": ["pavilion"], "dst": ["nas"], "ip": ["tcp:22"]}, "pavilion"),
        ({"src": ["tag:agent"], "dst": ["fd7a:115c:a1e0::/48"], "ip": ["*"]}, "tag:agent"),
        ({"src": [CHILD], "dst": ["0.0.0.0/0"], "ip": ["tcp:1-1024"]}, CHILD),
    ],
)
def test_no_other_spelling_of_a_way_in_passes(grant: dict[str, Any], who: str) -> None:
    """A network, a LAN address behind a subnet route, IPv6: what cannot be ruled out is open."""
    grant = {**grant, "why": "a way in by another name"}
    found = build.found(stack(**merged(AGENT, {"tailnet": {"grants": [grant]}})), "acl-lockout")
    assert any(f": {who} can reach" in p.what for p in found), [str(p) for p in found]
    assert len({p.what for p in found}) == len(found), "one problem for each source"


def test_a_grant_from_one_known_host_opens_nothing_to_people() -> None:
    grant = {"src": ["100.64.0.2"], "dst": ["nas"], "ip": ["tcp:8080"], "why": "the entry host"}
    assert build.found(stack(tailnet={"grants": [grant]}), "acl-lockout") == []


def test_a_policy_that_lost_a_grant_fails_its_own_tests() -> None:
    """Each way that something needs has a test, the family's and the agents' among them."""
    models = {"src": ["tag:agent"], "dst": ["nas"], "ip": ["tcp:11434"], "why": "local models"}
    plan = tailnet(**merged(AGENT, {"tailnet": {"grants": [models]}}))
    whole = policy(plan)
    assert failed_tests(whole, plan.tags) == ()
    for i, grant in enumerate(plan.grants):
        if grant.src == ("group:owners",):
            continue  # the owners' own tests are the lifelines
        grants = [g for j, g in enumerate(whole["grants"]) if j != i]  # type: ignore[arg-type]
        assert failed_tests({**whole, "grants": grants}, plan.tags), grant


@pytest.mark.requirement("S0-19")
def test_a_server_has_names_while_the_home_resolver_is_down() -> None:
    """The tailnet's resolver is one machine; a server asks it first, and then others."""
    files = build.render(stack(hosts={"far": host() | {"address": {"tailnet": "100.64.0.9"}}}))
    near, far = files["nas"]["network.nix"], files["far"]["network.nix"]
    assert [a in near for a in ('"192.168.1.2"', '"1.1.1.1"', '"9.9.9.9"')] == [True] * 3
    assert '"100.64.0.2"' in far
    assert '"--accept-dns=false"' in files["nas"]["tailnet.nix"]
    asks = {"nas": {"tailscale": {"accept_dns": True}}}
    assert "network.nix" not in build.render(stack(hosts=asks))["nas"]
    none = stack(network={"dns": {"host": None, "server": "none"}})
    assert '"--accept-dns=true"' in build.render(none)["nas"]["tailnet.nix"]


@pytest.mark.requirement("S0-23")
def test_a_host_takes_no_way_through_another_to_its_own_network() -> None:
    """Its neighbours would be reached through the subnet router, or not at all."""
    accepts = {"nas": {"tailscale": {"accept_routes": True}}}
    (problem,) = build.found(stack(hosts=accepts), "accept-routes-own-lan")
    assert problem.where == "hosts.nas.tailscale.accept_routes"
    assert "which pi advertises" in problem.what
    far = {"far": host(tailscale={"accept_routes": True}) | {"address": {"tailnet": "100.64.0.9"}}}
    assert build.found(stack(hosts=far), "accept-routes-own-lan") == []
