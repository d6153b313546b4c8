"""A machine that is to be installed: a directory, stand-ins for its commands, and an SSH server.

After it restarts, the server serves what was installed, with the host key that is on its disk.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import asyncssh

INSTALLER = 'ID=nixos\nVARIANT_ID=installer\nPRETTY_NAME="NixOS 25.11 (Xantusia)"\n'
INSTALLED = 'ID=nixos\nPRETTY_NAME="NixOS 25.11 (Xantusia)"\n'

SYSTEM = "nvme-Samsung_SSD_990_PRO_2TB_S7KGNU0X"
DISKS: dict[str, Any] = {
    "blockdevices": [
        {
            "name": "nvme0n1",
            "path": "/dev/nvme0n1",
            "type": "disk",
            "size": 2_000_398_934_016,
            "model": "Samsung SSD 990 PRO 2TB",
            "serial": "S7KGNU0X",
            "ro": False,
            "fstype": None,
            "label": None,
            "mountpoint": None,
            "children": [
                {
                    "name": "nvme0n1p1",
                    "path": "/dev/nvme0n1p1",
                    "type": "part",
                    "size": 1000,
                    "fstype": "ntfs",
                    "label": "Windows",
                    "mountpoint": None,
                }
            ],
        },
        {
            "name": "sda",
            "path": "/dev/sda",
            "type": "disk",
            "size": "32000000000",
            "model": "Installer Stick",
            "serial": "0001",
            "ro": "0",
            "fstype": "iso9660",
            "label": "nixos-25.11",
            "mountpoint": "/iso",
        },
        {"name": "loop0", "path": "/dev/loop0", "type": "loop", "size": 1000},
    ]
}
LINKS = {SYSTEM: "../../nvme0n1", "usb-Installer_Stick_0001-0:0": "../../sda"}

SYSTEM_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
COMMANDS = {
    "lsblk": 'cat "$HOMELAB_ROOT/lsblk.json"',
    "id": "echo 0",
    "chown": ":",
    "uname": "echo x86_64",
    "mountpoint": 'test -e "$HOMELAB_ROOT/run/mounted"',
    "umount": 'mv "$HOMELAB_ROOT/mnt" "$HOMELAB_ROOT/../disk"; rm "$HOMELAB_ROOT/run/mounted"',
    "swapoff": ":",
    "systemctl": 'touch "$HOMELAB_ROOT/../restarted"',
    "nixos-generate-config": 'echo "{ boot.kernelModules = [ \\"kvm-amd\\" ]; }"',
    # nix eval, or nix build --out-link PLACE
    "nix": """
case " $* " in
  *" eval "*) [ ! -e "$HOMELAB_ROOT/wrong" ] || { echo "error: attribute missing" >&2; exit 1; } ;;
  *" build "*)
    while [ "$1" != --out-link ]; do shift; done
    mkdir -p "$2/bin"
    printf '#!/bin/sh\\nexec standin-disko "$@"\\n' >"$2/bin/disko-destroy-format-mount"
    chmod +x "$2/bin/disko-destroy-format-mount" ;;
esac""",
    "nix-store": """
[ "$1" != --store ] || { store=$2; shift 2; }
case $1 in
  --check-validity)
    shift 2
    for path; do grep -qx "$path" "$HOMELAB_ROOT/../there" 2>/dev/null || echo "$path"; done ;;
  --import) cat >"$HOMELAB_ROOT/../imported$(basename "${store:-/own}")" ;;
esac""",
    "standin-disko": """
[ "$1" = --yes-wipe-all-disks ] || exit 1
cat >"$HOMELAB_ROOT/../typed"
mkdir -p "$HOMELAB_ROOT/mnt"
touch "$HOMELAB_ROOT/run/mounted" """,
    "nixos-install": """
[ ! -e "$HOMELAB_ROOT/../full" ] || { echo "error: no space left on device" >&2; exit 1; }
mkdir -p "$HOMELAB_ROOT/mnt/nix/var/nix/profiles"
ln -sfn /nix/store/0-nixos-system-nas "$HOMELAB_ROOT/mnt/nix/var/nix/profiles/system" """,
}
"""Stand-ins of the installer's commands. Each call goes to the log first."""


class Machine:
    """The machine. It serves inside a `with` block, in a thread."""

    def __init__(self, directory: Path, client: asyncssh.SSHKey) -> None:
        self.directory, self.client = directory, client
        self.root = directory / "root"
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.port = 0
        self.scripts: list[str] = []
        """What was sent to it."""
        self.users: list[str] = []
        self._bin = directory / "bin"
        self._bin.mkdir(parents=True)
        for name, body in COMMANDS.items():
            self.command(name, body)
        for place in ("run", "dev/disk/by-id", "sys/firmware/efi", "etc", "proc/sys/kernel"):
            (self.root / place).mkdir(parents=True)
        for name, device in LINKS.items():
            (self.root / "dev/disk/by-id" / name).symlink_to(device)
        self.release(INSTALLER)
        self.disks(DISKS)

    # --- what it is ----------------------------------------------------------------------------

    def command(self, name: str, body: str) -> None:
        """Replace a stand-in."""
        path = self._bin / name
        log = self.directory / "log"
        path.write_text(f'#!/bin/bash\nset -e\necho "{name} $*" >>{log}\n{body}\n')
        path.chmod(0o755)

    def release(self, text: str) -> None:
        (self.root / "etc/os-release").write_text(text)

    def disks(self, listed: Mapping[str, Any]) -> None:
        (self.root / "lsblk.json").write_text(json.dumps(listed))

    @property
    def disk(self) -> Path:
        """What was installed, once it has restarted."""
        return self.directory / "disk"

    def calls(self) -> list[str]:
        log = self.directory / "log"
        return log.read_text().splitlines() if log.exists() else []

    def called(self, name: str) -> list[str]:
        return [line for line in self.calls() if line.split()[0] == name]

    @property
    def public(self) -> str:
        return self.key.export_public_key().decode().strip()

    # --- serving -------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        self._watching = asyncio.run_coroutine_threadsafe(self._restarts(), self._loop)
        return self

    def __exit__(self, *_: object) -> None:
        self._watching.cancel()

        async def end() -> None:
            self._server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncssh.listen(
            "127.0.0.1",
            self.port,
            server_host_keys=[self.key],
            authorized_client_keys=asyncssh.import_authorized_keys(
                self.client.export_public_key().decode()
            ),
            process_factory=self._answer,
            encoding=None,
            config=None,
        )
        self.port = self._server.get_port()

    async def _restarts(self) -> None:
        mark = self.directory / "restarted"
        while True:
            await asyncio.sleep(0.05)
            if not mark.exists():
                continue
            mark.unlink()
            self._server.close()
            if self.disk.exists():
                shutil.rmtree(self.root / "run")
                (self.root / "run").mkdir()
                self.release(INSTALLED)
                key = self.disk / "etc/ssh/ssh_host_ed25519_key"
                self.key = asyncssh.read_private_key(str(key))
            else:
                # An installer from memory, with the keys of the system before.
                self.release(INSTALLER)
                self.disks(DISKS)
            await self._listen()

    async def _answer(self, session: asyncssh.SSHServerProcess[bytes]) -> None:
        script = await session.stdin.read()
        self.scripts.append(script.decode(errors="replace"))
        self.users.append(str(session.get_extra_info("username")))
        path = f"{self._bin}:{SYSTEM_PATH}"
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-c",
            session.command or "exit 64",
            env={"PATH": path, "HOMELAB_ROOT": str(self.root), "HOME": str(self.root)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        output, errors = await process.communicate(script)
        session.stdout.write(output)
        session.stderr.write(errors)
        session.exit(process.returncode or 0)
