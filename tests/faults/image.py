"""The image that every machine starts from: Debian packages in a directory, made once."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

IMAGE = "HOMELAB_FAULTS_IMAGE"
"""Names the image's directory, for the tests."""

_PACKAGES = ("dbus", "iproute2", "nftables", "openssh-server", "procps", "systemd", "systemd-sysv")
_SOURCES = ("sources.list.d/debian.sources", "sources.list.d/ubuntu.sources", "sources.list")


def make() -> Path:
    """The image's directory; made anew when packages or sources are others than last time."""
    release = dict(
        line.split("=", 1)
        for line in Path("/etc/os-release").read_text().splitlines()
        if "=" in line
    )
    suite = release["VERSION_CODENAME"].strip('"')
    found = [Path("/etc/apt", name) for name in _SOURCES]
    sources = [path for path in found if path.is_file() and path.read_text().strip()]
    facts = [suite, *_PACKAGES, *(path.read_text() for path in sources)]
    digest = hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "homelab-faults"
    target = cache / digest
    if target.exists():
        return target
    print(f"faults: makes {target}, which takes a minute", flush=True)
    shutil.rmtree(cache, ignore_errors=True)
    cache.mkdir(parents=True)
    partial = cache / f"{digest}.partial"
    packages = ",".join(_PACKAGES)
    command = ["mmdebstrap", "--quiet", "--variant=apt", f"--include={packages}", suite]
    paths = map(str, (partial, *sources))
    subprocess.run([*command, *paths], check=True, timeout=900)
    partial.rename(target)
    return target
