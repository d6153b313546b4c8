"""File systems, pools and swap of a host, from the stack config to its module."""

from __future__ import annotations

import pytest

from homelab.disks.model import FileSystem
from homelab.problems import InvalidStackError
from tests import build
from tests.household import Changes

SYSTEM = "/dev/disk/by-id/nvme-Maker_990_0001"
STICK = "/dev/disk/by-id/usb-Maker_0005-0:0"


def nas(**stated: object) -> Changes:
    return {"hosts": {"nas": stated}}


def on_disk(**systems: object) -> Changes:
    """File systems of nas with one disk, by mount point with `_` for `/`."""
    mounts = {f"/{name.replace('_', '/')}": said for name, said in systems.items()}
    return nas(disks={"system": SYSTEM}, file_systems=mounts)


def text(changes: Changes) -> str:
    return build.render(changes)["nas"]["disks.nix"]


def system(changes: Changes, path: str) -> FileSystem:
    found = build.plan(changes).file_system_of("nas", path)
    assert found is not None
    return found


@pytest.mark.requirement("S0-41")
@pytest.mark.parametrize("device", ["/dev/nvme0n1", "/dev/sda", "/dev/disk/by-uuid/1-2"])
def test_a_disk_whose_name_may_change_is_refused_with_host_and_disk(device: str) -> None:
    with pytest.raises(InvalidStackError) as refused:
        build.plan(nas(disks={"system": device}))
    (problem,) = refused.value.problems
    assert problem.where.startswith("hosts.nas.disks.system")
    assert "stable name" in problem.what
    assert "/dev/disk/by-id" in problem.way_out


@pytest.mark.requirement("S0-41")
def test_a_host_without_these_keys_has_no_such_file() -> None:
    assert "disks.nix" not in build.render({})["nas"]


def test_the_only_file_system_of_a_disk_is_on_its_first_partition() -> None:
    found = system(on_disk(srv={"disk": "system", "fs": "ext4"}), "/srv/media/films")
    assert (found.kind, found.mount, found.what) == ("ext4", "/srv", f"{SYSTEM}-part1")
    assert build.plan(on_disk()).file_system_of("nas", "/srv") is None


def test_subvolumes_of_one_encrypted_partition_share_its_volume() -> None:
    one = {"disk": "system", "partition": 2, "fs": "btrfs", "encrypted": True}
    changes = on_disk(srv={**one, "subvolume": "srv"}, var={**one, "subvolume": "var"})
    assert build.problems(changes) == build.problems({})
    found = text(changes)
    assert found.count(f'crypt-system-2.device = "{SYSTEM}-part2"') == 1
    assert found.count('device = "/dev/mapper/crypt-system-2"') == 2
    assert 'neededForBoot = true;\n      options = [ "subvol=var" ];' in found
    assert 'autoScrub = {\n      enable = true;\n      fileSystems = [ "/srv" ];' in found


def test_a_volume_with_a_key_file_is_opened_after_the_root_is_mounted() -> None:
    keyed = {"disk": "system", "fs": "xfs", "encrypted": {"key_file": "/etc/keys/a"}}
    found = text(on_disk(srv=keyed))
    assert f"crypt-system-1 {SYSTEM}-part1 /etc/keys/a luks,nofail" in found
    assert "boot.initrd" not in found
    assert 'options = [ "nofail" ];' in found


@pytest.mark.requirement("S1-37")
def test_an_optional_disk_keeps_no_host_from_booting_and_hides_its_empty_directory() -> None:
    disks = {"stick": {"device": STICK, "optional": True}}
    mounts = {"/mnt/stick": {"disk": "stick", "fs": "ext4"}}
    found = text(nas(disks=disks, file_systems=mounts))
    for option in ("nofail", "x-systemd.automount", "x-systemd.device-timeout=5s"):
        assert f'"{option}"' in found


@pytest.mark.requirement("S1-37")
def test_a_disk_without_a_device_is_not_mounted() -> None:
    mounts = {"/mnt/stick": {"disk": "stick", "fs": "ext4"}}
    changes = nas(disks={"stick": {"device": "~"}}, file_systems=mounts)
    changes["hosts"]["nas"]["disks"]["stick"] = {}
    assert "disks.nix" not in build.render(changes)["nas"]
    assert not system(changes, "/mnt/stick/a").present


def test_a_dataset_takes_its_mount_from_its_file_system() -> None:
    changes = on_disk(srv={"disk": "system", "fs": "btrfs"})
    changes["datasets"] = {"a": {"host": "nas", "path": "/srv/a", "tier": "re-derivable"}}
    changes["services"] = {"jellyfin": {"host": "nas", "datasets": {"media": "a"}}}
    (dataset,) = build.plan(changes).datasets
    assert dataset.mount == "/srv"
    # A module of the owner may mount another disk at the dataset itself.
    assert 'RequiresMountsFor = [ "/srv/a" ]' in build.render(changes)["nas"]["storage.nix"]


@pytest.mark.requirement("S4-28")
def test_a_pool_waits_for_all_its_branches() -> None:
    mounts = {
        "/mnt/a": {"fs": "ext4", "from": "/dev/disk/by-label/a"},
        "/mnt/b": {"fs": "ext4", "from": "/dev/disk/by-label/b"},
        "/srv": {"pool": "all"},
    }
    pools = {"all": {"kind": "mergerfs", "branches": ["/mnt/a", "/mnt/b"], "policy": "ff"}}
    found = text(nas(file_systems=mounts, pools=pools))
    assert 'device = "/mnt/a:/mnt/b";\n      fsType = "fuse.mergerfs";' in found
    for option in ("category.create=ff", "minfreespace=19073M"):
        assert f'"{option}"' in found
    assert found.count("x-systemd.requires-mounts-for=/mnt/") == 2


@pytest.mark.requirement("S4-28")
def test_downloads_on_a_branch_are_not_linked_into_the_pool() -> None:
    """Hard links lead from one name of a pool to another, and not from a branch into the pool."""
    changes = nas(
        file_systems={
            "/mnt/fast": {"fs": "ext4", "from": "/dev/disk/by-label/a"},
            "/mnt/slow": {"fs": "ext4", "from": "/dev/disk/by-label/b"},
            "/mnt/all": {"pool": "all"},
        },
        pools={"all": {"kind": "mergerfs", "branches": ["/mnt/fast", "/mnt/slow"]}},
    )
    dataset = {"host": "nas", "tier": "re-derivable", "group": "media"}
    changes["datasets"] = {
        "down": {**dataset, "path": "/mnt/fast/down"},
        "tv": {**dataset, "path": "/mnt/all/tv"},
    }
    changes["services"] = {
        "sonarr": {"host": "nas", "datasets": {"downloads": "down", "media": "tv"}}
    }
    (problem,) = build.found(changes, "hardlink-same-fs")
    assert "down (/mnt/fast/down) is on a branch of the pool at /mnt/all" in problem.what
    assert "datasets.down.path: /mnt/all/down" in problem.way_out
    changes["datasets"]["down"]["path"] = "/mnt/all/down"
    assert not build.found(changes, "hardlink-same-fs")


def test_a_root_in_memory_keeps_what_persistence_names() -> None:
    changes = on_disk(
        nix={"disk": "system", "partition": 2, "fs": "ext4"},
        boot={"disk": "system", "partition": 1, "fs": "vfat"},
    )
    changes["hosts"]["nas"]["file_systems"]["/"] = {"fs": "tmpfs", "size": "2 GB"}
    (problem,) = [p for p in build.problems(changes) if p.check == "persistence-root"]
    assert "the root of nas is a tmpfs" in problem.what
    changes["hosts"]["nas"]["persistence"] = {"root": "/nix/persist", "mount": "/nix"}
    assert [p for p in build.problems(changes) if p.severity == "error"] == []
    found = text(changes)
    assert '"size=1907M"\n        "mode=0755"' in found
    assert '"umask=0077"' in found


@pytest.mark.parametrize(
    "path", ["/srv/photos.tar", "/dev/sda2", "/dev/disk/by-id/swap", "/srv/a&b/swapfile"]
)
def test_a_swap_file_never_names_another_file(path: str) -> None:
    """The host overwrites a file of another size."""
    with pytest.raises(InvalidStackError):
        build.plan(nas(swap={"file": path, "size": "8 GB"}))
    assert "size = 7629;" in text(nas(swap={"file": "/srv/swapfile", "size": "8 GB"}))


@pytest.mark.requirement("S4-28")
@pytest.mark.parametrize("branch", ["/mnt/a", "/mnt/a/films"])
def test_no_branch_of_a_pool_has_the_files_of_another(branch: str) -> None:
    pool = {"kind": "mergerfs", "branches": ["/mnt/a", branch]}
    with pytest.raises(InvalidStackError, match="the pool would have them twice"):
        build.plan(nas(pools={"all": pool}, file_systems={"/pool": {"pool": "all"}}))
