"""A root of btrfs that is made from a blank subvolume at each boot: the scripts, on a loop device."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from homelab.system.blank_root import blank_root_problems
from tests import build
from tests.household import Changes
from tests.tools.loop import btrfs, run
from tests.tools.programs import evaluate

SHELLS = (["bash", "-e"], ["dash"], ["busybox", "ash"])
"""The initrd of systemd runs bash, the other one busybox."""
SCRIPTS = resources.files("homelab.system")
DAY = 86400


@dataclass(frozen=True)
class Disk:
    """A btrfs disk with the subvolume @persist, and what the host's scripts know of it."""

    device: str
    top: Path
    """Where the test sees the top of it."""
    run: Path

    def subvolume(self, name: str, *files: str) -> Path:
        run("btrfs", "subvolume", "create", self.top / name)
        for file in files:
            (self.top / name / file).parent.mkdir(parents=True, exist_ok=True)
            (self.top / name / file).write_text(file, encoding="utf-8")
        return self.top / name

    def boots(self, shell: list[str]) -> str:
        """One start; what the initrd says of it."""
        self._runs([*shell], "blank-root.sh", f"blank_root {self.device} @root @root-blank")
        return (self.run / "homelab-root/state").read_text(encoding="utf-8").strip()

    def cleans(self, days: int, root: Path | None = None) -> tuple[int, str]:
        """The unit that removes old roots: its status and output."""
        call = f"old_roots {self.device} @root {days}"
        return self._runs(["unshare", "-m", "bash", "-e"], "old-roots.sh", call, root)

    def _runs(
        self, shell: list[str], file: str, call: str, root: Path | None = None
    ) -> tuple[int, str]:
        text = (SCRIPTS / file).read_text(encoding="utf-8") + call
        place = self.run / "mnt"
        place.mkdir(exist_ok=True)
        environment = {
            "PATH": os.environ["PATH"],
            "HOMELAB_RUN": str(self.run),
            "HOMELAB_TOP": str(place),
            "RUNTIME_DIRECTORY": str(place),
            "HOMELAB_ROOT": str(root or self.run / "no-root"),
        }
        done = subprocess.run(
            [*shell, "-c", text],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def root(self) -> set[str]:
        return {p.name for p in (self.top / "@root").iterdir()}

    def old(self) -> list[Path]:
        place = self.top / "@root-old"
        return sorted(place.iterdir()) if place.exists() else []


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if not all(map(shutil.which, ("busybox", "dash", "unshare"))):
        pytest.skip("a shell of an initrd is missing")
    (tmp_path / "run").mkdir()
    with btrfs(tmp_path) as (device, top):
        made = Disk(device, top, tmp_path / "run")
        made.subvolume("@persist", "kept")
        yield made


@pytest.mark.requirement("S0-06")
@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_each_boot_has_a_blank_root_and_the_one_before_is_put_aside(
    shell: list[str], disk: Disk
) -> None:
    disk.subvolume("@root-blank")
    disk.subvolume("@root", "etc/left", "srv/left")
    disk.subvolume("@root/var-tmp", "inner")
    assert disk.boots(shell) == "blank"
    assert disk.root() == set()
    (aside,) = disk.old()
    assert (aside / "etc/left").exists()
    assert (aside / "var-tmp/inner").exists()
    assert (disk.top / "@persist/kept").exists()
    # The next root can be written, also where the blank one is read-only.
    run("btrfs", "property", "set", disk.top / "@root-blank", "ro", "true")
    (disk.top / "@root/second").write_text("", encoding="utf-8")
    assert disk.boots(shell) == "blank"
    (disk.top / "@root/third").write_text("", encoding="utf-8")
    assert disk.root() == {"third"}
    assert len(disk.old()) == 2
    assert not (disk.run / "mnt").is_mount()


@pytest.mark.requirement("S0-06")
@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
@pytest.mark.parametrize("blank", ["missing", "directory"])
def test_without_the_blank_subvolume_nothing_changes(
    blank: str, shell: list[str], disk: Disk
) -> None:
    """Not the root, and no start fails: the old root is there to start with."""
    disk.subvolume("@root", "etc/left")
    if blank == "directory":
        (disk.top / "@root-blank").mkdir()
    assert disk.boots(shell) == "there is no subvolume @root-blank"
    assert disk.root() == {"etc"}
    assert disk.old() == []


@pytest.mark.requirement("S0-06")
@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_a_root_that_cannot_be_made_is_put_back(
    shell: list[str], disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.subvolume("@root-blank")
    disk.subvolume("@root", "etc/left")
    broken = tmp_path / "bin/btrfs"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    broken.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{broken.parent}:{os.environ['PATH']}")
        assert disk.boots(shell) == "no snapshot of @root-blank can be made"
    assert disk.root() == {"etc"}
    # A power cut may come before the new root is there.
    (disk.top / "@root").rename(disk.top / "@root-old/cut")
    assert disk.boots(shell) == "blank"
    assert disk.root() == set()


@pytest.mark.requirement("S0-06")
def test_a_disk_that_is_not_there_is_told(disk: Disk, tmp_path: Path) -> None:
    missing = Disk(str(tmp_path / "none"), disk.top, disk.run)
    assert missing.boots(["bash", "-e"]).endswith("cannot be mounted")


def booted(disk: Disk, *, blank: bool) -> None:
    """The system that was started makes its root blank, or did not yet."""
    facts = disk.run / "booted-system/etc/homelab"
    facts.mkdir(parents=True)
    if blank:
        (facts / "blank-root").write_text("", encoding="utf-8")


@pytest.mark.requirement("S0-06")
def test_old_roots_are_removed_with_what_is_in_them_after_their_time(disk: Disk) -> None:
    booted(disk, blank=True)
    disk.subvolume("@root-blank")
    (disk.top / "@root-old").mkdir()
    disk.boots(["bash", "-e"])
    for _ in range(2):
        disk.subvolume("@root/inner", "file")
        disk.subvolume("@root/inner/inmost", "file")
        disk.boots(["bash", "-e"])
    first, second = disk.old()
    assert disk.cleans(30) == (0, "")
    age = first.stat().st_mtime - 31 * DAY
    os.utime(first, (age, age))
    os.utime(second, (age + 1, age + 1))
    run("btrfs", "property", "set", "-t", "subvol", first, "ro", "true")
    status, output = disk.cleans(30)
    assert (status, output.strip()) == (0, f"removed @root-old/{first.name}")
    # The newest one stays, until none is to be kept.
    assert disk.old() == [second]
    assert disk.cleans(0)[0] == 0
    assert disk.old() == []
    assert (disk.top / "@persist/kept").exists()
    assert (disk.top / "@root").exists()


@pytest.mark.requirement("S0-06")
@pytest.mark.parametrize(
    "name", ["persist", "home", "2020-01-01", "2020-01-01_00-00-00.bak", "x2020-01-01_00-00-00"]
)
def test_what_the_initrd_did_not_put_aside_is_never_removed(name: str, disk: Disk) -> None:
    """`@root-old` may be an owner's own, and an old subvolume in it holds their files."""
    booted(disk, blank=True)
    disk.subvolume("@root-blank")
    (disk.top / "@root-old").mkdir()
    theirs = disk.subvolume(f"@root-old/{name}", "kept")
    disk.subvolume("@root")
    disk.boots(["bash", "-e"])
    os.utime(theirs, (0, 0))
    for days in (30, 0):
        assert disk.cleans(days)[0] == 0
        assert (theirs / "kept").exists()


@pytest.mark.requirement("S0-06")
@pytest.mark.parametrize("inside", ["", "/home", "/home/sam"])
def test_a_root_that_is_mounted_or_has_a_mounted_subvolume_is_kept(
    inside: str, disk: Disk, tmp_path: Path
) -> None:
    """A mount by number follows the subvolume to its place among the old roots."""
    booted(disk, blank=True)
    disk.subvolume("@root-blank")
    disk.subvolume("@root", "kept")
    if inside:
        disk.subvolume("@root/home", "kept")
    if inside == "/home/sam":
        disk.subvolume("@root/home/sam", "kept")
    disk.boots(["bash", "-e"])
    (aside,) = disk.old()
    os.utime(aside, (0, 0))
    mount = tmp_path / "mount"
    mount.mkdir()
    path = f"@root-old/{aside.name}{inside}"
    shown = subprocess.run(
        ["btrfs", "inspect-internal", "rootid", disk.top / path],
        capture_output=True,
        text=True,
        check=True,
    )
    run("mount", "-o", f"subvolid={shown.stdout.strip()}", disk.device, mount)
    try:
        status, output = disk.cleans(0)
        assert (status, disk.old()) == (1, [aside])
        assert f"is mounted at {mount}" in output
        assert (mount / "kept").exists()
    finally:
        run("umount", mount)
    assert disk.cleans(0)[0] == 0
    assert disk.old() == []


@pytest.mark.requirement("S0-06")
def test_a_root_that_is_another_subvolume_than_the_blank_one_fails_the_unit(
    disk: Disk, tmp_path: Path
) -> None:
    booted(disk, blank=True)
    disk.subvolume("@root-blank")
    disk.subvolume("@root")
    disk.subvolume("@other")
    disk.boots(["bash", "-e"])
    root = tmp_path / "root"
    root.mkdir()
    for mounted, status in (("@other", 1), ("@root", 0)):
        run("mount", "-o", f"subvol={mounted}", disk.device, root)
        try:
            found, output = disk.cleans(30, root)
        finally:
            run("umount", root)
        assert found == status
        assert ("the root is the subvolume @other" in output) is bool(status)


@pytest.mark.requirement("S0-06")
@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_a_root_that_is_not_there_is_told(shell: list[str], disk: Disk) -> None:
    """Its name may have a mistake; a blank one of that name would be mounted by nobody."""
    disk.subvolume("@root-blank")
    assert disk.boots(shell) == "there is no subvolume @root"
    assert not (disk.top / "@root").exists()


@pytest.mark.requirement("S0-06")
def test_the_age_of_a_root_does_not_come_from_the_clock_of_the_initrd(disk: Disk) -> None:
    booted(disk, blank=True)
    disk.subvolume("@root-blank")
    disk.subvolume("@root")
    disk.boots(["bash", "-e"])
    newer = "2099-01-01_00-00-00+"
    disk.subvolume(f"@root-old/{newer}")
    (aside,) = (p for p in disk.old() if p.name != newer)
    os.utime(aside, (0, 0))
    assert disk.cleans(30) == (0, "")
    assert aside.exists()
    os.utime(aside, (0, 0))
    assert "removed" in disk.cleans(30)[1]


@pytest.mark.requirement("S0-06")
def test_a_boot_that_kept_its_root_fails_the_unit(disk: Disk) -> None:
    disk.subvolume("@root")
    disk.boots(["bash", "-e"])
    # Before the first restart there is nothing to fail.
    booted(disk, blank=False)
    assert disk.cleans(30)[0] == 0
    shutil.rmtree(disk.run / "booted-system")
    booted(disk, blank=True)
    status, output = disk.cleans(30)
    assert status == 1
    assert "there is no subvolume @root-blank" in output
    shutil.rmtree(disk.run / "homelab-root")
    assert "did not replace it" in disk.cleans(30)[1]


FEW = """
let
  lib = builtins // rec {
    mkOption = option: option;
    mkIf = condition: content: if condition then content else "";
    mkAfter = text: text;
    types = { str = null; ints.unsigned = null; };
    hasPrefix = start: text: builtins.substring 0 (builtins.stringLength start) text == start;
    removePrefix = start: text:
      if hasPrefix start text then builtins.substring (builtins.stringLength start) 999 text else text;
    last = list: builtins.elemAt list (builtins.length list - 1);
    concatMapStringsSep = between: f: list: builtins.concatStringsSep between (map f list);
    escapeShellArgs = concatMapStringsSep " " (word: "'${word}'");
    optionalAttrs = condition: set: if condition then set else { };
    splitString = mark: text: builtins.filter builtins.isString (builtins.split mark text);
  };
  at = { device ? "/dev/disk/by-label/system", subvolume ? "", fsType ? "btrfs", more ? [ ] }: mountPoint: {
    inherit device fsType mountPoint;
    options = [ "noatime" ] ++ (if subvolume == "" then [ ] else [ "subvol=${subvolume}" ]) ++ more;
  };
  made = { systems, systemd ? true, grub ? false }: (import ./blank-root.nix {
    inherit lib;
    utils.escapeSystemdPath = builtins.replaceStrings [ "-" "/" ] [ "\\\\x2d" "-" ];
    options.boot.initrd.postResumeCommands = { };
    pkgs = { btrfs-progs = "btrfs-progs"; util-linux = "util-linux"; };
    config = {
      homelab.blankRoot = { blank = "@root-blank"; days = 14; };
      fileSystems = builtins.mapAttrs (mount: said: at said mount) systems;
      boot.initrd.systemd.enable = systemd;
      boot.loader = { grub.enable = grub; generic-extlinux-compatible.enable = false; };
    };
  }).config;
  good = { "/" = { subvolume = "/@root"; }; "/nix" = { subvolume = "@nix"; }; };
  refused = said: map (a: a.message) (builtins.filter (a: !a.assertion) (made said).assertions);
in
"""


@pytest.fixture
def library(tmp_path: Path) -> Callable[[str], Any]:
    """The value of an expression with the module `made { systems = …; }`."""
    for file in ("blank-root.nix", "blank-root.sh", "old-roots.sh"):
        text = (SCRIPTS / file).read_text(encoding="utf-8")
        (tmp_path / file).write_text(text, encoding="utf-8")
    return lambda expression: evaluate(f"{FEW} {expression}", tmp_path)


@pytest.mark.requirement("S0-06")
def test_the_root_is_made_after_its_device_and_before_it_is_mounted(
    library: Callable[[str], Any],
) -> None:
    initrd = library("(made { systems = good; }).boot.initrd")
    unit = initrd["systemd"]["services"]["homelab-blank-root"]
    device = r"-dev-disk-by\x2dlabel-system.device"
    assert unit["requires"] == [device]
    assert {device, "systemd-hibernate-resume.service"} <= {*unit["after"]}
    assert "sysroot.mount" in unit["before"]
    assert unit["wantedBy"] == ["initrd.target"]
    assert unit["unitConfig"] == {"DefaultDependencies": False}
    call = "\nblank_root '/dev/disk/by-label/system' '@root' '@root-blank'\n"
    assert unit["script"].endswith(call)
    assert initrd["systemd"]["initrdBin"] == ["btrfs-progs"]
    # nixpkgs refuses commands beside an initrd of systemd.
    assert initrd["postResumeCommands"] == ""
    other = library("(made { systems = good; systemd = false; }).boot.initrd.postResumeCommands")
    assert other == f"(\n{unit['script']})\n"


@pytest.mark.requirement("S0-06")
@pytest.mark.parametrize(
    ("systems", "says"),
    [
        ('good // { "/" = { }; }', "is no subvolume of btrfs"),
        ('good // { "/" = { fsType = "ext4"; subvolume = "x"; }; }', "is no subvolume of btrfs"),
        ('good // { "/home" = { subvolume = "@root/home"; }; }', "/home is in the subvolume"),
        ('good // { "/b" = { subvolume = "@root-blank"; }; }', "/b is in the subvolume"),
        ('removeAttrs good [ "/nix" ]', "/nix is on the root"),
        ('good // { "/p" = { subvolume = "@root-old/p"; }; }', "/p is in the subvolume"),
        ('good // { "/p" = { more = [ "ro,subvol=/@root/p" ]; }; }', "/p is in the subvolume"),
        (
            'good // { "/p" = { device = "/dev/disk/by-uuid/1"; subvolume = "@root/p"; }; }',
            "/p is in the subvolume",
        ),
        ('good // { "/p" = { more = [ "subvolid=257" ]; }; }', "/p is mounted by subvolid="),
        (
            'good // { "/" = { subvolume = "@root"; more = [ "subvolid=5" ]; }; }',
            "/ is mounted by subvolid=",
        ),
        ('good // { "/" = { subvolume = "@root-blank/r"; }; }', "is not beside the root"),
    ],
)
def test_a_root_that_would_lose_more_than_itself_is_refused_with_every_module_in_view(
    systems: str, says: str, library: Callable[[str], Any]
) -> None:
    (message,) = library(f"refused {{ systems = {systems}; }}")
    assert says in message
    assert library("refused { systems = good; }") == []


@pytest.mark.requirement("S0-06")
def test_file_systems_of_their_own_and_the_top_of_this_one_may_be_mounted(
    library: Callable[[str], Any],
) -> None:
    top = 'good // { "/top" = { more = [ "subvolid=5" ]; }; }'
    other = """good // { "/p" = { device = "/dev/disk/by-label/p"; subvolume = "@root/p"; }; }"""
    for systems in (top, other):
        assert library(f"refused {{ systems = {systems}; }}") == []


@pytest.mark.requirement("S0-06")
def test_a_boot_loader_on_the_root_is_refused(library: Callable[[str], Any]) -> None:
    (message,) = library("refused { systems = good; grub = true; }")
    assert "/boot is on the root" in message
    boot = 'good // { "/boot" = { fsType = "vfat"; device = "/dev/disk/by-label/boot"; }; }'
    assert library(f"refused {{ systems = {boot}; grub = true; }}") == []


@pytest.mark.requirement("S0-06")
def test_the_stack_sets_the_library_and_an_alert() -> None:
    changes: Changes = {
        "hosts": {"nas": {"persistence": {"blank": "@root-blank", "old_roots": "0d"}}},
        "monitoring": {"ntfy": {"topic": {"sops": "ntfy/topic"}}},
    }
    files = build.render(changes)["nas"]
    assert {"lib/blank-root.nix", "lib/blank-root.sh", "lib/old-roots.sh"} <= {*files}
    text = " ".join(files["blank-root.nix"].split())
    assert 'blank = "@root-blank"; days = 0;' in text
    assert 'systemd.services.homelab-old-roots.onFailure = [ "notify@%N.service" ]' in text


ROOT = {"device": "/dev/disk/by-uuid/1", "options": '"subvol=/@root,compress=zstd"'}
NIX = {"device": "/dev/disk/by-uuid/1", "options": '"subvol=@nix"'}
PERSIST = {"device": "/dev/disk/by-uuid/2", "options": ""}


@pytest.mark.parametrize(
    ("at_home", "says"),
    [
        ({"device": "/dev/disk/by-uuid/1", "options": '"ro,subvol=@root/h"'}, "put aside"),
        ({"device": "/dev/disk/by-uuid/1", "options": '"subvol=@root-old/h"'}, "put aside"),
        ({"device": "/dev/disk/by-label/a", "options": '"subvol=@root/h"'}, "are one file system"),
        ({"device": "/dev/disk/by-uuid/2", "options": '"subvol=@root/h"'}, ""),
        ({"device": "/dev/disk/by-uuid/1", "options": '"subvolid=300"'}, "mounted by subvolid="),
        ({"device": "/dev/disk/by-uuid/1", "options": '"subvolid=5"'}, ""),
        ({"device": "/dev/disk/by-uuid/2", "options": '"subvolid=300"'}, ""),
        ({"device": "/dev/disk/by-uuid/1", "options": '"subvol=@home"'}, ""),
    ],
)
def test_a_mount_that_may_be_in_the_root_is_an_error(at_home: dict[str, str], says: str) -> None:
    mounts = {"/": ROOT, "/nix": NIX, "/persist": PERSIST, "/home": at_home}
    text = "".join(
        f'fileSystems."{at}" = {{ device = "{m["device"]}"; fsType = "btrfs"; '
        f"options = [ {m['options']} ]; }};\n"
        for at, m in mounts.items()
    )
    changes: Changes = {"hosts": {"nas": {"persistence": {"blank": "@blank"}}}}
    plan = build.plan(changes)
    sources = {"hosts/nas/hardware.nix": f"{{ ... }}:\n{{\n{text}}}\n"}
    found = [p.what for p in blank_root_problems(plan.hosts["nas"], "@blank", sources)]
    assert [says in what for what in found] == ([True] if says else [])


def test_a_stack_without_a_blank_subvolume_has_no_such_file() -> None:
    files = build.render({"hosts": {"nas": {"persistence": {}}}})["nas"]
    assert not [f for f in files if "root" in f]
