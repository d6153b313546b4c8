"""Preflight: everything that would stop a switch is reported together before any host switches."""

from __future__ import annotations

from pathlib import Path

import pytest

from homelab.deploy import scripts
from homelab.deploy.policy import DeployPolicy
from tests.deploy.conftest import Machine
from tests.deploy.test_scripts_on_a_host import FLAKE
from tests.tools.loop import btrfs, run

MIB = 1024 * 1024


class Prepared:
    """A host with a built release and file systems of any size."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        machine.succeed(scripts.stage_script("r1", FLAKE))
        self.look()
        self.system = (machine.state / "releases/r1/result").resolve()

    def room(self, directory: str, *, total: int, free: int) -> None:
        """Sizes in MiB."""
        with (self.machine.root / "df").open("a") as file:
            file.write(f"{directory} {total * 1024} {free * 1024}\n")

    def boots_by(self, name: str, size: int) -> None:
        """Give the system its own kernel in the store, of this many MiB."""
        package = self.machine.root / f"nix/store/{name}"
        package.mkdir(parents=True)
        (package / "bzImage").write_bytes(b"k" * (size * MIB))
        (self.system / "kernel").symlink_to(package / "bzImage")

    def entry(self, number: int, kernel: str, size: int) -> None:
        """An older generation on the boot partition, with its kernel."""
        boot = self.machine.root / "boot"
        for directory in ("EFI/nixos", "loader/entries"):
            (boot / directory).mkdir(parents=True, exist_ok=True)
        (boot / "EFI/nixos" / kernel).write_bytes(b"k" * (size * MIB))
        text = f"title NixOS\nlinux /EFI/nixos/{kernel}\noptions init=/nix/x/init\n"
        (boot / f"loader/entries/nixos-generation-{number}.conf").write_text(text)

    def look(self, **policy: object) -> tuple[int, str]:
        """The output of preflight for the built release."""
        given = DeployPolicy("pi", **policy)  # type: ignore[arg-type]
        return self.machine.run(scripts.build_script("r1", given))


@pytest.fixture
def host(machine: Machine) -> Prepared:
    """A host without findings."""
    return Prepared(machine)


@pytest.mark.requirement("S4-06")
def test_a_host_without_findings_passes_silently(host: Prepared) -> None:
    """A second run reports the same."""
    status, output = host.look(loader="systemd-boot")
    assert (status, output) == (0, f"built {host.system}\n")


@pytest.mark.requirement("S4-05", "S4-06", "S4-07")
def test_a_full_boot_partition_stops_the_run_with_figures(host: Prepared) -> None:
    """Before anything is activated anywhere."""
    host.boots_by("abc-linux-6.12", 15)
    host.entry(1, "old-linux-bzImage.efi", 15)
    host.room("/boot", total=96, free=7)
    status, output = host.look(loader="systemd-boot", limit=5)
    assert status == 1
    assert "stops: " in output
    assert "need 15 MiB and 16 MiB to spare; 7 MiB are free" in output
    assert "Lower boot.limit (5 now)" in output
    assert "no host was changed" in output


@pytest.mark.requirement("S4-05", "S4-07")
def test_an_existing_kernel_needs_no_space(host: Prepared) -> None:
    """A host whose kernel is unchanged needs no reserve."""
    host.boots_by("abc-linux-6.12", 15)
    host.entry(1, "abc-linux-6.12-bzImage.efi", 15)
    host.room("/boot", total=96, free=1)
    assert host.look(loader="systemd-boot")[0] == 0


@pytest.mark.parametrize(
    ("loader", "status"),
    [
        ("systemd-boot", 0),
        ("grub", 1),
        pytest.param("hardware", 1, marks=pytest.mark.long),
    ],
)
@pytest.mark.requirement("S4-05", "S4-07")
def test_old_entries_free_space_if_the_loader_removes_first(
    host: Prepared, loader: str, status: int
) -> None:
    """systemd-boot removes old entries before it writes, others afterwards."""
    host.boots_by("abc-linux-6.12", 15)
    for number in range(1, 5):
        host.entry(number, f"k{number}-linux-bzImage.efi", 15)
    host.room("/boot", total=96, free=18)
    assert host.look(loader=loader, limit=4)[0] == status


@pytest.mark.long
@pytest.mark.parametrize(("free", "status"), [(100, 0), (70, 1)])
@pytest.mark.requirement("S4-05")
def test_a_boot_directory_on_a_large_disk_needs_a_fixed_reserve(
    host: Prepared, free: int, status: int
) -> None:
    """A reserve of 64 MiB is enough on any disk."""
    host.boots_by("abc-linux-6.12", 15)
    (host.machine.root / "boot/grub").mkdir(parents=True)
    (host.machine.root / "boot/kernels").mkdir()
    host.room("/boot", total=1_000_000, free=free)
    assert host.look(loader="grub")[0] == status


@pytest.mark.long
@pytest.mark.requirement("S4-05")
def test_a_boot_loader_that_reads_kernels_from_the_store_needs_no_space(host: Prepared) -> None:
    """GRUB on the root file system copies no kernel."""
    host.boots_by("abc-linux-6.12", 15)
    grub = host.machine.root / "boot/grub"
    grub.mkdir(parents=True)
    host.room("/boot", total=1_000, free=1)
    assert host.look(loader="grub")[0] == 1
    (grub / "grub.cfg").write_text("linux /nix/store/k\n")
    assert host.look(loader="grub")[0] == 0


@pytest.mark.long
@pytest.mark.requirement("S4-05")
def test_the_boot_loader_of_an_own_module_is_detected_by_its_files(host: Prepared) -> None:
    """`loader: hardware` can be systemd-boot."""
    host.boots_by("abc-linux-6.12", 15)
    host.entry(1, "abc-linux-6.12-bzImage.efi", 15)
    host.room("/boot", total=96, free=1)
    assert host.look(loader="hardware")[0] == 0


@pytest.mark.long
@pytest.mark.requirement("S4-05")
def test_generations_that_share_a_kernel_free_no_space(host: Prepared) -> None:
    """A file is removed with the last entry that names it."""
    host.boots_by("abc-linux-6.12", 15)
    for number in range(1, 5):
        host.entry(number, "same-linux-bzImage.efi", 15)
    host.room("/boot", total=96, free=18)
    status, output = host.look(loader="systemd-boot", limit=4)
    assert status == 1
    assert "removing old entries frees 0 MiB" in output


@pytest.mark.requirement("S4-06")
def test_all_findings_are_reported_together(host: Prepared) -> None:
    """Blocking findings and notes together."""
    host.boots_by("abc-linux-6.12", 15)
    host.room(".", total=10_000, free=60)
    (host.system / "system").write_text("m68k-linux")
    status, output = host.look(loader="grub")
    assert status == 1
    for words in (
        "is for m68k-linux, and this machine is",
        "/nix/store: 60 MiB are free",
        "need 15 MiB and",
        "note: ",
    ):
        assert words in output


def _run_by_hand(host: Prepared) -> Path:
    """Release r0 is committed, then somebody switches by hand."""
    state, root = host.machine.state, host.machine.root
    ours, theirs = root / "nix/store/ours", root / "nix/store/theirs"
    for system in (ours, theirs):
        system.mkdir(parents=True)
    (state / "releases/r0").mkdir()
    (state / "releases/r0/result").symlink_to(ours)
    (state / "current").write_text("r0\n")
    running = root / "run/current-system"
    running.unlink(missing_ok=True)
    running.symlink_to(theirs)
    return theirs


def test_a_manual_switch_is_not_undone_silently(host: Prepared) -> None:
    """The way out is `deploy.again` in the stack, which is valid once."""
    theirs = _run_by_hand(host)
    status, output = host.look()
    assert status == 1
    assert f"it runs {theirs}, which homelab did not commit" in output
    assert "deploy.again: {pi:" in output
    assert host.look(again="their change is kept")[0] == 0
    (host.machine.state / "again").write_text("their change is kept\n")
    assert host.look(again="their change is kept")[0] == 1
    # Removing `again` from the stack has no effect.
    assert host.look()[0] == 1


@pytest.mark.long
def test_a_manual_switch_to_the_same_system_is_no_drift(host: Prepared) -> None:
    """A manual switch to the same system is no drift."""
    _run_by_hand(host)
    running = host.machine.root / "run/current-system"
    running.unlink()
    running.symlink_to(host.system)
    assert host.look()[0] == 0


def test_pre_switch_checks_can_stop_a_system_and_are_optional(host: Prepared) -> None:
    """The pre-switch checks of NixOS 25.05 and later."""
    stc = host.system / "bin/switch-to-configuration"
    stc.unlink()
    stc.write_text("#!/bin/sh\n[ $1 != check ] || { echo a switch inhibitor is set; exit 1; }\n")
    stc.chmod(0o755)
    status, output = host.look()
    assert status == 1
    assert "its own checks refuse it: a switch inhibitor is set" in output
    stc.write_text("#!/bin/sh\n[ $1 != check ] || { echo 'Usage: x [switch]'; exit 1; }\n")
    assert host.look()[0] == 0


@pytest.mark.requirement("S4-09")
def test_restarting_units_and_a_due_reboot_are_reported(host: Prepared) -> None:
    """A note, and no reason to stop."""
    stc = host.system / "bin/switch-to-configuration"
    stc.unlink()
    stc.write_text("#!/bin/sh\necho would restart the following units: sshd.service\n")
    stc.chmod(0o755)
    host.boots_by("abc-linux-6.12", 1)
    booted = host.machine.root / "run/booted-system"
    booted.mkdir(exist_ok=True)
    (booted / "kernel").write_text("another")
    status, output = host.look()
    assert status == 0
    assert "note: sshd.service will be restarted" in output
    assert "note: its kernel differs from the booted one" in output


@pytest.mark.requirement("S4-34")
def test_a_reboot_is_announced_or_refused(
    host: Prepared,
) -> None:
    """An encrypted disk, or a boot loader that cannot boot a system once."""
    (host.system / "init-interface-version").write_text("2\n")
    assert host.look(reboot="once")[0] == 0
    assert "this switch restarts the host" in host.look(reboot="once")[1]
    mapped = host.machine.root / "sys/block/dm-0/dm"
    mapped.mkdir(parents=True)
    (mapped / "uuid").write_text("CRYPT-LUKS2-0123-root\n")
    efivars = host.machine.root / "sys/firmware/efi/efivars"
    efivars.rmdir()
    status, output = host.look(reboot="once")
    assert status == 1
    assert "a person may have to unlock it after a restart" in output
    assert "cannot boot a system a single time" in output
    assert host.look(reboot="always", unlocked=True)[0] == 0
    status, output = host.look()
    assert status == 1
    assert "it can be booted, but not switched to while the old system runs" in output
    assert "set hosts.pi.reboot: {}" in output


def test_a_reboot_needs_a_system_to_roll_back_to(host: Prepared) -> None:
    (host.system / "init-interface-version").write_text("2\n")
    theirs = _run_by_hand(host)
    (theirs / "init-interface-version").write_text("1\n")
    status, output = host.look(reboot="once", again="theirs")
    assert status == 1
    assert "the running system is not a generation of" in output


@pytest.mark.long
@pytest.mark.requirement("S4-05")
def test_a_kernel_on_the_raspberry_pi_firmware_partition_counts_there(host: Prepared) -> None:
    """Its partition is the small one."""
    for path in (host.machine.root / "boot/loader/entries").iterdir():
        path.unlink()
    (host.machine.root / "boot/loader/entries").rmdir()
    (host.machine.root / "boot/firmware/nixos").mkdir(parents=True)
    host.boots_by("abc-linux-6.12", 15)
    host.room("/boot/firmware", total=64, free=20)
    status, output = host.look(loader="hardware")
    assert status == 1
    assert "/boot/firmware: the new system's kernel and initrd need 15 MiB and" in output


@pytest.mark.requirement("S0-67")
def test_another_machine_with_the_same_host_key_is_refused(host: Prepared) -> None:
    """A cloned disk has the pinned host key; the machine id differs."""
    (host.machine.root / "etc").mkdir(exist_ok=True)
    (host.machine.root / "etc/machine-id").write_text("1" * 32 + "\n")
    assert host.look()[0] == 0
    (host.machine.state / "machine-id").write_text("2" * 32 + "\n")
    status, output = host.look()
    assert status == 1
    assert "this is another machine, or was reinstalled" in output
    assert host.look(again="moved to the new board")[0] == 0


@pytest.mark.requirement("S4-34")
def test_a_different_boot_default_is_reported(host: Prepared) -> None:
    """`nixos-rebuild boot` by hand."""
    _run_by_hand(host)
    running = host.machine.root / "run/current-system"
    running.unlink()
    running.symlink_to(host.machine.state / "releases/r1/result")
    (host.machine.state / "current").write_text("r1\n")
    assert "its next boot would start" in host.look()[1]


def test_a_database_that_would_start_empty_needs_a_dump_of_the_last_day(host: Prepared) -> None:
    """A major version of PostgreSQL does not read the data of the previous one."""

    def postgresql(system: Path, version: str) -> None:
        unit = system / "etc/systemd/system/postgresql.service"
        unit.parent.mkdir(parents=True, exist_ok=True)
        path = f"/nix/store/{'0' * 32}-postgresql-and-plugins-{version}"
        unit.write_text(f"[Service]\nExecStart={path}/bin/postgres\n")

    now = (host.machine.root / "run/current-system").resolve()
    postgresql(now, "16.4")
    postgresql(host.system, "16.9")
    assert host.look()[0] == 0
    postgresql(host.system, "17.2")
    status, output = host.look()
    assert status == 1
    assert "PostgreSQL would go from 16 to 17 and start empty" in output
    dumps = host.machine.root / "var/backup/postgresql"
    dumps.mkdir(parents=True)
    (dumps / "all.sql.gz").write_text("dump")
    status, output = host.look()
    assert status == 0
    assert "load the dumps of" in output


@pytest.mark.requirement("S0-67")
def test_another_stacks_run_does_not_start_during_a_run(machine: Machine) -> None:
    """The lock is held by a script; the lease by a run, and it expires."""
    machine.succeed(scripts.stage_script("r1", FLAKE, stack="home"))
    status, output = machine.run(scripts.stage_script("r2", FLAKE, stack="test"))
    assert status == 1
    assert "the stack home is at work here for 15 more min" in output
    machine.succeed(scripts.secrets_script("r1", {}, stack="home"))
    assert "removed the lease of the stack home" in machine.succeed(
        scripts.unlock_script(force=False)
    )
    machine.succeed(scripts.stage_script("r2", FLAKE, stack="test"))
    (machine.state / "lease").write_text("test 1000\n")
    machine.succeed(scripts.stage_script("r1", FLAKE, stack="home"))


def _old_backups(host: Prepared) -> None:
    program = host.machine.commands / "homelab-backup"
    program.write_text("#!/bin/sh\necho late app was last backed up to disk on 2023-11-14\n")
    program.chmod(0o755)


@pytest.mark.requirement("S0-36")
def test_a_backup_that_is_too_old_is_a_note(host: Prepared) -> None:
    _old_backups(host)
    status, output = host.look()
    assert status == 0
    assert "note: backups are too old: app was last backed up to disk on 2023-11-14" in output


@pytest.mark.requirement("S0-36")
def test_need_backups_refuses_a_switch_without_them(host: Prepared) -> None:
    _old_backups(host)
    status, output = host.look(need_backups=True)
    assert status != 0
    assert "stops: backups are too old" in output
    assert host.look(need_backups=True, again="without")[0] == 0


@pytest.mark.requirement("S0-06", "S4-06")
@pytest.mark.parametrize("blank", ["", "directory", "subvolume"])
def test_a_root_that_is_made_blank_needs_the_blank_subvolume(
    host: Prepared, blank: str, tmp_path: Path
) -> None:
    """On the disk itself, before the first restart puts the root aside."""
    facts = host.system / "etc/homelab/blank-root"
    facts.parent.mkdir(parents=True)
    with btrfs(tmp_path) as (device, top):
        facts.write_text(f"{device}\n@root\n@root-blank\n", encoding="utf-8")
        if blank == "directory":
            (top / "@root-blank").mkdir()
        elif blank:
            run("btrfs", "subvolume", "create", top / "@root-blank")
        status, output = host.look()
    assert status == (0 if blank == "subvolume" else 1)
    assert ("there is no subvolume @root-blank" in output) is (blank != "subvolume")
    if status:
        assert f"mount -o subvolid=5 {device} /mnt && btrfs subvolume create" in output
        assert "no host was changed" in output
    facts.write_text(f"{tmp_path}/none\n@root\n@root-blank\n", encoding="utf-8")
    assert "cannot be mounted as btrfs" in host.look()[1]


@pytest.mark.parametrize("inside", ["@root/home", "@root-old/home", "@rooted/home"])
def test_a_root_that_is_made_blank_must_not_hold_a_mounted_subvolume(
    host: Prepared, inside: str, tmp_path: Path
) -> None:
    """Whatever name of the device or number of the subvolume the mount has."""
    facts = host.system / "etc/homelab/blank-root"
    facts.parent.mkdir(parents=True)
    mount = tmp_path / "home"
    mount.mkdir()
    with btrfs(tmp_path) as (device, top):
        facts.write_text(f"{device}\n@root\n@root-blank\n", encoding="utf-8")
        for name in ("@root-blank", inside.partition("/")[0], inside):
            run("btrfs", "subvolume", "create", top / name)
        run("mount", "-o", f"subvol={inside}", device, mount)
        try:
            status, output = host.look()
        finally:
            run("umount", mount)
        assert host.look()[0] == 0
    lost = not inside.startswith("@rooted")
    assert status == lost
    assert (f"mounted from it: {mount}" in output) is lost


FSTAB = """\
# This is a generated file.
/dev/disk/by-uuid/1 / ext4 x-initrd.mount 0 1
tank/data /tank zfs nofail 0 0
tank/new /new zfs nofail 0 0
192.168.1.5:/x /mnt/nas nfs noauto,x-systemd.automount 0 0
/dev/sdb1 /srv/my\\040disk ext4 nofail 0 2
/dev/sda2 none swap defaults
"""


def test_a_file_system_that_is_locked_is_named_with_what_unlocks_it(host: Prepared) -> None:
    """Services wait for it, and the switch changes nothing about that. A file system that comes with
    the switch, and one that is mounted when it is used, are not missing.
    """
    (host.system / "etc").mkdir(exist_ok=True)
    (host.system / "etc/fstab").write_text(FSTAB)
    now = host.machine.root / "run/current-system/etc"
    now.mkdir(parents=True, exist_ok=True)
    (now / "fstab").write_text(FSTAB.replace("tank/new /new zfs nofail 0 0\n", ""))
    mounts = host.machine.root / "proc/self/mounts"
    mounts.parent.mkdir(parents=True, exist_ok=True)
    rest = "/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 /srv/my\\040disk ext4 rw 0 0\n"
    mounts.write_text(rest)
    status, output = host.look(loader="none")
    assert status == 0
    assert output.count("is not mounted") == 1
    assert "note: /tank is not mounted, so what needs it does not start." in output
    assert "zfs load-key -r tank && mount /tank && systemctl start multi-user.target" in output
    mounts.write_text(rest + "tank/data /tank zfs rw 0 0\n")
    assert "is not mounted" not in host.look(loader="none")[1]
