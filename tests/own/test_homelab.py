"""Tests of your own homelab: these hold for every stack beside `Pulumi.yaml`. Add yours.

The guide is docs/guide/testing.md.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from homelab.testing import changed_files, stack

STACKS = sorted((Path(__file__).parents[2]).glob("Pulumi.*.yaml"))


def name(file: Path) -> str:
    return file.stem.removeprefix("Pulumi.")


@pytest.mark.parametrize("file", STACKS, ids=name)
def test_the_stack_passes_every_check(file: Path) -> None:
    assert stack(file).errors == []


@pytest.mark.parametrize("file", STACKS, ids=name)
def test_another_timezone_reaches_every_host(file: Path) -> None:
    here = stack(file)
    old = here.config.site.timezone
    new = "Etc/GMT+1" if old != "Etc/GMT+1" else "Etc/GMT+2"
    elsewhere = here.changed({"site": {"timezone": new}})
    differ = changed_files(here.files, elsewhere.files)
    for host, files in here.files.items():
        own = getattr(here.config.hosts[host], "timezone", None)
        if own is None and old in files.get("host.nix", ""):
            assert "host.nix" in differ[host]
            assert new in elsewhere.files[host]["host.nix"]


@pytest.mark.parametrize("file", STACKS, ids=name)
def test_no_host_switches_before_it_is_built(file: Path) -> None:
    recorded = stack(file).register(preview=True)
    assert recorded.error == ""
    built = {r.name.removesuffix("-build") for r in recorded.resources if r.name.endswith("-build")}
    for host in built:
        assert f"{host}-build" in recorded.needs(recorded[f"{host}-switch"])
