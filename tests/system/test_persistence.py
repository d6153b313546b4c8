"""Persistence on an ephemeral root: state is kept, and state that would be lost is reported."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from homelab import testing
from homelab.catalog import ENTRIES
from homelab.catalog.model import Entry
from homelab.catalog.upstream import modules_of as modules_of_entry
from homelab.catalog.upstream import release_of
from homelab.ops.project.stack import check_sources
from homelab.problems import InvalidStackError, Problem
from homelab.proxy.registry import PROXIES
from homelab.render import modules_of
from homelab.system.kept import kept
from tests import build
from tests.tools.options import check_module
from tests.tools.programs import formatted, run
from tests.tools.walk import walk

FORGETS: dict[str, Any] = {"hosts": {"nas": {"persistence": {}}}}
ROOT = '{ fileSystems."/" = { device = "none"; fsType = "tmpfs"; };\n'
UNIT = "systemd.services.own.serviceConfig"
STATE = f"{UNIT}.StateDirectory"
VOLUMES = "virtualisation.oci-containers.containers.x.volumes"
PERSIST = '  fileSystems."/persist" = { device = "/dev/sda1"; fsType = "ext4"; };\n'


def forgetting(*changes: dict[str, Any], **persistence: object) -> dict[str, Any]:
    """The smallest homelab with a NAS with an ephemeral root."""
    out: dict[str, Any] = {"hosts": {"nas": {"persistence": persistence}}}
    for change in changes:
        out = testing.changed(out, change)
    return out


def option(path: str, value: object, service: str = "vaultwarden") -> dict[str, Any]:
    """A service of the NAS with an option."""
    return {"services": {service: {"host": "nas", "options": {path: value}}}}


def paths(changes: dict[str, Any], host: str = "nas") -> set[str]:
    """The persisted paths."""
    made = build.plan(changes)
    return {k.path for k in kept(made, made.hosts[host], modules_of(made, made.hosts[host]))}


def survives(path: str, places: set[str]) -> bool:
    return any(PurePosixPath(path).is_relative_to(p) for p in places)


def said(changes: dict[str, Any], hardware: str, *, host: str = "nas") -> list[Problem]:
    """The problems of a host with this hardware module."""
    made = build.plan(changes)
    found = check_sources(
        made, {**build.sources(made), str(made.hosts[host].config.hardware): hardware}
    )
    return [p for p in found if p.check.startswith("persistence-")]


# --- what is kept ----------------------------------------------------------------------------


@walk("entry", ENTRIES.values())
def test_every_catalog_service_keeps_its_state_on_an_ephemeral_root(entry: Entry) -> None:
    service: dict[str, Any] = {"host": "nas"}
    changes: dict[str, Any] = {"services": {entry.name: service}}
    if entry.infrastructure:
        changes = _machinery(entry.name)
    made = build.plan(forgetting(changes))
    if not any(s.entry.name == entry.name for s in made.on("nas")):
        pytest.skip("placed by a section that this test does not write")
    places = paths(forgetting(changes))
    for path in (*entry.state, *entry.persist):
        assert survives(path, places), path
    for module in modules_of_entry(entry):
        facts = release_of(module, "25.11")
        made = [d for u in facts.units.values() for d in u.state_directories] if facts else []
        for path in (*made, *(facts.made if facts else ())):
            # Paths with names from the configuration count only in state directories.
            if path.startswith("/var/lib/") and "{" not in path:
                assert survives(path, places), path
    if entry.database in ("postgresql", "mysql"):
        assert survives(f"/var/lib/{entry.database}", places)
    assert entry.state or entry.persist or entry.database != "none" or entry.stateless


def _machinery(name: str) -> dict[str, Any]:
    """A stack in which a section places a service on the NAS."""
    sections: dict[str, dict[str, Any]] = {
        "adguardhome": {"network": {"dns": {"host": "nas", "server": "adguard"}}},
        "authelia": {"identity": {"host": "nas", "users": {"sops": "users"}}},
        "blocky": {"network": {"dns": {"host": "nas"}}},
        "cloudflared": {"cloudflare": {"tunnel": {"host": "nas"}}},
        "openldap": {
            "identity": {"host": "nas", "directory": {"kind": "openldap", "base_dn": "dc=x,dc=y"}}
        },
        "pocket-id": {"identity": {"host": "nas", "provider": "pocket-id"}},
        "samba": {
            "datasets": {"f": {"host": "nas", "path": "/mnt/f", "tier": "user", "samba": {}}}
        },
        "tailscale": {
            "tailnet": {
                "name": "tail1.ts.net",
                "client_id": {"sops": "ts/id"},
                "client_secret": {"sops": "ts/secret"},
                "owners": ["sam@example.org"],
            }
        },
        **{p: {"network": {"entry": {"host": "nas", "proxy": p}}} for p in PROXIES},
    }
    return sections.get(name, {"services": {name: {"host": "nas"}}})


@pytest.mark.parametrize(
    "path",
    [
        "/home",
        "/var/cache",
        "/var/lib/nixos",
        "/var/lib/systemd",
        "/var/log",
    ],
)
def test_the_machines_identity_is_kept(path: str) -> None:
    assert path in paths(FORGETS)
    text = build.render(FORGETS)["nas"]["impermanence.nix"]
    assert all(f'"/etc/ssh/ssh_host_{kind}_key"' in text for kind in ("ed25519", "rsa"))
    assert '"/etc/machine-id"' in text


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"network": {"entry": {"host": "nas"}}, "services": {"gatus": {"host": "nas"}}}, "acme"),
        ({"hosts": {"nas": {"fail2ban": {}}}}, "fail2ban"),
        ({"hosts": {"nas": {"wifi": {"backend": "iwd"}}}}, "iwd"),
        (
            {
                "services": {
                    "vaultwarden": {"host": "nas", "options": {"services.mysql.enable": True}}
                }
            },
            "mysql",
        ),
        (
            {
                "services": {
                    "vaultwarden": {
                        "host": "nas",
                        "options": {"services.redis.servers.queue.enable": True},
                    }
                }
            },
            "redis-queue",
        ),
        (option("services.rabbitmq.enable", True), "rabbitmq"),
        (option("systemd.services.queue.serviceConfig.StateDirectory", "queue/a more"), "more"),
        (option("systemd.services.queue.serviceConfig.StateDirectory", ["queue/a"]), "queue"),
        (
            option("systemd.services.gatus.serviceConfig.StateDirectory", "gatus x", "gatus"),
            "private",
        ),
    ],
)
def test_state_of_system_features_is_kept(changes: dict[str, Any], path: str) -> None:
    assert f"/var/lib/{path}" in paths(forgetting(changes))


IMAGE = "ghcr.io/a/b:1@sha256:" + "0" * 64
CONTAINER: dict[str, Any] = {
    "services": {
        "paste": {
            "host": "nas",
            "container": {
                "image": IMAGE,
                "port": 80,
                "mounts": [
                    {"source": "/var/lib/paste/data", "target": "/data"},
                    {"source": "/etc/paste", "target": "/etc/paste", "read_only": True},
                ],
            },
            "state": ["/srv/paste"],
        }
    }
}


def test_a_container_keeps_its_image_its_state_and_what_it_writes() -> None:
    places = paths(forgetting(CONTAINER))
    assert {"/var/lib/containers", "/var/lib/paste", "/srv/paste"} <= places
    assert "/etc/paste" not in places


def test_state_of_dynamic_users_is_kept_with_the_mode_that_systemd_requires() -> None:
    """As a parent directory it would have mode 0755, which systemd refuses."""
    changes = forgetting({"services": {"uptime-kuma": {"host": "nas"}, "n8n": {"host": "nas"}}})
    text = build.render(changes)["nas"]["impermanence.nix"]
    block = text[text.index('directory = "/var/lib/private"') :]
    assert block.splitlines()[1].strip() == 'mode = "0700";'
    assert "/var/lib/private/" not in text


@walk("entry", ENTRIES.values())
def test_the_owner_of_a_persisted_directory_has_an_account(entry: Entry) -> None:
    """Without the account the system does not evaluate."""
    if entry.dynamic_user or entry.user in ("", "root") or not entry.state:
        return
    known = [release_of(module, "25.11") for module in modules_of_entry(entry)]
    users = {
        re.sub(r"\{[a-z]+\}", "main", user) for facts in known if facts for user in facts.users
    }
    assert entry.user in users


def test_certificates_are_kept_where_the_proxy_finds_them() -> None:
    changes = {"network": {"entry": {"host": "nas"}}, "services": {"gatus": {"host": "nas"}}}
    assert "/var/lib/acme" in paths(forgetting(changes))


def test_a_persisted_directory_has_its_owner() -> None:
    text = build.render(forgetting({"services": {"grafana": {"host": "nas"}}}))["nas"][
        "impermanence.nix"
    ]
    assert 'directory = "/var/lib/grafana";' in text
    assert "group = config.users.users.grafana.group;" in text
    assert 'user = "grafana";' in text
    other = {"grafana": {"host": "nas", "options": {"services.grafana.user": "ann"}}}
    text = build.render(forgetting({"services": other}))["nas"]["impermanence.nix"]
    assert "users.users" not in text


def test_a_directory_on_its_own_disk_is_not_persisted_twice() -> None:
    places = paths(
        forgetting(
            {
                "datasets": {
                    "photos": {
                        "host": "nas",
                        "path": "/mnt/d/photos",
                        "mount": "/mnt/d",
                        "tier": "user",
                    }
                },
                "services": {"immich": {"host": "nas", "datasets": {"photos": "photos"}}},
            },
            mounted=["/home", "/var/lib/postgresql"],
        )
    )
    assert not [p for p in places if p.startswith(("/mnt", "/home", "/var/lib/postgresql"))]
    assert {"/var/lib/immich", "/var/lib/redis-immich"} <= places


def test_the_owner_can_add_paths_and_remove_them_with_a_reason() -> None:
    places = paths(forgetting(directories=["/srv/www"], forget={"/home": "nobody lives here"}))
    assert "/srv/www" in places
    assert "/home" not in places


def test_a_persisted_parent_includes_its_children() -> None:
    """impermanence does not refuse it, and mounts one over the other."""
    places = paths(forgetting({"services": {"grafana": {"host": "nas"}}}, directories=["/var/lib"]))
    assert "/var/lib" in places
    assert not [p for p in places if p.startswith("/var/lib/")]


# --- how ---------------------------------------------------------------------------------------


def test_releases_are_mounted_before_the_activation_reads_them() -> None:
    """As a file system with a device: without one it does not evaluate, and impermanence mounts
    after secrets are placed.
    """
    text = build.render(FORGETS)["nas"]["impermanence.nix"]
    body = text[text.index('fileSystems."/var/lib/homelab"') :].split("};")[0]
    assert 'device = "/persist/var/lib/homelab";' in body
    assert 'fsType = "none";' in body
    assert 'options = [ "bind" ];' in body
    assert 'depends = [ "/persist" ];' in body
    assert "neededForBoot = true;" in body
    listed = text[text.index("directories = [") : text.index("files = [")]
    assert '"/var/lib/homelab"' not in listed


def test_a_root_below_another_mount_waits_for_that_one() -> None:
    text = build.render(forgetting(root="/nix/persist", mount="/nix"))["nas"]["impermanence.nix"]
    assert 'fileSystems."/nix".neededForBoot = true;' in text
    assert 'depends = [ "/nix" ];' in text
    assert 'fileSystems."/nix/persist"' not in text


@pytest.mark.parametrize("release", ["24.11", "25.11"])
def test_every_option_exists_and_is_as_nixfmt_has_it(release: str, tmp_path: Path) -> None:
    changes = forgetting(
        {
            "nixpkgs": {"default": {"release": release}},
            "services": {"grafana": {"host": "nas"}, "n8n": {"host": "nas"}},
        }
    )
    made = build.plan(changes)
    wanted = [m for m in modules_of(made, made.hosts["nas"]) if m.file == "impermanence.nix"]
    assert [p for m in wanted for p in check_module(m)] == []
    assert formatted(tmp_path, [build.render(changes)["nas"]["impermanence.nix"]]) == []


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hardware", "says"),
    [
        ('fileSystems."/" = { device = "/dev/sda"; fsType = "ext4"; };', "is ext4"),
        ('fileSystems."/".fsType = "btrfs";', "is btrfs"),
        ('fileSystems = { "/" = { device = "/dev/sda"; fsType = "ext4"; }; };', "is ext4"),
        ('# fsType = "tmpfs"\n fileSystems."/" = { fsType = "ext4"; };', "is ext4"),
    ],
)
def test_a_root_that_is_not_ephemeral_is_refused(hardware: str, says: str) -> None:
    (problem,) = said(FORGETS, f"{{ {hardware}\n{PERSIST} }}")
    assert problem.where == "hosts.nas.persistence"
    assert says in problem.what
    assert "leave persistence out" in problem.way_out


@pytest.mark.parametrize(
    "hardware",
    [
        ROOT + PERSIST + "}",
        '{ fileSystems."/" = { fsType = "btrfs"; };\n boot.initrd.postDeviceCommands = '
        "''btrfs subvolume delete /mnt/root'';\n" + PERSIST + "}",
        '{ fileSystems."/" = { fsType = "zfs"; };\n boot.initrd.postDeviceCommands = '
        "''zfs rollback -r rpool/root@blank'';\n" + PERSIST + "}",
    ],
)
def test_a_root_in_memory_or_rolled_back_passes(hardware: str) -> None:
    assert said(FORGETS, hardware) == []


def test_an_ephemeral_root_without_persistence_is_refused() -> None:
    (problem,) = said({}, ROOT + "}")
    assert problem.where == "hosts.nas"
    assert "loses everything" in problem.what
    assert "persistence:" in problem.way_out


def test_the_persistent_disk_must_be_mounted() -> None:
    (problem,) = said(FORGETS, ROOT + "}")
    assert problem.where == "hosts.nas.persistence.root"
    assert "no module of nas mounts /persist" in problem.what
    below = forgetting(root="/nix/persist", mount="/nix")
    nix = '  fileSystems."/nix" = { device = "/dev/sda2"; };\n'
    assert said(below, ROOT + nix + "}") == []
    assert [p.where for p in said(below, ROOT + PERSIST + "}")] == ["hosts.nas.persistence.mount"]


def test_the_stack_states_which_directories_are_mounted_separately() -> None:
    home = '  fileSystems."/home" = { device = "/dev/sda3"; };\n'
    (problem,) = said(FORGETS, ROOT + PERSIST + home + "}")
    assert "add mounted: [/home]" in problem.way_out
    assert said(forgetting(mounted=["/home"]), ROOT + PERSIST + home + "}") == []
    (problem,) = said(forgetting(mounted=["/home"]), ROOT + PERSIST + "}")
    assert problem.where == "hosts.nas.persistence.mounted[0]"


@pytest.mark.parametrize(
    ("module", "path"),
    [
        ("hardware.bluetooth.enable = true;", "/var/lib/bluetooth"),
        ("services.postgresql = { enable = true; };", "/var/lib/postgresql"),
        ("services.vaultwarden.enable = true;", "/var/lib/vaultwarden"),
        ("services.couchdb.enable = true;", "/var/lib/couchdb"),
        ('services.couchdb = { enable = true; databaseDir = "/srv/couch"; };', "/srv/couch"),
        ("services.garage.enable = true;", "/var/lib/private"),
        ("services.redis.servers.queue.enable = true;", "/var/lib/redis-queue"),
        ("virtualisation.oci-containers.containers.x.image = y;", "/var/lib/containers"),
        (f'{STATE} = "thing";', "/var/lib/thing"),
        (f'{STATE} = [ "thing/data" "thing:link" ];', "/var/lib/thing"),
        (f'{STATE} = "%N/%i";', "/var/lib/own"),
        (f'{STATE} = if a then "thing" else "thing/b";', "/var/lib/thing"),
        (f'{STATE} = "thing"; {UNIT}.DynamicUser = true;', "/var/lib/private"),
        ('services.thing = { enable = true; dataDir = "/srv/thing"; };', "/srv/thing"),
        ('services.thing = { enable = true; settings.db_path = "/opt/x"; };', "/opt/x"),
    ],
)
def test_unpersisted_state_of_an_own_module_is_named(module: str, path: str) -> None:
    (problem,) = said(FORGETS, ROOT + PERSIST + module + "}")
    assert problem.where == "hosts.nas.persistence.directories"
    assert f"add directories: [{path}]" in problem.way_out
    assert said(forgetting(directories=[path]), ROOT + PERSIST + module + "}") == []
    assert said(forgetting(forget={path: "it is rebuilt"}), ROOT + PERSIST + module + "}") == []
    its = f'environment.persistence."/persist".directories = [ {{ directory = "{path}"; }} ];'
    assert said(FORGETS, ROOT + PERSIST + module + its + "}") == []


@pytest.mark.parametrize(
    "module",
    [
        f"{STATE} = name;",
        f'{STATE} = "%i";',
        "services.couchdb.enable = false;",
        "services.couchdb.port = 5984;",
        "services.redis.servers.queue.port = 1;",
        'services.thing.dataDir = "/srv/thing";',
        'services.thing = { enable = true; dataDir = "/run/thing"; };',
        'services.thing = { enable = true; dataDir = "/tank/x"; }; boot.zfs.extraPools = [ "tank" ];',
        'users.users.x.home = "/var/lib/x";',
        f'{UNIT}.ReadWritePaths = [ "/run/x" "%S/x" ];',
        'systemd.tmpfiles.rules = [ "d /srv/x 0755 x x 10d" "D /srv/y" "d /run/x" "z /srv/z" ];',
        'systemd.tmpfiles.settings.x."/srv/x".d = { age = "10d"; mode = "0755"; };',
        f'{UNIT}.WorkingDirectory = "/mnt"; fileSystems."/mnt/disk".device = "/dev/sdb";',
    ],
)
def test_what_no_text_says_or_nothing_enables_is_not_named(module: str) -> None:
    assert said(FORGETS, ROOT + PERSIST + module + "}") == []


@pytest.mark.parametrize(
    ("module", "path"),
    [
        (f'{UNIT}.WorkingDirectory = "-/srv/own";', "/srv/own"),
        (f'{UNIT}.ReadWritePaths = [ "/srv/own" "/run/x" ];', "/srv/own"),
        ('users.users.x = { home = "/var/lib/x"; createHome = true; };', "/var/lib/x"),
        ('systemd.tmpfiles.rules = [ "d /srv/own 0750 x x -" ];', "/srv/own"),
        ('systemd.tmpfiles.settings.x."/srv/own".d.mode = "0750";', "/srv/own"),
        ('systemd.tmpfiles.settings.x."/var/lib/own/a".d = { };', "/var/lib/own"),
    ],
)
def test_a_directory_that_may_have_state_is_a_warning(module: str, path: str) -> None:
    (problem,) = said(FORGETS, ROOT + PERSIST + module + "}")
    assert problem.severity == "warning"
    assert f"add directories: [{path}]" in problem.way_out
    assert said(forgetting(directories=[path]), ROOT + PERSIST + module + "}") == []
    assert said(forgetting(forget={path: "it is rebuilt"}), ROOT + PERSIST + module + "}") == []


@pytest.mark.parametrize(
    ("volumes", "path"),
    [
        ("/srv/x:/data", "/srv/x"),
        ("/var/lib/x/data:/data:z", "/var/lib/x"),
        ("/srv/x:/data:ro", ""),
        ("/etc/x:/x", ""),
        ("named:/data", ""),
    ],
)
def test_a_volume_of_an_own_container_is_kept_or_named(volumes: str, path: str) -> None:
    module = f'{VOLUMES} = [ "{volumes}" ];'
    images = forgetting(directories=["/var/lib/containers"])
    found = said(images, ROOT + PERSIST + module + "}")
    assert [(p.severity, f"[{path}]" in p.way_out) for p in found] == [("error", True)] * bool(path)


@pytest.mark.parametrize(
    ("module", "path"),
    [
        (f'{VOLUMES[:-7]}extraOptions = [ "-v=/srv/x:/data" ];', "/srv/x"),
        (f'{VOLUMES[:-7]}extraOptions = [ "--volume" "/srv/x:/data" ];', "/srv/x"),
        (f'{VOLUMES[:-7]}extraOptions = [ "--mount=type=bind,src=/srv/x,dst=/x" ];', "/srv/x"),
        (f'{VOLUMES[:-7]}extraOptions = [ "--mount=type=bind,src=/srv/x,dst=/x,ro" ];', ""),
        (f'{VOLUMES[:-7]}extraOptions = [ "--mount=type=tmpfs,dst=/x" "--name=/srv/x" ];', ""),
        ('containers.x.bindMounts."/srv/x".isReadOnly = false;', "/srv/x"),
        ('containers.x.bindMounts."/x" = { hostPath = "/srv/x"; isReadOnly = false; };', "/srv/x"),
        ('containers.x.bindMounts."/x".hostPath = "/srv/x";', ""),
        ('virtualisation.docker.daemon.settings.data-root = "/srv/x";', "/srv/x"),
    ],
)
def test_what_a_container_of_any_kind_writes_on_the_host_is_kept_or_named(
    module: str, path: str
) -> None:
    own = forgetting(directories=["/var/lib/containers", "/var/lib/nixos-containers"])
    found = said(own, ROOT + PERSIST + module + "}")
    assert [(p.severity, f"[{path}]" in p.way_out) for p in found] == [("error", True)] * bool(path)


def test_a_redis_without_a_name_has_no_hyphen_in_its_directory() -> None:
    module = 'services.redis.servers."".enable = true;'
    (problem,) = said(FORGETS, ROOT + PERSIST + module + "}")
    assert "add directories: [/var/lib/redis];" in problem.way_out


def test_a_volume_in_the_options_of_a_service_is_kept() -> None:
    container = "virtualisation.oci-containers.containers.x"
    changes = forgetting(option(f"{container}.volumes", ["/srv/x:/data", "/run/x:/x", "/y:/y:ro"]))
    assert "/srv/x" in paths(changes)
    assert not {"/run/x", "/y"} & paths(changes)


def test_a_directory_that_its_module_does_not_give_to_its_user_is_kept_with_an_owner() -> None:
    module = "services.mongodb.enable = true;"
    (problem,) = said(FORGETS, ROOT + PERSIST + module + "}")
    line = re.search(r"environment[.]persistence.*? []]", problem.way_out)
    assert line is not None
    assert 'user = "mongodb"' in line[0]
    assert said(FORGETS, ROOT + PERSIST + module + line[0] + ";}") == []
    navidrome = {"host": "nas", "options": {"services.mongodb.enable": True}}
    text = build.render(forgetting({"services": {"navidrome": navidrome}}))["nas"][
        "impermanence.nix"
    ]
    assert 'directory = "/var/db/mongodb";' in text
    assert 'user = "mongodb";' in text


@pytest.mark.parametrize("path", ["/hoome", "/var/lib/homelab"])
def test_only_persisted_paths_can_be_removed_and_never_the_releases(path: str) -> None:
    (problem,) = said(forgetting(forget={path: "a good reason"}), ROOT + PERSIST + "}")
    assert problem.where == "hosts.nas.persistence.forget"


# --- the switch that first keeps a directory ---------------------------------------------------


def carry(top: Path, *calls: str) -> subprocess.CompletedProcess[str]:
    """Run the script as the activation does, on a temporary root."""
    commands = top / "bin"
    commands.mkdir(exist_ok=True)
    log = top / "log"
    fakes = {
        "mountpoint": f'grep -qx "$2" {top}/mounted 2>/dev/null',
        "mount": f'echo "mount $*" >>{log}',
        "systemctl": f'echo "$*" >>{log}; [ "$1" != --quiet ] || grep -qx "$3" {top}/active',
    }
    for name, text in fakes.items():
        (commands / name).write_text(f"#!/bin/sh\n{text}\n")
        (commands / name).chmod(0o755)
    (top / "run/nixos").mkdir(parents=True, exist_ok=True)
    script = build.ROOT / "homelab/system/persist.sh"
    body = "".join(f"{c if c.startswith('carry') else f'carry {c}'}\n" for c in calls)
    return subprocess.run(
        ["bash", "-c", f"(\nset -e\ndisk=/persist\n. {script}\n{body})\n"],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "HOMELAB_ROOT": str(top),
            "PATH": f"{commands}:{os.environ['PATH']}",
        },
    )


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """A host with a service whose state was not persisted."""
    (tmp_path / "var/lib/app").mkdir(parents=True)
    (tmp_path / "var/lib/app/db").write_text("precious")
    (tmp_path / "persist").mkdir()
    (tmp_path / "active").write_text("app.service\n")
    (tmp_path / "mounted").write_text(f"{tmp_path}/persist\n")
    return tmp_path


def test_existing_state_is_moved_while_its_unit_is_stopped(live: Path) -> None:
    """Otherwise a mount would hide it, and the next reboot would delete it."""
    done = carry(live, "/persist /var/lib/app app.service helper.service")
    assert done.returncode == 0, done.stderr
    assert (live / "persist/var/lib/app/db").read_text() == "precious"
    lines = (live / "log").read_text().splitlines()
    assert lines.index("stop app.service") < lines.index(
        f"mount --bind {live}/persist/var/lib/app {live}/var/lib/app"
    )
    assert "stop helper.service" not in lines
    assert (live / "run/nixos/activation-restart-list").read_text() == "app.service\n"


@pytest.mark.parametrize("why", ["mounted", "kept", "empty", "absent"])
def test_nothing_is_moved_if_it_is_persisted_or_missing(live: Path, why: str) -> None:
    there = live / "persist/var/lib/app"
    if why == "mounted":
        (live / "mounted").write_text(f"{live}/persist\n{live}/var/lib/app\n")
    elif why == "kept":
        there.mkdir(parents=True)
        (there / "db").write_text("older, and in force")
    else:
        (live / "var/lib/app/db").unlink()
        if why == "absent":
            (live / "var/lib/app").rmdir()
    assert carry(live, "/persist /var/lib/app app.service").returncode == 0
    assert not (live / "log").exists()
    if why == "kept":
        assert (there / "db").read_text() == "older, and in force"


def test_a_full_disk_fails_the_switch_and_changes_nothing(live: Path) -> None:
    commands = live / "bin"
    commands.mkdir()
    (commands / "cp").write_text("#!/bin/sh\nmkdir -p \"$3\"; echo 'No space left' >&2; exit 1\n")
    (commands / "cp").chmod(0o755)
    done = carry(live, "/persist /var/lib/app app.service", "/persist /var/lib/other")
    assert done.returncode != 0
    assert "free some space there" in done.stderr
    assert not (live / "persist/var/lib/app.carried").exists()
    assert (live / "var/lib/app/db").read_text() == "precious"
    assert (live / "log").read_text().splitlines()[-1] == "start app.service"
    assert not (live / "run/nixos/activation-restart-list").exists()


KEY = "etc/ssh/ssh_host_ed25519_key"


@pytest.mark.requirement("S0-06")
@pytest.mark.parametrize("kept", [False, True])
def test_the_host_key_is_the_same_after_the_first_restart(live: Path, kept: bool) -> None:
    """Also where it is on the disk already: impermanence refuses to mount over a file."""
    key = live / KEY
    key.parent.mkdir(parents=True)
    key.write_text("secret")
    key.chmod(0o600)
    if kept:
        (live / "persist" / KEY).parent.mkdir(parents=True)
        (live / "persist" / KEY).write_text("in force")
    done = carry(live, f"carry_file /persist /{KEY}", "carry_file /persist /etc/machine-id")
    assert done.returncode == 0, done.stderr
    there = live / "persist" / KEY
    assert there.read_text() == ("in force" if kept else "secret")
    assert kept or there.stat().st_mode & 0o777 == 0o600
    assert f"mount --bind {there} {key}" in (live / "log").read_text()
    assert not (live / "persist/etc/machine-id").exists()


@pytest.mark.requirement("S0-06")
def test_a_file_that_is_mounted_or_a_link_stays(live: Path) -> None:
    for name in ("mounted-file", "link"):
        (live / "etc").mkdir(exist_ok=True)
        (live / "etc" / name).write_text("x")
    (live / "etc/link").unlink()
    (live / "etc/link").symlink_to(live / "etc/mounted-file")
    with (live / "mounted").open("a") as file:
        file.write(f"{live}/etc/mounted-file\n")
    calls = ("carry_file /persist /etc/mounted-file", "carry_file /persist /etc/link")
    assert carry(live, *calls).returncode == 0
    assert not (live / "persist/etc").exists()


@pytest.mark.requirement("S0-06")
@pytest.mark.parametrize("call", ["carry /persist /var/lib/app", "carry_file /persist /etc/key"])
def test_nothing_is_copied_to_a_disk_that_the_switch_mounts_afterwards(
    live: Path, call: str
) -> None:
    (live / "mounted").unlink()
    (live / "etc").mkdir()
    (live / "etc/key").write_text("x")
    done = carry(live, call)
    assert done.returncode == 1
    assert "/persist is not mounted; mount it on the host, then switch again" in done.stderr
    assert list((live / "persist").iterdir()) == []


def test_the_activation_carries_directories_and_files() -> None:
    text = build.render(forgetting(root="/nix/persist", mount="/nix"))["nas"]["impermanence.nix"]
    assert "disk=/nix\n" in text
    assert f"carry_file /nix/persist /{KEY}\n" in text


def test_shellcheck_finds_nothing_in_the_migration_script() -> None:
    done = run("shellcheck", "--shell=bash", build.ROOT / "homelab/system/persist.sh")
    assert done.returncode == 0, done.stdout


def test_paths_are_quoted_for_the_shell() -> None:
    text = build.render(forgetting(directories=["/srv/my files && rm -rf ~"]))["nas"][
        "impermanence.nix"
    ]
    assert re.search(r"carry /persist '/srv/my files && rm -rf ~'", text)


def test_a_directory_of_a_dynamic_user_is_kept_with_its_parent() -> None:
    # systemd refuses a parent that others may read, which impermanence would make.
    found = paths(forgetting(directories=["/var/lib/private/open-webui", "/srv/x"]))
    assert {"/var/lib/private", "/srv/x"} <= found
    assert "/var/lib/private/open-webui" not in found


def test_containers_of_docker_are_elsewhere() -> None:
    oci = "virtualisation.oci-containers"
    text = f'{oci}.containers.x.image = "x";'
    docker = f'{oci}.backend = "docker"; {text}'
    for own, where in ((text, "/var/lib/containers"), (docker, "/var/lib/docker")):
        found = [p.what for p in said(forgetting(), f"{ROOT}{PERSIST}{own}}}\n")]
        assert any(f"keeps its state in {where}," in what for what in found)


@pytest.mark.parametrize(
    ("option", "usual"),
    [
        ("services.home-assistant.configDir", "/var/lib/hass"),
        ("services.syncthing.dataDir", "/var/lib/syncthing"),
    ],
)
def test_state_of_an_app_that_a_module_moves_is_where_it_says(option: str, usual: str) -> None:
    app = f"{option.rpartition('.')[0]}.enable = true;"
    disk = '  fileSystems."/mnt/apps" = { device = "/dev/sdb1"; fsType = "ext4"; };\n'
    for more, where in (
        ("", usual),
        (f'{option} = "/srv/app";', "/srv/app"),
        (f'{option} = "/mnt/apps/x";', ""),
    ):
        found = [p.what for p in said(forgetting(), f"{ROOT}{PERSIST}{disk}{app}{more}}}\n")]
        kept_in = [w for w in found if "keeps its state in" in w]
        assert all(f"keeps its state in {where}," in what for what in kept_in)
        assert bool(kept_in) == bool(where)


def test_a_directory_that_is_mounted_in_memory_may_be_forgotten() -> None:
    journal = '  fileSystems."/var/log" = { device = "none"; fsType = "tmpfs"; };\n'
    text = f"{ROOT}{PERSIST}{journal}}}\n"

    def found(**persistence: object) -> list[Problem]:
        made = build.plan(forgetting(**persistence))
        files = {**build.sources(made), str(made.hosts["nas"].config.hardware): text}
        checks = ("state-moved", "persistence-complete")
        return [p for p in check_sources(made, files) if p.check in checks]

    (problem,) = found()
    assert "hosts.nas.persistence.forget: {/var/log: …}" in problem.way_out
    assert found(forget={"/var/log": "the journal goes elsewhere"}) == []


SHARED_BY = {
    f"{UNIT}.WorkingDirectory": ('"{}"', "own", "warning"),
    f"{UNIT}.ReadWritePaths": ('[ "-{}" ]', "own", "warning"),
    VOLUMES: ('[ "{}:/data" ]', "x", "error"),
    "services.notes": ('{{ enable = true; dataDir = "{}"; }}', "notes", "error"),
    "users.users.eve": ('{{ home = "{}"; createHome = true; }}', "eve", "warning"),
}
"""Options that name a directory in which every service has its own, and whose that is."""


@pytest.mark.parametrize("path", ["/var", "/var/lib", "/var/lib/"])
@pytest.mark.parametrize("option", SHARED_BY)
def test_what_all_services_share_is_not_kept_as_a_whole_for_one(option: str, path: str) -> None:
    value, name, severity = SHARED_BY[option]
    line = f"{option} = {value.format(path)};"
    hardware = f"{ROOT}{PERSIST}  {line}\n}}\n"
    (problem,) = [p for p in said(FORGETS, hardware) if f"state in {path.rstrip('/')}," in p.what]
    assert (problem.check, problem.severity) == ("persistence-complete", severity)
    assert f"add directories: [/var/lib/{name}]" in problem.way_out
    assert "forget" not in problem.way_out
    # What all have cannot be forgotten for one either.
    lost = forgetting(forget={path.rstrip("/"): "nothing there matters"})
    assert any(p.where.endswith(".forget") for p in said(lost, hardware))
    kept_alone = forgetting(directories=[f"/var/lib/{name}"])
    mended = hardware.replace(f'"{path}', f'"/var/lib/{name}').replace(
        f'"-{path}', f'"-/var/lib/{name}'
    )
    assert not [p for p in said(kept_alone, mended) if f"/var/lib/{name}" in p.what]


@pytest.mark.parametrize(
    "line",
    [
        f'{UNIT} = {{ WorkingDirectory = "/var/lib"; StateDirectory = "own"; }};',
        (
            f'{UNIT} = {{ WorkingDirectory = "/var/lib"; User = "eve"; }}; '
            'users.users.eve.home = "/var/lib/eve";'
        ),
        'systemd.services.vaultwarden.serviceConfig.WorkingDirectory = "/var/lib";',
        'systemd.tmpfiles.rules = [ "d /var/lib 0755 root root -" ];',
    ],
)
def test_a_unit_with_a_directory_of_its_own_may_start_in_the_shared_one(line: str) -> None:
    changes = testing.changed(FORGETS, {"services": {"vaultwarden": {"host": "nas"}}})
    found = said(changes, f"{ROOT}{PERSIST}  {line}\n}}\n")
    assert not [p for p in found if "state in /var/lib," in p.what]


def test_a_directory_in_a_forgotten_one_is_kept_where_the_stack_names_it() -> None:
    """Of a home that may be lost, the projects stay."""
    changes = forgetting(forget={"/home": "only scratch"}, directories=["/home/sam/projects"])
    text = " ".join(str(build.render(changes)["nas"]["impermanence.nix"]).split())
    assert '"/home/sam/projects"' in text
    assert '"/home" "/' not in text.split("keptState")[0]
    private = {"forget": {"/var/lib/private": "caches"}, "directories": ["/var/lib/private/own"]}
    assert (
        'directory = "/var/lib/private";'
        in build.render(forgetting(**private))["nas"]["impermanence.nix"]
    )


@pytest.mark.parametrize("field", ["directories", "files"])
def test_what_is_kept_is_not_forgotten(field: str) -> None:
    both: dict[str, Any] = {"forget": {"/srv/x": "only scratch"}, field: ["/srv/x"]}
    with pytest.raises(InvalidStackError, match="/srv/x is kept and forgotten"):
        build.stack_config(forgetting(**both))
