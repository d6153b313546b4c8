"""The images of machines: Debian packages in a directory, created once."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import time
from pathlib import Path

from tests.faults import computer_disks

IMAGE = "HOMELAB_FAULTS_IMAGE"
"""The variable with the directory of the machines' image."""
COMPUTER_IMAGE = "HOMELAB_FAULTS_COMPUTER_IMAGE"
"""The same with a kernel and a boot loader."""

_PACKAGES = (
    *("age", "dbus", "iproute2", "nftables", "openssh-server", "procps"),
    *("systemd", "systemd-sysv"),
)
_TO_SAVE = (
    *("curl", "fossil", "jq", "mariadb-server", "postgresql"),
    *("restic", "rsync", "sqlite3"),
)
"""Programs of backups, databases, and an app with a database that answers over HTTP."""
_TO_BOOT = ("busybox-static", "kmod", "qemu-guest-agent", "systemd-boot")
_SOURCES = ("sources.list.d/debian.sources", "sources.list.d/ubuntu.sources", "sources.list")


_LOCK, _PARTIAL = ".lock", ".partial"
_UNUSED_SECONDS = 7 * 86_400
"""Age at which an image that nobody used is removed."""


def boots_computers() -> bool:
    """Whether firmware, boot loader and kernel of this architecture are supported."""
    return platform.machine() == "x86_64"


def make() -> dict[str, Path]:
    """The images' directories by name. They are rebuilt when packages or sources change."""
    release = dict(
        line.split("=", 1)
        for line in Path("/etc/os-release").read_text().splitlines()
        if "=" in line
    )
    suite = release["VERSION_CODENAME"].strip('"')
    wanted = {IMAGE: (*_PACKAGES, *_TO_SAVE)}
    if boots_computers():
        ubuntu = release["ID"].strip('"') == "ubuntu"
        kernel = "linux-image-virtual" if ubuntu else "linux-image-cloud-amd64"
        wanted[COMPUTER_IMAGE] = (*_PACKAGES, *_TO_BOOT, kernel)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "homelab-faults"
    cache.mkdir(parents=True, exist_ok=True)
    images = {name: cache / _digest(suite, packages) for name, packages in wanted.items()}
    kept = set(images.values())
    if COMPUTER_IMAGE in images:
        kept.add(computer_disks.place(images[COMPUTER_IMAGE]))
    with (cache / _LOCK).open("w") as lock:
        # Another clone may run on this machine, with the same or other packages.
        fcntl.flock(lock, fcntl.LOCK_EX)
        for other in {*cache.iterdir()} - kept - {cache / _LOCK}:
            unused = time.time() - other.stat().st_mtime > _UNUSED_SECONDS
            # A run that was killed left it: whoever makes one holds the lock.
            if unused or other.suffix == _PARTIAL:
                shutil.rmtree(other)
        for name, target in images.items():
            if not target.exists():
                _make(target, suite, wanted[name])
    for path in kept:
        if path.exists():
            os.utime(path)
    return images


def _sources() -> list[Path]:
    found = [Path("/etc/apt", name) for name in _SOURCES]
    return [path for path in found if path.is_file() and path.read_text().strip()]


def _digest(suite: str, packages: tuple[str, ...]) -> str:
    facts = [suite, *packages, *(path.read_text() for path in _sources())]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def _make(target: Path, suite: str, packages: tuple[str, ...]) -> None:
    print(f"faults: makes {target}, which takes a minute", flush=True)
    partial = target.with_suffix(_PARTIAL)
    command = ["mmdebstrap", "--quiet", "--variant=apt", f"--include={','.join(packages)}", suite]
    # The kernel package must not build an initrd; computer_disks builds ours.
    environment = {**os.environ, "INITRD": "No"}
    paths = map(str, (partial, *_sources()))
    subprocess.run([*command, *paths], check=True, timeout=900, env=environment)
    partial.rename(target)
