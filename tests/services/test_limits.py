"""Limits of memory and processors, with the same words for every kind of service."""

from __future__ import annotations

from typing import Any

import pytest

from homelab.catalog import ENTRIES
from homelab.config.services import KINDS
from homelab.nix import Attrs, Force
from homelab.openings.checks import check_openings
from homelab.problems import InvalidStackError
from homelab.services.nixos import modules
from tests import build
from tests.site.test_kinds import SERVICES

LIMITS = {"memory": "2 GiB", "cpus": 1.5}
ELSEWHERE = {"containers", "external"}
"""Kinds whose service has no such key: a container of several has it, and no host runs the other."""


def written(services: dict[str, object]) -> Attrs:
    """What the file of the first service says."""
    plan = build.plan({"services": services, "flakes": {"a": {"url": "github:a/a"}}})
    file = f"services/{next(iter(services))}.nix"
    (module,) = [m for m in modules(plan, plan.hosts["nas"]) if m.file == file]
    return module.derived


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - ELSEWHERE - {"catalog"}))
def test_every_kind_of_service_is_limited(kind: str) -> None:
    made: Any = written({"one": {**SERVICES[kind], "host": "nas", "limits": LIMITS}})
    if kind == "container":
        # Podman starts it in a group of its own, where the limits of the unit do not hold.
        (container,) = made["virtualisation"]["oci-containers"]["containers"].values()
        assert container["extraOptions"] == ["--memory=2048m", "--cpus=1.5"]
        assert "MemoryMax" not in str(made)
        return
    plan = build.plan({"services": {"one": {**SERVICES[kind], "host": "nas"}}})
    units = plan.service("one").units
    assert units
    for unit in units:
        config = made["systemd"]["services"][unit]["serviceConfig"]
        assert (config["MemoryMax"], config["CPUQuota"]) == (Force("2048M"), Force("150%"))


def test_every_unit_of_a_service_of_the_catalog_is_limited() -> None:
    changes = {"services": {"paperless": {"host": "nas", "limits": LIMITS}}}
    text = build.render(changes)["nas"]["services/paperless.nix"]
    assert text.count('MemoryMax = lib.mkForce "2048M";') == 4
    # Without a unit, the field would do nothing.
    assert all(entry.units for entry in ENTRIES.values())


def test_each_of_several_containers_has_its_own_limits() -> None:
    image = f"ghcr.io/example/app:1@sha256:{'0' * 64}"
    parts = {
        "app": {"image": image, "port": 80, "limits": {"cpus": 0.5}},
        "db": {"image": image, "limits": {"memory": "512 MiB"}},
    }
    wiki = {"host": "nas", "containers": parts, "port": 8090, "backup": {"skip": "a try"}}
    made: Any = written({"wiki": wiki})
    found = made["virtualisation"]["oci-containers"]["containers"]
    assert found["wiki-app"]["extraOptions"] == ["--cpus=0.5"]
    assert found["wiki-db"]["extraOptions"] == ["--memory=512m"]


@pytest.mark.parametrize(
    ("limits", "way_out"),
    [
        ({}, "add memory: 2 GiB"),
        ({"memory": "8 MiB"}, "at least 16 MiB"),
        ({"memory": "2"}, "a number and a unit"),
        ({"cpus": 0}, "greater than 0"),
        ({"cpus": True}, "a true/false value where a number is expected"),
    ],
)
def test_a_limit_that_says_nothing_is_refused(limits: dict[str, object], way_out: str) -> None:
    with pytest.raises(InvalidStackError, match=way_out):
        build.stack_config({"services": {"jellyfin": {"host": "nas", "limits": limits}}})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--memory=1g"], "limits.memory limits wiki, and --memory in"),
        (["-m", "1g"], "limits.memory limits wiki, and -m in"),
        (["-m1g", "--name=x"], "limits.memory limits wiki, and -m in"),
        (["--cpus", "2"], ""),
        (["--memory-swap=1g"], ""),
    ],
)
def test_a_flag_beside_the_limit_of_a_container_is_refused(given: list[str], told: str) -> None:
    """Podman takes the last one."""
    flag = {"virtualisation.oci-containers.containers.wiki.extraOptions": given}
    wiki = {**SERVICES["container"], "host": "nas", "limits": {"memory": "2 GiB"}, "options": flag}
    found = build.found({"services": {"wiki": wiki}}, "option-path")
    assert [told in p.what for p in found] == [True] * bool(told)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('navidrome.serviceConfig.MemoryMax = "1G"', "limits.memory of navidrome"),
        ('navidrome = { serviceConfig = { MemoryMax = lib.mkForce "1G"; }; }', "limits.memory"),
        ('navidrome.serviceConfig.CPUQuota = "50%"', ""),
        ('jellyfin.serviceConfig.MemoryMax = "1G"', ""),
    ],
)
def test_a_limit_in_an_own_module_beside_that_of_the_stack_is_refused(line: str, told: str) -> None:
    """The plan forces its own, so the other would have no effect."""
    said = {"host": "nas", "limits": {"memory": "2 GiB"}}
    changes = {"hosts": {"nas": {"modules": ["own.nix"]}}, "services": {"navidrome": said}}
    text = f"{{ lib, ... }}:\n{{\n  systemd.services.{line};\n}}\n"
    found = [*check_openings(build.plan(changes), {"own.nix": text})]
    assert [told in p.what and "leave it out" in p.way_out for p in found] == [True] * bool(told)
