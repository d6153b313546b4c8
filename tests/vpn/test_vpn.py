"""Who leaves by which VPN, and how NixOS is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from homelab.config.lock import Lock, Numbers, lock_text, parse_lock
from homelab.ops.project.files import updated_lock
from homelab.problems import InvalidStackError
from homelab.render import modules_of
from homelab.services.ids import FIRST, LAST
from tests import build
from tests.tools.options import check_module
from tests.tools.programs import formatted, run
from tests.vpn.stack import MEMBERS, NAMESPACE, VPN, Changes, gids, stack, table

ENTRY_HERE: Changes = {"network": {"entry": {"host": "nas"}}}
INSIDE = stack(jellyfin=NAMESPACE)
SCRIPTS = sorted((Path(__file__).parents[2] / "homelab/vpn").glob("*.sh"))


def text(changes: Changes, file: str) -> str:
    return build.render(changes)["nas"][file]


def found(check: str, changes: Changes) -> list[str]:
    return [str(p).rpartition(" [")[0] for p in build.found(changes, check)]


def refused(changes: Changes) -> str:
    with pytest.raises(InvalidStackError) as error:
        build.stack_config(changes)
    return str(error.value)


# --- the kill-switch ----------------------------------------------------------------------------


@pytest.mark.requirement("S4-14")
def test_rules_are_in_order_and_by_number() -> None:
    """Groups by number, the tunnel first, lookups, loopback, the LAN, and then nothing."""
    plan = build.plan({**MEMBERS, **ENTRY_HERE})
    jellyfin, navidrome = gids(plan)["jellyfin"], gids(plan)["navidrome"]
    both = ", ".join(str(n) for n in sorted((jellyfin, navidrome)))
    assert (
        table(plan, "vpn-killswitch")
        == f"""\
chain output {{
  type filter hook output priority filter; policy accept;
  meta skgid {{ {both} }} goto to-privado
  ip saddr 10.2.0.2 oifname != {{ "lo", "privado" }} counter drop
  ip6 saddr fd00:2::2 oifname != {{ "lo", "privado" }} counter drop
}}
chain to-privado {{
  oifname "privado" accept
  # DNS only through the VPN: another resolver would leak the queries.
  meta l4proto {{ tcp, udp }} th dport {{ 53, 853 }} counter drop
  oifname "lo" accept
  meta skgid {{ {navidrome} }} ip daddr 192.168.1.0/24 accept
  counter drop
}}
chain input {{
  type filter hook input priority filter; policy accept;
  iifname "privado" ct state established,related accept
  iifname "privado" counter drop
}}
"""
    )


@pytest.mark.requirement("S4-14", "S0-12")
def test_a_member_called_from_another_host_may_answer() -> None:
    """Nothing but answers, and on the tailnet alone."""
    assert 'oifname "tailscale0" ct direction reply accept' in table(
        build.plan(MEMBERS), "vpn-killswitch"
    )


def test_a_member_called_over_the_lan_answers_its_callers_alone() -> None:
    """Without a tailnet: nothing but answers, and to the proxy's host alone."""
    changes = {k: v for k, v in MEMBERS.items() if k != "tailnet"}
    rules = table(build.plan(changes), "vpn-killswitch")
    assert "ip daddr { 192.168.1.2 } ct direction reply accept" in rules
    assert "tailscale0" not in rules


@pytest.mark.requirement("S4-13")
def test_the_tunnel_leaves_the_host_as_it_is() -> None:
    """A table of its own, no resolver for everybody, and the key by its file."""
    assert """\
      networking.wg-quick.interfaces.privado = {
        address = [
          "10.2.0.2/32"
          "fd00:2::2/128"
        ];
        autostart = true;
        mtu = 1380;
        peers = [
          {
            allowedIPs = [
              "0.0.0.0/0"
              "::/0"
            ];
            endpoint = "203.0.113.7:51820";
            publicKey = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
          }
        ];
        privateKeyFile = "/run/secrets/vpn-privado";
        # A separate table, so that the host keeps its routes and resolver.
        table = "51821";
      };
""" in text(MEMBERS, "vpn-killswitch.nix")


@pytest.mark.requirement("S4-14")
def test_without_an_ipv6_address_the_tunnel_takes_no_ipv6() -> None:
    """It then leaves nowhere."""
    made = build.plan(stack({"address": "10.2.0.2/32"}, jellyfin="privado")).vpn.vpns[0]
    assert made.reaches == ("0.0.0.0/0",)


@pytest.mark.requirement("S4-14", "S4-31")
def test_members_have_fixed_numbers_said_outright() -> None:
    """What nixpkgs says otherwise would be a conflict, not a leak."""
    whole = text(stack(jellyfin="privado"), "vpn-killswitch.nix")
    number = gids(build.plan(stack(jellyfin="privado")))["jellyfin"]
    said = whole.rpartition("    })\n")[2]
    assert f"users.groups.jellyfin.gid = {number};\n" in said
    assert f"users.users.jellyfin.uid = {number};\n" in said
    assert 'Group = "jellyfin";' in said
    assert "networking.nftables.tables.vpn-killswitch" in said


@pytest.mark.requirement("S4-14")
def test_members_ask_the_vpns_resolvers_and_no_helper_of_the_host() -> None:
    """Nscd would look names up beside the tunnel."""
    whole = text(MEMBERS, "vpn-killswitch.nix")
    assert (
        "environment.etc.\"vpn/privado/resolv.conf\".text = ''\n        nameserver 10.2.0.1\n"
        in whole
    )
    assert '"/etc/vpn/privado/resolv.conf:/etc/resolv.conf"' in whole
    assert '"-/run/nscd"' in whole


@pytest.mark.requirement("S4-14")
def test_members_start_after_the_guard_and_not_without_it() -> None:
    """`vpn-up-before`; the guard knows every member, its number and the tunnel's table."""
    plan = build.plan(MEMBERS)
    a, b = gids(plan)["jellyfin"], gids(plan)["navidrome"]
    whole = text(MEMBERS, "vpn-killswitch.nix")
    units = 'quiredBy = [\n          "jellyfin.service"\n          "navidrome.service"\n        ];'
    assert units in whole
    assert (
        f"""\
          . ${{./lib/vpn-killswitch.sh}}
          filtered vpn-killswitch
          member jellyfin {a} {a}
          member navidrome {b} {b}
          confine 51821 {" ".join(str(n) for n in sorted((a, b)))}
"""
        in whole
    )
    assert "lib/vpn-killswitch.sh" in build.render(MEMBERS)["nas"]


@pytest.mark.requirement("S4-14")
def test_two_tunnels_on_a_host_have_nothing_in_common() -> None:
    """A member of one does not leave by the other."""
    changes = stack(jellyfin="privado", navidrome="other")
    changes["vpn"] = {"privado": VPN, "other": {**VPN, "address": "10.3.0.2/32"}}
    content = table(build.plan(changes), "vpn-killswitch")
    for name in ("privado", "other"):
        assert f'chain to-{name} {{\n  oifname "{name}" accept\n' in content
    numbers = gids(build.plan(changes))
    assert f"meta skgid {{ {numbers['jellyfin']} }} goto to-privado" in content
    assert f"meta skgid {{ {numbers['navidrome']} }} goto to-other" in content


# --- namespaces ---------------------------------------------------------------------------------


@pytest.mark.requirement("S4-15")
def test_a_service_in_a_namespace_is_found_at_its_address() -> None:
    """By the proxy on its host, and by whoever asks how it is."""
    plan = build.plan({**INSIDE, **ENTRY_HERE})
    assert [r.upstream for r in plan.routes] == ["http://10.200.1.2:8096"]
    service = plan.service("jellyfin")
    assert service is not None
    assert service.bind == "0.0.0.0"


@pytest.mark.requirement("S4-15", "S0-12")
def test_from_another_host_a_door_leads_inside() -> None:
    """The cable ends at the service's host."""
    plan = build.plan(INSIDE)
    assert [r.upstream for r in plan.routes] == ["http://100.64.0.3:8096"]
    whole = text(INSIDE, "vpn-namespaces.nix")
    assert 'listenStreams = [ "100.64.0.3:8096" ];' in whole
    assert "systemd-socket-proxyd 10.200.1.2:8096" in whole
    assert "netns-proxy" not in text({**INSIDE, **ENTRY_HERE}, "vpn-namespaces.nix")


@pytest.mark.requirement("S4-15")
def test_a_unit_in_a_namespace_sees_no_other_network() -> None:
    """Said outright; without the namespace it does not start."""
    said = text(INSIDE, "vpn-namespaces.nix").rpartition("    })\n")[2]
    assert 'NetworkNamespacePath = "/run/netns/privado";' in said
    assert '"/etc/netns/privado/resolv.conf:/etc/resolv.conf"' in said


@pytest.mark.requirement("S4-15")
def test_the_tunnel_is_moved_into_its_namespace() -> None:
    whole = text(INSIDE, "vpn-namespaces.nix")
    assert 'interfaceNamespace = "privado";' in whole
    assert "up privado 10.200.1.1 10.200.1.2\n" in whole
    assert (
        """\
        requiredBy = [
          "wireguard-privado.service"
          "jellyfin.service"
        ];
"""
        in whole
    )


@pytest.mark.requirement("S4-14", "S4-15")
def test_a_service_in_a_namespace_needs_no_fixed_number() -> None:
    assert build.plan(INSIDE).vpn.vpns[0].members[0].ids is None
    assert "users.groups" not in text(INSIDE, "vpn-namespaces.nix")


@pytest.mark.requirement("S4-13")
def test_a_tunnel_without_autostart_waits_for_a_hand() -> None:
    by_hand: Changes = {"autostart": False}
    assert "autostart = false;" in text(stack(by_hand, jellyfin="privado"), "vpn-killswitch.nix")
    whole = text(stack(by_hand, jellyfin=NAMESPACE), "vpn-namespaces.nix")
    assert "systemd.services.wireguard-privado.wantedBy = lib.mkForce [ ];" in whole


# --- both ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [MEMBERS, INSIDE], ids=["killswitch", "namespace"])
@pytest.mark.requirement("S4-13")
def test_the_key_is_stored_on_that_host_alone(changes: Changes) -> None:
    """It restarts the tunnel when it changes, and is nowhere in the tree."""
    plan = build.plan(changes)
    unit = plan.vpn.vpns[0].unit
    (secret,) = [s for s in plan.secrets.secrets if s.service == "vpn"]
    assert (secret.host, secret.key, secret.units) == ("nas", "vpn/privado", (f"{unit}.service",))
    assert secret.path == "/run/secrets/vpn-privado"
    assert "privateKey =" not in "".join(build.render(changes)["nas"].values())


@pytest.mark.parametrize("changes", [MEMBERS, INSIDE], ids=["killswitch", "namespace"])
def test_options_exist_and_the_file_is_formatted(changes: Changes, tmp_path: Path) -> None:
    plan = build.plan(changes)
    made = [m for m in modules_of(plan, plan.hosts["nas"]) if m.file.startswith("vpn-")]
    assert [p for m in made for p in check_module(m)] == []
    assert len(made) == 1
    assert formatted(tmp_path, [text(changes, m.file) for m in made]) == []


def test_a_host_without_a_tunnel_has_none_of_this() -> None:
    assert not [f for f in build.render(MEMBERS)["pi"] if "vpn" in f]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    done = run("shellcheck", "--norc", script)
    assert done.stdout == ""


def test_rules_are_what_nft_takes() -> None:
    """Trap 3: NixOS checks them where no group has a name."""
    plan = build.plan(MEMBERS)
    content = table(plan, "vpn-killswitch")
    done = run("nft", "--check", "--file", "-", stdin=f"table inet x {{\n{content}}}\n")
    if "Operation not permitted" in done.stderr:
        pytest.skip("only root may ask nft")
    assert done.returncode == 0, done.stderr
    assert not [u for s in plan.services if (u := s.entry.user) and f" {u} " in content]


# --- numbers ------------------------------------------------------------------------------------


@pytest.mark.requirement("S4-31")
def test_numbers_come_from_the_name_and_stay_whoever_else_is_there() -> None:
    alone = gids(build.plan(stack(jellyfin="privado")))["jellyfin"]
    assert FIRST <= alone <= LAST
    assert gids(build.plan(MEMBERS))["jellyfin"] == alone


@pytest.mark.requirement("S4-31")
def test_the_lock_keeps_numbers() -> None:
    plan = build.plan(stack(jellyfin="privado"))
    lock, lines = updated_lock(plan)
    number = gids(plan)["jellyfin"]
    assert lock.ids == {"jellyfin": Numbers(uid=number, gid=number)}
    assert f"jellyfin has uid {number} and gid {number}" in lines
    assert parse_lock(lock_text(lock), "homelab.lock.yaml") == lock
    other = Lock(ids={"jellyfin": Numbers(uid=450, gid=451)})
    assert gids(build.plan(stack(jellyfin="privado"), other)) == {"jellyfin": 451}


@pytest.mark.requirement("S4-31")
def test_a_host_that_has_other_numbers_is_taken_as_it_is() -> None:
    """NixOS does not change them."""
    changes = stack(jellyfin={"name": "privado", "uid": 998, "gid": 997})
    assert "member jellyfin 998 997\n" in text(changes, "vpn-killswitch.nix")
    assert "meta skgid { 997 }" in text(changes, "vpn-killswitch.nix")


@pytest.mark.requirement("S4-31")
def test_a_number_that_changes_is_refused() -> None:
    """Files belong to numbers."""
    lock = Lock(ids={"jellyfin": Numbers(uid=450, gid=450)})
    changes = stack(jellyfin={"name": "privado", "gid": 460})
    (problem,) = [p for p in build.problems(changes, lock) if p.check == "id-stable"]
    assert problem.where == "services.jellyfin.vpn.gid"
    assert problem.what == "jellyfin had gid 450, and its files on nas still do"
    same = stack(jellyfin={"name": "privado", "gid": 450})
    assert [p for p in build.problems(same, lock) if p.check == "id-stable"] == []


@pytest.mark.requirement("S4-31")
def test_two_users_of_one_number_are_refused() -> None:
    """The message names both."""
    changes = stack(
        jellyfin={"name": "privado", "gid": 460}, navidrome={"name": "privado", "gid": 460}
    )
    (problem,) = found("id-unique", changes)
    assert "jellyfin and navidrome both have gid 460 on nas" in problem
    assert found("id-unique", MEMBERS) == []


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"public_key": None}, "vpn.privado.public_key: is missing"),
        ({"dns": []}, "vpn.privado.dns: is empty"),
        ({"endpoint": "osl.example.net"}, "vpn.privado.endpoint: this is not an endpoint"),
        ({"address": "10.2.0.2 # ours"}, "vpn.privado.address[0]: this is not an address"),
        ({"public_key": "AAAA"}, "vpn.privado.public_key: this does not have the required form"),
        ({"mtu": 100}, "vpn.privado.mtu: this number is out of range"),
    ],
)
@pytest.mark.requirement("S4-13")
def test_a_tunnel_says_all_that_it_takes(change: Changes, told: str) -> None:
    """`vpn-complete`."""
    vpn = {k: v for k, v in {**VPN, **change}.items() if v is not None}
    assert told in refused({"vpn": {"privado": vpn}})


@pytest.mark.parametrize("name", ["lo", "tailscale0", "a-very-long-name"])
@pytest.mark.requirement("S4-14")
def test_a_tunnels_name_is_an_interface_of_its_own(name: str) -> None:
    """The rules let everything out by the interface of this name."""
    assert f"vpn.{name}: " in refused({"vpn": {name: VPN}})


@pytest.mark.parametrize("extra", [{"lan": True}, {"gid": 450}])
@pytest.mark.requirement("S4-15")
def test_what_belongs_to_the_other_mode_is_refused(extra: Changes) -> None:
    """`vpn-mode-single` for one service."""
    assert "has no effect in a namespace" in refused(stack(jellyfin={**NAMESPACE, **extra}))


@pytest.mark.requirement("S4-15")
def test_an_unknown_mode_is_refused() -> None:
    assert "services.jellyfin.vpn.mode" in refused(
        stack(jellyfin={"name": "privado", "mode": "netns"})
    )


BREAKS: list[tuple[str, Changes, str]] = [
    (
        "vpn-complete",
        stack({"host": "nass"}, jellyfin="privado"),
        'vpn.privado.host: there is no host "nass"; did you mean "nas"?',
    ),
    (
        "vpn-complete",
        stack({"dns": ["192.168.1.1"]}, jellyfin="privado"),
        "vpn.privado.dns[0]: 192.168.1.1 is at home",
    ),
    (
        "vpn-complete",
        stack({"dns": ["100.64.0.2"]}, jellyfin="privado"),
        "vpn.privado.dns[0]: 100.64.0.2 is at home",
    ),
    (
        "vpn-complete",
        stack({"endpoint": "osl.example.net:51820"}, jellyfin=NAMESPACE),
        "vpn.privado.endpoint: osl.example.net is looked up inside the namespace",
    ),
    ("vpn-used", stack(), "vpn.privado: no service leaves by it"),
    (
        "vpn-host",
        stack(jellyfin="privat"),
        'services.jellyfin.vpn: there is no VPN "privat"; did you mean "privado"?',
    ),
    (
        "vpn-host",
        stack(jellyfin={"vpn": "privado", "host": "pi"}),
        "services.jellyfin.vpn: privado is on nas, and jellyfin runs on pi",
    ),
    (
        "vpn-member-gid",
        stack(miniflux="privado"),
        "services.miniflux.vpn: miniflux gets another user at every start",
    ),
    (
        "vpn-member-gid",
        stack(
            jellyfin={"vpn": "privado", "options": {"services.jellyfin.group": "media"}},
        ),
        "services.jellyfin.options: services.jellyfin.group sets another user or group",
    ),
    (
        "vpn-mode-single",
        stack(jellyfin="privado", navidrome=NAMESPACE),
        "services.navidrome.vpn.mode: privado has mode killswitch for jellyfin, and namespace for",
    ),
    (
        "vpn-group-exclusive",
        stack(
            jellyfin="privado",
            navidrome={"vpn": None, "options": {"services.navidrome.group": "jellyfin"}},
        ),
        "services.navidrome.options: navidrome runs with the group jellyfin, which confines jellyfin",
    ),
    (
        "netns-upstream",
        {
            **stack(jellyfin=NAMESPACE),
            "network": {"lan": {"cidr": "10.200.0.0/16", "gateway": "10.200.0.1"}},
        },
        "network.lan.cidr: 10.200.0.0/16 overlaps 10.200.0.0/16",
    ),
    (
        "vpn-uses",
        stack(jellyfin={"vpn": NAMESPACE, "uses": ["navidrome"]}, navidrome={"vpn": None}),
        "services.jellyfin.uses[0]: jellyfin sees nothing but privado, and navidrome is not in there",
    ),
    (
        "vpn-uses",
        stack(
            jellyfin={"vpn": "privado", "uses": ["navidrome"]},
            navidrome={"vpn": None, "host": "pi"},
        ),
        "services.jellyfin.uses[0]: navidrome is on another host",
    ),
]


@pytest.mark.parametrize(("check", "changes", "told"), BREAKS, ids=[b[0] for b in BREAKS])
@pytest.mark.requirement("S4-13", "S4-14", "S4-15")
def test_a_stack_that_breaks_one_rule_has_that_problem(
    check: str, changes: Changes, told: str
) -> None:
    said = found(check, changes)
    assert len(said) == 1
    assert told in said[0]


@pytest.mark.parametrize("changes", [MEMBERS, INSIDE], ids=["killswitch", "namespace"])
def test_good_stacks_break_no_rule_of_the_room(changes: Changes) -> None:
    """The other half of every check."""
    rules = {b[0] for b in BREAKS} | {"id-unique", "id-stable", "secret-known", "port-unique"}
    assert [p for p in build.problems(changes) if p.check in rules] == []
