"""`nas`, the relay of the machine. It runs in the deployer's network."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from homelab.deploy.model import BUNDLE_USER
from homelab.offline import delivery
from tests.faults.machine import Machine, eventually
from tests.faults.network import LAPTOP, Laptop, run

UNIT = "homelab-pull.service"
"""The script that an offline host runs when it wakes."""
_RELAY, _PULL, _SIGNERS = "/etc/homelab/relay.sh", "/etc/homelab/pull.sh", delivery.SIGNERS
_PULLS = f"""\
[Service]
Type=oneshot
Environment=HOME=/root PATH=/run/current-system/sw/bin:/usr/bin:/bin:/usr/sbin:/sbin
ExecStart=/bin/bash -c '. {_PULL}' pull pi 22 nas 22 {" ".join(LAPTOP.values())}
"""


class Keeper:
    """A tree of the image with an account for the machine, and an sshd in the laptop's network."""

    def __init__(self, image: Path, directory: Path, laptop: Laptop) -> None:
        self.laptop, self.directory, self.root = laptop, directory, directory / "root"
        self._process: subprocess.Popen[bytes] | None = None
        for part in ("root", "files", "work"):
            (directory / part).mkdir(parents=True)
        layers = f"lowerdir={image},upperdir={directory}/files,workdir={directory}/work"
        run("mount", "-t", "overlay", "-o", layers, "overlay", self.root)
        run("mount", "--bind", "/dev", self.root / "dev")
        for old in (self.root / "etc/ssh").glob("ssh_host_*"):
            old.unlink()
        key = self.root / "etc/ssh/ssh_host_ed25519_key"
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "nas", "-f", key)
        self.host_key = key.with_suffix(".pub").read_text().strip()
        (self.root / "run/sshd").mkdir(parents=True, exist_ok=True)
        keys = self.root / "etc/ssh/keys"
        keys.mkdir()
        (keys / "root").write_text(self.laptop.public_key)
        settings = "HostKey /etc/ssh/ssh_host_ed25519_key\nAuthorizedKeysFile /etc/ssh/keys/%u\n"
        (self.root / "etc/ssh/sshd_config.d/nas.conf").write_text(settings)
        self.start()

    def keeps_for(self, machine: Machine) -> None:
        """Install what their releases give an offline host and its relay."""
        relay = self.root / _RELAY[1:]
        relay.parent.mkdir()
        relay.write_text(delivery.relay_text())
        key = f'restrict,command="/bin/bash {_RELAY} pi" {machine.host_key}\n'
        (self.root / "etc/ssh/keys" / BUNDLE_USER).write_text(key)
        place = f"{delivery.BUNDLES}/pi"
        account = f"""
          useradd --system --shell /bin/bash {BUNDLE_USER}
          install -d -m 0750 -g {BUNDLE_USER} {place}
          install -d -m 0700 -o {BUNDLE_USER} -g {BUNDLE_USER} {place}/report
        """
        run("chroot", self.root, "bash", "-euc", account)
        own = machine.root / "etc/homelab"
        own.mkdir()
        (machine.root / _PULL[1:]).write_text(delivery.pull_text())
        signer = f'owner namespaces="homelab-bundle" {self.laptop.public_key}'
        (machine.root / "etc" / _SIGNERS).write_text(signer)
        (machine.root / "etc/ssh/ssh_known_hosts").write_text(f"nas {self.host_key}\n")
        (machine.root / "usr/local/lib/systemd/system").mkdir(parents=True, exist_ok=True)
        (machine.root / "usr/local/lib/systemd/system" / UNIT).write_text(_PULLS)
        machine.run("systemctl daemon-reload; sync")

    def spec(self) -> dict[str, object]:
        """Its description for the deployer."""
        return {
            "host": "nas",
            "paths": [{"name": link, "address": address} for link, address in LAPTOP.items()],
            "host_key": self.host_key,
            "signers": [" ".join(self.laptop.public_key.split()[:2])],
        }

    def told(self) -> str:
        """The last report of the machine."""
        word = self.root / delivery.BUNDLES[1:] / "pi/report/word"
        return word.read_text() if word.exists() else ""

    def start(self) -> None:
        """Start its sshd."""
        apart = ("unshare", "--mount", "--pid", "--fork", "--kill-child", f"--root={self.root}")
        sshd = ("--mount-proc", "/usr/sbin/sshd", "-D", "-e")
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self.laptop.inside(), *apart, *sshd],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        eventually(lambda: "listening" in (self.directory / "log").read_text(), "it answers")

    def stop(self) -> None:
        """Stop its sshd."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None

    def remove(self) -> None:
        """Stop it and remove its files."""
        self.stop()
        run("umount", self.root / "dev")
        run("umount", self.root)
        shutil.rmtree(self.directory)
