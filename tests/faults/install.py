"""The content of a machine's disks after an installation."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.faults.network import run

PATH = "/run/current-system/sw/bin:/usr/bin:/bin:/usr/sbin:/sbin"
STANDINS = Path(__file__).with_name("nixos")
RESUME = Path(__file__).parents[2] / "homelab/deploy/resume-at-boot.sh"


def install(root: Path, before: str = "") -> None:
    """Install keys, stand-ins, one system and its boot entry into a tree of the image.

    A script of the caller runs inside before the first build.
    """
    (root / "etc/machine-id").write_text(f"{1:032x}\n")
    (root / "etc/hostname").write_text("pi\n")
    (root / "var/log/journal").mkdir(exist_ok=True)
    (root / "nix/store").mkdir(parents=True, exist_ok=True)
    shutil.copytree(STANDINS, root / "usr/local/share/nixos")
    shutil.copy(RESUME, root / "usr/local/share/nixos")
    for program in (root / "usr/local/share/nixos").glob("*.sh"):
        program.chmod(0o755)
    shutil.rmtree(root / "etc/systemd/system")
    (root / "etc/systemd/system").symlink_to("/etc/static/systemd/system")
    host_key = root / "etc/ssh/ssh_host_ed25519_key"
    for old in host_key.parent.glob("ssh_host_*"):
        old.unlink()
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "pi", "-f", host_key)
    settings = root / "etc/ssh/sshd_config.d/pi.conf"
    settings.write_text(f"SetEnv PATH={PATH}\nHostKey /etc/ssh/ssh_host_ed25519_key\n")

    flake = root / "root/installer"
    (flake / "system").mkdir(parents=True)
    (flake / "flake.nix").touch()
    (flake / "system/label").write_text("as-installed\n")
    script = f"""{before}
      cd /root/installer
      standins=/usr/local/share/nixos
      top=$($standins/nixos-rebuild.sh build --flake /root/installer#pi --no-update-lock-file | tail -n 1)
      $standins/nix-env.sh -p /nix/var/nix/profiles/system --set "$top"
      "$top/bin/switch-to-configuration" boot
    """
    run("chroot", root, "bash", "-euc", script)


def host_key(root: Path) -> str:
    """The machine's public host key."""
    return (root / "etc/ssh/ssh_host_ed25519_key.pub").read_text().strip()


def authorize(root: Path, key: Path) -> None:
    """Authorize the deployer's public key."""
    keys = root / "root/.ssh"
    keys.mkdir(mode=0o700, exist_ok=True)
    shutil.copy(key.with_suffix(".pub"), keys / "authorized_keys")
