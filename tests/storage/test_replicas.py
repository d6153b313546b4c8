"""Replicas: real btrbk sends to a real sshd, whose account can only receive."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from homelab.deploy.status import HostFacts, HostStatus
from homelab.storage.replicas import SCRIPT
from tests import build
from tests.household import Changes, household
from tests.programs.rendered import running, settings
from tests.proxy.rig import free_ports
from tests.storage.disks import btrbk_conf, mounted, need_btrfs, run, snapshots_in
from tests.tools.programs import at, need

pytestmark = pytest.mark.long
NAME = re.compile(r"photos\.\d{8}T\d{6}[+-]\d{4}")


def photos(mount: Path | str = "/mnt/family", **replicate: object) -> Changes:
    found = {
        "host": "aurora",
        "path": f"{mount}/photos",
        "mount": str(mount),
        "tier": "irreplaceable",
        "fs": "btrfs",
        "replicate": {"to": "nas", "path": "/mnt/copy/photos", **replicate},
    }
    return household({"datasets": {"photos": found}})


def option(changes: Changes, host: str, path: str, directory: Path) -> Any:
    return dict(settings(build.plan(changes), path, directory)).get(host)


def test_the_tailnet_lets_the_sender_reach_the_receiver() -> None:
    joined: Changes = {
        "tailnet": build.TAILNET["tailnet"],
        "hosts": {"aurora": {"tailscale": {}}, "nas": {"tailscale": {}}},
    }
    plan = build.plan(household(photos(), joined))
    assert plan.tailnet is not None
    grants = [g for g in plan.tailnet.grants if g.source == "datasets.photos.replicate"]
    assert [(g.src, g.dst, g.ip) for g in grants] == [(("aurora",), ("nas",), ("tcp:22",))]


@dataclass
class Pair:
    """A sender and a receiver on this machine."""

    source: Path
    target: Path
    directory: Path
    port: int
    env: dict[str, str]

    def send(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["btrbk", "-c", str(self.directory / "btrbk.conf"), "run"],
            capture_output=True,
            text=True,
            check=False,
            env=self.env,
        )

    def ask(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command as a client that has the key."""
        words = ["ssh", "-F", str(self.directory / "ssh_config"), "-p", str(self.port)]
        return subprocess.run(
            [*words, "-i", str(self.directory / "key"), "root@127.0.0.1", command],
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env=self.env,
            text=True,
        )

    def replica(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`homelab-replica` on the receiver."""
        return subprocess.run(
            ["bash", str(self.directory / "lib/replica.sh"), *words],
            capture_output=True,
            text=True,
            check=False,
            env=self.env,
        )

    @property
    def received(self) -> list[str]:
        return snapshots_in(self.target / "photos")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """The rendered configuration of both hosts, with root for the accounts and no sudo."""
    need_btrfs()
    for program in ("ssh", "ssh-keygen", "jq"):
        need(program)
    with mounted(tmp_path / "family") as source, mounted(tmp_path / "copy") as target:
        run("btrfs", "subvolume", "create", source / "photos")
        (source / ".snapshots").mkdir()
        yield from _pair(tmp_path, source, target)


def _pair(directory: Path, source: Path, target: Path) -> Iterator[Pair]:
    changes = photos(source, path=f"{target}/photos", max_age_hours=25)
    (port,) = free_ports(1)
    env = {
        **os.environ,
        "HOMELAB_REPLICAS": str(directory / "replicas.json"),
        "HOMELAB_REPLICA_STATE": str(directory / "state"),
        "HOMELAB_REPLICA_METRICS": str(directory / "metrics"),
    }
    made = Pair(source, target, directory, port, env)
    (directory / "lib").mkdir()
    (directory / SCRIPT[0]).write_text(SCRIPT[1])
    (directory / "replicas.json").write_text(
        option(changes, "nas", "environment.etc", directory)["homelab/replicas.json"]["text"]
    )
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / "key")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / "host_key")
    shutil.copy(directory / "key.pub", directory / "authorized")
    (directory / "ssh_config").write_text(
        f"StrictHostKeyChecking no\nUserKnownHostsFile {directory}/known\nIdentitiesOnly yes\n"
    )
    _sshd(changes, made)
    instance = option(changes, "aurora", "services.btrbk.instances.photos_nas", directory)
    conf = btrbk_conf(instance["settings"])
    for rendered, here in (
        ("192.168.1.3:22", f"127.0.0.1:{port}"),
        ("/run/homelab/secrets/replica-photos-key", str(directory / "key")),
        ("ssh_user replica-photos", "ssh_user root"),
    ):
        assert rendered in conf
        conf = conf.replace(rendered, here)
    (directory / "btrbk.conf").write_text(conf)
    assert made.replica("prepare", "photos").returncode == 0
    log = directory / "sshd.log"
    # btrbk calls ssh without an option for its configuration.
    made.env["PATH"] = f"{_ssh(directory)}:{os.environ['PATH']}"
    Path("/run/sshd").mkdir(exist_ok=True)
    with running([at("sshd"), "-D", "-e", "-f", str(directory / "sshd_config")], log, env=env):
        for _ in range(100):
            if made.ask("cat /proc/self/mountinfo").returncode == 0:
                break
            time.sleep(0.1)
        else:
            pytest.fail(log.read_text())
        yield made


def _ssh(directory: Path) -> Path:
    programs = directory / "bin"
    programs.mkdir()
    (programs / "ssh").write_text(f'#!/bin/sh\nexec {at("ssh")} -F {directory}/ssh_config "$@"\n')
    (programs / "ssh").chmod(0o755)
    return programs


def _sshd(changes: Changes, made: Pair) -> None:
    text = option(changes, "nas", "services.openssh.extraConfig", made.directory)
    for rendered, here in (
        ("Match User replica-photos", "Match User root"),
        ("/run/homelab/secrets/replica-photos-public", str(made.directory / "authorized")),
        (
            "/run/wrappers/bin/sudo -n /run/current-system/sw/bin/homelab-replica",
            f"bash {made.directory}/lib/replica.sh",
        ),
    ):
        assert rendered in text
        text = text.replace(rendered, here)
    kept = " ".join(f"{k}={v}" for k, v in made.env.items() if k.startswith("HOMELAB_"))
    (made.directory / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{made.port}\nHostKey {made.directory}/host_key\n"
        f"PidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nSetEnv {kept}\n{text}"
    )


@pytest.mark.requirement("S0-39")
def test_snapshots_arrive_whole_and_then_only_what_changed(pair: Pair) -> None:
    (pair.source / "photos/cat.jpg").write_bytes(os.urandom(2_000_000))
    first = pair.send()
    assert first.returncode == 0, first.stdout + first.stderr
    (name,) = pair.received
    assert NAME.fullmatch(name)
    copy = pair.target / "photos" / name
    assert (copy / "cat.jpg").read_bytes() == (pair.source / "photos/cat.jpg").read_bytes()
    with pytest.raises(OSError, match="Read-only"):
        (copy / "cat.jpg").write_text("spoiled")
    time.sleep(1)
    (pair.source / "photos/dog.jpg").write_text("dog")
    assert pair.send().returncode == 0
    assert len(pair.received) == 2
    assert (pair.target / "photos" / pair.received[-1] / "dog.jpg").read_text() == "dog"
    # The second is a clone of the first with one more file.
    assert "Parent UUID: \t\t-" not in run(
        "btrfs", "subvolume", "show", pair.target / "photos" / pair.received[-1]
    )


@pytest.mark.requirement("S0-39")
def test_a_client_that_tries_more_is_refused(pair: Pair) -> None:
    assert pair.send().returncode == 0
    (name,) = pair.received
    path = f"{pair.target}/photos"
    (pair.directory / "secret").write_text("secret")
    proof = pair.directory / "escaped"
    for command in (
        "",
        "sh",
        f"touch {proof}",
        f"btrfs receive '{path}/' | touch {proof}",
        f"btrfs receive '{path}/'; touch {proof}",
        f"btrfs receive '{path}/'\ntouch {proof}",
        f"btrfs receive '{path}/../'",
        f"btrfs receive '{pair.target}/'",
        f"btrfs subvolume show '{path}/{name}'\ntouch {proof}",
        f"btrfs subvolume show '{path}/$(touch {proof})'",
        f"btrfs subvolume delete '{path}/{name}' '{pair.source}/photos'",
        f"btrfs subvolume delete '{pair.source}/photos'",
        f"btrfs subvolume delete '{path}/../{name}'",
        f"btrfs subvolume snapshot '{path}/{name}' '{path}/writable'",
        f"btrfs property set '{path}/{name}' ro false",
        f"btrfs send '{path}/{name}'",
        f"readlink -v -e '{pair.directory}'",
        f"cat {pair.directory}/secret",
        f"mkdir -p '{path}/more'",
        "internal-sftp",
    ):
        done = pair.ask(command)
        assert done.returncode == 255, command
        assert "refuses" in done.stderr, command
        assert "secret" not in done.stdout
    assert not proof.exists()
    assert pair.received == [name]


@pytest.mark.requirement("S0-39")
def test_a_sender_cannot_empty_the_replica(pair: Pair) -> None:
    """Somebody who has the sender and its key keeps what was received in the last days."""
    for _ in range(2):
        assert pair.send().returncode == 0
        time.sleep(1)
    path = f"{pair.target}/photos"
    old, new = pair.received
    done = pair.ask(f"btrfs subvolume delete '{path}/{new}'")
    assert (done.returncode, "stays" in done.stderr) == (1, True)
    done = pair.ask(f"btrfs subvolume delete '{path}/{old}'")
    assert (done.returncode, "stays for 7" in done.stderr) == (0, True)
    assert pair.received == [old, new]
    # After these days, the sender's retention may delete it, but never the newest.
    described = pair.directory / "replicas.json"
    described.write_text(described.read_text().replace('"protectedDays": 7', '"protectedDays": 0'))
    assert pair.ask(f"btrfs subvolume delete '{path}/{old}'").returncode == 0
    assert pair.ask(f"btrfs subvolume delete '{path}/{new}'").returncode == 1
    assert pair.received == [new]


@pytest.mark.requirement("S0-39")
def test_a_replica_that_falls_behind_is_found(pair: Pair) -> None:
    assert pair.send().returncode == 0
    done = pair.replica("fresh")
    assert (done.returncode, done.stderr) == (0, "")
    metrics = (pair.directory / "metrics/homelab-replica.prom").read_text()
    found = re.fullmatch(
        r'homelab_replica_timestamp_seconds\{dataset="photos",from="aurora"\} (\d+)\n', metrics
    )
    assert found
    assert abs(int(found[1]) - time.time()) < 300
    # The same snapshot, of two days ago.
    old = time.strftime("photos.%Y%m%dT%H%M%S+0000", time.gmtime(time.time() - 2 * 86400))
    (pair.target / "photos" / pair.received[0]).rename(pair.target / "photos" / old)
    done = pair.replica("fresh")
    assert done.returncode == 1
    assert "photos of aurora is of" in done.stderr
    assert pair.replica("status").stdout.startswith("late photos of aurora is of")


def test_a_snapshot_from_the_future_does_not_hide_that_a_replica_is_old(pair: Pair) -> None:
    assert pair.send().returncode == 0
    described = pair.directory / "replicas.json"
    described.write_text(described.read_text().replace('"maxAgeHours": 25', '"maxAgeHours": 0'))
    (pair.target / "photos" / pair.received[0]).rename(
        pair.target / "photos/photos.29990101T000000+0000"
    )
    time.sleep(1)
    assert pair.replica("fresh").returncode == 1


@pytest.mark.requirement("S0-39")
def test_a_replica_that_never_arrived_is_found(pair: Pair) -> None:
    assert pair.replica("fresh").returncode == 0
    since = pair.directory / "state/photos.since"
    since.write_text(str(int(time.time()) - 26 * 3600))
    done = pair.replica("fresh")
    assert done.returncode == 1
    assert "photos of aurora was never received" in done.stderr


@pytest.mark.requirement("S0-39")
def test_a_broken_transfer_counts_for_nothing_and_is_replaced(pair: Pair) -> None:
    """A snapshot that did not arrive whole is no replica; the next run sends it again."""
    (pair.source / "photos/film").write_bytes(os.urandom(3_000_000))
    before = time.gmtime(time.time() - 3600)
    snapshot = pair.source / time.strftime(".snapshots/photos.%Y%m%dT%H%M%S+0000", before)
    run("btrfs", "subvolume", "snapshot", "-r", pair.source / "photos", snapshot)
    stream = subprocess.run(["btrfs", "send", "-q", str(snapshot)], capture_output=True, check=True)
    done = subprocess.run(
        [
            "bash",
            str(pair.directory / "lib/replica.sh"),
            "receive",
            "photos",
            f"btrfs receive '{pair.target}/photos/'",
        ],
        input=stream.stdout[:1_000_000],
        capture_output=True,
        check=False,
        env=pair.env,
    )
    assert done.returncode != 0
    assert pair.received == [snapshot.name]
    assert pair.replica("status").stdout.strip() == ""
    assert pair.replica("fresh").returncode == 0  # Within the first hours of the replica.
    sent = pair.send()
    assert sent.returncode == 0, sent.stdout + sent.stderr
    assert snapshot.name in pair.received
    for name in pair.received:
        assert "Received UUID: \t\t-" not in run(
            "btrfs", "subvolume", "show", pair.target / "photos" / name
        )


def test_a_directory_without_its_disk_is_refused_and_not_made(pair: Pair) -> None:
    described = json.loads((pair.directory / "replicas.json").read_text())
    described["photos"]["path"] = str(pair.directory / "unmounted")
    (pair.directory / "replicas.json").write_text(json.dumps(described))
    done = pair.replica("prepare", "photos")
    assert done.returncode == 1
    assert "is not on btrfs: mount its disk" in done.stderr
    assert not (pair.directory / "unmounted").exists()


@pytest.mark.requirement("S0-39")
def test_status_says_that_a_replica_is_too_old() -> None:
    def status(replicas: str) -> HostStatus:
        facts = HostFacts.parse(f"release r1\nbackups \nreplicas {replicas}")
        return HostStatus("nas", "r1", facts)

    late = status("late photos of aurora is of 2026-03-01 02:30")
    assert not late.ok
    assert "! replicas are too old: photos of aurora is of 2026-03-01 02:30" in late.notes()
    assert status("").ok
    script = (build.ROOT / "homelab/deploy/scripts/status.sh").read_text(encoding="utf-8")
    assert 'say "replicas $(homelab-replica status)"' in script


# --- services that read a replica -------------------------------------------------------------------


def read_by(*services: str, **replicate: object) -> Changes:
    """Services of nas that read the replica there, as their music or media."""
    roles = {"navidrome": "music", "jellyfin": "media"}
    used = {s: {"host": "nas", "datasets": {roles[s]: "photos"}} for s in services}
    return household(photos(**replicate), {"services": used})


@pytest.mark.requirement("S0-39")
def test_services_read_the_newest_snapshot_by_one_name(pair: Pair) -> None:
    described = pair.directory / "replicas.json"
    alone = described.read_text()
    assert "readers" not in alone
    read = json.loads(alone)
    read["photos"]["readers"] = "nogroup"
    described.write_text(json.dumps(read))
    (pair.target / "photos").rmdir()
    assert pair.replica("prepare", "photos").returncode == 0
    current = pair.target / "photos/current"
    assert not current.is_symlink(), "no reader starts with an empty library"

    (pair.source / "photos").chmod(0o755)
    (pair.source / "photos/page").write_text("first")
    assert pair.send().returncode == 0
    (first,) = (n for n in pair.received if n not in ("current", ".current"))
    assert current.readlink() == Path(first)
    as_reader = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "cat"]
    # Another user cannot enter the directories of pytest, so it reads from inside.
    inside = {"cwd": pair.target / "photos", "capture_output": True, "text": True}
    done = subprocess.run([*as_reader, "current/page"], check=False, **inside)  # type: ignore[call-overload]
    assert done.stdout == "first", done.stderr
    other = ["setpriv", "--reuid=daemon", "--regid=daemon", "--clear-groups", "cat"]
    assert subprocess.run([*other, "current/page"], check=False, **inside).returncode != 0  # type: ignore[call-overload]

    # A file that is open stays as it is, and the name leads to the next snapshot.
    with (current / "page").open() as opened:
        time.sleep(1)
        (pair.source / "photos/page").write_text("second")
        assert pair.send().returncode == 0
        assert (current / "page").read_text() == "second"
        assert opened.read() == "first"
    later = time.strftime("photos.%Y%m%dT%H%M%S+0000", time.gmtime(time.time() + 60))
    snapshot, stream = pair.source / ".snapshots" / later, pair.directory / "broken"
    run("btrfs", "subvolume", "snapshot", "-r", pair.source / "photos", snapshot)
    run("btrfs", "send", "-q", "-f", stream, snapshot)
    kept = current.readlink()
    take = ("receive", "photos", f"btrfs receive '{pair.target}/photos/'")
    done = subprocess.run(
        ["bash", str(pair.directory / "lib/replica.sh"), *take],
        input=stream.read_bytes()[:-20],
        capture_output=True,
        check=False,
        env=pair.env,
    )
    assert done.returncode != 0
    assert (pair.target / "photos" / later).exists()
    assert current.readlink() == kept, "a stream that broke changes nothing"

    # Without a reader, the place is root's again.
    described.write_text(alone)
    assert pair.replica("prepare", "photos").returncode == 0
    assert not current.is_symlink()
    assert (pair.target / "photos").stat().st_mode & 0o777 == 0o700


@pytest.mark.requirement("S0-39")
def test_a_reader_waits_for_the_replica_and_sees_all_its_snapshots(tmp_path: Path) -> None:
    changes = read_by("jellyfin", "navidrome")
    hidden = option(changes, "nas", "homelab.hardening.units.jellyfin", tmp_path)
    assert hidden["BindReadOnlyPaths"] == ["/mnt/copy/photos"]
    music = option(changes, "nas", "services.navidrome.settings.MusicFolder", tmp_path)
    assert music == "/mnt/copy/photos/current"
    for unit in ("jellyfin", "navidrome"):
        made = option(changes, "nas", f"systemd.services.{unit}", tmp_path)
        assert made["unitConfig"]["ConditionPathExists"] == ["/mnt/copy/photos/current"]
        assert made["unitConfig"]["RequiresMountsFor"] == ["/mnt/copy/photos"]
        assert made["serviceConfig"]["SupplementaryGroups"] == ["replica-photos"]
        assert made["wantedBy"] == ["replica-photos-arrived.target"]
    watch = option(changes, "nas", "systemd.paths.replica-photos-arrived", tmp_path)
    assert watch["pathConfig"]["PathExists"] == "/mnt/copy/photos/current"
    text = build.render(changes)["nas"]["replicas.nix"]
    assert "# photos is a replica of aurora, up to 36 h old." in text


@pytest.mark.requirement("S0-39")
def test_a_replica_on_zfs_is_mounted_for_its_reader(tmp_path: Path) -> None:
    changes = household(
        {
            "hosts": {"aurora": {"host_id": "deadbeef"}, "nas": {"host_id": "deadbee0"}},
            "datasets": {
                "films": {
                    "host": "aurora",
                    "path": "/tank/films",
                    "tier": "user",
                    "zfs": "tank/films",
                    "replicate": {"to": "nas", "zfs": "vault/films"},
                }
            },
            "services": {"jellyfin": {"host": "nas", "datasets": {"media": "films"}}},
        }
    )
    mount = option(changes, "nas", "fileSystems", tmp_path)["/vault/films"]
    assert (mount["device"], mount["fsType"]) == ("vault/films", "zfs")
    # Before the first transfer the mount fails. A switch that tries it would be rolled back.
    assert {"zfsutil", "ro", "noauto", "nofail"} <= set(mount["options"])
    unit = option(changes, "nas", "systemd.services.jellyfin", tmp_path)
    assert unit["unitConfig"] == {"ConditionPathIsMountPoint": ["/vault/films"]}
    assert unit["after"] == unit["partOf"] == ["vault-films.mount"]
    assert unit["wantedBy"] == ["vault-films.mount"]
    described = option(changes, "nas", "environment.etc", tmp_path)["homelab/replicas.json"]["text"]
    assert json.loads(described)["films"]["mount"] == "vault-films.mount"


def test_a_dataset_that_is_mounted_over_nfs_is_read_there(tmp_path: Path) -> None:
    live = {"datasets": {"photos": {"nfs": {"hosts": {"nas": "/mnt/photos"}}}}}
    plan = build.plan(household(read_by("jellyfin"), live))
    assert plan.copies == ()
    assert [d.path for d in plan.datasets_on("nas") if d.name == "photos"] == ["/mnt/photos"]
