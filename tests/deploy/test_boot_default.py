"""The boot loader's default entry, as its installers write it.

After nixpkgs' systemd-boot-builder.py of 2024 (numbered entries) and of 2026 (entries named by
their content, boot counting), and lanzaboote's settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from homelab.deploy import scripts
from tests.deploy.conftest import Machine

pytestmark = pytest.mark.requirement("S4-05", "S0-67")

PARTS = Path(scripts.__file__).with_name("scripts")
BOOTS, ANOTHER, UNKNOWN = "0", "1", "2"
BY_CONTENT = f"nixos-{'c0ffee' * 10}beef"


@dataclass
class Loader:
    """A boot partition, and a system with a kernel and an initrd."""

    machine: Machine

    @property
    def system(self) -> Path:
        return (self.machine.root / "run/current-system").resolve()

    def entry(self, name: str, system: Path, initrd: str = "EFI/nixos/initrd.efi") -> None:
        text = f"""title NixOS
version Generation 7 r1, built on 2026-11-27
linux /EFI/nixos/bzImage.efi
initrd /{initrd}
initrd /EFI/nixos/more.efi
options init={system}/init quiet
sort-key nixos"""
        (self.boot / "loader/entries" / name).write_text(text)

    @property
    def boot(self) -> Path:
        return self.machine.root / "boot"

    def settings(self, *lines: str, at: str = "boot") -> None:
        path = self.machine.root / at / "loader/loader.conf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(["timeout 5", *lines, "console-mode keep", ""]))

    def ask(self, what: str, loader: str = "systemd-boot") -> str:
        parts = [(PARTS / f"{name}.sh").read_text() for name in ("lib", "boot", "reboot")]
        script = "\n".join([f"LOCK_SECONDS=1 BOOT_LOADER={loader} BOOT_LIMIT=3", *parts])
        output = self.machine.succeed(f"{script}\n{what} || code=$?; echo ${{code:-0}}\n")
        return output.splitlines()[-1]

    def default(self) -> str:
        """The exit status of `default_boots` for the system."""
        return self.ask(f"default_boots {self.system}")


@pytest.fixture
def loader(machine: Machine) -> Loader:
    its = Loader(machine)
    for name, size in {"kernel": 40, "initrd": 20}.items():
        (its.system / name).write_bytes(b"x" * size)
    nixos = its.boot / "EFI/nixos"
    nixos.mkdir(parents=True)
    for name, size in {"bzImage": 40, "initrd": 20, "more": 5}.items():
        (nixos / f"{name}.efi").write_bytes(b"x" * size)
    for path in (its.boot / "loader/entries").iterdir():
        path.unlink()
    return its


@pytest.mark.parametrize(
    ("entry", "settings"),
    [
        ("nixos-generation-7.conf", ["default nixos-generation-7.conf"]),
        (f"{BY_CONTENT}.conf", [f"default {BY_CONTENT}.conf"]),
        (f"{BY_CONTENT}+3.conf", [f"preferred {BY_CONTENT}.conf", "default nixos-*"]),
        (f"{BY_CONTENT}+2-1.conf", ["default nixos-*", f"preferred {BY_CONTENT}.conf"]),
    ],
)
def test_the_default_entry_is_found_for_every_installer(
    loader: Loader, entry: str, settings: list[str]
) -> None:
    loader.entry(entry, loader.system)
    loader.settings(*settings)
    assert loader.default() == BOOTS
    loader.entry(entry, loader.system.with_name("another"))
    assert loader.default() == ANOTHER
    (loader.boot / "loader/entries" / entry).unlink()
    assert loader.default() == ANOTHER


def test_settings_and_entries_can_be_on_different_partitions(loader: Loader) -> None:
    """With boot.loader.systemd-boot.xbootldrMountPoint."""
    (loader.boot / "loader/loader.conf").unlink()
    loader.entry("nixos-generation-7.conf", loader.system)
    loader.settings("default nixos-generation-7.conf", at="efi")
    assert loader.default() == BOOTS


def test_entries_of_a_former_boot_loader_are_ignored(loader: Loader) -> None:
    loader.entry("nixos-generation-7.conf", loader.system.with_name("another"))
    loader.settings("default nixos-generation-7.conf")
    grub = loader.boot / "grub/grub.cfg"
    grub.parent.mkdir()
    grub.write_text(f"linux /kernels/k init={loader.system}/init\n")
    assert loader.default() == ANOTHER
    assert loader.ask(f"default_boots {loader.system}", "grub") == BOOTS
    assert loader.ask("boots_once", "grub") != "0"


@pytest.mark.parametrize("settings", [["default nixos-*"], ["default @saved"], []])
def test_without_a_single_default_entry_nothing_is_confirmed_and_nothing_booted_once(
    loader: Loader, settings: list[str]
) -> None:
    """The newest entry would be the default at once, so a rollback would be impossible."""
    loader.entry("nixos-generation-7.conf", loader.system)
    loader.settings(*settings)
    assert loader.default() == UNKNOWN
    assert loader.ask("boots_once") == UNKNOWN
    loader.settings("default nixos-generation-7.conf")
    assert loader.ask("boots_once") == "0"


def test_an_initrd_with_appended_secrets_is_complete_and_a_truncated_one_is_not(
    loader: Loader,
) -> None:
    """With boot.initrd.secrets, the installer changes the initrd's name or size."""
    nixos = loader.boot / "EFI/nixos"
    loader.entry("nixos-generation-7.conf", loader.system, "EFI/nixos/c0ffee-initrd.efi")
    loader.settings("default nixos-generation-7.conf")
    assert loader.default() == ANOTHER
    (nixos / "c0ffee-initrd.efi").write_bytes(b"x" * 33)
    assert loader.default() == BOOTS
    (nixos / "c0ffee-initrd.efi").write_bytes(b"x" * 19)
    assert loader.default() == ANOTHER


@pytest.mark.parametrize(("name", "size"), [("bzImage", 39), ("bzImage", 41), ("more", 0)])
def test_a_kernel_of_another_size_or_an_empty_file_does_not_boot(
    loader: Loader, name: str, size: int
) -> None:
    loader.entry("nixos-generation-7.conf", loader.system)
    loader.settings("default nixos-generation-7.conf")
    assert loader.default() == BOOTS
    (loader.boot / f"EFI/nixos/{name}.efi").write_bytes(b"x" * size)
    assert loader.default() == ANOTHER


def test_an_installer_that_writes_before_it_removes_frees_no_space(loader: Loader) -> None:
    """Numbered entries beyond the limit are removed first, content-addressed ones last."""
    (loader.boot / "EFI/nixos/old.efi").write_bytes(b"x" * 1000)
    for number in (4, 5, 6, 7):
        loader.entry(f"nixos-generation-{number}.conf", loader.system, f"EFI/nixos/{number}.efi")
        (loader.boot / f"EFI/nixos/{number}.efi").write_bytes(b"x" * number)
    count = f'[ "$(freed {loader.boot} {loader.system})" = %s ]'
    assert loader.ask(count % 9) == "0"
    for number, path in enumerate(sorted((loader.boot / "loader/entries").iterdir())):
        path.rename(path.with_name(f"nixos-{number}{'0' * 63}.conf"))
    assert loader.ask(count % 0) == "0"


@pytest.mark.requirement("S4-34")
def test_a_new_boot_default_is_flushed_to_the_disk_itself(loader: Loader) -> None:
    """A sync of FAT leaves data in the disk's cache. An fsync of the partition's root does not."""
    said = loader.machine.root / "synced"
    log = loader.machine.root / "deployment/log"
    log.parent.mkdir()
    names = f'deployment={log.parent}; sync() {{ say "$*" >>{said}; }}'
    assert loader.ask(f"{names}; switch {loader.system} test") == "0"
    assert not said.exists()
    assert loader.ask(f"{names}; switch {loader.system} boot") == "0"
    lines = said.read_text().splitlines()
    for place in (loader.boot, loader.machine.root / "nix/var/nix/profiles"):
        assert lines.index(f"-f {place}") < lines.index(str(place))
