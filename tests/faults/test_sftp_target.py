"""An SFTP target: what a client can do on the host that holds its backups, tried as the client."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from homelab.backup.restic import modules
from homelab.testing import changed
from tests import build
from tests.faults.machine import Machine
from tests.faults.saver import PACKAGES, STACK, Saver, app
from tests.tools.libraries import evaluated

pytestmark = pytest.mark.requirement("S0-34")

TARGET = build.ROOT / "homelab/backup/target.sh"
CLIENTS = ("pi", "box")
OPTIONS = (
    "-oStrictHostKeyChecking=no -oIdentitiesOnly=yes -oBatchMode=yes -oUserKnownHostsFile=/dev/null"
)


@cache
def holding_host() -> Mapping[str, Any]:
    """The options of the host that holds the backups of two clients."""
    box = {
        "platform": "x86_64-linux",
        "state_version": "25.11",
        "hardware": "hosts/box/hardware.nix",
        "address": {"lan": "192.168.1.4", "tailnet": "100.64.0.4"},
        "ssh": {"host_key": build.host_key("box")},
    }
    pad = {**app("pad", 8090, {"sqlite": "/var/lib/pad/pad.db"}), "host": "box"}
    plan = build.plan(changed(STACK, {"hosts": {"box": box}, "services": {"pad": pad}}))
    return evaluated(modules(plan, plan.hosts["nas"]), PACKAGES)


def hold(machine: Machine) -> None:
    """Configure the accounts, the directories and the sshd of the holding host."""
    made = holding_host()
    for login in made["users"]["users"]:
        machine.run(f"useradd --system --user-group --shell /usr/sbin/nologin {login}")
    rules = made["services"]["openssh"]["extraConfig"]
    (machine.root / "etc/ssh/sshd_config.d/zz-stores.conf").write_text(rules)
    (machine.root / "root/target.sh").write_text(TARGET.read_text())
    script = made["systemd"]["services"]["backup-target-usb"]["script"]
    (machine.root / "root/directories").write_text(
        re.sub(r"^\. \S+", ". /root/target.sh", script, flags=re.MULTILINE)
    )
    machine.run("mkdir -p /mnt/usb; bash -e /root/directories")
    for client in CLIENTS:
        machine.run(f"""
          ssh-keygen -q -t ed25519 -N "" -f /root/key-{client}
          cp /root/key-{client}.pub /run/homelab/secrets/restic-usb-{client}-key
        """)
    machine.run("echo of the host >/etc/secret-of-the-host; systemctl restart sshd")


def sftp(machine: Machine, client: str, *commands: str) -> str:
    """What the server answers a client: the output, also of commands that fail."""
    batch = "\n".join(f"-{command}" for command in commands)
    return machine.run(
        f"sftp -q -b - -i /root/key-{client} {OPTIONS} restic-{client}@192.168.1.225 2>&1 <<'END'\n"
        f"{batch}\nEND\n"
    )


@pytest.fixture
def held(saver: Saver) -> Machine:
    """A machine with a repository of each client, made by restic over SFTP."""
    hold(saver.machine)
    for client, job in (("pi", "notes"), ("box", "pad")):
        saver.machine.run(
            restic(client, job, "init") + "; " + restic(client, job, "backup /etc/hostname")
        )
    return saver.machine


def restic(client: str, job: str, words: str) -> str:
    """A command of restic as a client runs it."""
    ssh = f"ssh restic-{client}@192.168.1.225 -i /root/key-{client} {OPTIONS} -s sftp"
    repository = f"sftp:restic-{client}@192.168.1.225:/{job}"
    return f"RESTIC_PASSWORD=x restic -q -r {repository} -o sftp.command='{ssh}' {words}"


def test_a_client_makes_lists_and_restores_its_own_backups(held: Machine) -> None:
    held.run(restic("box", "pad", "restore latest --target /root/out"))
    assert held.run("cat /root/out/etc/hostname").strip() == "pi"
    held.run(restic("box", "pad", "forget --prune --keep-last 1 --group-by host"))
    owner = held.run("stat -c '%U %a' /mnt/usb/restic/box/pad /mnt/usb/restic/box")
    assert owner.split("\n")[:2] == ["restic-box 700", "root 755"]


def test_a_client_cannot_read_list_or_delete_what_is_not_its_own(held: Machine) -> None:
    before = held.run("cd /mnt/usb/restic && find . -type f | sort | xargs sha256sum")
    listed = sftp(held, "box", "ls -la /", "ls -la ..", "ls -la /../..", "ls -la /pi")
    assert "pad" in listed
    assert "notes" not in listed
    for path in ("/pi/notes/config", "/../pi/notes/config", "/mnt/usb/restic/pi/notes/config"):
        for command in (f"get {path} /root/stolen", f"rm {path}", f"rename {path} /pad/theirs"):
            assert re.search("not found|No such file|denied", sftp(held, "box", command)), command
    sftp(
        held,
        "box",
        "symlink /mnt/usb/restic/pi/notes /pad/link",
        "get /pad/link/config /root/stolen",
        "ln -s ../../pi/notes /pad/other",
        "get /pad/other/config /root/stolen",
        "get /etc/secret-of-the-host /root/stolen",
        "rmdir /pad",
        "mkdir /new",
        "put /etc/hostname /new-file",
        "chmod 777 /",
    )
    assert held.run("ls /root/stolen 2>/dev/null || true") == ""
    assert held.run("ls -A /mnt/usb/restic/box").split() == ["pad"]
    held.run("rm -f /mnt/usb/restic/box/pad/link /mnt/usb/restic/box/pad/other")
    after = held.run("cd /mnt/usb/restic && find . -type f | sort | xargs sha256sum")
    assert after == before


def test_a_client_gets_no_shell_no_forwarding_and_no_other_account(held: Machine) -> None:
    ssh = f"ssh -i /root/key-box {OPTIONS} "
    assert "of the host" not in held.run(
        f"timeout 10 {ssh} restic-box@192.168.1.225 cat /etc/secret-of-the-host 2>&1 || true"
    )
    refused = held.run(
        f"timeout 10 {ssh} -W 127.0.0.1:22 restic-box@192.168.1.225 </dev/null 2>&1 || true"
    )
    assert "administratively prohibited" in refused
    for other in ("restic-pi", "root"):
        assert "Permission denied" in held.run(f"{ssh} {other}@192.168.1.225 true 2>&1 || true"), (
            other
        )
