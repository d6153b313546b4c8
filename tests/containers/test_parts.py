"""Services with several containers: names, network, order, mounts, secrets, dumps, restarts."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from homelab.backup.model import Inside
from homelab.problems import InvalidStackError
from homelab.render import modules_of
from homelab.services.parts import own_network
from tests import build
from tests.containers.paperless import DIGEST, PAPERLESS, STACK, stack
from tests.household import Changes
from tests.programs.rendered import settings
from tests.tools.options import check_module
from tests.tools.programs import formatted


def containers(changes: Changes, directory: Path) -> dict[str, Any]:
    """The containers of `nas`, as NixOS gets them."""
    ((_, found),) = settings(
        build.plan(changes), "virtualisation.oci-containers.containers", directory
    )
    assert isinstance(found, dict)
    return found


def units(changes: Changes, directory: Path) -> dict[str, Any]:
    """The units of `nas`."""
    found = dict(settings(build.plan(changes), "systemd.services", directory))["nas"]
    assert isinstance(found, dict)
    return found


def errors(changes: Changes) -> list[str]:
    return [str(p) for p in build.problems(changes) if p.severity == "error"]


def container(changes: Changes, name: str, **said: object) -> Changes:
    """The stack with changes to one of the service's containers."""
    made = copy.deepcopy(PAPERLESS["containers"])
    assert isinstance(made, dict)
    made[name].update(said)
    return stack(**{**changes, "containers": made})


@pytest.mark.requirement("S1-02")
def test_the_files_of_a_service_with_several_containers_are_sound(tmp_path: Path) -> None:
    made = build.plan(STACK)
    by_file = {m.file: m for m in modules_of(made, made.hosts["nas"])}
    files = ("containers.nix", "services/paperless.nix")
    assert [p for f in files for p in check_module(by_file[f])] == []
    texts = build.render(STACK)["nas"]
    assert formatted(tmp_path, [texts[f] for f in files]) == []
    assert errors(STACK) == []


@pytest.mark.requirement("S1-02")
def test_containers_of_a_service_have_a_network_of_their_own_and_short_names(
    tmp_path: Path,
) -> None:
    """`paperless-db` is `db` for the other containers of the service, and for no other service."""
    found = containers(STACK, tmp_path)
    assert {n: c["networks"] for n, c in found.items()} == {
        "paperless-app": ["paperless:alias=app"],
        "paperless-db": ["paperless:alias=db"],
        "paperless-redis": ["paperless:alias=redis"],
    }
    network = units(STACK, tmp_path)["podman-paperless-network"]
    wanted = {f"podman-{name}.service" for name in found}
    assert set(network["before"]) == set(network["requiredBy"]) == wanted


def test_a_long_or_reserved_name_gives_a_network_that_a_bridge_can_have() -> None:
    assert own_network("wiki") == "wiki"
    for name in ("paperless-documents", "paperless-documented", "podman", "a-very-long-name-"):
        assert len(own_network(name)) <= 11
        assert own_network(name) not in ("podman", name)
    assert own_network("paperless-documents") != own_network("paperless-documented")


def test_only_the_container_with_the_web_port_is_published(tmp_path: Path) -> None:
    """A further port leads to the container that it names."""
    ports = {
        "mail": {"port": 2525, "inside": 25, "scope": "lan", "why": "scanners"},
        "sql": {"port": 5432, "part": "db"},
    }
    found = containers(stack(ports=ports), tmp_path)
    assert found["paperless-app"]["ports"] == ["192.168.1.3:8010:8000", "192.168.1.3:2525:25"]
    assert found["paperless-db"]["ports"] == ["127.0.0.1:5432:5432"]
    assert "ports" not in found["paperless-redis"]


def test_a_container_starts_after_those_that_it_depends_on(tmp_path: Path) -> None:
    """With a health check, it starts once the other is healthy."""
    found = containers(STACK, tmp_path)
    assert found["paperless-app"]["dependsOn"] == ["paperless-db", "paperless-redis"]
    assert found["paperless-db"]["podman"] == {"sdnotify": "healthy"}
    assert "podman" not in found["paperless-redis"]
    assert (
        '--health-cmd=["pg_isready", "-U", "paperless"]' in (found["paperless-db"]["extraOptions"])
    )
    assert units(STACK, tmp_path)["podman-paperless-db"]["serviceConfig"]["TimeoutStartSec"]


def test_before_nixos_25_05_no_container_waits_for_the_health_of_another(tmp_path: Path) -> None:
    """Its module has no such option; the health check itself stays."""
    pin = {"nixpkgs": {"default": {"release": "24.11"}}}
    found = containers({**STACK, **pin}, tmp_path)["paperless-db"]
    assert "podman" not in found
    assert "--network=paperless:alias=db" in found["extraOptions"]


@pytest.mark.requirement("S1-34")
def test_a_container_gets_only_the_secrets_that_it_names(tmp_path: Path) -> None:
    """The files are the container's own, below a directory that only root enters."""
    found = containers(STACK, tmp_path)
    assert "environmentFiles" not in found["paperless-redis"]
    assert "environmentFiles" not in found["paperless-db"]
    own = "/run/homelab-containers/paperless-app"
    assert found["paperless-app"]["environmentFiles"] == [f"{own}/secrets.env"]
    assert f"{own}/template-config:/etc/paperless.toml:ro" in found["paperless-app"]["volumes"]
    db = "/run/homelab-containers/paperless-db/secret-password:/run/secrets/db:ro"
    assert db in found["paperless-db"]["volumes"]
    unit = units(STACK, tmp_path)["podman-paperless-app-files"]
    assert unit["serviceConfig"]["RuntimeDirectoryMode"] == "0700"
    assert unit["unitConfig"]["StopWhenUnneeded"] is True
    assert unit["requiredBy"] == ["podman-paperless-app.service"]


@pytest.mark.requirement("S1-10")
def test_a_changed_secret_restarts_the_containers_that_read_it_and_no_other() -> None:
    """The units that write their files come first."""
    secrets = {s.name: s.units for s in build.plan(STACK).secrets.secrets}
    assert secrets["paperless-password"] == (
        "podman-paperless-app-files.service",
        "podman-paperless-app.service",
        "podman-paperless-db-files.service",
        "podman-paperless-db.service",
    )
    assert secrets["paperless-key"] == (
        "podman-paperless-app-files.service",
        "podman-paperless-app.service",
    )


@pytest.mark.requirement("S1-10")
def test_a_changed_template_restarts_its_container_alone(tmp_path: Path) -> None:
    """The unit's trigger is the derivation of its texts."""
    other = copy.deepcopy(PAPERLESS["containers"])
    assert isinstance(other, dict)
    other["app"]["templates"]["config"]["content"]["more"] = True
    before, after = units(STACK, tmp_path), units(stack(containers=other), tmp_path)
    changed = {n for n in before if repr(before[n]) != repr(after[n])}
    assert changed == {"podman-paperless-app-files"}
    assert "podman-paperless-app-files" in repr(after["podman-paperless-app"]["restartTriggers"])


@pytest.mark.requirement("S1-10")
def test_a_mounted_file_below_etc_restarts_its_container_when_it_changes() -> None:
    """A bind mount keeps the file that was there at the start."""
    mount = {"source": "/etc/papers/config.yml", "target": "/config.yml", "read_only": True}
    changes = container({}, "redis", mounts=[mount])
    text = build.render(changes)["nas"]["services/paperless.nix"]
    unit = text[text.index("podman-paperless-redis") :]
    trigger = unit[unit.index("restartTriggers") : unit.index("unitConfig")]
    assert "config.environment.etc" in trigger
    assert '"papers/config.yml/"' in trigger


def test_a_directory_has_the_owner_that_the_stack_states(tmp_path: Path) -> None:
    """The colon of tmpfiles keeps the owner of a directory that exists."""
    made = dict(settings(build.plan(STACK), "systemd.tmpfiles.settings", tmp_path))["nas"]
    found = made["10-container-paperless"]
    assert found["/var/lib/paperless/db"]["d"] == {"mode": ":0755", "user": "999", "group": "999"}
    kept = {"mode": ":0755", "user": ":root", "group": ":root"}
    assert found["/var/lib/paperless/data"]["d"] == kept


@pytest.mark.requirement("S0-40")
def test_only_the_container_with_a_dataset_waits_for_its_disk(tmp_path: Path) -> None:
    waits = {
        name: unit.get("unitConfig", {}).get("RequiresMountsFor", [])
        for name, unit in units(STACK, tmp_path).items()
        if name.startswith("podman-paperless-") and not name.endswith(("-files", "-network"))
    }
    assert "/mnt/papers" in waits["podman-paperless-app"]
    assert waits["podman-paperless-db"] == ["/var/lib/paperless/db"]


@pytest.mark.requirement("S0-35")
def test_the_dump_runs_in_the_container_of_the_database() -> None:
    """Its files are left out of the backup, and the other directories are in it."""
    text = build.render(STACK)["nas"]["backup.nix"]
    assert "podman exec paperless-db pg_dump" in text
    job = text[text.index("jobs.paperless") :]
    assert 'exclude = [ "/var/lib/paperless/db" ];' in job
    # A restore and a drill ask a snapshot for every path, and it has none that is excluded.
    assert 'paths = [ "/var/lib/paperless/data" ];' in job


@pytest.mark.requirement("S0-35")
def test_a_restore_knows_the_database_of_a_container() -> None:
    """Its container, its superuser, and the directory of its files, which make way for the dump."""
    job = next(j for j in build.plan(STACK).backup.on("nas") if j.name == "paperless")
    (dump,) = job.commands
    assert dump.inside == Inside(
        "postgresql", "paperless", "paperless", "paperless-db", "/var/lib/paperless/db"
    )


def test_postgresql_is_dumped_as_the_superuser_that_its_image_made() -> None:
    """With POSTGRES_USER the image makes no user `postgres`."""
    for changes, user in (
        ({"environment": {}}, "postgres"),
        ({"environment": {"POSTGRES_USER": "paperless"}}, "paperless"),
    ):
        dump = {"dump": {"postgresql": "paperless", "part": "db", "user": None}}
        text = build.render(container({"backup": dump}, "db", **changes))["nas"]["backup.nix"]
        assert f"pg_dump --no-password --username {user} --dbname paperless" in text


@pytest.mark.requirement("S0-35")
def test_the_files_of_a_database_without_a_dump_are_an_error() -> None:
    (found,) = build.found(stack(backup={"dump": None}), "backup-dump")
    assert found.what.startswith("paperless-db is a database (postgres)")
    assert "part: db" in found.way_out


def test_graphics_belong_to_the_container_that_names_them(tmp_path: Path) -> None:
    gpu = {"hosts": {"nas": {"gpu": {"vendor": "amd"}}}}
    found = containers({**container({}, "app", gpu="amd"), **gpu}, tmp_path)
    assert "--device=/dev/dri" in found["paperless-app"]["extraOptions"]
    assert "extraOptions" not in found["paperless-redis"]


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["CMD", "pg_isready"], "leave it out"),
        (["CMD-SHELL", "pg_isready || exit 1"], "write \\[sh, -c, …\\]"),
        (["NONE"], "leave health out"),
        (["pg_isready -U a"], "write \\[pg_isready, -U, a\\]"),
        ([" "], "write its name"),
    ],
)
def test_a_health_check_is_a_program_with_arguments(command: list[str], says: str) -> None:
    """Podman would pass other words to a shell, or split them at blanks."""
    changes = container({}, "db", health={"command": command})
    with pytest.raises(InvalidStackError, match=says):
        build.stack_config(changes)


@pytest.mark.parametrize(
    ("containers", "says"),
    [
        ({}, "containers"),
        (
            {name: {"image": f"docker.io/a/b:1{DIGEST}", "port": 80} for name in ("back", "front")},
            "back and front have a port",
        ),
    ],
)
def test_a_service_of_containers_has_one_web_port(containers: Changes, says: str) -> None:
    with pytest.raises(InvalidStackError, match=says):
        build.stack_config({"services": {"app": {"host": "nas", "containers": containers}}})


def test_a_single_container_takes_templates_and_health_too(tmp_path: Path) -> None:
    """What one of several can do, the only container of a service can do."""
    app: Changes = {
        "host": "nas",
        "port": 8011,
        "auth": "none",
        "container": {
            "image": f"docker.io/a/b:1{DIGEST}",
            "port": 80,
            "health": {"command": ["true"], "restart": True},
            "templates": {
                "env": {"format": "env", "content": {"DSN": {"$text": "x:{value[key]}@y"}}}
            },
        },
        "secrets": {"key": {}},
        "backup": {"skip": "it keeps nothing"},
        "tile": {"group": "Tools"},
    }
    changes: Changes = {"services": {"app": app}}
    assert errors(changes) == []
    found = containers(changes, tmp_path)["app"]
    assert found["environmentFiles"] == ["/run/homelab-containers/app/template-env.env"]
    assert "--health-on-failure=kill" in found["extraOptions"]
