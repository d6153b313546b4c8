"""Directories of the system, of homelab, of secrets and of other services cannot be taken."""

from __future__ import annotations

import re
from typing import Any

import pytest

from homelab.checks import run_checks
from homelab.config.document import Document
from homelab.config.load import load_stack_config
from homelab.config.lock import Lock
from homelab.nix import print_module
from homelab.planner import make_plan
from homelab.problems import Problem
from homelab.render import modules_of
from homelab.storage.owners import taken
from homelab.system.persistence_checks import IDENTITY
from homelab.testing import merged
from tests import build
from tests.cases.test_state import planned
from tests.site.rich import VARIANTS
from tests.site.test_every_field import stack

OURS = re.compile(r"/(?:etc|run|var/lib)/homelab(?:-[a-z-]+)?(?![\w-])")

SYSTEM = (
    *("/", "/etc", "/etc/systemd/system", "/nix", "/nix/var", "/boot", "/dev", "/usr", "/usr/lib"),
    *("/run", "/run/systemd", "/var/lib", "/var/lib/nixos", "/var/lib/systemd"),
)
KEYS = (
    *("/root/.ssh", "/etc/ssh", "/etc/ssh/ssh_host_ed25519_key", "/run/secrets", "/var/lib/acme"),
    *("/run/homelab/secrets", "/var/lib/homelab", "/var/lib/homelab/secrets"),
    *("/var/lib/homelab-bundles", "/var/lib/tailscale"),
)
HOMES = ("/home/sam", "/home/sam/.ssh")
OTHERS = ("/var/lib/vaultwarden", "/var/lib/vaultwarden/attachments", "/mnt/onetouch/restic/pi")
QUICK = ("/", "/etc", "/nix", "/run/secrets", "/etc/ssh", "/home/sam/.ssh", "/var/lib/vaultwarden")
FREE = ("/srv/data", "/mnt/family/more", "/var/lib/own", "/home/sam/data", "/opt/data")


def said(changes: dict[str, Any], *checks: str) -> list[Problem]:
    """The errors of these checks."""
    return run_checks(planned(changes), checks)


def dataset(path: str) -> dict[str, Any]:
    more = {"host": "aurora", "path": path, "mount": "/", "tier": "re-derivable"}
    return {"datasets": {"more": more}}


def written(path: str) -> dict[str, Any]:
    return {"services": {"navidrome": {"harden": {"read_write": [path]}}}}


def state(path: str) -> dict[str, Any]:
    return {"services": {"navidrome": {"state": [path]}}}


def container_state(path: str) -> dict[str, Any]:
    return {"services": {"draw": {"state": [path]}}}


def built(path: str) -> dict[str, Any]:
    return {"hosts": {"aurora": {"nix": {"build_dir": path}}}}


def mounted(path: str, **more: Any) -> dict[str, Any]:
    mounts = [{"source": path, "target": "/y", **more}]
    return {"services": {"draw": {"container": {"mounts": mounts}}}}


def by_flag(path: str) -> dict[str, Any]:
    option = "virtualisation.oci-containers.containers.draw.extraOptions"
    return {"services": {"draw": {"options": {option: [f"--volume={path}:/y"]}}}}


def by_mount_flag(path: str) -> dict[str, Any]:
    option = "virtualisation.oci-containers.containers.draw.extraOptions"
    words = ["--mount", f"type=bind,source={path},target=/y"]
    return {"services": {"draw": {"options": {option: words}}}}


def target(path: str) -> dict[str, Any]:
    return {"backup": {"targets": {"onetouch": {"path": path}}}}


USES = {
    dataset: "path-taken",
    written: "path-taken harden-exception",
    state: "path-taken",
    container_state: "path-taken",
    built: "path-taken",
    mounted: "option-opens",
    by_flag: "option-opens",
    by_mount_flag: "option-opens",
    target: "backup-target-root",
}
"""Each field that names a directory of a host, and its check."""
_NIX_BUILDS = "/nix"


@pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__)
@pytest.mark.parametrize(
    "path",
    [
        path if path in QUICK else pytest.param(path, marks=pytest.mark.long)
        for path in (*SYSTEM, *KEYS, *HOMES, *OTHERS)
    ],
)
def test_a_directory_with_an_owner_is_refused_to_others(use: Any, path: str) -> None:
    if use is built and path.startswith(_NIX_BUILDS):
        return  # Nix owns it
    if use is target and path.startswith("/mnt/onetouch"):
        return  # a target may be moved into a directory of itself
    found = said(use(path), *USES[use].split())
    assert found, path
    assert {p.severity for p in found} == {"error"}
    assert len(found) == 1, [str(p) for p in found]
    assert found[0].way_out


@pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__)
@pytest.mark.parametrize("path", FREE)
def test_a_services_own_directory_passes(use: Any, path: str) -> None:
    assert said(use(path), *USES[use].split()) == []


@pytest.mark.parametrize("path", [*KEYS, *SYSTEM])
def test_a_backup_cannot_include_secrets_or_the_system(path: str) -> None:
    changes = {"services": {"vaultwarden": {"backup": {"include": [path]}}}}
    readable = path.startswith(("/etc/systemd", "/usr/"))
    assert [p.check for p in said(changes, "path-taken")] == ([] if readable else ["path-taken"])


def test_a_backup_cannot_include_its_own_repositories() -> None:
    changes = {"services": {"vaultwarden": {"backup": {"include": ["/mnt/onetouch"]}}}}
    (problem,) = said(changes, "path-taken")
    assert problem.where == "services.vaultwarden.backup.include[0]"
    assert "the repositories of the backup target onetouch" in problem.what


def test_the_state_of_another_service_needs_a_reason_in_a_container() -> None:
    changes = mounted("/var/lib/vaultwarden", read_only=True)
    (problem,) = said(changes, "option-opens")
    assert problem.where == "services.draw.container.mounts[0].source"
    assert "services.draw.accept: {other-state: …}" in problem.way_out
    changes["services"]["draw"]["accept"] = {"other-state": "it shows who has a vault"}
    assert said(changes, "option-opens", "accept-known") == []


def test_no_reason_accepts_a_mount_of_the_hosts_keys() -> None:
    reason = {"host-paths": "it wants them", "other-state": "it wants them"}
    final = ("/etc/ssh", "/var/lib/homelab", "/run/secrets/restic", "/run/homelab")
    for path in (*final, "/run/homelab-files/draw", "/var/run/credentials", "/run/agenix"):
        changes = mounted(path, read_only=True)
        changes["services"]["draw"]["accept"] = reason
        (problem,) = said(changes, "option-opens")
        assert "accept" not in problem.way_out


@pytest.mark.parametrize("path", ["/etc/localtime", "/etc/ssl/certs", "/sys/class/thermal"])
def test_a_container_may_read_world_readable_files(path: str) -> None:
    assert said(mounted(path, read_only=True), "option-opens") == []
    assert said(mounted(path), "option-opens") != []


@pytest.mark.parametrize("path", ["/run/docker.sock", "/nix/var/nix/daemon-socket", "/nix/var"])
def test_reading_a_directory_with_a_socket_that_gives_root_is_refused(path: str) -> None:
    (problem,) = said(mounted(path, read_only=True), "option-opens")
    assert "a socket that gives root" in problem.what
    assert said(mounted("/nix/store", read_only=True), "option-opens") == []


@pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__)
@pytest.mark.parametrize("root", ["/persist", "/nix/persist"])
def test_what_persists_belongs_to_the_owner_of_its_place(root: str, use: Any) -> None:
    """On a host with a wiped root, the host key is below the persistent directory too."""
    wiped = {"hosts": {"aurora": {"persistence": {"root": root, "mount": "/nix"}}}}
    for path in ("", "/etc/ssh", "/home", "/home/sam/.ssh", "/var/lib/homelab", *OTHERS[:2]):
        changes = merged(wiped, use(f"{root}{path}"))
        found = said(changes, *USES[use].split())
        if not (use is built and root.startswith(_NIX_BUILDS)):
            assert {p.severity for p in found} == {"error"}, path
    # The check of the persistent directory itself reports state that is written in it.
    if root == "/persist" and use not in (target, state, container_state):
        for path in ("/dev/work", "/srv/data", "/tmp/x"):
            assert said(merged(wiped, use(f"{root}{path}")), *USES[use].split()) == []


@pytest.mark.parametrize(
    ("use", "what", "more"),
    [
        (target, "the repositories of the backup target onetouch", {"directories": ["/more"]}),
        (container_state, "the state of draw", {}),
        (state, "the state of navidrome", {}),
    ],
)
def test_what_lies_where_files_are_kept_is_told_to_go_elsewhere(
    use: Any, what: str, more: dict[str, Any]
) -> None:
    keeps = {"hosts": {"aurora": {"persistence": {"root": "/persist", **more}}}}
    (problem,) = [
        p
        for p in said(merged(keeps, use("/persist/more")), *USES[use].split(), "path-taken")
        if p.where.endswith("persistence.root")
    ]
    assert f"name a directory outside of /persist for {what}, such as /more" in problem.way_out
    assert "/persist, or" not in problem.way_out
    assert ("persistence.directories" in problem.way_out) == bool(more)
    mended = merged(keeps, use("/more"))
    assert said(mended, *USES[use].split(), "path-taken") == []
    made = planned(mended)
    told = build.check_sources(made, build.sources(made))
    assert not [p for p in told if p.check == "persistence-complete" and "/more" in p.what]


def test_no_reason_accepts_a_mount_of_the_persistent_host_key() -> None:
    changes = merged(
        {"hosts": {"aurora": {"persistence": {"root": "/persist"}}}},
        mounted("/persist/etc/ssh", read_only=True),
    )
    changes["services"]["draw"]["accept"] = {"host-paths": "it wants them"}
    (problem,) = said(changes, "option-opens")
    assert problem.what.endswith(
        "/persist/etc/ssh is where the host has the key that decrypts its secrets"
    )
    assert "accept" not in problem.way_out


def test_an_option_that_moves_state_into_another_service_is_refused() -> None:
    option = {"services.vaultwarden.config.DATA_FOLDER": "/var/lib/navidrome"}
    (problem,) = said({"services": {"vaultwarden": {"options": option}}}, "path-taken")
    assert problem.where == "services.vaultwarden.options"
    assert "the state of navidrome" in problem.what


def test_a_relative_directory_of_an_option_is_the_one_below_var_lib() -> None:
    option = {"services.sabnzbd.stateDir": "nixos"}
    services = {"sabnzbd": {"host": "aurora", "options": option}}
    (problem,) = said({"services": services}, "path-taken")
    assert problem.where == "services.sabnzbd.options"
    assert problem.what.startswith("/var/lib/nixos is where NixOS stores")


def test_every_directory_that_homelab_makes_on_a_host_is_its_own() -> None:
    """Directories in the modules and scripts of every kind of stack belong to homelab."""
    named = set()
    for variant in VARIANTS:
        plan = make_plan(load_stack_config(Document(stack(variant))), Lock())
        for host in plan.hosts.values():
            if host.config.state == "planned":
                continue
            for module in modules_of(plan, host):
                named |= set(OURS.findall(print_module(module, "head")))
    for script in (build.ROOT / "homelab").rglob("*.sh"):
        named |= set(OURS.findall(script.read_text(encoding="utf-8")))
    assert {"/var/lib/homelab", "/var/lib/homelab-bundles", "/run/homelab"} <= named
    plan = planned({})
    owned = {
        path for path in named if taken(plan, "pi", path, ("homelab",), relations=("is", "lies in"))
    }
    assert sorted(named - owned) == []


def test_two_services_with_one_directory_are_one_problem() -> None:
    image = f"docker.io/a/b:1@sha256:{'0' * 64}"
    mine = {
        "host": "aurora",
        "container": {"image": image, "port": 80},
        "audience": "family",
        "state": ["/srv/both"],
        "tile": {"group": "Tools"},
    }
    services = {"one": {**mine, "port": 8301}, "two": {**mine, "port": 8302}}
    (problem,) = said({"services": services}, "path-taken")
    assert problem.where == "services.two.state[0]"


def test_a_service_keeps_its_state_in_a_dataset_that_it_uses() -> None:
    here = {"host": "aurora", "path": "/var/lib/immich/library", "mount": "/", "tier": "user"}
    changes = {
        "datasets": {"photos": None, "own": here},
        "services": {"immich": {"datasets": {"photos": "own"}}},
    }
    assert said(changes, "path-taken") == []


@pytest.mark.parametrize(
    ("persistence", "told"),
    [
        ({"root": "/boot"}, "root"),
        ({"root": "/"}, "root"),
        ({"root": "/var/lib/homelab"}, "root"),
        ({"root": "/persist", "directories": ["/nix"]}, "directories[0]"),
        ({"root": "/persist", "directories": ["/var/log", "/run/x"]}, "directories[1]"),
        ({"root": "/persist", "files": ["/dev/x"]}, "files[0]"),
        ({"root": "/nix/persist", "mount": "/nix", "directories": ["/etc/nixos"]}, ""),
    ],
)
def test_persistent_data_must_be_on_its_own_disk(persistence: dict[str, Any], told: str) -> None:
    found = said({"hosts": {"pavilion": {"persistence": persistence}}}, "path-taken")
    assert [p.where for p in found] == ([f"hosts.pavilion.persistence.{told}"] if told else [])


@pytest.mark.parametrize("path", sorted(IDENTITY))
def test_a_hosts_identity_must_persist(path: str) -> None:
    changes = {"hosts": {"nas": {"persistence": {"forget": {path: "it is quarantine"}}}}}
    (problem,) = build.found(changes, "persistence-complete")
    assert (problem.severity, problem.way_out) == ("error", "drop it")
