"""Fetch uv from the package index into a directory. It needs only Python.

It uses pip in a separate environment if possible, because pip knows the user's index and
certificates. Otherwise it downloads the wheel and checks its digest.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path
from urllib.parse import urljoin

INDEX = "https://pypi.org/pypi/uv/json"


def main() -> int:
    """Put `uv` into the directory that the only argument names."""
    target = Path(sys.argv[1])
    (target / "bin").mkdir(parents=True, exist_ok=True)
    print("uv is not on PATH; fetching it", file=sys.stderr)
    if not by_pip(target):
        by_wheel(target)
    return 0


def by_pip(target: Path) -> bool:
    """Install uv with pip. Returns False if that fails; Debian's Python may lack pip."""
    place = target / "python"
    made = subprocess.run(
        [sys.executable, "-m", "venv", str(place)], capture_output=True, check=False
    )
    pip = place / "bin" / "pip"
    if made.returncode != 0 or not pip.exists():
        return False
    done = subprocess.run([str(pip), "install", "--quiet", "uv"], check=False)
    link = target / "bin" / "uv"
    if done.returncode == 0 and not link.exists():
        link.symlink_to("../python/bin/uv")
    return done.returncode == 0


def by_wheel(target: Path) -> None:
    """Extract the uv binary from the wheel for this machine."""
    with urllib.request.urlopen(INDEX) as answer:
        files = json.load(answer)["urls"]
    wheel = next(f for f in files if fits(f["filename"]))
    with urllib.request.urlopen(urljoin(INDEX, wheel["url"])) as answer:
        data = answer.read()
    if hashlib.sha256(data).hexdigest() != wheel["digests"]["sha256"]:
        raise SystemExit("uv: the download is not what the index says; try again")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        name = next(n for n in archive.namelist() if n.endswith("/scripts/uv"))
        path = target / "bin" / "uv"
        path.write_bytes(archive.read(name))
    path.chmod(0o755)


def fits(filename: str) -> bool:
    """Whether a wheel is for this machine."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower())
    machine = machine or platform.machine().lower()
    if sys.platform == "darwin":
        return "macosx" in filename and ("arm64" if machine == "aarch64" else machine) in filename
    kind = "musllinux" if not os.confstr("CS_GNU_LIBC_VERSION") else "manylinux"
    return kind in filename and filename.endswith(f"_{machine}.whl")


if __name__ == "__main__":
    sys.exit(main())
