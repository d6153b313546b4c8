"""`make faults`: run these tests in their own namespaces.

Processes, mounts and networks that the tests make exist only below one process. When that one
ends, however it ends, the kernel removes them all; a crash leaves an empty directory at most.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.faults import cgroup, firmware, image

ROOT = Path(__file__).parents[2]
WORK = "HOMELAB_FAULTS"
"""The variable with the tests' working directory. Without it they are not collected."""
BOOT = "HOMELAB_FAULTS_BOOT"
"""With this option, emulated computers are started too."""

# The namespaces end with the command, and the command with this process.
_BELOW = (
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--fork", "--kill-child", "--pid", "--mount-proc", "--mount", "--net"),
)
_TOOLS = {
    "ip": "iproute2",
    "mkfs.ext4": "e2fsprogs",
    "mmdebstrap": "mmdebstrap",
    "mount": "mount",
    "nft": "nftables",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "systemd-nspawn": "systemd-container",
    "unshare": "util-linux",
}
_COMPUTER_TOOLS = {
    str(firmware.CODE): "ovmf",
    "mcopy": "mtools",
    "mkfs.vfat": "dosfstools",
    "qemu-img": "qemu-utils",
    "qemu-system-x86_64": "qemu-system-x86",
    "sfdisk": "fdisk",
}


def why_not() -> str:
    """What this machine lacks, or an empty text."""
    if sys.platform != "linux":
        return "they boot Linux machines, and this is not Linux"
    if os.geteuid() != 0:
        return "they make namespaces and mounts; run them as root"
    tools = _TOOLS | (_COMPUTER_TOOLS if image.boots_computers() else {})
    missing = {
        package
        for tool, package in tools.items()
        if not (shutil.which(tool) or Path(tool).exists())
    }
    if missing:
        return f"apt-get install --no-install-recommends {' '.join(sorted(missing))}"
    if not Path("/dev/loop-control").exists():
        return "/dev/loop-control is not here; in a container, they need --privileged"
    if BOOT in os.environ and not Path("/dev/net/tun").exists():
        return "/dev/net/tun is not here: modprobe tun; a container needs --device=/dev/net/tun"
    return cgroup.why_not()


def main(arguments: list[str]) -> int:
    """Run pytest with these arguments over the tests beside this file."""
    if arguments[:1] == ["--inside"]:
        return _inside(Path(arguments[1]), arguments[2:])
    reason = why_not()
    if reason:
        print(f"faults: not run: {reason}", file=sys.stderr)
        return 1 if os.environ.get("CI") else 0
    # A shell's background jobs ignore SIGINT, and the tests' clients would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ |= {name: str(path) for name, path in image.make().items()}
    cgroup.sweep()
    with tempfile.TemporaryDirectory(prefix="homelab-faults-") as work:
        inside = [sys.executable, "-m", "tests.faults", "--inside", work, *arguments]
        try:
            return subprocess.run([*_BELOW, *inside], cwd=ROOT, check=False).returncode
        finally:
            cgroup.sweep()


def _inside(work: Path, arguments: list[str]) -> int:
    for directory in (Path("/run"), work):
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", directory], check=True)
    pytest = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    if not any(Path(word.partition("::")[0]).exists() for word in arguments):
        pytest.append("tests/faults")
    process = subprocess.Popen(pytest, cwd=ROOT, env={**os.environ, WORK: str(work)})
    # As process 1 of the namespace, this one inherits every orphan.
    while True:
        pid, status = os.wait()
        if pid == process.pid:
            return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
