"""Only the plan's openings are open: options and own modules are parsed as Nix."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from homelab.catalog import ENTRIES
from homelab.checks import run_checks
from homelab.nix.source import Setting, read_nix
from homelab.openings import (
    alerts,
    backups,
    disks,
    limits,
    replaced,
    resolvers,
    ssh,
    unsaved,
    vpns,
    wiped,
)
from homelab.openings.apps import closed_sign_ups
from homelab.openings.checks import check_openings
from homelab.openings.model import RULES, View, matches
from homelab.openings.registry import HAVE_RULES
from homelab.openings.settings import of_options as merged
from homelab.openings.variables import SPELLED, app_of
from homelab.problems import InvalidStackError, Problem
from homelab.services.declared import flattened
from tests import build
from tests.openings.careless import CAREFUL, DIGEST, HARMLESS, MODULES, OPTIONS
from tests.site.ways_out.stacks import TUNNEL, both

OF_OPTIONS = [(c, n, o) for c, table in OPTIONS.items() for n, o in table.items()]


def of_options(options: dict[str, Any], **service: Any) -> list[Problem]:
    said = {"host": "nas", "backup": {"skip": "only a test"}, "options": options, **service}
    found = run_checks(build.plan({"services": {"navidrome": said}}))
    return [p for p in found if p.check in (*OPTIONS, "accept-known")]


def of_module(
    text: str, host: dict[str, Any] | None = None, owner: dict[str, Any] | None = None
) -> list[Problem]:
    hosts = {"nas": {"modules": ["own.nix"], **(host or {})}}
    plan = build.plan({"hosts": hosts, "site": {"owner": owner or {}}})
    return list(check_openings(plan, {"own.nix": f"{{ config, lib, ... }}:\n{{\n  {text}\n}}\n"}))


@pytest.mark.parametrize(
    ("check", "name", "options"), OF_OPTIONS, ids=[n for _, n, _ in OF_OPTIONS]
)
@pytest.mark.requirement("S4-21")
def test_a_careless_option_is_reported(check: str, name: str, options: dict[str, Any]) -> None:
    found = of_options(options)
    assert [p.check for p in found] == [check], found
    assert found[0].where.startswith("services.navidrome.options.")
    assert found[0].way_out


def test_an_unclaimed_account_is_reported_by_its_own_check_alone() -> None:
    mealie = {"host": "nas", "publish": "tunnel", "public": "for the whole village"}
    changes = both(TUNNEL, {"services": {"mealie": mealie}})
    found = [p for p in run_checks(build.plan(changes)) if p.where == "services.mealie"]
    assert [p.check for p in found if "open to the internet" in p.what] == ["first-account"]


CONTAINED = [
    (name, value["image"], variable, said)
    for _, name, options in OF_OPTIONS
    for value in options.values()
    if isinstance(value, dict) and "image" in value
    for variable, said in value.get("environment", {}).items()
    # Open WebUI is for its administrators alone where nobody says who may open it.
    if variable != "WEBUI_AUTH"
]


@pytest.mark.parametrize("routes", [None, []], ids=["with a route", "without one"])
@pytest.mark.parametrize(
    ("name", "image", "variable", "said"), CONTAINED, ids=[n for n, *_ in CONTAINED]
)
def test_a_variable_of_a_container_is_told_as_its_owner_has_it(
    name: str, image: str, variable: str, said: str, routes: list[Any] | None
) -> None:
    """Nothing of the catalog closes it: what the way out says to write does."""

    def told(value: str) -> list[Problem]:
        own = {
            "host": "nas",
            "container": {"image": image, "port": 80, "environment": {variable: value}},
            "backup": {"skip": "it has no data"},
            "routes": routes,
        }
        found = run_checks(build.plan({"services": {"web": own}}), ["option-opens"])
        # tests/openings/test_images.py is about what the image does by itself.
        return [p for p in found if p.where != "services.web.container.image"]

    (problem,) = told(said)
    assert problem.where == f"services.web.container.environment.{variable}"
    assert "homelab" not in problem.what
    assert "the secret admin" not in problem.way_out
    if routes == []:
        assert "at its routes" not in problem.way_out
    if "everybody whom the proxy lets in" not in problem.what and "it trusts" not in problem.what:
        assert "web (" in problem.what
    written = re.search(r"\bwrite (?!auth)([a-z-]+)", problem.way_out)
    assert bool(written) is (variable in OPEN_BY_DEFAULT)
    if written:
        assert told(written[1]) == []


OPEN_BY_DEFAULT = {
    *("CMD_ALLOW_ANONYMOUS", "CMD_ALLOW_EMAIL_REGISTER", "NTFY_AUTH_DEFAULT_ACCESS"),
    *("DISABLE_SIGNUPS", "FORGEJO__service__DISABLE_REGISTRATION", "SIGNUPS_ALLOWED"),
    *("GITEA__service__DISABLE_REGISTRATION", "PAPERLESS_ACCOUNT_ALLOW_SIGNUPS"),
}
"""Variables without which the app is open, or may be: to leave them out is no way out."""


@pytest.mark.parametrize(
    ("option", "database", "is_refused"),
    [
        ('services.sonarr.user = "keeper";', "nas", True),
        ('systemd.services.sonarr.serviceConfig.User = lib.mkForce "keeper";', "nas", True),
        ('services.sonarr.user = "sonarr";', "nas", False),
        ('services.sonarr.user = "keeper";', "pi", False),
        ('services.radarr.user = "keeper";', "nas", False),
    ],
)
def test_the_user_of_a_database_by_the_socket_is_one_that_homelab_knows(
    option: str, database: str, is_refused: bool
) -> None:
    sonarr = {"host": "nas", "databases": {"postgresql": {"host": database}}}
    changes = {"hosts": {"nas": {"modules": ["own.nix"]}}, "services": {"sonarr": sonarr}}
    text = {"own.nix": f"{{ lib, ... }}:\n{{ {option} }}\n"}
    found = [p for p in check_openings(build.plan(changes), text) if p.check == "state-moved"]
    assert bool(found) is is_refused
    for problem in found:
        assert "lets only the user sonarr in" in problem.what
        assert problem.way_out.startswith("write it in the stack config")


@pytest.mark.parametrize("service", ["jellyfin", "miniflux", "navidrome", "vaultwarden"])
def test_a_weaker_sandbox_needs_its_reason_whoever_wrote_it(service: str) -> None:
    """Of homelab's sandboxes and of those that nixpkgs has, in options and in modules."""
    option = f"systemd.services.{service}.serviceConfig.PrivateDevices"
    said: dict[str, Any] = {"host": "nas", "options": {option: False}}
    changes: dict[str, Any] = {"services": {service: said}}
    (problem,) = run_checks(build.plan(changes), ["option-opens"])
    assert problem.what.endswith(f"{service}.service may open hardware devices")
    said["harden"] = {"relax": {"private-devices": "it needs the tuner"}}
    assert run_checks(build.plan(changes), ["option-opens"]) == []
    owned = {"hosts": {"nas": {"modules": ["own.nix"]}}, "services": {service: {"host": "nas"}}}
    text = f"{{ lib, ... }}:\n{{\n  {option} = lib.mkForce false;\n}}\n"
    (problem,) = check_openings(build.plan(owned), {"own.nix": text})
    assert problem.what.startswith("own.nix:3: ")
    assert f"services.{service}.harden.relax: {{private-devices: …}}" in problem.way_out


@pytest.mark.parametrize("mask", ["rwx", False, 22, "0022", ""])
def test_a_mask_that_is_none_is_the_default_of_systemd(mask: Any) -> None:
    options = {"systemd.services.jellyfin.serviceConfig.UMask": mask}
    changes = {"services": {"jellyfin": {"host": "nas", "options": options}}}
    (problem,) = run_checks(build.plan(changes), ["option-opens"])
    assert "UMask" in problem.what


def test_the_table_is_long() -> None:
    assert len(OF_OPTIONS) + len(MODULES) >= 130


@pytest.mark.parametrize("name", CAREFUL)
@pytest.mark.requirement("S4-21")
def test_a_careful_option_passes(name: str) -> None:
    assert of_options(CAREFUL[name]) == []


@pytest.mark.parametrize("name", MODULES)
def test_a_careless_line_of_a_module_is_reported_in_every_form(name: str) -> None:
    found = of_module(MODULES[name])
    assert [p.check for p in found] == ["forbidden-patterns"], found
    assert found[0].where == "hosts.nas"
    assert found[0].what.startswith("own.nix:3: "), found[0].what
    assert found[0].way_out


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_line_passes(name: str) -> None:
    assert of_module(HARMLESS[name]) == []


@pytest.mark.parametrize(
    ("check", "name", "options"), OF_OPTIONS, ids=[n for _, n, _ in OF_OPTIONS]
)
def test_an_own_module_is_judged_as_an_option_is(
    check: str, name: str, options: dict[str, Any]
) -> None:
    """What an option opens, the same line of a module opens."""
    owned = {"navidrome": {"host": "nas"}}
    lines = " ".join(f"{path} = {_nix(value)};" for path, value in options.items())
    plan = build.plan({"hosts": {"nas": {"modules": ["own.nix"]}}, "services": owned})
    found = [*check_openings(plan, {"own.nix": f"{{ lib, ... }}: {{ {lines} }}"})]
    (opened,) = [(p.what, p.severity) for p in of_options(options)]
    own = [(p.what.removeprefix("own.nix:1: "), p.severity) for p in found]
    assert own == [opened]


def _nix(value: Any) -> str:
    """A value as Nix, with quoted names."""
    if isinstance(value, dict):
        pairs = (f"{json.dumps(k)} = {_nix(v)};" for k, v in value.items())
        return f"{{ {' '.join(pairs)} }}"
    if isinstance(value, list):
        return f"[ {' '.join(_nix(v) for v in value)} ]"
    return json.dumps(value).replace("${", "\\${")


def test_the_unit_that_sends_alerts_is_not_switched_off_unnoticed() -> None:
    own = {"hosts": {"nas": {"modules": ["own.nix"]}}, "services": {"navidrome": {"host": "nas"}}}
    targets = {"disk": {"kind": "local", "host": "nas", "path": "/srv/backup"}}
    alerting = {"monitoring": {"ntfy": {"topic": {"sops": "t"}}}, "backup": {"targets": targets}}
    plan = build.plan({**own, **alerting})
    text = '{ systemd.services."notify@".enable = false; }'
    (problem,) = check_openings(plan, {"own.nix": text})
    assert "no failure of this host sends an alert" in problem.what
    assert "hosts.nas.accept: {own-unit: …}" in problem.way_out


def test_every_rule_fires_in_one_of_the_tables() -> None:
    """A rule that no table triggers may not work."""
    assert HAVE_RULES
    seen: list[tuple[Setting, View]] = []
    for said in [o for _, _, o in OF_OPTIONS]:
        plan = build.plan({"services": {"navidrome": {"host": "nas", "options": said}}})
        view = View(plan, plan.hosts["nas"], merged(plan, "nas"))
        seen += [(s, view) for s in view.settings]
    for text in MODULES.values():
        view = View(plan, plan.hosts["nas"], read_nix(f"{{\n{text}\n}}").settings)
        seen += [(s, view) for s in view.settings]
    fires: dict[int, bool] = {}
    for rule in RULES:
        met = any(matches(rule.path, s.path) and any(rule.look(s, v)) for s, v in seen)
        fires[id(rule.look)] = fires.get(id(rule.look), False) or met
    silent = sorted({".".join(r.path) for r in RULES if not fires[id(r.look)]})
    tried = {".".join(r.path) for r in RULES if r.look in (*IN_WAYS_OUT, *IN_TESTS)}
    assert silent == sorted({*ELSEWHERE, *tried})


IN_WAYS_OUT = (
    *(alerts.notifies, disks.numbered, resolvers.another, resolvers.names),
    # Their table is in test_wiped.py.
    *(wiped.in_memory, wiped.from_memory, wiped.off, wiped.elsewhere, wiped.units),
    *(wiped.hidden, wiped.removed),
    # Their table is in test_unsaved.py.
    *(unsaved.apps, unsaved.volumes),
)
"""Rules with checks of their own, which have rows in tests/site/ways_out."""
IN_TESTS = (
    *(vpns.identity, vpns.namespace, vpns.numbers, vpns.units),
    *(backups.server, replaced.whole, ssh.bans, limits.other_limit),
)
"""Rules that need more of a stack: test_vpns.py, test_protections.py, test_replaced.py and
tests/services/test_limits.py have their tables."""
ELSEWHERE = [
    # Secrets in plain text have a table in tests/secrets.
    "**",
    # Persistence has a table in test_persistence.py.
    "environment.persistence.*.**",
    # Backups of the plan have a table in tests/cases/test_backups.py.
    "homelab.backup.**",
    # These depend on more of the stack than an option: see below.
    "networking.networkmanager.enable",
    "networking.wireless.enable",
    "networking.wireless.iwd.enable",
    "security.sudo.enable",
    "services.*.user",
    "services.sabnzbd.configFile",
    "systemd.services.*.serviceConfig.User",
    # Mistyped names have a table in test_names.py.
    "services.**",
    # State that a module leaves behind has a table in tests/cases/test_state.py.
    "services.postgresql.dataDir",
    "services.postgresql.package",
    # Backups of the plan have a table in tests/cases/test_backups.py.
    "services.postgresqlBackup.*.**",
    "services.restic.backups.**",
    # Rates have a table in tests/services/test_rates.py.
    "services.transmission.settings.alt-speed-enabled",
    "services.transmission.settings.alt-speed-time-enabled",
    "system.stateVersion",
    "systemd.services.*.**",
    "systemd.timers.*.**",
    "users.mutableUsers",
]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("services.navidrome.settings = with lib; mkForce { A = 1; B = 2; };", True),
        ("services.navidrome.settings = lib.mkForce (import ./settings.nix);", True),
        ("services.navidrome.settings.ScanSchedule = lib.mkForce 1;", False),
        ("services.navidrome.settings = lib.mkDefault { A = 1; };", False),
    ],
)
def test_a_forced_set_is_told_of_once_where_the_plan_sets_something(line: str, told: bool) -> None:
    plan = build.plan(
        {"hosts": {"nas": {"modules": ["own.nix"]}}, "services": {"navidrome": {"host": "nas"}}}
    )
    found = list(check_openings(plan, {"own.nix": f"{{ lib, ... }}: {{ {line} }}"}))
    assert ["settings of navidrome" in p.what for p in found] == [True] * told


FORCED_GROUPS = {
    "homelab.backup = lib.mkForce { jobs = { }; targets = { }; };": [
        ("homelab.backup.jobs", "backups"),
        ("homelab.backup.targets", "backup targets"),
    ],
    "homelab = lib.mkForce { backup.jobs = { }; };": [("homelab.backup.jobs", "backups")],
    "networking.nftables = lib.mkForce { tables = { }; };": [
        ("networking.nftables.tables", "firewall rules")
    ],
    "environment = lib.mkForce { persistence = { }; };": [
        ("environment.persistence", "directories that survive a restart")
    ],
    "services.restic = lib.mkForce { backups = { }; };": [("services.restic.backups", "backups")],
    "virtualisation.oci-containers = lib.mkForce { containers = { }; };": [
        ("virtualisation.oci-containers.containers", "containers")
    ],
    "systemd = lib.mkForce { timers = { }; };": [("systemd.timers", "timers")],
    "systemd = lib.mkForce { timers.x.enable = true; };": [("systemd.timers", "timers")],
    "systemd = lib.mkForce { timers = import ./timers.nix; };": [("systemd.timers", "timers")],
    "systemd = lib.mkForce (import ./systemd.nix);": [("systemd", "units and sandboxes")],
    "systemd = lib.mkOverride 90 { timers = { }; };": [("systemd.timers", "timers")],
    "systemd = lib.mkOverride (100 - 1) { timers = { }; };": [("systemd.timers", "timers")],
    "systemd = lib.mkImageMediaOverride { timers = { }; };": [("systemd.timers", "timers")],
    "systemd = lib.mkMerge [ { } (lib.mkForce { timers = { }; }) ];": [
        ("systemd.timers", "timers")
    ],
    "systemd = lib.mkForce (lib.mkMerge [ (lib.mkIf true { timers = { }; }) ]);": [
        ("systemd.timers", "timers")
    ],
    "systemd = lib.mkForce { timers = lib.mkIf true (lib.mkMerge [ { } ]); };": [
        ("systemd.timers", "timers")
    ],
    "config = lib.mkForce { systemd.timers = { }; };": [("systemd.timers", "timers")],
    "services.navidrome = lib.mkForce { settings.A = 1; };": [
        ("services.navidrome.settings", "settings of navidrome")
    ],
}


@pytest.mark.parametrize("line", FORCED_GROUPS)
def test_a_forced_group_of_options_forces_each_option_in_it(line: str) -> None:
    box = {
        "host": "nas",
        "container": {"image": DIGEST, "port": 80},
        "backup": {"skip": "it has none"},
    }
    plan = build.plan(
        {
            "hosts": {"nas": {"modules": ["own.nix"], "persistence": {}}},
            "services": {"navidrome": {"host": "nas"}, "box": box},
            "backup": {"targets": {"usb": {"kind": "local", "host": "nas", "path": "/mnt/usb"}}},
        }
    )
    found = list(check_openings(plan, {"own.nix": f"{{ lib, ... }}: {{ {line} }}"}))
    told = [p for p in found if "forced as a whole" in p.what]
    assert [p.severity for p in told] == ["error"] * len(FORCED_GROUPS[line])
    for problem, (option, lost) in zip(told, FORCED_GROUPS[line], strict=True):
        assert f": {option} is forced as a whole" in problem.what
        assert problem.what.endswith(f"there: {lost}")
        assert f"{option}.NAME = …" in problem.way_out


@pytest.mark.parametrize(
    "line",
    [
        "systemd = lib.mkForce { };",
        "systemd = lib.mkDefault { timers = { }; };",
        "systemd = lib.mkOverride 100 { timers.x.enable = true; };",
        'virtualisation.oci-containers = lib.mkForce { backend = "podman"; };',
        'homelab.backup = lib.mkForce { at = "03:00"; };',
        "services.navidrome = lib.mkForce { enable = true; };",
    ],
)
def test_a_forced_group_leaves_what_is_not_written_in_it(line: str) -> None:
    assert not [p for p in of_module(line) if "forced as a whole" in p.what]


def test_a_time_of_a_module_is_held_to_what_systemd_can_read() -> None:
    (problem,) = of_module('systemd.timers.sweep.timerConfig.OnCalendar = lib.mkForce "dialy";')
    assert (problem.check, problem.where) == ("option-calendar", "hosts.nas")
    assert "own.nix:3" in problem.what
    assert of_module('systemd.timers.sweep.timerConfig.OnCalendar = "daily";') == []


@pytest.mark.requirement("S1-36")
def test_a_module_that_sets_apm_when_a_disk_appears_is_refused() -> None:
    """With the reason, at the line of the module."""
    rule = 'KERNEL=="sd[a-z]", RUN+="${pkgs.hdparm}/bin/hdparm -B 254 /dev/%k"'
    (problem,) = of_module(f"services.udev.extraRules = ''{rule}'';")
    assert (problem.check, problem.severity) == ("hdparm-udev", "error")
    assert "bridges from USB to SATA hang" in problem.what
    (problem,) = of_module('powerManagement.powerUpCommands = "hdparm -B 254 /dev/sda";')
    assert problem.check == "hdparm-udev"
    assert of_module("services.udev.extraRules = ''KERNEL==\"sda\", MODE=\"0660\"'';") == []


@pytest.mark.requirement("S1-36")
def test_a_disk_has_no_apm_and_the_message_says_why() -> None:
    disk = {"device": "/dev/disk/by-id/usb-x", "apm": 254}
    with pytest.raises(InvalidStackError, match="hangs bridges from USB to SATA"):
        build.plan({"hosts": {"nas": {"disks": {"films": disk}}}})


WIFI = {"wifi": {"ssid": "Home", "psk": {"sops": "wifi/psk"}}}


@pytest.mark.requirement("S1-38")
@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("networking.wireless.iwd.enable = true;", True),
        ("networking.networkmanager.enable = true;", True),
        ("networking.wireless.enable = true;", False),
        ("networking.networkmanager.enable = false;", False),
        (
            'networking.networkmanager = { enable = true; unmanaged = [ "type:wifi" ]; };',
            False,
        ),
    ],
)
def test_a_module_starts_no_second_program_for_wifi(lines: str, told: bool) -> None:
    found = [p for p in of_module(lines, WIFI) if p.check == "wifi-backend-single"]
    assert len(found) == told, found
    assert not [p for p in of_module(lines) if p.check == "wifi-backend-single"]


def test_network_manager_may_use_the_iwd_of_the_stack() -> None:
    text = "networking.networkmanager = { enable = true; wifi.backend = %s; };"
    iwd = {"wifi": {"backend": "iwd"}}
    assert of_module(text % '"iwd"', iwd) == []
    assert of_module(text % '"wpa_supplicant"', iwd)


@pytest.mark.requirement("S2-15")
def test_zigbee2mqtt_leaves_nothing_while_it_is_off_and_asks_for_its_broker_when_it_is_on() -> None:
    key = {"services.zigbee2mqtt.settings.advanced.network_key": "!secret.yaml key"}
    local = {"services.zigbee2mqtt.settings.mqtt.server": "mqtt://localhost:1883"}
    zigbee = {"host": "nas", "options": {**key, **local}, "devices": {"radio": "radio"}}
    stick = {"nas": {"devices": {"radio": "/dev/serial/by-id/usb-Radio-if00-port0"}}}
    on: Any = {"hosts": stick, "services": {"zigbee2mqtt": zigbee}}
    (problem,) = build.found(on, "broker-present")
    assert "no service of nas listens there" in problem.what
    with_broker = both(on, {"services": {"mosquitto": {"host": "nas"}}})
    assert not build.found(with_broker, "broker-present")
    off = both(on, {"services": {"zigbee2mqtt": {"enable": False}}})
    assert not build.found(off, "broker-present")
    assert "services/zigbee2mqtt.nix" not in build.render(off)["nas"]
    assert not [p for p in build.plan(off).ports if p.owner == "zigbee2mqtt"]


def test_repeating_a_planned_opening_passes() -> None:
    """Openings are compared with the plan: repeating a planned port opens nothing."""
    port = build.plan({"services": {"navidrome": {"host": "nas"}}}).firewall.on("nas")[0]
    said = {"networking.firewall.interfaces.tailscale0.allowedTCPPorts": [port.port]}
    assert of_options(said) == []
    assert of_options({"networking.firewall.allowedTCPPorts": [port.port]}) != []


def test_an_app_that_trusts_headers_listens_where_the_plan_says() -> None:
    """A client that bypasses the proxy could send the header."""
    grafana = {
        "host": "nas",
        "backup": {"skip": "only a test"},
        "auth": "forward",
        "options": {"services.grafana.settings": {"server": {"http_addr": "0.0.0.0"}}},
    }
    identity = {"host": "pi", "users": {"sops": "a/b"}}
    made = build.plan({"services": {"grafana": grafana}, "identity": identity})
    (problem,) = [p for p in run_checks(made) if p.check == "option-opens"]
    assert problem.severity == "error"
    assert "X-WEBAUTH" in problem.what


def every_closed_sign_up() -> dict[tuple[str, ...], bool]:
    """Those of every module that an entry has options of."""
    options = [o.path for e in ENTRIES.values() for o in flattened(e.options)]
    modules = {path[1] for path in options if path[0] == "services"}
    return {p: v for module in sorted(modules) for p, v in closed_sign_ups(module).items()}


def test_every_sign_up_that_the_catalog_closes_is_told_of_when_it_is_opened() -> None:
    closed = every_closed_sign_up()
    assert len(closed) > 10
    for path, value in closed.items():
        (problem,) = of_options({".".join(path): not value})
        assert (problem.severity, "can make an account" in problem.what) == ("warning", True)
        assert of_options({".".join(path): value}) == []


APPS = {name: app for name in (*SPELLED, *ENTRIES) if (app := app_of(name)) is not None}


@pytest.mark.parametrize("name", APPS)
def test_a_variable_of_an_app_is_the_setting_that_it_is(name: str) -> None:
    """Its message names the variable that the owner wrote."""
    app = APPS[name]
    listens = f"{app.prefix}TRUSTED_SOURCES"
    unit = f"systemd.services.{name}{'-main' if '*' in app.settings else ''}.environment"
    if app.between == "__":
        listens = f"{app.prefix}x__TRUSTED_SOURCES"
    (problem,) = of_options({f"{unit}.{listens}": "0.0.0.0/0"})
    assert problem.what.startswith(f"{unit}.{listens} is 0.0.0.0/0")


def test_a_container_of_the_stack_is_judged_by_the_settings_of_its_app() -> None:
    said = {
        "image": DIGEST.replace("a/b", "grafana/grafana"),
        "port": 3000,
        "environment": {"GF_AUTH_ANONYMOUS_ENABLED": "true", "GF_AUTH_PROXY_ENABLED": "true"},
    }
    board: dict[str, Any] = {"host": "nas", "container": said, "backup": {"skip": "only a test"}}
    identity = {"host": "pi", "users": {"sops": "a/b"}}

    def opened(**more: Any) -> list[Problem]:
        changes = {"services": {"board": {**board, **more}}, "identity": identity}
        return run_checks(build.plan(changes), ["option-opens"])

    anonymous, headers = opened()
    assert anonymous.where == "services.board.container.environment.GF_AUTH_ANONYMOUS_ENABLED"
    assert anonymous.what.startswith("GF_AUTH_ANONYMOUS_ENABLED: everybody whom the proxy lets in")
    assert "services.board.accept: {no-password: …}" in anonymous.way_out
    assert "any visitor can sign in as somebody else" in headers.what
    # The auth proxy sets Remote-User, and the header of Grafana where the service names it.
    assert [p.where for p in opened(auth="forward")] == [anonymous.where, headers.where]
    named = {"auth": "forward", "headers": {"X-WEBAUTH-USER": "user"}}
    assert [p.where for p in opened(**named)] == [anonymous.where]
    assert opened(**named, accept={"no-password": "boards for guests"}) == []


@pytest.mark.parametrize(
    ("image", "variables", "headers", "told"),
    [
        ("gitea/gitea", {"GITEA__service__ENABLE_REVERSE_PROXY_AUTHENTICATION": "true"}, "", True),
        (
            "gitea/gitea",
            {
                "GITEA__service__ENABLE_REVERSE_PROXY_AUTHENTICATION": "true",
                "GITEA__security__REVERSE_PROXY_AUTHENTICATION_USER": "Remote-User",
            },
            "",
            False,
        ),
        ("grafana/grafana", {"GF_AUTH_PROXY_ENABLED": "true"}, "", True),
        ("grafana/grafana", {"GF_AUTH_PROXY_ENABLED": "true"}, "X-WEBAUTH-USER", False),
        ("grafana/grafana", {"GF_AUTH_PROXY_ENABLED": "true"}, "X-Other", True),
        (
            "grafana/grafana",
            {"GF_AUTH_PROXY_ENABLED": "true", "GF_AUTH_PROXY_HEADER_NAME": "Remote-User"},
            "",
            False,
        ),
        (
            "sissbruecker/linkding",
            {"LD_ENABLE_AUTH_PROXY": "True", "LD_AUTH_PROXY_USERNAME_HEADER": "HTTP_X_FOO"},
            "Remote-User",
            True,
        ),
        ("a/paperless-ngx", {"PAPERLESS_ENABLE_HTTP_REMOTE_USER": "true"}, "", False),
        ("a/open-webui", {"WEBUI_AUTH_TRUSTED_EMAIL_HEADER": "Remote-Email"}, "", False),
        ("a/open-webui", {"WEBUI_AUTH_TRUSTED_EMAIL_HEADER": "X-Mail"}, "", True),
    ],
)
def test_an_app_behind_the_auth_proxy_may_believe_the_headers_that_it_sets(
    image: str, variables: dict[str, str], headers: str, told: bool
) -> None:
    """A header that no route sets is still what a visitor sends, also behind the auth proxy."""
    said = {"image": DIGEST.replace("a/b", image), "port": 3000, "environment": variables}
    app: dict[str, Any] = {"host": "nas", "auth": "forward", "backup": {"skip": "only a test"}}
    app |= {"headers": {headers: "user"}} if headers else {}
    changes = {
        "services": {"app": {**app, "container": said}},
        "identity": {"host": "pi", "users": {"sops": "a/b"}},
    }
    found = run_checks(build.plan(changes), ["option-opens"])
    assert ["as somebody else" in p.what for p in found] == [True] * told


def test_the_name_of_the_header_of_a_catalog_app_is_one_that_its_route_sets() -> None:
    option = 'services.grafana.settings."auth.proxy".header_name'
    identity = {"host": "pi", "users": {"sops": "a/b"}}
    for name, told in (("X-Other", True), ("Remote-User", False), ("X-WEBAUTH-USER", False)):
        grafana = {"host": "nas", "auth": "forward", "options": {option: name}}
        plan = build.plan({"services": {"grafana": grafana}, "identity": identity})
        found = run_checks(plan, ["option-opens"])
        assert ["as somebody else" in p.what for p in found] == [True] * told, name


OPEN = "services.karakeep.extraEnvironment.DISABLE_SIGNUPS"
PASSWORDS = "services.karakeep.extraEnvironment.DISABLE_PASSWORD_AUTH"


@pytest.mark.parametrize(
    ("auth", "options", "told"),
    [
        ("native", {OPEN: "false"}, True),
        ("oidc", {OPEN: "false"}, False),
        ("oidc", {OPEN: "false", PASSWORDS: "false"}, True),
    ],
)
def test_sign_up_by_the_provider_alone_is_not_open(
    auth: str, options: dict[str, str], told: bool
) -> None:
    karakeep = {"host": "nas", "auth": auth, "options": options}
    identity = {"host": "pi", "users": {"sops": "a/b"}}
    changes = {"services": {"karakeep": karakeep}, "identity": identity}
    found = run_checks(build.plan(changes), ["option-opens"])
    assert ["can make an account" in p.what for p in found] == [True] * told


def test_each_note_that_opens_the_sign_up_of_an_app_names_its_reason() -> None:
    opened = [".".join(path) for path in every_closed_sign_up()]
    notes = [e.sign_in.note for e in ENTRIES.values()]
    telling = [n for n in notes if any(path in n for path in opened)]
    assert len(telling) > 4
    assert [n for n in telling if "`accept: {sign-up: …}`" not in n] == []


@pytest.mark.parametrize("name", ["forgejo", "gitea"])
def test_the_guide_makes_the_first_account_without_open_sign_up(name: str) -> None:
    """As the user and in the directories of the catalog, which are those of the module's unit."""
    guide = (build.ROOT / "docs/guide/services.md").read_text(encoding="utf-8")
    entry, upper = ENTRIES[name], name.upper()
    work = entry.state_at[f"services.{name}.stateDir"]
    custom = entry.state_at[f"services.{name}.customDir"]
    assert f"`{name} admin user create --admin`" in entry.sign_in.note
    command = guide[guide.index("$ exe=$(systemctl") :].partition("```")[0]
    if name == "gitea":
        assert "`forgejo` is `gitea` everywhere" in guide
        assert "`GITEA_WORK_DIR` and `GITEA_CUSTOM`" in guide
        command = command.replace("forgejo", "gitea").replace("FORGEJO", "GITEA")
    assert f"--value {entry.units[0]} " in command
    assert f"sudo -u {entry.user} env {upper}_WORK_DIR={work} {upper}_CUSTOM={custom} " in command
    assert '"$exe" admin user create --admin ' in command


@pytest.mark.parametrize(("release", "told"), [("25.11", False), ("26.05", True)])
def test_a_file_with_which_a_module_ignores_its_settings_is_refused(
    release: str, told: bool
) -> None:
    options = {"services.sabnzbd.configFile": "/var/lib/sabnzbd/sabnzbd.ini"}
    changes = {
        "nixpkgs": {"default": {"release": release}},
        "services": {"sabnzbd": {"host": "nas", "options": options}},
    }
    found = run_checks(build.plan(changes), ["option-opens"])
    assert ["ignores services.sabnzbd.settings" in p.what for p in found] == [True] * told


@pytest.mark.parametrize("header", ["HTTP_REMOTE_EMAIL", "HTTP_X_USER"])
def test_a_header_that_the_route_sets_may_be_trusted(header: str) -> None:
    option = {"services.healthchecks.settings.REMOTE_USER_HEADER": header}
    checks = {"host": "nas", "auth": "forward", "options": option}
    identity = {"host": "pi", "users": {"sops": "a/b"}}
    changes = {"services": {"healthchecks": checks}, "identity": identity}
    told = [p for p in run_checks(build.plan(changes)) if p.check == "option-opens"]
    assert ["any visitor can sign in" in p.what for p in told] == [True] * (header[-4:] == "USER")


def test_a_reason_accepts_only_acceptable_openings() -> None:
    said = OPTIONS["option-opens"]["host network"]
    (problem,) = of_options(said)
    assert "services.navidrome.accept: {host-network: …}" in problem.way_out
    assert of_options(said, accept={"host-network": "it routes for real devices"}) == []
    opened = OPTIONS["open-firewall-ban"]["tcp"]
    assert [p.check for p in of_options(opened, accept={"open-port": "I know better"})] == [
        "accept-known",
        "open-firewall-ban",
    ]
    (stale,) = of_options({}, accept={"host-network": "it routes for real devices"})
    assert (stale.check, stale.where) == ("accept-known", "services.navidrome.accept.host-network")
    (near,) = of_options(said, accept={"host-netwrok": "it routes"})[:1]
    assert 'did you mean "host-network"' in near.way_out


def test_a_host_accepts_for_its_modules() -> None:
    docker = MODULES["docker"]
    reason = {"accept": {"other-firewall": "it publishes on loopback alone"}}
    assert of_module(docker, reason) == []
    (stale,) = of_module("", reason)
    assert stale.where == "hosts.nas.accept.other-firewall"


def test_openings_that_depend_on_the_rest_of_the_stack_are_reported() -> None:
    told = of_module("security.sudo.enable = false;", {"ssh": {"user": "sam"}})
    assert "sudo" in told[0].what
    assert of_module("security.sudo.enable = false;") == []
    told = of_module("users.mutableUsers = true;", owner={"password": {"sops": "a/b"}})
    assert "an existing account would never get the password" in told[0].what
    assert of_module("users.mutableUsers = true;") == []


def test_openings_of_two_services_on_one_host_are_reported_separately() -> None:
    said = {"backup": {"skip": "only a test"}, "options": OPTIONS["open-firewall-ban"]["tcp"]}
    plan = build.plan({"services": {n: {"host": "nas", **said} for n in ("navidrome", "gatus")}})
    places = {p.where.split(".")[1] for p in run_checks(plan) if p.check == "open-firewall-ban"}
    assert places == {"navidrome", "gatus"}


@pytest.mark.parametrize(
    "text",
    [
        "networking.firewall.enable = !true;",
        "networking.firewall.enable = lib.elem 2 [ 1 ];",
        "networking.firewall.enable = config.x.enable;",
        "networking.nftables.enable = !true;",
        "services.jellyfin.openFirewall = !false;",
        "services.openssh.settings.PasswordAuthentication = !false;",
        "services.openssh.settings.PermitRootLogin = builtins.readFile ./x;",
        'services = lib.setAttrByPath [ "jellyfin" "openFirewall" ] true;',
        "networking = lib.genAttrs [ 1 ] (x: x);",
        "services.openssh = builtins.fromJSON (builtins.readFile ./x.json);",
        "networking = import ./net.nix;",
        "services = import ./s.nix;",
    ],
)
def test_a_computed_value_on_a_path_that_matters_is_refused(text: str) -> None:
    (problem,) = of_module(text)
    assert problem.severity == "error"
    assert "is computed" in problem.what
    assert "write" in problem.way_out
