"""Excludes of the whole site, extra paths, and when jobs start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from homelab.backup.jobs import LEFTOVERS
from homelab.backup.model import Job
from homelab.backup.restic import modules
from tests import build, stackdir
from tests.backup.restores import Restored
from tests.household import Changes, household
from tests.tools.libraries import evaluated

VAULT: Changes = {"services": {"vaultwarden": {"host": "aurora"}, "radicale": {"host": "aurora"}}}
MAIL: Changes = {"backup": {"extra": {"mail": {"host": "aurora", "paths": ["/var/mail"]}}}}


def jobs(*changes: Changes) -> list[Job]:
    return list(build.plan(household(VAULT, *changes)).backup.jobs)


def made(*changes: Changes, host: str = "aurora") -> Any:
    plan = build.plan(household(VAULT, *changes))
    found = [m for m in modules(plan, plan.hosts[host]) if m.library is not None]
    return evaluated(found, Path("/packages"))


def restic(*changes: Changes) -> Any:
    return made(*changes)["services"]["restic"]["backups"]


@pytest.mark.requirement("S1-25")
def test_an_exclude_of_the_site_is_in_every_job() -> None:
    left_out: Changes = {"backup": {"exclude": ["/**/node_modules"]}}
    assert all("/**/node_modules" in job.exclude for job in jobs(left_out))
    assert all("/**/node_modules" in backup["exclude"] for backup in restic(left_out).values())


@pytest.mark.requirement("S1-25")
def test_an_exclude_of_the_site_that_takes_a_whole_path_is_an_error() -> None:
    both: Changes = {"backup": {"exclude": ["/var/mail"]}}
    (found,) = build.found(household(VAULT, MAIL, both), "backup-exclude")
    assert found.where == "backup.exclude[0]"
    assert "/var/mail is to be backed up by the job extra-mail" in found.what


@pytest.mark.requirement("S1-25")
def test_extra_paths_have_a_job_for_each_target_with_its_own_repository() -> None:
    mine = {job.target: job for job in jobs(MAIL) if job.name == "extra-mail"}
    assert mine.keys() == {"b2", "disk"}
    assert mine["b2"].repository == "b2:bucket:restic/aurora/extra-mail"
    assert mine["b2"].paths == ("/var/mail",)
    unit = made(MAIL)["systemd"]["services"]["restic-backups-extra-mail-b2"]
    assert "/var/mail" in unit["unitConfig"]["RequiresMountsFor"]


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ({"targets": ["b22"]}, "mail is to be backed up to"),
        ({"host": "auroa"}, "auroa"),
        ({"before": ["sync"]}, "nothing ends"),
    ],
)
def test_a_mistake_in_extra_paths_is_a_problem(extra: Changes, says: str) -> None:
    changes: Changes = {"backup": {"extra": {"mail": extra}}}
    found = [p for p in build.problems(household(VAULT, MAIL, changes)) if p.severity == "error"]
    assert any(says in str(p) for p in found), found


def test_an_extra_path_that_is_a_link_is_an_error() -> None:
    linked: Changes = {"backup": {"extra": {"mail": {"paths": ["/var/lib/uptime-kuma"]}}}}
    kuma: Changes = {"services": {"uptime-kuma": {"host": "aurora"}}}
    found = build.found(household(VAULT, MAIL, kuma, linked), "dynamic-user-path")
    assert [p.way_out for p in found] == ["write /var/lib/private/uptime-kuma"]


def test_no_job_backs_up_what_a_restore_kept(tmp_path: Path) -> None:
    """The names of `homelab-backup in-place` and `undo`, as restic reads the patterns."""
    host = Restored(tmp_path)
    kept = ("notes", "app.before-2026")
    for name in (
        *kept,
        ".homelab-before-20260302101502",
        "wiki.before-20260302101502",
        "wiki.undone-20260302101502",
    ):
        (host.data / name).mkdir()
        (host.data / name / "file").write_text("x")
    patterns = tmp_path / "patterns"
    patterns.write_text("\n".join(restic()["vaultwarden-b2"]["exclude"]))
    host.backup(f"--exclude-file={patterns}")
    listed = host.restic("ls", "latest")
    found = {line.rpartition("/app/")[2] for line in listed.splitlines() if "/file" in line}
    assert found == {f"{name}/file" for name in kept}
    assert set(LEFTOVERS) <= set(restic()["vaultwarden-b2"]["exclude"])


@pytest.mark.requirement("S0-31")
def test_each_job_starts_at_a_time_of_its_own_after_the_dumps() -> None:
    times = {job.name: job.at for job in jobs(MAIL) if job.host == "aurora"}
    assert len(set(times.values())) > 1
    assert all("04:30" <= at < "06:00" for at in times.values())
    backups = restic(MAIL)
    for job in jobs(MAIL):
        if job.host == "aurora":
            assert backups[job.unit]["timerConfig"] == {"OnCalendar": job.at, "Persistent": True}


def test_a_new_job_moves_no_other() -> None:
    before, after = ({j.unit: j.at for j in jobs(c)} for c in ({}, MAIL))
    assert before.items() <= after.items()


@pytest.mark.parametrize(
    "night", [{"at": "23:50", "dump_at": "22:00"}, {"spread_minutes": 0}, {"at": "00:00"}]
)
def test_the_plan_and_the_library_agree_on_the_time(night: Changes) -> None:
    backups = restic({"backup": night})
    for job in jobs({"backup": night}):
        if job.host == "aurora":
            assert backups[job.unit]["timerConfig"]["OnCalendar"] == job.at


def test_a_service_has_its_own_time_after_its_dump() -> None:
    own: Changes = {"services": {"vaultwarden": {"backup": {"at": "02:15"}}}}
    assert restic(own)["vaultwarden-b2"]["timerConfig"]["OnCalendar"] == "02:15"
    early: Changes = {"services": {"miniflux": {"host": "aurora", "backup": {"at": "03:00"}}}}
    (found,) = build.found(household(VAULT, early), "dump-before-backup")
    assert found.where == "services.miniflux.backup.at"


def test_a_target_limits_what_is_sent() -> None:
    backup = restic({"backup": {"targets": {"b2": {"upload": "2 MB"}}}})["vaultwarden-b2"]
    assert backup["extraBackupArgs"] == ["--limit-upload=1953"]
    assert "--limit-upload=1953" in backup["pruneOpts"]


def test_a_host_that_sleeps_backs_up_on_mains_power() -> None:
    there: Changes = {"services": {"jellyfin": {"host": "workstation"}}}
    units = made(there, host="workstation")["systemd"]
    unit = units["services"]["restic-backups-jellyfin-b2"]
    assert unit["unitConfig"]["ConditionACPower"] is True
    assert units["services"]["homelab-backup-late"]["unitConfig"] == {"ConditionACPower": True}
    assert units["timers"]["homelab-backup-late"]["wantedBy"] == ["timers.target"]
    free = made(there, {"backup": {"on_battery": True}}, host="workstation")["systemd"]
    assert "homelab-backup-late" not in free["services"]
    assert "ConditionACPower" not in str(free)
    assert "ConditionACPower" not in str(made()["systemd"])


@pytest.mark.parametrize(
    ("answer", "starts"),
    [("no\n5000000", True), ("yes\n5000000", False), ("no\n0", False)],
)
def test_a_job_that_was_due_on_battery_starts_later(
    tmp_path: Path, answer: str, *, starts: bool
) -> None:
    host = Restored(tmp_path)
    host.program(
        "systemctl",
        f'#!/bin/sh\ncase $1 in show) printf "%s\\n" "{answer}" ;; *) echo "$*" >>{host.log} ;; esac\n',
    )
    assert host.call("late").returncode == 0
    told = host.log.read_text() if host.log.exists() else ""
    assert ("start --no-block restic-backups-app-disk.service" in told) == starts


@pytest.mark.requirement("S2-12")
@pytest.mark.parametrize(
    ("local", "paths", "exclude", "told"),
    [
        (True, ["/home"], [], True),
        (True, ["/root"], [], True),
        (True, ["/home/sam/.pulumi/stacks"], [], True),
        (False, ["/srv/x/.pulumi"], [], True),
        (True, ["/home/sam"], ["/home/*/.pulumi"], False),
        # The state is where `pulumi up` runs.
        (False, ["/home/sam"], [], False),
        (True, ["/home/sam/.pulumirc"], [], False),
    ],
)
def test_a_backup_of_the_pulumi_state_is_a_warning(
    local: bool, paths: list[str], exclude: list[str], told: bool
) -> None:
    extra = {"home": {"host": "nas", "paths": paths, "exclude": exclude}}
    changes = {"hosts": {"nas": {"ssh": {"local": local}}}, "backup": {"extra": extra}}
    found = build.found(stackdir.changed(changes), "backup-state")
    assert [p.severity for p in found] == ["warning"] * told, found
