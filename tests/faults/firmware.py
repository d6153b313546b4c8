"""The QEMU command line of a computer."""

from __future__ import annotations

from pathlib import Path

CODE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
"""UEFI firmware."""
VARIABLES = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
"""Empty firmware variables."""
CARDS = {"lan": "52:54:00:00:00:01", "tailnet": "52:54:00:00:00:02"}
"""Serials by which the initrd finds the disks; see `nixos/stage-1.sh`."""
DISKS = ("variables", "root", "esp")

_AGENT = "org.qemu.guest_agent.0"


def command(directory: Path, disks: Path) -> list[str]:
    """The command for a computer with sockets and console in one directory and disks in another.

    Its links are taps of these names in the network that it is started in. It ends when the
    machine resets itself.
    """
    drive = {name: f"format=qcow2,cache=writeback,file={disks}/{name}.qcow2" for name in DISKS}
    words = [
        *("qemu-system-x86_64", "-name", "pi", "-nodefaults", "-no-user-config"),
        *("-display", "none", "-rtc", "base=utc", "-no-reboot"),
        # Emulation is slow but the same everywhere; a saved state fits only one kind.
        *("-machine", "q35,accel=tcg", "-cpu", "max", "-smp", "1", "-m", "512"),
        *("-drive", f"if=pflash,unit=0,readonly=on,format=raw,file={CODE}"),
        *("-drive", f"if=pflash,unit=1,{drive['variables']}"),
        *("-drive", f"if=none,id=root,{drive['root']}"),
        *("-device", "virtio-blk-pci,drive=root"),
        *("-drive", f"if=none,id=esp,{drive['esp']}"),
        *("-device", "virtio-blk-pci,drive=esp,bootindex=1"),
        *("-device", "virtio-serial-pci"),
        *("-chardev", f"socket,id=agent,path={directory}/agent,server=on,wait=off"),
        *("-device", f"virtserialport,chardev=agent,name={_AGENT}"),
        *("-chardev", f"socket,id=monitor,path={directory}/monitor,server=on,wait=off"),
        *("-mon", "chardev=monitor,mode=control"),
        *("-chardev", f"file,id=console,path={directory}/console,append=on"),
        *("-serial", "chardev:console"),
    ]
    for link, address in CARDS.items():
        words += ["-netdev", f"tap,id={link},ifname={link},script=no,downscript=no"]
        # Without a ROM the firmware does not try a network boot.
        words += ["-device", f"virtio-net-pci,netdev={link},mac={address},romfile="]
    return words
