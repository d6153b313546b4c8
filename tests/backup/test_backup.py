"""Which jobs a stack gets, what is dumped, and which accounts clients get."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import tarfile
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from homelab.backup.model import Job
from homelab.backup.restic import modules
from homelab.config.fact_dumps import DumpProgram
from homelab.problems import InvalidStackError
from tests import build
from tests.household import KEY, Changes, household
from tests.tools.libraries import evaluated

VAULT: Changes = {"services": {"vaultwarden": {"host": "aurora"}}}
NEWS: Changes = {"services": {"miniflux": {"host": "aurora"}}}


def jobs(*changes: Changes) -> dict[tuple[str, str, str], Job]:
    return {(j.host, j.name, j.target): j for j in build.plan(household(*changes)).backup.jobs}


def text(*changes: Changes, host: str = "aurora") -> str:
    return build.render(household(*changes))[host]["backup.nix"]


def options(*changes: Changes, host: str = "aurora") -> Any:
    """The options of nixpkgs that the libraries set on a host."""
    plan = build.plan(household(*changes))
    made = [m for m in modules(plan, plan.hosts[host]) if m.library is not None]
    return evaluated(made, Path("/packages"))


def restic(*changes: Changes, host: str = "aurora") -> Any:
    return options(*changes, host=host)["services"]["restic"]["backups"]


def found(check: str, *changes: Changes) -> list[str]:
    return [str(p) for p in build.found(household(*changes), check)]


def test_a_restore_waits_for_the_probe_as_long_as_a_deployment() -> None:
    said = text(NEWS, {"deploy": {"confirm_seconds": 99}})
    assert "probeSeconds = 99;" in said
    assert "probeSeconds" not in text(NEWS)


@pytest.mark.requirement("S0-31")
def test_a_service_has_one_unit_for_each_target() -> None:
    """A target that is down does not block the other target."""
    mine = {target: job for (_, name, target), job in jobs(VAULT).items() if name == "vaultwarden"}
    assert {t: j.repository for t, j in mine.items()} == {
        "disk": "/mnt/disk/restic/aurora/vaultwarden",
        "b2": "b2:bucket:restic/aurora/vaultwarden",
    }
    assert mine["disk"].directory == "/mnt/disk/restic"
    assert mine["b2"].environment == "/run/secrets/restic-b2-credentials"
    assert mine["b2"].password == "/run/homelab/secrets/restic-b2"


@pytest.mark.parametrize(
    ("path", "repository"),
    [
        ("bucket", "b2:bucket:aurora/vaultwarden"),
        ("bucket/restic/", "b2:bucket:restic/aurora/vaultwarden"),
        ("bucket:restic/home", "b2:bucket:restic/home/aurora/vaultwarden"),
    ],
)
def test_a_path_in_a_bucket_is_written_as_it_is(path: str, repository: str) -> None:
    b2: Changes = {"backup": {"targets": {"b2": {"path": path}}}}
    assert jobs(VAULT, b2)["aurora", "vaultwarden", "b2"].repository == repository


@pytest.mark.parametrize("key", ["path", "repositories"])
def test_a_colon_in_a_bucket_that_would_be_a_slash_is_refused(key: str) -> None:
    """The message has the spelling that keeps the repository."""
    path = "bucket/restic:home"
    stated: Changes = {"path": path} if key == "path" else {key: {"aurora": path}}
    with pytest.raises(InvalidStackError) as error:
        jobs(VAULT, {"backup": {"targets": {"b2": stated}}})
    assert "bucket/restic/home" in str(error.value)


THERE: Changes = {"services": {"vaultwarden": {"host": "pi"}}}


@pytest.mark.requirement("S0-31", "S0-34")
def test_a_client_uses_sftp_with_an_account_of_its_own() -> None:
    """It has its own login and key, and its repository has no path of the server."""
    job = jobs(THERE)["pi", "vaultwarden", "disk"]
    assert job.repository == "sftp:restic-pi@192.168.1.10:/vaultwarden"
    assert (job.ssh_key, job.directory) == ("/run/homelab/secrets/restic-disk-key", "")
    made = restic(THERE, host="pi")["vaultwarden-disk"]
    assert made["extraOptions"] == [
        "sftp.args='-i /run/homelab/secrets/restic-disk-key -o IdentitiesOnly=yes -o BatchMode=yes'"
    ]


@pytest.mark.requirement("S0-34")
def test_each_client_is_confined_to_its_own_directory() -> None:
    """It cannot read datasets or change the repositories of another client."""
    both: Changes = {"services": {"jellyfin": {"host": "workstation"}}}
    made = options(THERE, both)
    rules = made["services"]["openssh"]["extraConfig"]
    script = made["systemd"]["services"]["backup-target-disk"]["script"]
    for client in ("pi", "workstation"):
        assert f"Match User restic-{client}\n" in rules
        assert f"ChrootDirectory /mnt/disk/restic/{client}\n" in rules
        key = f"/run/homelab/secrets/restic-disk-{client}-key"
        assert f"AuthorizedKeysFile {key}\n" in rules
        # sshd requires a directory that only root can write; repositories are one level below.
        assert f"root /mnt/disk/restic/{client}\n" in script
        assert made["users"]["users"][f"restic-{client}"] == {
            "isSystemUser": True,
            "group": f"restic-{client}",
        }
    assert "repository restic-pi /mnt/disk/restic/pi/vaultwarden\n" in script
    assert rules.count("ForceCommand internal-sftp") == 2
    assert rules.index("Match all") > rules.rindex("Match User")
    assert "openssh" not in options(THERE, host="pi")["services"]


def test_the_server_has_the_public_key_and_only_the_client_has_the_private_key() -> None:
    secrets = {(s.host, s.name): s for s in build.plan(household(THERE)).secrets.secrets}
    mine, theirs = secrets["pi", "restic-disk-key"], secrets["aurora", "restic-disk-pi-key"]
    assert (mine.half, mine.mode) == ("private", "0400")
    assert (theirs.half, theirs.mode) == ("public", "0444")
    assert mine.purpose == theirs.purpose
    assert ("aurora", "restic-disk-key") not in secrets


def test_a_target_inside_a_dataset_is_refused() -> None:
    """sshd does not confine a client to a directory below one that a group can write."""
    inside: Changes = {
        "datasets": {
            "all": {
                "host": "aurora",
                "path": "/mnt/disk",
                "tier": "re-derivable",
                "group": "family",
            }
        }
    }
    (problem,) = found("backup-target-root", THERE, inside)
    assert "backup.targets.disk.path" in problem
    assert found("backup-target-root", THERE) == []


def test_a_path_with_blanks_is_one_path() -> None:
    """A unit that waits for the wrong disk writes backups to the root disk."""
    blank: Changes = {"backup": {"targets": {"disk": {"path": "/mnt/One Touch/restic"}}}}
    made = options(NEWS, THERE, blank)
    units = made["systemd"]["services"]
    for unit in ("restic-backups-miniflux-disk", "backup-target-disk"):
        assert units[unit]["unitConfig"] == {"RequiresMountsFor": ['"/mnt/One Touch/restic"']}
    rules = made["services"]["openssh"]["extraConfig"]
    assert 'ChrootDirectory "/mnt/One Touch/restic/pi"' in rules
    assert "root '/mnt/One Touch/restic'" in units["backup-target-disk"]["script"]


@pytest.mark.parametrize("field", ["keys", "credentials"])
def test_former_keys_of_a_target_are_refused_with_the_way_out(field: str) -> None:
    said = {"keys": [KEY], "credentials": {"sops": "restic/ssh"}}[field]
    with pytest.raises(InvalidStackError, match=r"leave (keys and )?credentials out"):
        build.stack_config(household({"backup": {"targets": {"disk": {field: said}}}}))


@pytest.mark.parametrize("kind", ["b2", "s3", "rclone"])
def test_a_host_at_a_cloud_is_the_fault_with_and_without_credentials(kind: str) -> None:
    for more in ({}, {"credentials": {"sops": "restic/cloud"}}):
        target = {"kind": kind, "host": "nas", "path": "bucket:restic", **more}
        with pytest.raises(InvalidStackError, match=r"not on a host of the stack; leave host out"):
            build.stack_config(household({"backup": {"targets": {"disk": None, "far": target}}}))


@pytest.mark.requirement("S0-31")
def test_only_its_own_host_writes_to_a_local_target() -> None:
    local: Changes = {
        "backup": {"targets": {"usb": {"kind": "local", "host": "aurora", "path": "/mnt/usb"}}}
    }
    planned = jobs(VAULT, {"services": {"jellyfin": {"host": "workstation"}}}, local)
    assert ("aurora", "vaultwarden", "usb") in planned
    assert ("workstation", "jellyfin", "b2") in planned
    assert ("workstation", "jellyfin", "usb") not in planned


@pytest.mark.requirement("S0-35")
def test_jobs_of_two_targets_do_not_dump_at_the_same_time() -> None:
    """Each dumps with `VACUUM INTO` to its own file, under a lock."""
    made = restic(VAULT)
    scripts = [made[f"vaultwarden-{t}"]["backupPrepareCommand"] for t in ("b2", "disk")]
    assert all("/packages/pkgs/util-linux/bin/flock 9\n" in script for script in scripts)
    assert """\
new=db.sqlite3.disk
rm -f "$new"
/packages/pkgs/sqlite/bin/sqlite3 -readonly -cmd ".timeout 30000" \
/var/lib/vaultwarden/db.sqlite3 "VACUUM INTO '$new'"
mv -f "$new" "$dump"
""" in scripts[1]
    job = jobs(VAULT)["aurora", "vaultwarden", "disk"]
    assert "/var/backup/sqlite/vaultwarden/db.sqlite3" in job.paths
    assert "/var/lib/vaultwarden/db.sqlite3-wal" in job.exclude


@pytest.mark.requirement("S0-35")
def test_one_target_needs_no_lock() -> None:
    one: Changes = {"services": {"vaultwarden": {"backup": {"targets": ["b2"]}}}}
    (made,) = [b for name, b in restic(VAULT, one).items() if name.startswith("vaultwarden-")]
    assert "VACUUM INTO" in made["backupPrepareCommand"]
    assert "flock" not in made["backupPrepareCommand"]


@pytest.mark.requirement("S0-35")
def test_postgresql_is_dumped_before_the_backup_of_the_dump() -> None:
    made = options(NEWS)
    dumps = made["services"]["postgresqlBackup"]
    assert dumps == {"enable": True, "databases": ["miniflux"], "startAt": "*-*-* 03:30:00"}
    unit = made["systemd"]["services"]["restic-backups-miniflux-b2"]
    assert unit["after"] == ["postgresqlBackup-miniflux.service"]
    assert made["systemd"]["timers"]["postgresqlBackup-miniflux"] == {
        "timerConfig": {"Persistent": True}
    }
    job = jobs(NEWS)["aurora", "miniflux", "b2"]
    assert job.paths == ("/var/backup/postgresql/miniflux.sql.gz",)


@pytest.mark.requirement("S0-33", "S0-40")
def test_each_dataset_has_a_job_according_to_its_tier() -> None:
    """No backup setting is needed."""
    disks: Changes = {
        "datasets": {
            "photos": {"host": "aurora", "path": "/mnt/f/photos", "tier": "irreplaceable"},
            "films": {"host": "aurora", "path": "/mnt/films", "tier": "re-derivable"},
            "scans": {
                "host": "aurora",
                "path": "/mnt/scans",
                "tier": "user",
                "backup": "the paper is in the attic",
            },
        }
    }
    planned = jobs(disks)
    assert {name for _, name, _ in planned if name.startswith("dataset-")} == {"dataset-photos"}
    job = planned["aurora", "dataset-photos", "b2"]
    assert (job.paths, job.mounts) == (("/mnt/f/photos",), ("/mnt/f/photos",))
    assert "--keep-yearly 5" in restic(disks)["dataset-photos-b2"]["pruneOpts"]
    plan = build.plan(household(disks))
    assert ("dataset-scans", "the paper is in the attic") in plan.backup.skipped


@pytest.mark.requirement("S0-40")
def test_a_restore_of_a_dataset_stops_whoever_writes_it() -> None:
    device = "MFZWI3D-BONSGYC-YLTMRWG-C43ENR5-QXGZDMM-FZWI3DP-BONSGYY-LTMRWAD"
    shelf = {
        "host": "aurora",
        "path": "/mnt/shelf",
        "tier": "user",
        "samba": {},
        "syncthing": {"devices": {"phone": device}},
        "nfs": {"hosts": {"workstation": "/mnt/shelf"}},
    }
    services = {
        "syncthing": {"host": "aurora"},
        "sonarr": {"host": "workstation", "datasets": {"media": "shelf"}},
    }

    def job(**changes: object) -> Job:
        made = jobs({"datasets": {"shelf": {**shelf, **changes}}, "services": services})
        return made["aurora", "dataset-shelf", "b2"]

    assert {"syncthing.service", "samba-smbd.service"} <= {*job().units}
    assert job().callers == (("workstation", ("sonarr.service",)),)
    reads = {"samba": {"read_only": True}, "syncthing": None}
    assert not {"syncthing.service", "samba-smbd.service"} & {*job(**reads).units}
    hosts = {"workstation": "/mnt/shelf"}
    assert job(nfs={"hosts": hosts, "read_only": True}).callers == ()


@pytest.mark.requirement("S0-31")
def test_snapshots_of_something_else_in_a_repository_from_before_count_by_themselves() -> None:
    def grouping(**target: object) -> str:
        made = restic(VAULT, {"backup": {"targets": {"b2": target}}})
        return str(made["vaultwarden-b2"]["pruneOpts"][-1])

    assert grouping() == "--group-by host"
    for place in ("aurora", "aurora/vaultwarden"):
        assert grouping(repositories={place: "bucket/old"}) == "--group-by host,paths,tags"
    assert grouping(password={"sops": "restic/old"}) == "--group-by host,paths,tags"
    assert grouping(repositories={"aurora/miniflux": "bucket/old"}) == "--group-by host"


@pytest.mark.parametrize(
    ("backup", "words"),
    [
        (
            {"tiers": {"user": {"daily": 0, "weekly": 0, "monthly": 0}}},
            ["backup.tiers.user", "no snapshot would be kept"],
        ),
        ({"targets": {"disk": {"path": "mnt/disk"}}}, ["backup.targets.disk", "start it with /"]),
        (
            {"targets": {"b2": {"credentials": None}}},
            ["backup.targets.b2", "has no credentials"],
        ),
        ({"targets": {"disk": {"user": "root"}}}, ["backup.targets.disk", "log in as root"]),
    ],
)
@pytest.mark.requirement("S0-31", "S0-33")
def test_a_target_or_tier_that_cannot_work_is_refused(backup: Changes, words: list[str]) -> None:
    with pytest.raises(InvalidStackError) as refused:
        build.stack_config(household({"backup": backup}))
    assert all(word in str(refused.value) for word in words), refused.value


@pytest.mark.parametrize("backup", [{"skip": ""}, {"skip": "a cache", "include": ["/srv/x"]}])
@pytest.mark.requirement("S0-32")
def test_a_skip_needs_a_reason_and_excludes_include(backup: Changes) -> None:
    with pytest.raises(InvalidStackError, match=r"services\.vaultwarden\.backup"):
        build.stack_config(household(VAULT, {"services": {"vaultwarden": {"backup": backup}}}))


@pytest.mark.requirement("S0-32")
def test_a_service_without_backup_is_listed_with_the_reason() -> None:
    skip: Changes = {"services": {"vaultwarden": {"backup": {"skip": "a trial only"}}}}
    plan = build.plan(household(VAULT, skip, {"services": {"ollama": {"host": "aurora"}}}))
    assert ("vaultwarden", "a trial only") in plan.backup.skipped
    assert ("ollama", "its models can be downloaded again") in plan.backup.skipped
    assert not [j for j in plan.backup.jobs if j.name in ("vaultwarden", "ollama")]


@pytest.mark.requirement("S0-31")
def test_a_failed_job_or_dump_sends_an_alert_if_there_is_a_topic() -> None:
    """Without a topic, no unit names the missing `notify@`."""
    ntfy: Changes = {"monitoring": {"ntfy": {"topic": {"sops": "ntfy/topic"}}}}
    assert "onFailure" not in text(VAULT)
    units = options(VAULT, NEWS, ntfy)["systemd"]["services"]
    assert set(units) >= {"restic-backups-vaultwarden-b2", "postgresqlBackup-miniflux"}
    ours = [u for name, u in units.items() if not name.startswith("backup-target-")]
    assert [u["onFailure"] for u in ours] == [["notify@%N.service"]] * len(ours)
    assert "notify@" in build.render(household(VAULT, ntfy))["aurora"]["monitoring.nix"]


@pytest.mark.requirement("S0-05")
def test_a_host_that_is_not_always_on_stays_awake_for_its_backup() -> None:
    there: Changes = {"services": {"jellyfin": {"host": "workstation"}}}
    made = restic(there, host="workstation").values()
    assert made
    assert all(b["inhibitsSleep"] is True for b in made)
    assert not any("inhibitsSleep" in b for b in restic(VAULT).values())


CUSTOM: Changes = {
    "flakes": {"vote": {"url": "github:a/vote"}},
    "services": {
        "vote": {
            "host": "aurora",
            "flake": {"input": "vote", "unit": "vote", "dynamic_user": True},
            "port": 8007,
            "routes": [],
        }
    },
}


@pytest.mark.parametrize(
    ("check", "changes", "words"),
    [
        (
            "backup-intent",
            [CUSTOM],
            ["services.vote.backup", "does not say what to back up of vote", "include:", "skip:"],
        ),
        (
            "backup-target-known",
            [VAULT, {"services": {"vaultwarden": {"backup": {"targets": ["dsk"]}}}}],
            [
                "backup.targets[0]",
                'vaultwarden is to be backed up to "dsk"',
                'did you mean "disk"?',
            ],
        ),
        (
            "backup-target-known",
            [{"backup": {"targets": {"disk": {"host": "auror"}}}}],
            ["backup.targets.disk.host", 'did you mean "aurora"?'],
        ),
        (
            "backup-has-target",
            [VAULT, {"backup": {"targets": {"disk": None, "b2": None}}}],
            ["backup.targets: there is no backup target", "vaultwarden"],
        ),
        (
            "backup-has-target",
            [
                {"services": {"jellyfin": {"host": "workstation"}}},
                {
                    "backup": {
                        "targets": {
                            "b2": None,
                            "disk": {"kind": "local", "credentials": None, "keys": None},
                        }
                    }
                },
            ],
            ["services.jellyfin.backup", "workstation reaches no backup target"],
        ),
        (
            "backup-target-single",
            [
                {
                    "backup": {
                        "targets": {
                            "b3": {
                                "kind": "b2",
                                "path": "bucket/restic/",
                                "credentials": {"sops": "restic/b2"},
                            }
                        }
                    }
                }
            ],
            ["backup.targets.b3.path", "b3 and b2 write to the same repositories"],
        ),
        (
            "role-backup",
            [
                {"services": {"vaultwarden": {"host": "pi"}}},
                {"backup": {"targets": {"disk": {"host": "pi"}}}},
            ],
            [
                "services.vaultwarden.backup",
                "backed up to disk",
                "on its own host pi",
                "an appliance",
            ],
        ),
        (
            "role-backup",
            [VAULT, {"hosts": {"aurora": {"role": "agent"}}}],
            ["vaultwarden runs on aurora, which has role agent", "skip:"],
        ),
        (
            "dynamic-user-path",
            [CUSTOM, {"services": {"vote": {"backup": {"include": ["/var/lib/vote"]}}}}],
            ["services.vote.backup.include[0]", "write /var/lib/private/vote"],
        ),
        (
            "dynamic-user-path",
            [CUSTOM, {"services": {"vote": {"state": ["/var/lib/vote"]}}}],
            ["services.vote.state[0]", "write /var/lib/private/vote"],
        ),
        (
            "dump-before-backup",
            [NEWS, {"backup": {"dump_at": "05:00"}}],
            ["backup.dump_at", "05:00", "04:30"],
        ),
    ],
)
@pytest.mark.requirement("S0-02", "S0-31", "S0-32", "S0-35", "S0-37")
def test_a_job_that_would_back_up_nothing_is_an_error(
    check: str, changes: list[Changes], words: list[str]
) -> None:
    messages = "\n".join(found(check, *changes))
    assert all(word in messages for word in words), messages


@pytest.mark.requirement("S0-31", "S0-32", "S0-35", "S0-37")
def test_a_correct_stack_passes_every_check_of_backups() -> None:
    """The same services with correct settings."""
    right: Changes = {"services": {"vote": {"state": ["/var/lib/private/vote"]}}}
    problems = build.problems(household(VAULT, NEWS, CUSTOM, right))
    mine = ("backup-", "role-backup", "dynamic-user-path", "dump-before-backup")
    assert [str(p) for p in problems if p.check.startswith(mine)] == []


@pytest.mark.skipif(
    not all(map(shutil.which, ("sqlite3", "flock", "nix-instantiate"))),
    reason="sqlite3, flock or Nix is not installed",
)
@pytest.mark.requirement("S0-35")
def test_the_dump_script_copies_a_database_in_use(tmp_path: Path) -> None:
    """The script of the job, with its paths below a directory of the test."""
    script = restic(VAULT)["vaultwarden-disk"]["backupPrepareCommand"]
    for old, new in {
        "/packages/pkgs/sqlite/bin/sqlite3": str(shutil.which("sqlite3")),
        "/packages/pkgs/util-linux/bin/flock": str(shutil.which("flock")),
        "/run/": f"{tmp_path}/",
        "/var/": f"{tmp_path}/var/",
    }.items():
        script = script.replace(old, new)
    source = tmp_path / "var/lib/vaultwarden/db.sqlite3"
    source.parent.mkdir(parents=True)
    with closing(sqlite3.connect(source)) as app:
        app.execute("PRAGMA journal_mode = WAL")
        app.execute("CREATE TABLE vault (secret TEXT)")
        app.execute("INSERT INTO vault VALUES ('one')")
        app.commit()
        for _ in range(2):
            subprocess.run(["bash", "-c", script], check=True)
    dump = tmp_path / "var/backup/sqlite/vaultwarden/db.sqlite3"
    with closing(sqlite3.connect(dump)) as copy:
        assert copy.execute("SELECT secret FROM vault").fetchall() == [("one",)]
    assert [p.name for p in dump.parent.iterdir()] == ["db.sqlite3"]


PROGRAM = files("homelab.backup") / "program-dump.sh"
"""The script that every program of a dump runs in."""
INFLUX: Changes = {"services": {"influxdb2": {"host": "aurora"}}}


@pytest.mark.requirement("S0-35")
def test_a_database_of_its_own_kind_is_dumped_by_a_program_of_the_service() -> None:
    """Its live files are in no backup, because a copy of them is not consistent."""
    (job,) = {j.name: j for k, j in jobs(INFLUX).items() if k[1] == "influxdb2"}.values()
    assert job.paths == ("/var/backup/dumps/influxdb2/influx.tar",)
    assert "${pkgs.influxdb2-cli}/bin/influx backup --host http://127.0.0.1:8086" in text(INFLUX)
    without: Changes = {"services": {"influxdb2": {"backup": {"skip": "measurements of a trial"}}}}
    assert not [k for k in jobs(INFLUX, without) if k[1] == "influxdb2"]


@pytest.mark.skipif(
    not all(map(shutil.which, ("flock", "nix-instantiate"))), reason="flock or Nix is missing"
)
@pytest.mark.requirement("S0-35")
def test_the_program_of_a_dump_has_its_secret_and_its_files_are_in_one_archive(
    tmp_path: Path,
) -> None:
    """The script of the job, with a stand-in for the program. A second run replaces the first."""
    script = restic(INFLUX)["influxdb2-disk"]["backupPrepareCommand"]
    influx = tmp_path / "influx"
    influx.write_text(
        "#!/bin/sh\necho progress\nfor to; do :; done\n"
        '[ -z "$(ls "$to")" ] && echo "$INFLUX_TOKEN $*" >"$to/$(date +%N).manifest"\n'
    )
    influx.chmod(0o755)
    secret = tmp_path / "homelab/secrets/influxdb2-token"
    secret.parent.mkdir(parents=True)
    secret.write_text("its-token")
    for old, new in {
        "/packages/pkgs/influxdb2-cli/bin/influx": str(influx),
        "/packages/pkgs/gnutar/bin/tar": str(shutil.which("tar")),
        "/packages/pkgs/util-linux/bin/flock": str(shutil.which("flock")),
        "/run/": f"{tmp_path}/",
        "/var/": f"{tmp_path}/var/",
    }.items():
        script = script.replace(old, new)
    script = re.sub(r"\S+/store/\w+-program-dump\.sh", str(PROGRAM), script)
    for _ in range(2):
        subprocess.run(["bash", "-c", script], check=True)
    dump = tmp_path / "var/backup/dumps/influxdb2/influx.tar"
    assert [p.name for p in dump.parent.iterdir()] == ["influx.tar"]
    with tarfile.open(dump) as archive:
        (file,) = [m for m in archive.getmembers() if m.isfile()]
        content = archive.extractfile(file)
        assert content is not None
        line = content.read().decode()
    assert line.startswith("its-token backup --host http://127.0.0.1:8086 ")


def test_a_command_that_writes_nothing_has_made_no_dump(tmp_path: Path) -> None:
    own = """{
      homelab.backup.jobs.mail.paths = [ "/var/mail" ];
      homelab.backup.jobs.mail.commands."mail.dump" = "cat /var/answer";
    }"""
    plan = build.plan(household(VAULT))
    made = evaluated(list(modules(plan, plan.hosts["aurora"])), Path("/packages"), own)
    script = made["services"]["restic"]["backups"]["mail-b2"]["backupPrepareCommand"]
    script = script.replace("/packages/pkgs/util-linux/bin/flock", str(shutil.which("flock")))
    script = script.replace("/run/", f"{tmp_path}/").replace("/var/", f"{tmp_path}/var/")
    answer = tmp_path / "var/answer"
    answer.parent.mkdir()
    for text, code in (("first", 0), ("", 1)):
        answer.write_text(text)
        done = subprocess.run(["bash", "-c", script], check=False, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        assert (tmp_path / "var/backup/dumps/mail/mail.dump").read_text() == "first"
    assert "mail.dump is empty: its command has written nothing" in done.stderr


def test_a_program_of_a_dump_that_fails_leaves_the_last_dump(tmp_path: Path) -> None:
    """The job ends before the new dump replaces the old one."""
    for directory in ("", str(tmp_path / "dump.d")):
        words = ["sh", str(PROGRAM), "--", directory, "tar", "false"]
        assert subprocess.run(words, check=False, capture_output=True).returncode == 1


@pytest.mark.parametrize(
    "words", [["/bin/dump"], ["dump", "{file}"], ["dump", "{port!r}"], ["dump", "{"], []]
)
def test_the_words_of_a_dump_are_a_program_with_known_fields(words: list[str]) -> None:
    with pytest.raises(ValidationError):
        DumpProgram(package="forum", words=tuple(words))


@pytest.mark.parametrize("path", ["/mnt/disk/restic", "/mnt/One Touch/restic"])
def test_sshd_reads_the_rules_of_a_client(tmp_path: Path, path: str) -> None:
    """A real sshd reads them. A path split in two would confine nobody."""
    sshd = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin")
    if sshd is None:
        pytest.skip("sshd is not there")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    rules = tmp_path / "sshd_config"
    target: Changes = {"backup": {"targets": {"disk": {"path": path}}}}
    made = options(THERE, target)["services"]["openssh"]["extraConfig"]
    rules.write_text(f"HostKey {key}\n{made}")
    done = subprocess.run(
        [sshd, "-T", "-C", "user=restic-pi,host=pi,addr=192.168.1.2", "-f", rules],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = done.stdout.splitlines()
    assert f"chrootdirectory {path}/pi" in found
    assert "forcecommand internal-sftp -d /" in found
    assert "authorizedkeysfile /run/homelab/secrets/restic-disk-pi-key" in found
    assert "permittty no" in found
