"""Commands around a backup, and maintenance mode: `homelab-backup hold`, `release`, `release-all`."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from homelab.backup.hooks import Hooks
from homelab.backup.model import Job
from homelab.backup.restic import modules
from tests import build
from tests.backup.restores import Restored
from tests.household import Changes, household
from tests.tools.libraries import evaluated

pytestmark = pytest.mark.requirement("S1-21")

IMAGE = f"docker.io/library/nextcloud:31@sha256:{'0' * 64}"
HOOKS = {"before": ["systemctl", "stop", "radicale"], "after": ["systemctl", "start", "radicale"]}


def cloud(**backup: object) -> Changes:
    return {"services": {"nextcloud": {"host": "aurora", "backup": backup}}}


def contained(image: str) -> Changes:
    said = {
        "host": "aurora",
        "container": {"image": image, "port": 80},
        "auth": "native",
        "tile": {"group": "Tools"},
        "backup": {"include": ["/var/lib/files"]},
    }
    return {"services": {"files": said}}


def job_of(name: str, changes: Changes) -> Job:
    return next(j for j in build.plan(household(changes)).backup.jobs if j.name == name)


def made(changes: Changes) -> Any:
    plan = build.plan(household(changes))
    found = [m for m in modules(plan, plan.hosts["aurora"]) if m.library is not None]
    return evaluated(found, Path("/packages"))


@pytest.mark.requirement("S1-22")
def test_nextcloud_is_in_maintenance_mode_while_it_is_dumped_and_saved() -> None:
    assert job_of("nextcloud", cloud()).hooks == Hooks(
        (("nextcloud-occ", "maintenance:mode", "--on"),),
        (("nextcloud-occ", "maintenance:mode", "--off"),),
    )
    prepare = made(cloud())["services"]["restic"]["backups"]["nextcloud-b2"]["backupPrepareCommand"]
    assert "/homelab-backup hold nextcloud b2\n" in prepare


def with_files(**backup: object) -> Changes:
    files = {"host": "aurora", "path": "/srv/files", "mount": "/srv", "tier": "user"}
    said = {"host": "aurora", "datasets": {"files": "files"}, "backup": backup}
    return {"datasets": {"files": files}, "services": {"nextcloud": said}}


@pytest.mark.requirement("S1-22")
def test_files_in_a_dataset_are_saved_in_the_maintenance_mode_of_the_dump() -> None:
    """At the time of the service, so that one hold covers both."""
    dataset, service = job_of("dataset-files", with_files()), job_of("nextcloud", with_files())
    assert dataset.holds == ("nextcloud",)
    assert dataset.at == service.at
    options = made(with_files())
    prepare = options["services"]["restic"]["backups"]["dataset-files-b2"]["backupPrepareCommand"]
    assert prepare.index("hold dataset-files b2") < prepare.index("unlock")
    described = json.loads(options["environment"]["etc"]["homelab/backup.json"]["text"])
    assert described["dataset-files"]["holds"] == ["nextcloud"]
    timers = options["services"]["restic"]["backups"]
    assert timers["dataset-files-b2"]["timerConfig"] == timers["nextcloud-b2"]["timerConfig"]


def test_a_dataset_waits_for_nobody_who_is_not_held_or_only_reads() -> None:
    reason = with_files(no_maintenance="we use it at night")
    assert job_of("dataset-files", reason).holds == ()
    assert job_of("dataset-files", with_files(skip="a copy")).holds == ()
    radio = {"host": "aurora", "datasets": {"music": "files"}, "backup": HOOKS}
    read = {"datasets": with_files()["datasets"], "services": {"navidrome": radio}}
    assert job_of("navidrome", read).hooks != Hooks()
    assert job_of("dataset-files", read).holds == ()


@pytest.mark.parametrize(
    ("image", "on"),
    [
        (IMAGE, "podman exec --user www-data files php occ maintenance:mode --on"),
        (
            IMAGE.replace("docker.io/library", "lscr.io/linuxserver"),
            "podman exec files occ maintenance:mode --on",
        ),
    ],
)
def test_nextcloud_in_a_container_is_told_there(image: str, on: str) -> None:
    hooks = job_of("files", contained(image)).hooks
    assert hooks.before == (tuple(on.split()),)
    assert hooks.after == ((*on.split()[:-1], "--off"),)


def test_another_image_has_no_maintenance_mode() -> None:
    assert job_of("files", contained(IMAGE.replace("nextcloud:", "nextcloud-push:"))).hooks == (
        Hooks()
    )


def test_a_reason_leaves_maintenance_mode_out() -> None:
    assert job_of("nextcloud", cloud(no_maintenance="we use it at night")).hooks == Hooks()


def test_maintenance_mode_encloses_commands_of_the_stack_config() -> None:
    hooks = job_of("nextcloud", cloud(before=["a"], after=[["b"], ["c", "d"]])).hooks
    assert [words[0] for words in hooks.before] == ["nextcloud-occ", "a"]
    assert [words[0] for words in hooks.after] == ["b", "c", "nextcloud-occ"]


def test_the_unit_releases_when_it_ends_and_before_it_proves_the_backup() -> None:
    options = made({"services": {"radicale": {"host": "aurora", "backup": HOOKS}}})
    backup = options["services"]["restic"]["backups"]["radicale-b2"]
    assert "/homelab-backup release radicale b2\n" in backup["backupCleanupCommand"]
    unit = options["systemd"]["services"]["restic-backups-radicale-b2"]["serviceConfig"]
    # The app goes on before old snapshots are removed.
    assert backup["pruneOpts"] == []
    first, pruned, second = unit["ExecStartPost"]
    assert pruned.endswith("/homelab-backup prune radicale b2")
    described = json.loads(options["environment"]["etc"]["homelab/backup.json"]["text"])
    assert described["radicale"]["retention"]["b2"][:2] == ["--keep-daily", "7"]
    assert first.startswith("-+")
    assert first.endswith("/homelab-backup release radicale b2")
    assert second.endswith("/homelab-backup saved radicale b2")
    # systemd kills what runs longer while a unit stops.
    assert unit["TimeoutStopSec"] == "1h"


def test_a_power_cut_is_made_up_for_at_boot() -> None:
    units = made({"services": {"radicale": {"host": "aurora", "backup": HOOKS}}})["systemd"]
    unit = units["services"]["homelab-backup-release"]
    timer = units["timers"]["homelab-backup-release"]
    assert timer["wantedBy"] == ["timers.target"]
    assert timer["timerConfig"] == {"OnBootSec": "30s", "OnCalendar": "hourly"}
    assert "radicale.service" in unit["after"]
    assert unit["serviceConfig"]["ExecStart"].endswith("/homelab-backup release-all")
    plain = made({"services": {"radicale": {"host": "aurora"}}})["systemd"]["services"]
    assert "homelab-backup-release" not in plain


class Held:
    """A job with commands that write down what they do."""

    def __init__(self, top: Path) -> None:
        self.host = Restored(top)
        self.log = top / "log"
        self.boot = top / "boot"
        self.boot.write_text("first\n")
        self.host.settings |= {
            "HOMELAB_BACKUP_HELD": str(top / "held"),
            "HOMELAB_BACKUP_LOCKS": str(top),
            "HOMELAB_BOOT_ID": str(self.boot),
            "HOMELAB_HOOK_SECONDS": "5",
        }
        self.host.program("note", f'#!/bin/sh\nfor w; do echo "$w"; done >>{self.log}\n')
        self.commands([["note", "stop"]], [["note", "start"]])

    def commands(self, before: list[list[str]], after: list[list[str]], **more: object) -> None:
        self.host.describe(before=before, after=after, targets=["disk", "cloud"], **more)

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.host.call(*words)

    @property
    def notes(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def held(tmp_path: Path) -> Held:
    return Held(tmp_path)


@pytest.mark.long
def test_after_runs_once_though_it_is_asked_for_twice(held: Held) -> None:
    assert held.call("hold", "app", "disk").returncode == 0
    assert held.notes == ["stop"]
    assert held.call("release", "app", "disk").returncode == 0
    assert held.call("release", "app", "disk").returncode == 0
    assert held.notes == ["stop", "start"]


def test_after_runs_if_before_failed(held: Held) -> None:
    held.commands([["note", "stop"], ["false"], ["note", "never"]], [["note", "start"]])
    done = held.call("hold", "app", "disk")
    assert done.returncode == 1
    assert "before of app failed: false" in done.stderr
    assert held.call("release", "app", "disk").returncode == 0
    assert held.notes == ["stop", "start"]


def test_before_that_does_not_end_is_stopped(held: Held) -> None:
    held.host.settings["HOMELAB_HOOK_SECONDS"] = "1"
    held.commands([["sleep", "60"]], [["note", "start"]])
    assert held.call("hold", "app", "disk").returncode == 1


def test_every_after_runs_and_a_failed_one_is_made_up_for(held: Held) -> None:
    held.call("hold", "app", "disk")
    held.commands([["note", "stop"]], [["false"], ["note", "start"]])
    done = held.call("release", "app", "disk")
    assert done.returncode == 1
    assert "after of app failed: false" in done.stderr
    held.commands([["note", "stop"]], [["note", "repaired"]])
    assert held.call("release-all").returncode == 0
    assert held.notes == ["stop", "start", "repaired"]
    assert held.call("release-all").returncode == 0
    assert held.notes[-1] == "repaired"


def test_a_power_cut_runs_after_at_the_next_boot(held: Held) -> None:
    held.call("hold", "app", "disk")
    assert held.call("release-all").returncode == 0
    assert held.notes == ["stop"], "a job that runs is not disturbed"
    held.boot.write_text("second\n")
    assert held.call("release-all").returncode == 0
    assert held.notes == ["stop", "start"]


@pytest.mark.long
def test_a_backup_after_a_power_cut_holds_anew(held: Held) -> None:
    held.call("hold", "app", "disk")
    held.boot.write_text("second\n")
    held.call("hold", "app", "cloud")
    held.call("release", "app", "cloud")
    assert held.notes == ["stop", "stop", "start"]
    held.call("release-all")
    assert held.notes[-1] == "start"


@pytest.mark.long
def test_the_app_is_held_until_the_last_of_two_targets_is_done(held: Held) -> None:
    held.call("hold", "app", "disk")
    held.call("hold", "app", "cloud")
    held.call("release", "app", "disk")
    assert held.notes == ["stop"]
    held.call("release", "app", "cloud")
    assert held.notes == ["stop", "start"]


def beside(held: Held) -> None:
    """Add the job of a dataset that the app writes."""
    file = held.host.top / "jobs.json"
    jobs = json.loads(file.read_text())
    job = {**jobs["app"], "before": [], "after": [], "holds": ["app"], "postgresql": []}
    file.write_text(json.dumps({**jobs, "dataset-files": job}))


def test_the_app_is_held_until_the_last_of_two_jobs_is_done(held: Held) -> None:
    held.commands([["note", "stop"]], [["note", "start"]], postgresql=["app"])
    beside(held)
    assert held.call("hold", "dataset-files", "disk").returncode == 0
    assert held.notes == ["stop"]
    assert held.host.log.read_text().count("start postgresqlBackup-app.service") == 1
    held.call("hold", "app", "disk")
    held.call("release", "dataset-files", "disk")
    assert held.notes == ["stop"]
    held.call("release", "app", "disk")
    assert held.notes == ["stop", "start"]
    assert held.host.log.read_text().count("start postgresqlBackup-app.service") == 1


def aged(held: Held, minutes: int) -> None:
    """Each mark as old as this."""
    old = time.time() - 60 * minutes
    for mark in (held.host.top / "held").glob("*/*"):
        os.utime(mark, (old, old))


def test_a_slow_upload_holds_the_app_no_longer_than_the_limit(held: Held) -> None:
    held.commands([["note", "stop"]], [["note", "start"]], holdMinutes=240)
    beside(held)
    held.call("hold", "dataset-files", "disk")
    aged(held, 239)
    assert held.call("limit").returncode == 0
    assert held.notes == ["stop"]
    # A second job of the same night does not begin the time anew.
    held.call("hold", "dataset-files", "cloud")
    assert held.call("release", "dataset-files", "disk").returncode == 0
    aged(held, 241)
    done = held.call("limit")
    assert held.notes == ["stop", "start"]
    assert done.returncode == 1, "an alert"
    assert "app went on after 240 minutes" in done.stderr
    assert held.call("limit").returncode == 0
    assert held.call("release-all").returncode == 0
    # The next night begins while the job still runs.
    held.call("hold", "app", "disk")
    held.call("release", "app", "disk")
    assert held.notes == ["stop", "start"] * 2
    done = held.call("release", "dataset-files", "cloud")
    assert done.returncode == 0
    assert "before dataset-files was saved to cloud" in done.stderr
    assert "may be inconsistent" in done.stderr
    assert held.notes == ["stop", "start"] * 2


def test_a_second_job_does_not_begin_the_limit_anew(held: Held) -> None:
    held.commands([["note", "stop"]], [["note", "start"]], holdMinutes=240)
    beside(held)
    held.call("hold", "app", "disk")
    aged(held, 241)
    held.call("hold", "dataset-files", "cloud")
    held.call("release", "app", "disk")
    assert held.call("limit").returncode == 1
    assert held.notes == ["stop", "start"]


def test_without_a_limit_an_app_is_held_to_the_end(held: Held) -> None:
    held.commands([["note", "stop"]], [["note", "start"]], holdMinutes=0)
    held.call("hold", "app", "disk")
    aged(held, 10000)
    assert held.call("limit").returncode == 0
    assert held.notes == ["stop"]


def test_a_limit_whose_after_fails_is_tried_again(held: Held) -> None:
    held.commands([["note", "stop"]], [["false"]], holdMinutes=240)
    held.call("hold", "app", "disk")
    aged(held, 241)
    assert "an after failed" in held.call("limit").stderr
    held.commands([["note", "stop"]], [["note", "start"]], holdMinutes=240)
    assert "app went on" in held.call("limit").stderr
    assert held.notes == ["stop", "start"]


def test_a_timer_looks_for_the_limit_of_four_hours() -> None:
    options = made(with_files())
    described = json.loads(options["environment"]["etc"]["homelab/backup.json"]["text"])
    assert described["nextcloud"]["holdMinutes"] == 240
    units = options["systemd"]
    unit = units["services"]["homelab-backup-limit"]
    assert unit["serviceConfig"]["ExecStart"].endswith("/homelab-backup limit")
    assert units["timers"]["homelab-backup-limit"]["timerConfig"] == {"OnCalendar": "*:0/15"}
    # What an extra job mounts is needed to its end.
    extra = {"host": "aurora", "paths": ["/srv/a"], "before": [["a"]], "after": [["b"]]}
    said = {"backup": {"extra": {"a": {**extra, "tier": "user"}}}}
    described = json.loads(made(said)["environment"]["etc"]["homelab/backup.json"]["text"])
    assert described["extra-a"]["holdMinutes"] == 0


def test_a_power_cut_during_the_job_of_a_dataset_is_made_up_for(held: Held) -> None:
    beside(held)
    held.call("hold", "dataset-files", "disk")
    held.boot.write_text("second\n")
    assert held.call("release-all").returncode == 0
    assert held.notes == ["stop", "start"]
    assert held.call("release-all").returncode == 0
    assert held.notes == ["stop", "start"]


def test_words_reach_the_command_as_they_are(held: Held) -> None:
    words = ["", "$(id)", "two words", "a\nb", "--", "'\"\\", "*"]
    held.commands([["note", *words]], [["true"]])
    held.call("hold", "app", "disk")
    assert held.log.read_text() == "".join(f"{word}\n" for word in words)


@pytest.mark.requirement("S0-35")
def test_postgresql_is_dumped_while_the_app_is_held(held: Held) -> None:
    held.commands([["note", "stop"]], [["note", "start"]], postgresql=["app"])
    held.call("hold", "app", "disk")
    assert "start postgresqlBackup-app.service" in held.host.log.read_text()


def test_a_failed_backup_ends_maintenance(held: Held) -> None:
    """As systemd runs the unit: ExecStartPre, ExecStart, and ExecStopPost in any case."""
    held.host.settings["RESTIC_PASSWORD"] = "another"
    assert held.call("hold", "app", "disk").returncode == 0
    with pytest.raises(subprocess.CalledProcessError):
        held.host.backup()
    assert held.call("release", "app", "disk").returncode == 0
    assert held.notes == ["stop", "start"]
