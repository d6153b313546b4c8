"""The list of disks and the layout of a new machine; nothing else formats."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from homelab import testing
from homelab.cli import app
from homelab.deploy import scripts
from homelab.disks.disko import disko_text
from homelab.disks.listing import as_data, as_text, identity
from homelab.nix.source import read_nix
from homelab.offline.bundle import __file__ as offline
from homelab.problems import UsageError
from homelab.render import render, render_images
from tests import build, stackdir
from tests.household import Changes
from tests.site.observed import sources
from tests.site.rich import RICH

pytestmark = pytest.mark.requirement("S0-41")
SYSTEM = "/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_2TB_S7KGNU0X"
ONE, TWO = "/dev/disk/by-id/ata-WDC_WD40EFRX-68N32N0_WD-1", "/dev/disk/by-id/ata-WDC_WD40EFRX_WD-2"
BTRFS = {"disk": "system", "partition": 3, "fs": "btrfs", "encrypted": True}
LAYOUT: Changes = {
    "hosts": {
        "nas": {
            "state": "planned",
            "hardware": None,
            "host_id": "0123abcd",
            "persistence": {"root": "/nix/persist", "mount": "/nix"},
            "disks": {"system": {"device": SYSTEM, "size": "2 TB"}, "one": ONE, "two": TWO},
            "file_systems": {
                "/": {"fs": "tmpfs", "size": "2 GB"},
                "/boot": {"disk": "system", "partition": 1, "fs": "vfat", "size": "1 GiB"},
                "/nix": {**BTRFS, "subvolume": "nix"},
                "/srv": {**BTRFS, "subvolume": "srv", "options": ["compress=zstd"]},
                "/tank": {"pool": "tank", "dataset": "tank/data"},
            },
            "pools": {"tank": {"kind": "zfs", "disks": ["one", "two"], "layout": "mirror"}},
            "swap": {"disk": "system", "partition": 2, "size": "16 GiB"},
        }
    }
}


def nas(changes: Changes) -> Any:
    return build.plan(changes).hosts["nas"]


def settings(text: str) -> dict[str, object]:
    read = read_nix(text)
    assert not read.unread
    return {s.name: s.value for s in read.settings}


@pytest.mark.requirement("S0-06")
def test_a_root_that_is_blank_at_each_boot_has_its_blank_subvolume() -> None:
    blank: Changes = {
        "hosts": {
            "nas": {
                "persistence": {"blank": "@root-blank"},
                "file_systems": {"/": {**BTRFS, "subvolume": "@root", "size": None}},
            }
        }
    }
    host = nas(testing.changed(LAYOUT, blank))
    made = settings(disko_text(host))
    below = "content.content.subvolumes"
    (found,) = {n.partition(below)[0] for n in made if n.endswith('"/@root".mountpoint')}
    assert made[f'{found}{below}."/@root-blank"'] == {}
    assert '"/@root-blank"' not in disko_text(nas(LAYOUT))


def test_a_layout_has_the_partitions_that_the_stack_mounts() -> None:
    assert [p for p in build.problems(LAYOUT) if p.severity == "error"] == []
    found = settings(disko_text(nas(LAYOUT)))
    top = "disko.devices.disk.system.content.partitions"
    wanted = {
        "disko.devices.disk.system.device": SYSTEM,
        f"{top}.part1.size": "1024M",
        f"{top}.part1.type": "EF00",
        f"{top}.part1.content.mountpoint": "/boot",
        f"{top}.part2.size": "16384M",
        f"{top}.part2.content.type": "swap",
        f"{top}.part3.size": "100%",
        f"{top}.part3.content.name": "crypt-system-3",
        f'{top}.part3.content.content.subvolumes."/srv".mountpoint': "/srv",
        f'{top}.part3.content.content.subvolumes."/srv".mountOptions': ("compress=zstd",),
        "disko.devices.disk.one.content.partitions.part1.content.pool": "tank",
        "disko.devices.zpool.tank.mode": "mirror",
        "disko.devices.zpool.tank.datasets.data.options.mountpoint": "legacy",
        'disko.devices.nodev."/".fsType': "tmpfs",
    }
    assert {name: found.get(name) for name in wanted} == wanted


def test_a_bios_gets_a_partition_for_grub() -> None:
    """Without one, GRUB cannot be installed on a GPT disk that UEFI does not start."""
    systems: Changes = {
        "/": {"disk": "system", "partition": 2, "fs": "ext4"},
        **dict.fromkeys(("/boot", "/nix", "/srv")),
    }
    grub: Changes = {
        "boot": {"loader": "grub", "device": SYSTEM},
        "file_systems": systems,
        "swap": None,
        "persistence": None,
    }
    changes = build.changed(LAYOUT, {"hosts": {"nas": grub}})
    found = settings(disko_text(nas(changes)))
    top = "disko.devices.disk.system.content.partitions"
    assert found[f"{top}.part1.type"] == "EF02"
    assert f"{top}.part1.content.type" not in found
    assert found[f"{top}.part2.content.mountpoint"] == "/"
    taken = build.changed(changes, {"hosts": {"nas": {"file_systems": {"/": {"partition": 1}}}}})
    with pytest.raises(UsageError, match="GRUB needs partition 1 of system for itself"):
        disko_text(nas(taken))


@pytest.mark.parametrize("state", ["live", "held", "retired"])
def test_only_a_planned_host_has_a_layout(state: str) -> None:
    """The disks of any other host may hold data."""
    changes = build.changed(LAYOUT, {"hosts": {"nas": {"state": state}}})
    with pytest.raises(UsageError, match=f"nas is {state}, so its disks may hold data"):
        disko_text(nas(changes))


@pytest.mark.parametrize(
    ("mounts", "says"),
    [
        ({"/srv": {"fs": "ext4", "from": "/dev/disk/by-uuid/1"}}, "does not have"),
        ({"/boot": {"size": None}}, "partition 1 of system has no size"),
        ({"/srv": {"partition": 5}, "/nix": {"partition": 5}}, "numbers them from 1 to 3"),
    ],
)
def test_an_incomplete_layout_is_refused(mounts: Changes, says: str) -> None:
    if "from" in mounts.get("/srv", {}):
        mounts = {"/srv": {**dict.fromkeys((*BTRFS, "subvolume", "options")), **mounts["/srv"]}}
    changes = build.changed(LAYOUT, {"hosts": {"nas": {"file_systems": mounts}}})
    with pytest.raises(UsageError, match=says):
        disko_text(nas(changes))


@pytest.mark.parametrize(
    ("device", "model", "serial"),
    [
        (SYSTEM, "Samsung SSD 990 PRO 2TB", "S7KGNU0X"),
        (
            "/dev/disk/by-id/usb-Seagate_One_Touch_HDD_00000000-0:0",
            "Seagate One Touch HDD",
            "00000000",
        ),
        ("/dev/disk/by-id/wwn-0x5000c500a1b2c3d4", "", "0x5000c500a1b2c3d4"),
        ("/dev/disk/by-path/pci-0000:00:1f.2-ata-1", "", ""),
    ],
)
def test_model_and_serial_number_are_in_the_name(device: str, model: str, serial: str) -> None:
    assert identity(device) == (model, serial)


def test_the_list_shows_what_is_on_each_disk() -> None:
    text = as_text(nas(LAYOUT))
    assert "system: model Samsung SSD 990 PRO 2TB, serial S7KGNU0X, 2 TB" in text
    assert f"/srv: btrfs, subvolume srv, encrypted on {SYSTEM}-part3" in text
    assert "pool tank: zfs, mirror" in text
    assert [row["name"] for row in as_data(nas(LAYOUT))] == ["one", "system", "two"]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Any:
    stackdir.write_stack(tmp_path, LAYOUT)
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["homelab", "disks", *words])
        with pytest.raises(SystemExit) as ended:
            app.main()
        out, err = capsys.readouterr()
        return int(str(ended.value.code or 0)), out, err

    return run


def test_the_file_is_written_only_after_the_name_of_the_host(call: Any, tmp_path: Path) -> None:
    for words, says in (
        ((), "--confirm nas"),
        (("--confirm", "pi"), '"pi" is not nas; nothing was written'),
        (("--confirm", ""), '"" is not nas; nothing was written'),
    ):
        code, _, err = call("nas", "--disko", "layout.nix", *words)
        assert code != 0
        assert says in err
        assert not (tmp_path / "layout.nix").exists()
    code, out, _ = call("nas", "--disko", "layout.nix", "--confirm", "nas")
    assert (code, "serial S7KGNU0X" in out) == (0, True)
    assert "disko.devices" in (tmp_path / "layout.nix").read_text(encoding="utf-8")
    code, _, err = call("nas", "--disko", "layout.nix", "--confirm", "nas")
    assert (code, "there is a file layout.nix" in err) == (1, True)


def test_the_list_is_read_by_scripts_and_an_unknown_host_is_named(call: Any) -> None:
    code, out, _ = call("nas", "--json")
    assert (code, json.loads(out)[1]["serial"]) == (0, "S7KGNU0X")
    code, _, err = call("nass")
    assert (code != 0, 'did you mean "nas"?' in err) == (True, True)


FORMATS = re.compile(
    r"\b(disko|mkfs(\.\w+)?|mke2fs|wipefs|sgdisk|sfdisk|parted|blkdiscard|luksFormat|mkswap"
    r"|zpool (create|destroy|labelclear)|mdadm --create|autoFormat|randomEncryption)\b"
)
"""Programs and options that write a new file system, a partition table or a header."""


def sent() -> Iterator[tuple[str, str]]:
    """Every text that `up` renders for a stack with every field, or sends to a host."""
    plan = build.plan(RICH)
    files = sources(plan)
    for trees in (render(plan, files), render_images(plan, files)):
        for host, release in trees.items():
            for path, text in release.files:
                if isinstance(text, str) and not path.startswith("own/"):
                    yield f"{host}/{path}", text
    for directory in (Path(scripts.__file__).with_name("scripts"), Path(offline).parent):
        for script in directory.glob("*.sh"):
            yield script.name, script.read_text(encoding="utf-8")


def test_nothing_that_up_renders_or_sends_can_format_a_disk() -> None:
    texts = dict(sent())
    assert {"nas/disks.nix", "nas/lib/mover.sh", "activate.sh", "pull.sh"} <= texts.keys()
    assert [(name, m[0]) for name, text in texts.items() if (m := FORMATS.search(text))] == []


def test_only_the_commands_for_disks_and_installing_make_a_layout() -> None:
    """No other code of the library reaches the text for disko."""
    top = build.ROOT
    found = {
        str(path.relative_to(top))
        for part in ("homelab", "components", "lab")
        for path in (top / part).rglob("*.py")
        if re.search(r"\bdisko_text\b|import disko\b", path.read_text(encoding="utf-8"))
    }
    assert {f.replace("homelab/components/", "components/") for f in found} == {
        "homelab/cli/hosts.py",
        "homelab/disks/disko.py",
        # The tree that homelab install sends, after the host's name was typed.
        "homelab/install/first.py",
        "homelab/ops/install/prepare.py",
    }


def test_a_swap_partition_is_never_created() -> None:
    """NixOS creates what has a size."""
    found = dict(sent())["nas/disks.nix"]
    assert "swapDevices" in found
    assert not re.search(r'device = "/dev/[^"]*";\n\s*(#.*\n\s*)?size = ', found)
