"""Whatever the plan writes that NixOS joins with other definitions is not replaced unnoticed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pytest

from homelab.catalog import ENTRIES
from homelab.nix import Nix
from homelab.nix.source import Setting, Value
from homelab.nix.whole import WHOLE
from homelab.openings.checks import check_openings
from homelab.openings.model import View
from homelab.openings.registry import openings
from homelab.openings.replaced import sets
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.render import modules_of
from homelab.system.model import Host
from homelab.testing import merged
from tests import build
from tests.programs.rendered import ALL, planned
from tests.tools.nixtypes import plain
from tests.tools.options import Node, require_options

Path = tuple[str, ...]
ELSEWHERE: Mapping[str, str] = {
    "services.openssh.ports": "a list with one port, which ssh-address holds to the deployer's",
}
"""Options that another rule looks at, whatever the plan writes, and why."""


def told(line: str, changes: Mapping[str, object] | None = None) -> list[Problem]:
    plan = build.plan({"hosts": {"nas": {"modules": ["own.nix"]}}} | dict(changes or {}))
    return list(check_openings(plan, {"own.nix": f"{{ lib, ... }}: {{ {line} }}"}))


def written(plan: Plan, host: Host, options: Node) -> Iterator[tuple[Path, Nix]]:
    """The options with sets and lists that the generated modules of a host write."""
    found: dict[Path, Nix] = {}
    for module in modules_of(plan, host):
        for tree in (module.derived, module.stated):
            found |= dict(_options(tree, options, ()))
    yield from ((p, v) for p, v in found.items() if isinstance(v, Mapping | list | tuple) and v)


def _options(value: Nix, node: Node, path: Path) -> Iterator[tuple[Path, Nix]]:
    value = plain(value)
    if node.type is not None:
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            # Options of the owner's flakes, and of homelab, are not in the data.
            if (child := node.child(key)) is not None:
                yield from _options(inner, child, (*path, key))


def unnoticed(plan: Plan, options: Node) -> Iterator[str]:
    """Options of which a forced, empty value passes without a word."""
    for host in plan.hosts.values():
        view = View(plan, host, ())
        for path, value in written(plan, host, options):
            empty: Value = {} if isinstance(value, Mapping) else ()
            if not any(openings(Setting(path, empty, forced=len(path)), view)):
                yield ".".join(path)


@pytest.mark.parametrize("name", ALL)
def test_every_set_and_list_that_the_plan_writes_is_not_replaced_unnoticed(name: str) -> None:
    assert sorted(set(unnoticed(planned(name), require_options())) - set(ELSEWHERE)) == []


@pytest.mark.parametrize("name", [n for n, e in ENTRIES.items() if not e.infrastructure])
def test_nor_is_one_of_a_service(name: str) -> None:
    entry = ENTRIES[name]
    datasets = {part: f"all-{part}" for part in entry.datasets}
    changes = {
        "nixpkgs": {"default": {"release": max("25.11", entry.since)}},
        "services": {name: {"host": "nas", "datasets": datasets}},
        "datasets": {
            d: {"host": "nas", "path": f"/mnt/{d}", "tier": "user"} for d in datasets.values()
        },
    }
    found = set(unnoticed(build.plan(changes), require_options()))
    assert sorted(found - set(ELSEWHERE)) == []


def test_options_of_homelab_that_are_sets_are_known() -> None:
    libraries = sorted(build.ROOT.glob("homelab/**/*.nix"))
    texts = [file.read_text(encoding="utf-8") for file in libraries]
    found = set()
    for text in texts:
        one = r"options\.(homelab[\w.]+) = mkOption \{\n\s*type = types\.attrsOf"
        found |= set(re.findall(one, text))
        for group, body in re.findall(
            r"options\.(homelab[\w.]+) = \{\n(.*?)\n  \};", text, re.DOTALL
        ):
            found |= {
                f"{group}.{name}" for name in re.findall(r"^    (\w+) = named ", body, re.MULTILINE)
            }
    assert len(found) > 4
    assert found <= set(sets())


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("programs.ssh.knownHosts = lib.mkForce { };", "keys of hosts"),
        ("programs.ssh = lib.mkForce { knownHosts.x = { }; };", "keys of hosts"),
        ("programs = lib.mkForce (import ./programs.nix);", "keys of hosts"),
    ],
)
def test_a_set_is_told_of_where_the_plan_writes_it(line: str, what: str) -> None:
    (problem,) = told(line)
    assert problem.severity == "error"
    assert problem.what.endswith(f"which removes what the plan sets there: {what}")


@pytest.mark.parametrize(
    "line",
    [
        "systemd.paths = lib.mkForce { };",
        "services.redis.servers = lib.mkForce { };",
        "virtualisation.podman.autoPrune.flags = lib.mkForce [ ];",
        'programs.ssh.knownHosts.mine = lib.mkForce { publicKey = "x"; };',
    ],
)
def test_a_set_or_list_in_which_the_plan_writes_nothing_is_the_owners(line: str) -> None:
    assert told(line) == []


OURS = {
    "services.caddy.virtualHosts": {"services": {"jellyfin": {"host": "nas"}}},
    "services.cloudflared.tunnels": {"cloudflare": {"tunnel": {"host": "nas"}}},
    "services.restic.backups": {
        "backup": {"targets": {"usb": {"kind": "local", "host": "nas", "path": "/mnt/usb"}}},
        "services": {"vaultwarden": {"host": "nas"}},
    },
    "sops.secrets": {"site": {"owner": {"password": {"sops": "users/sam"}}}},
    "environment.persistence": {"hosts": {"nas": {"persistence": {}}}},
    "virtualisation.oci-containers.containers": {
        "services": {
            "box": {
                "host": "nas",
                "container": {"image": f"a/b:1@sha256:{'0' * 64}", "port": 80},
                "backup": {"skip": "it has none"},
            }
        }
    },
    "homelab.backup.jobs": {
        "backup": {"targets": {"usb": {"kind": "local", "host": "nas", "path": "/mnt/usb"}}},
        "services": {"vaultwarden": {"host": "nas"}},
    },
    "homelab.backup.stores": {
        "backup": {"targets": {"usb": {"kind": "sftp", "host": "nas", "path": "/mnt/usb"}}},
        "services": {"vaultwarden": {"host": "pi"}},
    },
}
"""Sets in which the plan alone writes, and a stack with which it does on the nas."""


@pytest.mark.parametrize("option", OURS)
def test_a_set_of_the_plan_alone_is_the_owners_where_nothing_of_the_plan_is_lost(
    option: str,
) -> None:
    at_entry = {"network": {"entry": {"host": "nas"}}} if "caddy" in option else {}
    changes = merged({"hosts": {"nas": {"modules": ["own.nix"]}}}, OURS[option], at_entry)
    for line in (f"{option} = lib.mkForce {{ }};", f"{option} = lib.mkForce mine;"):
        assert any("which removes what the plan sets" in p.what for p in told(line, changes)), line
        assert not any("which removes" in p.what for p in told(line)), line


@pytest.mark.parametrize(
    "option",
    ["systemd.services", "users.users", "services.nginx.virtualHosts", "security.pam.services"],
)
def test_a_set_that_modules_of_nixos_fill_for_the_plan_is_never_replaced(option: str) -> None:
    (problem,) = told(f"{option} = lib.mkForce {{ }};")
    assert problem.severity == "error"


KEYS = "users.users.root.openssh.authorizedKeys.keys"


def test_a_list_that_keeps_what_the_plan_adds_may_be_forced() -> None:
    owner = build.plan().stack.site.owner.ssh_keys[0]
    (problem,) = told(f"{KEYS} = lib.mkForce [ ];")
    assert problem.severity == "warning"
    assert f"{KEYS} is forced, which removes what the plan adds there" in problem.what
    assert "hosts.nas.accept: {list-replaced: …}" in problem.way_out
    assert told(f'{KEYS} = lib.mkForce [ "{owner}" ];') == []
    assert told(f"{KEYS} = [ ];") == []


def test_lines_that_the_plan_adds_are_not_forced_away() -> None:
    (problem,) = told('networking.firewall.extraInputRules = lib.mkForce "";')
    assert "removes what the plan adds there" in problem.what


def test_a_host_that_is_managed_in_part_keeps_what_homelab_writes() -> None:
    """The rest is its owner's, who may force what they like."""
    changes = {"hosts": {"nas": {"modules": ["own.nix"], "manage": ["ssh"]}}}
    (problem,) = told("services.openssh.settings = lib.mkForce { X = 1; };", changes)
    assert "no passwords over SSH" in problem.what
    assert told("systemd.timers = lib.mkForce { x.enable = true; };", changes) == []
    assert told("services.nginx.virtualHosts = lib.mkForce { };", changes) == []


@pytest.mark.parametrize(
    "line",
    [
        "services.navidrome = lib.mkForce (import ./gone.nix);",
        "services.navidrome = lib.mkForce (builtins.fromJSON (builtins.readFile ./x.json));",
        "services = { navidrome = lib.mkForce mine; };",
    ],
)
def test_a_group_that_only_nix_resolves_may_have_any_of_its_sets(line: str) -> None:
    navidrome = {"services": {"navidrome": {"host": "nas"}}}
    (problem,) = told(line, {"hosts": {"nas": {"modules": ["own.nix"]}}} | navidrome)
    assert problem.severity == "error"
    assert problem.what.endswith("which removes what the plan sets there: settings of navidrome")
    assert told(line) == []


def test_a_set_in_a_file_that_an_option_imports_is_followed() -> None:
    changes = {
        "hosts": {"nas": {"modules": ["own.nix"]}},
        "services": {"navidrome": {"host": "nas"}},
    }
    own = "{ lib, ... }: { services.navidrome = lib.mkForce (import ./parts/x.nix { }); }"
    for text, lost in (
        ("{ ... }:\n{ settings = { }; }", True),
        ("{ ... }:\n{ enable = true; }", False),
    ):
        found = list(check_openings(build.plan(changes), {"own.nix": own, "parts/x.nix": text}))
        assert [p.what.startswith("parts/x.nix:2: services.navidrome.settings") for p in found] == (
            [True] if lost else []
        )


def _typed(value: Nix, node: Node, path: Path) -> Iterator[tuple[Path, str]]:
    value = plain(value)
    if node.type is not None:
        yield path, node.type
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if (child := node.child(key)) is not None:
                yield from _typed(inner, child, (*path, key))


TANDOOR = "services.tandoor-recipes.extraConfig"


def test_every_set_that_nixos_takes_as_a_whole_is_known() -> None:
    options = require_options()
    services = {n: {"host": "nas"} for n, e in ENTRIES.items() if not e.infrastructure}
    plans = [
        build.plan({"nixpkgs": {"default": {"release": release}}, "services": {n: s}})
        for n, s in services.items()
        for release in [max("25.11", ENTRIES[n].since)]
    ]
    found = {
        path if "of" not in type_ else (*path, "*")
        for plan in plans
        for module in modules_of(plan, plan.hosts["nas"])
        for path, type_ in _typed(module.derived, options, ())
        if type_ in ("attribute set", "null or attribute set", "attribute set of (attribute set)")
    }
    assert found == set(WHOLE)


def test_a_key_that_the_stack_states_keeps_the_keys_of_the_plan() -> None:
    tandoor = {"host": "nas", "options": {f"{TANDOOR}.TZ": "UTC", f"{TANDOOR}.GUNICORN_MEDIA": "0"}}
    plan = build.plan({"services": {"tandoor-recipes": tandoor}})
    (module,) = (m for m in modules_of(plan, plan.hosts["nas"]) if "tandoor" in m.file)
    stated = module.stated["services"]["tandoor-recipes"]["extraConfig"]  # type: ignore[index,call-overload]
    assert stated["TZ"] == "UTC"
    assert stated["GUNICORN_MEDIA"] == "0"
    assert stated["ALLOWED_HOSTS"] == "tandoor-recipes.home.example.org"
    assert stated["POSTGRES_HOST"] == "/run/postgresql"
    derived = module.derived["services"]["tandoor-recipes"]  # type: ignore[index,call-overload]
    assert "extraConfig" not in derived
    assert derived["enable"] is True


@pytest.mark.parametrize("options", [{}, {f"{TANDOOR}.TZ": "UTC"}])
def test_a_key_of_a_module_does_not_remove_the_keys_of_the_plan(options: dict[str, str]) -> None:
    """Beside a definition of the stack config NixOS joins it, as both have one priority."""
    changes = {"services": {"tandoor-recipes": {"host": "nas", "options": options}}}
    found = told(f'{TANDOOR}.ENABLE_PDF_EXPORT = "1";', changes)
    assert ["NixOS takes services.tandoor" in p.what for p in found] == [True] * (not options)
    for problem in found:
        assert problem.severity == "error"
        assert "services.tandoor-recipes.options: {" in problem.way_out
    assert told(f'{TANDOOR}.ENABLE_PDF_EXPORT = "1";') == []
