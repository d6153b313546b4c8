"""Replicas of ZFS datasets: real syncoid sends to a real sshd, with a stand-in for zfs."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from homelab.storage.replicas import SCRIPT
from homelab.storage.syncoid import SCRIPT as AROUND
from tests import build
from tests.household import Changes, household
from tests.programs.rendered import running, settings
from tests.proxy.rig import free_ports
from tests.storage import zfs_stub
from tests.tools.programs import at, need

pytestmark = pytest.mark.long
COPY, SOURCE = "tank/copies/photos", "tank/photos"
PREFIX = "homelab_nas_"


def photos(**replicate: object) -> Changes:
    found = {
        "host": "aurora",
        "path": "/tank/photos",
        "tier": "irreplaceable",
        "zfs": SOURCE,
        "replicate": {"to": "nas", "zfs": COPY, **replicate},
    }
    return household({"datasets": {"photos": found}})


def option(changes: Changes, host: str, path: str, directory: Path) -> Any:
    return dict(settings(build.plan(changes), path, directory)).get(host)


@dataclass
class Machine:
    """A host with a pool `tank`."""

    directory: Path
    name: str
    user: str
    """The user whose rights its zfs looks at, where a transfer uses it."""

    @property
    def state(self) -> Path:
        return self.directory / f"{self.name}.json"

    def make(self, *datasets: str) -> None:
        self.state.write_text(json.dumps({d: zfs_stub.new() for d in ("tank", *datasets)}))
        for who in ("root", self.user):
            for program in ("zfs", "zpool"):
                place = self.programs(who) / program
                place.parent.mkdir(parents=True, exist_ok=True)
                words = [sys.executable, "-I", "-S", zfs_stub.__file__, self.state, program]
                place.write_text(
                    f'#!/bin/sh\nSTUB_USER={who} exec {shlex.join(map(str, words))} "$@"\n'
                )
                place.chmod(0o755)

    def programs(self, who: str) -> Path:
        return self.directory / f"{self.name}-{who}"

    def zfs(self, *words: str, **env: str) -> None:
        subprocess.run([str(self.programs("root") / "zfs"), *words], check=True, env=env)

    def snapshots(self, dataset: str) -> list[str]:
        return [s["name"] for s in self.read(dataset)["snapshots"]]

    def read(self, dataset: str) -> Any:
        return json.loads(self.state.read_text())[dataset]


@dataclass
class Pair:
    """A sender and a receiver on this machine."""

    directory: Path
    aurora: Machine
    nas: Machine
    port: int
    env: dict[str, str]
    script: str

    def send(self) -> subprocess.CompletedProcess[str]:
        """As the unit: root before, syncoid, root after."""
        around = ["bash", str(self.directory / AROUND[0])]
        words = [SOURCE, PREFIX, "homelab-syncoid"]
        as_root = {**self.env, "HOMELAB_ZFS": str(self.aurora.programs("root") / "zfs")}
        subprocess.run([*around, "begin", *words], check=True, env=as_root)
        # Not a pipe: the connection that syncoid shares outlives it, and would hold it open.
        log = self.directory / "syncoid.log"
        with log.open("w") as file:
            code = subprocess.call(
                ["bash", "-e", "-c", self.script], stdout=file, stderr=file, env=self.env
            )
        done = subprocess.CompletedProcess([], code, log.read_text(), "")
        as_root["SERVICE_RESULT"] = "success" if done.returncode == 0 else "exit-code"
        subprocess.run([*around, "end", *words], check=True, env=as_root)
        return done

    def ask(self, command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command as a client that has the key."""
        words = ["ssh", "-p", str(self.port), "-i", str(self.directory / "key"), "root@127.0.0.1"]
        return subprocess.run(
            [*words, command],
            capture_output=True,
            check=False,
            input=stdin,
            env=self.env,
            text=True,
        )

    def replica(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        """`homelab-replica` on the receiver, as root."""
        programs = self.nas.programs("root")
        tools = {"HOMELAB_ZFS": str(programs / "zfs"), "HOMELAB_ZPOOL": str(programs / "zpool")}
        return subprocess.run(
            ["bash", str(self.directory / SCRIPT[0]), *words],
            capture_output=True,
            text=True,
            check=False,
            env={**self.env, **tools, **env},
        )


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """The rendered configuration of both hosts, with root for the accounts."""
    for program in ("ssh", "ssh-keygen", "jq"):
        need(program)
    changes = photos(max_age_hours=25)
    (port,) = free_ports(1)
    aurora = Machine(tmp_path, "aurora", "homelab-syncoid")
    nas = Machine(tmp_path, "nas", "replica-photos")
    aurora.make(SOURCE)
    nas.make()
    (tmp_path / "lib").mkdir()
    for name, text in (SCRIPT, AROUND):
        (tmp_path / name).write_text(text)
    (tmp_path / "replicas.json").write_text(
        option(changes, "nas", "environment.etc", tmp_path)["homelab/replicas.json"]["text"]
    )
    for key in ("key", "host_key"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / key], check=True
        )
    shutil.copy(tmp_path / "key.pub", tmp_path / "authorized")
    env = {
        **os.environ,
        "HOMELAB_REPLICAS": str(tmp_path / "replicas.json"),
        "HOMELAB_REPLICA_STATE": str(tmp_path / "state"),
        "HOMELAB_REPLICA_METRICS": str(tmp_path / "metrics"),
        "PATH": f"{_ssh(tmp_path)}:{aurora.programs(aurora.user)}:{os.environ['PATH']}",
    }
    made = Pair(tmp_path, aurora, nas, port, env, _script(changes, tmp_path, port))
    _sshd(changes, made)
    assert made.replica("prepare", "photos").returncode == 0
    log = tmp_path / "sshd.log"
    Path("/run/sshd").mkdir(exist_ok=True)
    with running([at("sshd"), "-D", "-e", "-f", str(tmp_path / "sshd_config")], log, env=env):
        for _ in range(100):
            if made.ask("echo -n").returncode == 0:
                break
            time.sleep(0.1)
        else:
            pytest.fail(log.read_text())
        yield made


def _ssh(directory: Path) -> Path:
    (directory / "ssh_config").write_text(
        f"StrictHostKeyChecking no\nUserKnownHostsFile {directory}/known\n"
    )
    programs = directory / "bin"
    programs.mkdir()
    (programs / "ssh").write_text(f'#!/bin/sh\nexec {at("ssh")} -F {directory}/ssh_config "$@"\n')
    (programs / "ssh").chmod(0o755)
    return programs


def _script(changes: Changes, directory: Path, port: int) -> str:
    """The unit's script, with this machine's places."""
    unit = option(changes, "aurora", "systemd.services.syncoid-photos_nas", directory)
    script = str(unit["script"])
    syncoid = os.environ.get("HOMELAB_SYNCOID") or at("syncoid")
    for pattern, here in (
        (r"\S*/bin/syncoid", syncoid),
        ("/run/homelab/secrets/replica-photos-key", f"{directory}/key"),
        ("replica-photos@192.168.1.3", "root@127.0.0.1"),
        ("--sshport=22", f"--sshport={port}"),
    ):
        assert re.search(pattern, script)
        script = re.sub(pattern, here, script)
    return script


def _sshd(changes: Changes, made: Pair) -> None:
    text = option(changes, "nas", "services.openssh.extraConfig", made.directory)
    for rendered, here in (
        ("Match User replica-photos", "Match User root"),
        ("/run/homelab/secrets/replica-photos-public", str(made.directory / "authorized")),
        ("ForceCommand /run/current-system/sw/bin/homelab-replica", "ForceCommand bash REPLICA"),
        ("REPLICA", str(made.directory / SCRIPT[0])),
    ):
        assert rendered in text
        text = text.replace(rendered, here)
    account = made.nas.programs(made.nas.user)
    kept = {k: v for k, v in made.env.items() if k.startswith("HOMELAB_")}
    kept |= {"HOMELAB_ZFS": f"{account}/zfs", "HOMELAB_ZPOOL": f"{account}/zpool"}
    (made.directory / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{made.port}\nHostKey {made.directory}/host_key\n"
        "PidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n"
        f"SetEnv {' '.join(f'{k}={v}' for k, v in kept.items())}\n{text}"
    )


@pytest.mark.requirement("S0-39")
def test_snapshots_arrive_raw_and_the_source_keeps_the_last(pair: Pair) -> None:
    pair.aurora.zfs("snapshot", f"{SOURCE}@autosnap_2026-03-01_00:00:00_daily")
    first = pair.send()
    assert first.returncode == 0, first.stdout + first.stderr
    received = pair.nas.snapshots(COPY)
    assert received[0] == "autosnap_2026-03-01_00:00:00_daily"
    assert re.fullmatch(rf"{PREFIX}\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ", received[-1])
    # Whether the source is encrypted or not: a raw stream carries no key and needs none.
    assert pair.nas.read(COPY)["properties"]["raw"] == "True"
    time.sleep(1)
    pair.aurora.zfs("snapshot", f"{SOURCE}@autosnap_2026-03-02_00:00:00_daily")
    second = pair.send()
    assert second.returncode == 0, second.stdout + second.stderr
    assert len(pair.nas.snapshots(COPY)) == 4
    ours = [s for s in pair.aurora.snapshots(SOURCE) if s.startswith(PREFIX)]
    assert ours == pair.nas.snapshots(COPY)[-1:]
    # Nothing of the right to send stays.
    assert pair.aurora.read(SOURCE)["allow"] == {"homelab-syncoid": []}


@pytest.mark.requirement("S0-39")
def test_the_account_may_receive_one_dataset_and_destroy_nothing(pair: Pair) -> None:
    may = ["create", "mount", "receive"]
    assert pair.nas.read("tank/copies")["allow"] == {"replica-photos": may, "creator": may}
    assert pair.send().returncode == 0
    assert pair.replica("fresh").returncode == 0
    assert pair.nas.read("tank/copies")["allow"] == {"replica-photos": [], "creator": may}
    assert pair.nas.read(COPY)["allow"] == {"replica-photos": may}
    properties = pair.nas.read(COPY)["properties"]
    assert (properties["readonly"], properties["canmount"]) == ("on", "noauto")
    assert (properties["setuid"], properties["devices"]) == ("off", "off")
    assert pair.send().returncode == 0


@pytest.mark.requirement("S0-39")
def test_the_mount_of_a_reader_starts_when_the_replica_is_there_and_not_before(pair: Pair) -> None:
    started = _reader(pair, succeeds=True)
    assert pair.replica("prepare", "photos").returncode == 0
    assert not started.exists(), "a mount that fails would roll back the switch"
    assert pair.send().returncode == 0
    assert pair.replica("fresh").returncode == 0
    assert pair.replica("prepare", "photos").returncode == 0
    mount = "start tank-copies-photos.mount\n"
    assert started.read_text() == f"{mount}--no-block {mount}"


@pytest.mark.requirement("S0-39")
def test_a_replica_that_cannot_be_mounted_is_told_of_and_pruned(pair: Pair) -> None:
    started = _reader(pair, succeeds=False)
    for _ in range(2):
        assert pair.send().returncode == 0
        time.sleep(1)
    _age(pair, 8)
    newest = pair.nas.snapshots(COPY)[-1]
    done = pair.replica("fresh")
    assert done.stderr.count("tank/copies/photos cannot be mounted") == 1
    assert started.read_text() == "start tank-copies-photos.mount\n"
    assert pair.nas.snapshots(COPY) == [newest]
    assert "photos of aurora is of" in done.stderr


def _reader(pair: Pair, *, succeeds: bool) -> Path:
    """A service of the receiver reads the replica. Returns the log of what systemctl was asked."""
    started, tools = pair.directory / "started", pair.directory / "tools"
    tools.mkdir()
    (tools / "systemctl").write_text(
        f'#!/bin/sh\necho "$*" >>{started}\nexit {0 if succeeds else 1}\n'
    )
    (tools / "systemctl").chmod(0o755)
    pair.env["PATH"] = f"{tools}:{pair.env['PATH']}"
    described = pair.directory / "replicas.json"
    read = json.loads(described.read_text())
    read["photos"]["mount"] = "tank-copies-photos.mount"
    described.write_text(json.dumps(read))
    return started


@pytest.mark.requirement("S0-39")
def test_a_client_that_tries_more_is_refused(pair: Pair) -> None:
    assert pair.send().returncode == 0
    before = pair.nas.snapshots(COPY)
    proof = pair.directory / "escaped"
    for command in (
        "",
        "sh",
        f"touch {proof}",
        f"zfs receive -s -u '{COPY}' 2>&1; touch {proof}",
        f"zfs receive -s -u '{COPY}' | touch {proof}",
        f"zfs receive -s -u '{COPY}'\ntouch {proof}",
        f"zfs receive -s -u -F '{COPY}' 2>&1",
        f"zfs receive -A '{COPY}'",
        f"zfs receive -o setuid=on '{COPY}' 2>&1",
        "zfs receive -s -u 'tank/copies' 2>&1",
        f"zfs receive -s -u '{COPY}/more' 2>&1",
        "zfs get -H name 'tank'",
        f"zfs get -H name '{COPY}' 'tank'",
        f"zfs get -H '$(touch {proof})' '{COPY}'",
        f"zfs get -H name '{COPY}'; touch {proof}",
        f"zfs destroy '{COPY}@{before[-1]}'",
        f"zfs rollback -R '{COPY}@{before[0]}'",
        f"zfs set readonly=off '{COPY}'",
        f"zfs send '{COPY}@{before[0]}'",
        f"command -v sh; touch {proof}",
        f"command -v /bin/sh {proof}",
        "zpool get -o value -H feature@extensible_dataset 'other'",
        "zpool destroy 'tank'",
        "internal-sftp",
    ):
        done = pair.ask(command)
        assert done.returncode == 255, command
        assert "refuses" in done.stderr, command
    assert not proof.exists()
    assert pair.nas.snapshots(COPY) == before


def test_another_program_of_the_account_can_do_no_more(pair: Pair) -> None:
    """Somebody who gets past the filter has the rights that ZFS gives the account."""
    assert pair.send().returncode == 0
    assert pair.replica("fresh").returncode == 0
    zfs = str(pair.nas.programs(pair.nas.user) / "zfs")
    newest = pair.nas.snapshots(COPY)[-1]
    for words in (
        ["destroy", f"{COPY}@{newest}"],
        ["set", "readonly=off", COPY],
        ["receive", "-A", COPY],
        ["create", "tank/mine"],
    ):
        done = subprocess.run([zfs, *words], capture_output=True, text=True, check=False)
        assert "permission denied" in done.stderr, words


@pytest.mark.requirement("S0-39")
def test_a_broken_transfer_counts_for_nothing_and_is_given_up_after_a_day(pair: Pair) -> None:
    assert pair.send().returncode == 0
    base = pair.nas.read(COPY)["snapshots"][-1]["guid"]
    before = pair.nas.snapshots(COPY)
    torn = json.dumps({"base": base, "raw": True, "snapshots": [{"name": "x"}]})
    assert pair.ask(f"zfs receive -s -u '{COPY}' 2>&1", stdin=torn).returncode != 0
    assert pair.nas.snapshots(COPY) == before
    assert pair.replica("fresh").returncode == 0
    token = pair.directory / "state/photos.token"
    assert token.read_text() == "1-abc\n"
    assert pair.nas.read(COPY)["properties"]["receive_resume_token"] == "1-abc"
    old = time.time() - 2 * 86400
    os.utime(token, (old, old))
    assert pair.replica("fresh").returncode == 0
    assert "receive_resume_token" not in pair.nas.read(COPY)["properties"]
    done = pair.send()
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.requirement("S0-39")
def test_a_replica_that_falls_behind_is_found(pair: Pair) -> None:
    since = pair.directory / "state/photos.since"
    assert pair.replica("fresh").returncode == 0
    since.write_text(str(int(time.time()) - 26 * 3600))
    assert "photos of aurora was never received" in pair.replica("fresh").stderr
    assert pair.send().returncode == 0
    assert pair.replica("fresh").returncode == 0
    metrics = (pair.directory / "metrics/homelab-replica.prom").read_text()
    found = re.fullmatch(
        r'homelab_replica_timestamp_seconds\{dataset="photos",from="aurora"\} (\d+)\n', metrics
    )
    assert found
    assert abs(int(found[1]) - time.time()) < 300
    _age(pair, 2)
    done = pair.replica("fresh")
    assert (done.returncode, "photos of aurora is of" in done.stderr) == (1, True)
    assert pair.replica("status").stdout.startswith("late photos of aurora is of")


def _age(pair: Pair, days: int) -> None:
    """Each snapshot of the replica as old as this."""
    sets = json.loads(pair.nas.state.read_text())
    for one in sets[COPY]["snapshots"]:
        one["creation"] -= days * 86400
    pair.nas.state.write_text(json.dumps(sets))


def test_a_clock_that_is_ahead_does_not_hide_that_a_replica_is_old(pair: Pair) -> None:
    assert pair.send().returncode == 0
    _age(pair, -365)
    assert pair.replica("fresh").returncode == 0
    newest = pair.directory / "state/photos.newest"
    old = time.time() - 2 * 86400
    os.utime(newest, (old, old))
    assert pair.replica("fresh").returncode == 1


def test_what_carried_a_transfer_is_deleted_later_but_never_the_newest(pair: Pair) -> None:
    for _ in range(3):
        assert pair.send().returncode == 0
        time.sleep(1)
    assert pair.replica("fresh").returncode == 0
    assert len(pair.nas.snapshots(COPY)) == 3
    newest = pair.nas.snapshots(COPY)[-1]
    _age(pair, 8)
    pair.replica("fresh")
    assert pair.nas.snapshots(COPY) == [newest]
    assert pair.send().returncode == 0


def test_a_receiver_that_is_away_costs_the_source_a_day_of_snapshots(pair: Pair) -> None:
    assert pair.send().returncode == 0
    sent = pair.aurora.snapshots(SOURCE)
    around = ["bash", str(pair.directory / AROUND[0]), "begin", SOURCE, PREFIX, "homelab-syncoid"]
    env = {**pair.env, "HOMELAB_ZFS": str(pair.aurora.programs("root") / "zfs")}
    for day in range(1, 30):
        pair.aurora.zfs("snapshot", f"{SOURCE}@{PREFIX}2027-01-{day:02}T00:00:00Z")
    time.sleep(1)
    subprocess.run(around, check=True, env=env)
    held = pair.aurora.snapshots(SOURCE)
    assert (held[:1], len(held)) == (sent, 25)
    # A snapshot has its second in its name.
    time.sleep(1)
    assert pair.send().returncode == 0


def test_the_former_places_of_a_replica_are_noted(pair: Pair) -> None:
    described = pair.directory / "replicas.json"
    text = described.read_text()
    for place in ("tank/other/photos", COPY):
        described.write_text(text.replace(COPY, place))
        assert pair.replica("prepare", "photos").returncode == 0
    noted = (pair.directory / "state/photos.place").read_text()
    assert noted == f"zfs\t{COPY}\nzfs\ttank/other/photos\n"


def test_a_pool_that_is_missing_is_named(pair: Pair) -> None:
    described = pair.directory / "replicas.json"
    described.write_text(described.read_text().replace(COPY, "bank/copies/photos"))
    done = pair.replica("prepare", "photos")
    assert (done.returncode, "there is no pool bank here" in done.stderr) == (1, True)


def test_sanoid_of_the_receiver_deletes_and_makes_nothing(tmp_path: Path) -> None:
    kept = option(photos(keep={"daily": 3}), "nas", "services.sanoid.datasets", tmp_path)[COPY]
    assert (kept["autosnap"], kept["autoprune"], kept["daily"]) == (False, True, 3)
    assert option(photos(), "nas", "boot.zfs.extraPools", tmp_path) == ["tank"]
