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
def test_another_timezone_changes_one_file_of_each_host(file: Path) -> None:
    here = stack(file)
    zone = "Etc/GMT+1" if here.config.site.timezone != "Etc/GMT+1" else "Etc/GMT+2"
    elsewhere = here.changed({"site": {"timezone": zone}})
    differ = changed_files(here.files, elsewhere.files)
    assert all(files == {"host.nix"} for files in differ.values())


@pytest.mark.parametrize("file", STACKS, ids=name)
def test_no_host_switches_before_it_is_built(file: Path) -> None:
    recorded = stack(file).register(preview=True)
    assert recorded.error == ""
    built = {r.name.removesuffix("-build") for r in recorded.resources if r.name.endswith("-build")}
    for host in built:
        assert f"{host}-build" in recorded.needs(recorded[f"{host}-switch"])
