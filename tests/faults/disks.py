"""A machine's disks: file systems in files, so that a power cut loses unwritten data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.faults.network import run

_SIZES = {"": "512M", "nix": "450M", "boot": "64M", "var/lib/homelab": "16M"}
"""Size of each disk by mount point. The first one has the changes of the image."""


class Disks:
    """The disks below one directory, and the tree of their mounts."""

    def __init__(self, image: Path, directory: Path, more: Mapping[str, str] | None = None) -> None:
        self.image, self.directory = image, directory
        self.sizes = {**_SIZES, **(more or {})}
        self.root = directory / "root"
        self.root.mkdir(parents=True)
        for point, size in self.sizes.items():
            run("truncate", "-s", size, self._file(point))
            run("mkfs.ext4", "-q", "-m", "0", self._file(point))
        self.mount()

    def mount(self) -> None:
        """Mount the tree."""
        upper = self.directory / "upper"
        upper.mkdir(exist_ok=True)
        self._mount("", upper)
        for name in ("files", "work"):
            (upper / name).mkdir(exist_ok=True)
        layers = f"lowerdir={self.image},upperdir={upper}/files,workdir={upper}/work"
        run("mount", "-t", "overlay", "-o", layers, "overlay", self.root)
        for point in filter(None, self.sizes):
            (self.root / point).mkdir(parents=True, exist_ok=True)
            self._mount(point, self.root / point)

    def unmount(self) -> None:
        """Unmount the tree, with all data written."""
        for point in filter(None, self.sizes):
            run("umount", self.root / point)
        run("umount", self.root)
        run("umount", self.directory / "upper")

    def lose_power(self) -> None:
        """Discard unwritten data, and mount the tree again."""
        for point in self.sizes:
            file = self._file(point)
            run("cp", "--sparse=always", file, file.with_suffix(".cut"))
        # This writes the rest into files that are no longer used.
        self.unmount()
        for point in self.sizes:
            self._file(point).with_suffix(".cut").replace(self._file(point))
        self.mount()

    def take(self, point: str, other: Disks) -> None:
        """Replace a disk by a copy of another machine's, which is off."""
        run("umount", self.root / point)
        other.sync()
        copy = self._file(point).with_suffix(".copy")
        run("cp", "--sparse=always", other._file(point), copy)
        # Not into the old file, whose loop device may still end.
        copy.replace(self._file(point))
        self._mount(point, self.root / point)

    def sync(self) -> None:
        """Write all data to disk."""
        run("sync", "--file-system", self.directory / "upper")
        for point in filter(None, self.sizes):
            run("sync", "--file-system", self.root / point)

    def _file(self, point: str) -> Path:
        return self.directory / f"{point.replace('/', '-') or 'root'}.ext4"

    def _mount(self, point: str, where: Path) -> None:
        # No automatic write before the power cut.
        run("mount", "-o", "loop,commit=600", self._file(point), where)
