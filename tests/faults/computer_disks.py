"""A computer's disks and firmware variables: created and booted once, then copied for each test.

A disk is an overlay of a file that never changes. Writes go to the overlay. Unflushed data is in
memory, and is lost with the power.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.faults import firmware
from tests.faults.firmware import DISKS, VARIABLES
from tests.faults.install import RESUME, STANDINS, host_key, install
from tests.faults.network import run

_ROOT_SIZE = "3G"
_ESP_MIB = 128
_ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
"""Type of an EFI system partition."""
_PARAMETERS = "root=/dev/vda console=ttyS0 quiet panic=2 boot.panic_on_fail mitigations=off"
_FEWER_UNITS = r"""
  # Of what Debian starts, no more than the tests need: no udev, no terminals, no generators.
  rm -r /usr/lib/systemd/system-generators
  cd /usr/lib/systemd/system
  keep() { find "$1" ! -type d | grep -Ev "/($2)$" | xargs rm; }
  keep sysinit.target.wants 'systemd-journald.service|systemd-journal-flush.service'
  keep sockets.target.wants 'dbus.socket|systemd-journald.*.socket|systemd-initctl.socket'
  keep multi-user.target.wants 'dbus.service'
  keep timers.target.wants ''
  printf '%s\n' '[Unit]' 'StartLimitIntervalSec=0' '[Service]' 'Restart=always' 'RestartSec=1' \
    'ExecStart=/bin/sh -c "exec /usr/sbin/qemu-ga --path=$(echo /dev/vport*p1)"' >agent.service
  ln -s ../agent.service multi-user.target.wants/
"""
_INITRD = r"""
  kernel=$(ls /lib/modules)
  here=/usr/local/share/linux
  mkdir -p $here/initrd.d/bin
  cp /boot/vmlinuz-"$kernel" $here/bzImage
  cd $here/initrd.d
  cp /bin/busybox bin/
  ln -s busybox bin/sh
  cp /usr/local/share/nixos/stage-1.sh init
  modprobe --set-version "$kernel" --show-depends --all \
    virtio_pci virtio_blk virtio_net virtio_console vfat nls_cp437 nls_ascii efivarfs |
    awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >modules
  while read -r module; do install -D "$module" ".$module"; done <modules
  find . | busybox cpio -o -H newc | gzip -1 >$here/initrd
  rm -r $here/initrd.d
  rm -f /boot/*
"""


def place(image: Path) -> Path:
    """The directory of an image's disks. Its name depends on the content."""
    version = run("qemu-system-x86_64", "--version").encode()
    ours = [RESUME, *sorted(path for path in STANDINS.rglob("*") if path.is_file())]
    parts = [firmware.CODE, firmware.VARIABLES, *map(Path, (__file__, firmware.__file__)), *ours]
    digest = hashlib.sha256(b"".join([version, *(path.read_bytes() for path in parts)])).hexdigest()
    return image.with_name(f"{image.name}-{digest[:16]}")


def make(image: Path, work: Path, boot: Callable[[Path], None]) -> Path:
    """The disks and the saved state of every computer. The first use creates them."""
    target = place(image)
    with (work / "computer.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            partial = target.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            _install(image, partial)
            boot(partial)
            partial.rename(target)
    return target


def overlay(below: Path, disks: Path) -> None:
    """New overlays of these disks."""
    disks.mkdir(parents=True)
    for name in DISKS:
        base = below / f"{name}.qcow2"
        run(
            "qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, _disk(disks, name)
        )


def _disk(disks: Path, name: str) -> Path:
    return disks / f"{name}.qcow2"


def _install(image: Path, disks: Path) -> None:
    """A disk with a root file system and one with an EFI system partition."""
    tree, root = disks / "tree", disks / "root"
    for directory in (tree / "upper", tree / "work", root):
        directory.mkdir(parents=True)
    layers = f"lowerdir={image},upperdir={tree}/upper,workdir={tree}/work"
    run("mount", "-t", "overlay", "-o", layers, "overlay", root)
    try:
        (root / "usr/local/share/linux").mkdir(parents=True)
        (root / "usr/local/share/linux/kernel-params").write_text(f"{_PARAMETERS}\n")
        install(root, before=_FEWER_UNITS + _INITRD)
        (disks / "host-key").write_text(host_key(root))
        loader = root / "usr/lib/systemd/boot/efi/systemd-bootx64.efi"
        for name in ("EFI/systemd/systemd-bootx64.efi", "EFI/BOOT/BOOTX64.EFI"):
            (root / "boot" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(loader, root / "boot" / name)
        _esp(root / "boot", disks / "esp.img")
        for left in (root / "boot").iterdir():
            shutil.rmtree(left)
        (root / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
        run("truncate", "-s", _ROOT_SIZE, disks / "root.img")
        run("mkfs.ext4", "-q", "-m", "0", "-d", root, disks / "root.img", seconds=300)
    finally:
        run("umount", root)
    root.rmdir()
    shutil.rmtree(tree)
    shutil.copy(VARIABLES, disks / "variables.img")
    for name in DISKS:
        raw = disks / f"{name}.img"
        run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, _disk(disks, name), seconds=300)
        raw.unlink()


def _esp(files: Path, disk: Path) -> None:
    start = 2048
    run("truncate", "-s", f"{_ESP_MIB}M", disk)
    table = f"label: gpt\nstart={start}, type={_ESP}\n"
    run("sfdisk", "--quiet", disk, stdin=table)
    blocks = str((_ESP_MIB - 2) * 1024)
    run("mkfs.vfat", "-F", "32", "-n", "ESP", f"--offset={start}", disk, blocks)
    inside = f"{disk}@@{start * 512}"
    run("mcopy", "-s", "-i", inside, *files.iterdir(), "::/")
