"""Fetch uv from the package index into a directory: for a machine with Python and nothing else.

Uses pip in an environment of its own where that is possible, because pip knows the person's index
and certificates; else the wheel itself, with its digest checked.
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
    """Whether pip could; Debian's Python may come without it."""
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
    """Take the one file that matters out of the wheel for this machine."""
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
