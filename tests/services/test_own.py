"""Facts that an owner wrote: in a file, in the section catalog, or below module."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from homelab import render, testing
from homelab.ops.project.stack import check_stack, open_stack
from homelab.problems import InvalidStackError, Problem
from tests import build, stackdir
from tests.cases.test_system import lock_with
from tests.site.test_neighbours import APART

FACTS: dict[str, Any] = {
    "title": "Pastes",
    "ports": {"web": 8099},
    "dynamic_user": True,
    "state": ["/var/lib/private/microbin"],
    "database": "sqlite",
    "dumps": [{"sqlite": "/var/lib/private/microbin/microbin_data/database.sqlite"}],
    "secrets": {"key": {"form": "env", "env": {"MICROBIN_ADMIN_PASSWORD": "{value}"}}},
    "options": {
        "services.microbin.enable": True,
        "services.microbin.passwordFile": {"$secret": "key"},
        "services.microbin.settings.MICROBIN_BIND": {"$text": "{bind}"},
        "services.microbin.settings.MICROBIN_PORT": {"$port": "web"},
    },
}
SERVICE: dict[str, Any] = {"services": {"microbin": {"host": "nas", "name": "paste"}}}
FILE = "services/microbin.yaml"


def module(changes: Mapping[str, Any], **service: Any) -> dict[str, Any]:
    """The service with its facts below `module:`."""
    facts = {**FACTS, **changes}
    return {"services": {"microbin": {"host": "nas", "name": "paste", "module": facts, **service}}}


def options_of(changes: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options of the service in the plan."""
    service = build.plan(changes).service("microbin")
    assert service is not None
    return service.config.options


def on_disk(place: Path, facts: str, changes: Mapping[str, Any] = SERVICE) -> Path:
    """A stack with this text in `services/microbin.yaml`."""
    stackdir.write_stack(place, changes)
    (place / "services").mkdir()
    (place / FILE).write_text(facts, encoding="utf-8")
    return place


def files_of(place: Path) -> dict[str, dict[str, str | bytes]]:
    """Every file of every host."""
    opened = open_stack(place, stackdir.NAME)
    return {host: dict(release.files) for host, release in opened.releases.items()}


def problems_of(place: Path) -> list[Problem]:
    """Problems of the stack, also of one that cannot be planned."""
    try:
        found = check_stack(place, stackdir.NAME)[1]
    except InvalidStackError as error:
        found = error.problems
    aside = ("alert-sent", "lock-current", "tailnet-elsewhere")
    return [p for p in found if p.check not in aside]


def test_facts_in_a_file_in_the_section_and_below_module_give_the_same_hosts(
    tmp_path: Path,
) -> None:
    by_file = files_of(on_disk(tmp_path / "file", yaml.safe_dump(FACTS)))
    in_section = {"catalog": {"microbin": FACTS}, **SERVICE}
    assert files_of(stackdir.write_stack(tmp_path / "section", in_section)) == by_file
    assert files_of(stackdir.write_stack(tmp_path / "module", module({}))) == by_file
    nas = by_file["nas"]
    assert 'MICROBIN_BIND = "0.0.0.0";' in str(nas["services/microbin.nix"])
    assert "/var/lib/private/microbin/microbin_data/database.sqlite" in str(nas["backup.nix"])
    assert "homelab.hardening.units.microbin" in str(nas["hardening.nix"])
    assert "paste.home.example.org" in str(by_file["pi"]["proxy.nix"])


@pytest.mark.parametrize(
    ("old", "new", "where", "says"),
    [
        ("dynamic_user: true", "dynamic_usr: true", "dynamic_usr", "dynamic_user"),
        ("web: 8099", "web: 80990", "ports.web", "65535"),
        ("database: sqlite", "database: none", "dumps", "write database: sqlite"),
        ("secret: key", "secret: kei", "options.services.microbin.passwordFile", '"key"'),
    ],
)
def test_a_mistake_in_a_file_has_the_file_and_its_line(
    tmp_path: Path, old: str, new: str, where: str, says: str
) -> None:
    text = yaml.safe_dump(FACTS, sort_keys=False)
    assert old in text
    place = on_disk(tmp_path / "stack", text.replace(old, new))
    (problem,) = problems_of(place)
    assert problem.where.startswith(f"catalog.microbin.{where}")
    assert says in f"{problem.what}; {problem.way_out}"
    assert problem.file == FILE
    lines = (place / FILE).read_text(encoding="utf-8").splitlines()
    assert where.rpartition(".")[2] in lines[problem.line - 1]


def test_a_damaged_file_is_one_problem_with_its_line(tmp_path: Path) -> None:
    (problem,) = problems_of(on_disk(tmp_path / "yaml", "ports: {web: 8099\nstate: []\n"))
    assert (problem.file, problem.severity) == (FILE, "error")
    assert problem.line > 0
    place = on_disk(tmp_path / "binary", "")
    (place / FILE).write_bytes(b"\xff\xfe\x00")
    (problem,) = problems_of(place)
    assert problem.file == FILE


def test_a_file_with_a_list_is_refused(tmp_path: Path) -> None:
    (problem,) = problems_of(on_disk(tmp_path / "stack", "- ports\n"))
    assert problem.file == FILE


def test_facts_in_a_file_and_in_the_section_are_refused(tmp_path: Path) -> None:
    both = {"catalog": {"microbin": FACTS}, **SERVICE}
    (problem,) = problems_of(on_disk(tmp_path / "stack", yaml.safe_dump(FACTS), both))
    assert problem.where == "catalog.microbin"
    assert problem.what == f"these facts are in {FILE}, too"


def test_facts_that_no_service_uses_are_a_warning(tmp_path: Path) -> None:
    (problem,) = problems_of(on_disk(tmp_path / "stack", yaml.safe_dump(FACTS), {}))
    assert (problem.check, problem.severity, problem.file) == ("facts-used", "warning", FILE)
    other = {"services": {"paste": {"service": "microbin", "host": "nas"}}}
    assert problems_of(on_disk(tmp_path / "used", yaml.safe_dump(FACTS), other)) == []


def test_facts_in_a_file_that_another_stack_of_the_project_uses_are_no_warning(
    tmp_path: Path,
) -> None:
    place = on_disk(tmp_path / "stack", yaml.safe_dump(FACTS), {})
    assert [p.check for p in problems_of(place)] == ["facts-used"]
    # The warning waits while there are errors, so the stacks share no machine and no secret.
    other = stackdir.stack_text(testing.merged(APART, SERVICE))
    (place / "Pulumi.other.yaml").write_text(other, encoding="utf-8")
    assert problems_of(place) == []
    # The other stack uses the file, and not the section of this one.
    (place / FILE).rename(place / "services/other.yaml")
    assert [p.check for p in problems_of(place)] == ["facts-used"]


def test_extends_adds_keys_and_replaces_lists() -> None:
    added = {"ports": {"gossip": {"port": 9094, "scope": "lan", "why": "peers"}}}
    facts = {"extends": "jellyfin", "title": "Films", "exclude": ["/var/lib/jellyfin/log"], **added}
    plain = build.plan({"services": {"jellyfin": {"host": "nas"}}}).service("jellyfin")
    changed = build.plan(
        {"catalog": {"jellyfin": facts}, "services": {"jellyfin": {"host": "nas"}}}
    ).service("jellyfin")
    assert plain is not None
    assert changed is not None
    assert changed.entry.title == "Films"
    assert set(changed.entry.ports) == {*plain.entry.ports, "gossip"}
    assert changed.entry.exclude == ("/var/lib/jellyfin/log",) != plain.entry.exclude
    assert changed.entry.options == plain.entry.options
    assert changed.entry.units == plain.entry.units


def test_facts_without_extends_replace_the_entry_of_their_name() -> None:
    facts = {"catalog": {"jellyfin": {**FACTS, "units": ["films"]}}}
    service = build.plan({**facts, "services": {"jellyfin": {"host": "nas"}}}).service("jellyfin")
    assert service is not None
    assert service.units == ("films",)
    assert set(service.entry.ports) == {"web"}


def test_an_option_of_the_service_has_precedence_over_the_facts_and_these_over_the_entry() -> None:
    key = "services.miniflux.config.POLLING_FREQUENCY"
    enable = "services.miniflux.enable"
    changes: dict[str, Any] = {
        "catalog": {"miniflux": {"extends": "miniflux", "options": {key: 30, enable: False}}},
        "services": {"miniflux": {"host": "nas"}},
    }
    text = build.render(changes)["nas"]["services/miniflux.nix"]
    assert "POLLING_FREQUENCY = 30;" in text
    assert "enable = false;" in text
    changes["services"]["miniflux"]["options"] = {key: 60}
    text = build.render(changes)["nas"]["services/miniflux.nix"]
    assert "POLLING_FREQUENCY = 60;" in text
    assert "= 30;" not in text
    assert "enable = false;" in text


def test_an_option_that_opens_the_firewall_is_reported_at_its_line_of_the_file(
    tmp_path: Path,
) -> None:
    options = {**FACTS["options"], "networking.firewall.allowedTCPPorts": [8099]}
    place = on_disk(tmp_path / "stack", yaml.safe_dump({**FACTS, "options": options}))
    (problem,) = problems_of(place)
    assert problem.where == "catalog.microbin.options.networking.firewall.allowedTCPPorts"
    assert (problem.severity, problem.file) == ("error", FILE)
    lines = (place / FILE).read_text(encoding="utf-8").splitlines()
    assert "allowedTCPPorts" in lines[problem.line - 1]


def test_an_option_of_the_service_stays_at_the_service() -> None:
    option = {"networking.firewall.allowedTCPPorts": [8099]}
    wheres = {p.where for p in build.problems(module({}, options=option))}
    assert "services.microbin.options.networking.firewall.allowedTCPPorts" in wheres


@pytest.mark.parametrize(
    ("auth", "trusts", "has_client"),
    [("forward", True, False), ("native", False, False), ("oidc", False, True)],
)
def test_options_of_a_sign_in_apply_only_with_it(auth: str, trusts: bool, has_client: bool) -> None:
    trust, client = "services.microbin.trust", "services.microbin.clientSecretFile"
    sign_in = {
        "kinds": ["forward", "native", "oidc"],
        "forward": {trust: True},
        "oidc": {"redirects": ["/back"], "options": {client: {"$secret": "oidc"}}},
    }
    options = options_of(module({"sign_in": sign_in}, auth=auth))
    assert (trust in options) is trusts
    assert (client in options) is has_client


@pytest.mark.parametrize(("release", "applies"), [("25.11", False), ("26.05", True)])
def test_options_since_a_release_apply_from_it_on(release: str, applies: bool) -> None:
    facts = {"options_since": {"26.05": {"services.microbin.modern": True}}}
    pins = {"nixpkgs": {"default": {"release": release}}}
    options = options_of({**module(facts), **pins})
    assert ("services.microbin.modern" in options) is applies


@pytest.mark.requirement("S1-40")
def test_a_module_of_a_flake_has_the_facts_of_any_module() -> None:
    """Its input, its options, its sandbox and its dump; a check of options sees those too."""
    flakes = {"pastes": {"url": "github:sam/pastes"}}
    changes = {"flakes": flakes, **module({"flake": "pastes.nixosModules.microbin"})}
    plan = build.plan(changes)
    sources = {**build.sources(plan), "locks/nixos-25.11.lock": lock_with("pastes")}
    files = dict(render.render(plan, sources)["nas"].files)
    assert "inputs.pastes.nixosModules.microbin" in str(files["flake.nix"])
    assert "github:sam/pastes" in str(files["flake.nix"])
    assert "MICROBIN_PORT = 8099;" in str(files["services/microbin.nix"])
    assert "homelab.hardening.units.microbin" in str(files["hardening.nix"])
    (sandbox,) = (u for u in plan.hardening if u.service == "microbin")
    # nixpkgs has another module of this name, with a stricter value.
    assert dict(sandbox.settings)["RestrictAddressFamilies"] == "AF_UNIX AF_INET AF_INET6"
    opens = {"services.microbin.openFirewall": True}
    facts = {"flake": "pastes.nixosModules.microbin", "options": {**FACTS["options"], **opens}}
    assert build.found({"flakes": flakes, **module(facts)}, "open-firewall-ban")


@pytest.mark.requirement("S1-40")
def test_a_flake_that_nothing_declares_is_reported_at_the_facts() -> None:
    (problem,) = build.found(module({"flake": "paste.nixosModules.x"}), "flake-input-known")
    assert problem.where == "services.microbin.module.flake"
    assert problem.what == 'there is no flake "paste"'


# --- the power of the catalog ---------------------------------------------------------------------

TWO_RELEASES: dict[str, Any] = {
    "nixpkgs": {
        "newer": {
            "release": "26.05",
            "url": "github:NixOS/nixpkgs/nixos-26.05",
            "lock": "locks/nixos-26.05.lock",
        }
    },
    "hosts": {"nas": {"nixpkgs": "newer", "tags": ["paste"]}, "pi": {"tags": ["paste"]}},
}
MODERN, GONE = "services.microbin.modern", "services.microbin.gone"


def on_both(changes: Mapping[str, Any], **service: Any) -> dict[str, Any]:
    """The service on a host with 25.11 and on one with 26.05."""
    made = module(changes, **service)["services"]["microbin"]
    return {**TWO_RELEASES, "services": {"microbin": {**made, "host": None, "tags": ["paste"]}}}


@pytest.mark.requirement("S2-18")
def test_each_host_has_the_options_of_its_release() -> None:
    """Also where one service runs on hosts of several releases."""
    facts = {"options_since": {"26.05": {MODERN: True}}, "removed": {GONE: "26.05"}}
    changes = on_both({**facts, "options": {**FACTS["options"], GONE: 1}})
    found = {s.host: s.config.options for s in build.plan(changes).services if s.name == "microbin"}
    assert {h for h, options in found.items() if MODERN in options} == {"nas"}
    assert {h for h, options in found.items() if GONE in options} == {"pi"}
    files = build.render(changes)
    assert "modern = true;" in files["nas"]["services/microbin.nix"]
    assert "modern" not in files["pi"]["services/microbin.nix"]


def test_an_option_that_a_release_lacks_is_left_out_of_facts_and_refused_in_the_stack() -> None:
    facts = {"added": {MODERN: "26.05"}, "options": {**FACTS["options"], MODERN: True}}
    assert MODERN not in options_of(module(facts))
    assert not build.found(module(facts), "module-available")
    stated = module(facts, options={MODERN: False})
    (problem,) = build.found(stated, "module-available")
    assert "came with 26.05" in problem.what


def test_an_option_of_the_service_has_precedence_on_every_host() -> None:
    facts = {"options_since": {"26.05": {MODERN: True}}}
    changes = on_both(facts, options={MODERN: False})
    found = [s.config.options[MODERN] for s in build.plan(changes).services if s.name == "microbin"]
    assert found == [False, False]


def test_a_problem_of_an_option_for_a_later_release_names_its_place(tmp_path: Path) -> None:
    facts = {"options_since": {"26.05": {"networking.firewall.enable": False}}}
    changes = on_both(facts)
    places = {p.where for p in build.problems(changes) if "firewall" in p.where}
    assert places == {"services.microbin.module.options_since.26.05.networking.firewall.enable"}


def test_the_sandbox_of_a_module_with_facts_follows_them() -> None:
    """Under another name, as an extension, and below `module:` with `modules`."""
    own = {"ports": {"web": {"port": 3001, "movable": False, "bindable": False}}}
    charts = {
        "services": {
            "grafana": {"host": "nas"},
            "charts": {"host": "pi", "module": {"extends": "grafana", **own}},
        }
    }
    made = build.plan(charts)
    ours, theirs = (
        next(u for u in made.hardening if u.service == name) for name in ("charts", "grafana")
    )
    assert dict(ours.settings) == dict(theirs.settings)
    assert ours.outranked == theirs.outranked
    assert ours.outranked, "the module has a weaker setting than the baseline"
    facts = {"units": ["grafana"], "user": "grafana", "state": ["/var/lib/grafana"]}
    unknown, known = (
        build.plan({"services": {"g": {"host": "nas", "module": {**facts, **more}}}}).hardening
        for more in ({}, {"modules": ["grafana"]})
    )
    assert [u.outranked for u in unknown if u.service == "g"] == [()]
    assert [u.outranked for u in known if u.service == "g"] == [theirs.outranked]


def test_a_module_without_facts_is_named() -> None:
    (problem,) = (p for p in build.found(module({"modules": ["grafanna"]}), "facts-agree"))
    assert problem.where == "services.microbin.module.modules[0]"
    assert 'did you mean "grafana"' in problem.way_out


def test_the_killswitch_confines_a_service_of_an_owner() -> None:
    vpn = {
        "host": "nas",
        "address": ["10.2.0.2/32"],
        "dns": ["10.2.0.1"],
        "endpoint": "203.0.113.7:51820",
        "public_key": f"{'A' * 43}=",
        "key": {"sops": "vpn/privado"},
    }
    facts = {**FACTS, "dynamic_user": False, "user": "microbin", "state": ["/var/lib/microbin"]}
    facts |= {"dumps": [{"sqlite": "/var/lib/microbin/database.sqlite"}]}
    changes = {"vpn": {"privado": vpn}, **module(facts, vpn="privado")}
    (made,) = build.plan(changes).vpn.vpns
    assert [m.user for m in made.members] == ["microbin"]
    assert not [p for p in build.problems(changes) if p.check.startswith("vpn")]


def test_a_role_that_the_facts_do_not_have_is_refused() -> None:
    dataset = {"host": "nas", "mount": "/mnt/m", "path": "/mnt/m/a", "tier": "user", "group": "a"}
    changes = {"datasets": {"a": dataset}, **module({"datasets": {"files": "pastes"}})}
    changes["services"]["microbin"]["datasets"] = {"flies": "a"}
    problems = [p for p in build.problems(changes) if p.where.endswith("datasets.flies")]
    assert [p.way_out for p in problems] == ['did you mean "files"? Roles: files']


@pytest.mark.requirement("S0-56")
def test_a_service_of_an_own_module_gets_its_ports_and_its_backup_from_the_stack() -> None:
    """The module itself opens nothing: firewall, sandbox and backup follow from the facts."""
    game = {"port": 25565, "scope": "lan", "why": "the game", "movable": False, "bindable": False}
    facts = {"ports": {"game": game}, "units": ["game"], "user": "game", "state": ["/var/lib/game"]}
    changes = {
        "hosts": {"nas": {"modules": ["hosts/nas/game.nix"]}},
        "services": {"game": {"host": "nas", "module": facts}},
        "backup": {"targets": {"disk": {"kind": "local", "host": "pi", "path": "/mnt/backup"}}},
    }
    assert build.found(changes, "facts-agree") == []
    files = build.render(changes)["nas"]
    assert "ip saddr 192.168.1.0/24 tcp dport { 22, 25565 } accept" in files["firewall.nix"]
    assert "homelab.hardening.units.game" in files["hardening.nix"]
    assert "services/game.nix" not in files
    assert build.plan(changes).routes_of("game") == ()
