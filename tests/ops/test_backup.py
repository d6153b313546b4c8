"""`homelab backup` and `homelab restore` over SSH."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from homelab.backup.hooks import Hooks
from homelab.ops import backup
from homelab.plan import Plan
from homelab.problems import HomelabError, UsageError
from tests import build
from tests.ops.conftest import LAN, PIN, TAILNET, Stack

_PROGRAM = """\
#!/bin/bash
echo "$*" >>"$HOMELAB_ROOT/calls"
case "$1 $2" in
  "snapshots miniflux") printf 'b2\\t1a2b3c4d\\t2026-03-01T04:30:00.1+01:00\\tpi\\t1\\n' ;;
  "snapshots "*) echo "homelab-backup: b2 does not answer: no route" >&2; exit 1 ;;
  "in-place broken") echo fetching; echo "homelab-backup: b2 does not answer: no route" >&2; exit 1 ;;
  *) echo "done with $2" ;;
esac
"""


@pytest.fixture
def plan() -> Plan:
    """Two services of pi that are backed up to a cloud and to the other host."""
    return build.plan(
        {
            "hosts": {
                "pi": {"address": {"lan": LAN, "tailnet": TAILNET}, "ssh": {"host_key": PIN}},
                "nas": {"address": {"lan": "192.168.1.9", "tailnet": None}},
            },
            "services": {
                "miniflux": {"host": "pi"},
                "vaultwarden": {"host": "pi"},
                "grafana": {"host": "nas", "backup": {"skip": "it is provisioned"}},
            },
            "backup": {
                "targets": {
                    "b2": {"kind": "b2", "path": "example", "credentials": {"sops": "b2"}},
                    "disk": {"kind": "sftp", "host": "nas", "path": "/mnt/backup"},
                }
            },
        }
    )


@pytest.fixture
def calls(stack: Stack) -> Callable[[], list[str]]:
    """pi has the command of its release; these are its calls."""
    program = stack.lab.directory / "bin/homelab-backup"
    program.write_text(_PROGRAM)
    program.chmod(0o755)
    file = stack.lab.root("pi") / "calls"
    return lambda: file.read_text().splitlines() if file.exists() else []


def test_snapshots_of_every_job_are_listed_with_what_could_not_be_read(
    plan: Plan, calls: Callable[[], list[str]]
) -> None:
    found = backup.list_snapshots(plan, None, None)
    (snapshot,) = found.snapshots
    assert (snapshot.job, snapshot.host, snapshot.target) == ("miniflux", "pi", "b2")
    assert snapshot.id == "1a2b3c4d"
    assert found.unread == ("pi: vaultwarden: b2 does not answer: no route",)
    assert calls() == ["snapshots miniflux", "snapshots vaultwarden"]


def test_a_list_of_a_host_without_backups_is_a_wrong_call(plan: Plan) -> None:
    with pytest.raises(UsageError, match='nothing on pii is backed up; did you mean "pi"'):
        backup.list_snapshots(plan, None, "pii")
    with pytest.raises(UsageError, match="nothing on nas is backed up"):
        backup.list_snapshots(plan, None, "nas")


def test_a_restore_reads_from_a_host_of_the_stack_unless_another_target_is_named(
    plan: Plan, calls: Callable[[], list[str]]
) -> None:
    said: list[str] = []
    near = backup.job_at(plan, "miniflux", None, None)
    backup.restore(plan, near, "2026-03-01 12:00", None, said.append)
    far = backup.job_at(plan, "miniflux", None, "b2")
    backup.restore(plan, far, "latest", "/var/restore", said.append)
    backup.undo(plan, near, said.append)
    backup.drill(plan, far, said.append)
    assert calls() == [
        "in-place miniflux disk 2026-03-01 12:00",
        "files miniflux b2 latest /var/restore",
        "undo miniflux",
        "drill miniflux b2",
    ]
    assert said == ["pi: done with miniflux"] * 4


def test_a_backup_by_hand_has_a_dump_of_now(
    plan: Plan, stack: Stack, calls: Callable[[], list[str]]
) -> None:
    # The jobs order themselves after the dump; nothing else would make it before the night.
    assert calls() == []
    started = stack.lab.root("pi") / "started"
    command = stack.lab.directory / "bin/systemctl"
    command.unlink(missing_ok=True)
    command.write_text(f'#!/bin/sh\necho "$*" >>{started}\n')
    command.chmod(0o755)
    jobs = backup.jobs_of(plan, "miniflux")
    backup.run_backup(plan, jobs, lambda _: None)
    held = replace(jobs[0], hooks=Hooks(before=(("a",),), after=(("b",),)))
    backup.run_backup(plan, [held], lambda _: None)
    units = "restic-backups-miniflux-b2.service"
    assert started.read_text().splitlines() == [
        f"start postgresqlBackup-miniflux.service {units} restic-backups-miniflux-disk.service",
        f"start {units}",
    ]


def test_a_restore_of_paths_names_them(plan: Plan, calls: Callable[[], list[str]]) -> None:
    job = backup.job_at(plan, "miniflux", None, "b2")
    dump = ("sqlite", "/var/lib/miniflux/db", "/var/backup/sqlite/miniflux/db")
    job = replace(job, paths=("/var/lib/miniflux", dump[2]), dumps=(dump,))
    paths = backup.paths_in(job, ["/var/lib/miniflux/a b/", "//var/lib/miniflux/./c"])
    backup.restore(plan, job, "latest", "/var/restore", lambda _: None, paths)
    backup.restore(plan, job, "latest", None, lambda _: None, paths)
    assert calls() == [
        "files miniflux b2 latest /var/restore /var/lib/miniflux/a b /var/lib/miniflux/c",
        "in-place miniflux b2 latest /var/lib/miniflux/a b /var/lib/miniflux/c",
    ]
    for path, words in {
        "a": "name a file or directory on the host",
        "/var/lib/miniflux/\n": "name a file or directory on the host",
        "/var/lib/miniflux/../other": "miniflux is the backup of /var/lib/miniflux;",
        dump[2]: "miniflux is the backup of /var/lib/miniflux;",
    }.items():
        with pytest.raises(UsageError, match=words):
            backup.paths_in(job, [path])


def test_a_failed_restore_is_the_last_line_of_the_host(
    plan: Plan, calls: Callable[[], list[str]]
) -> None:
    job = backup.job_at(plan, "miniflux", None, None)
    broken = type(job)(**{**job.__dict__, "name": "broken"})
    with pytest.raises(HomelabError, match=r"^pi: b2 does not answer: no route$"):
        backup.restore(plan, broken, "latest", None, lambda _: None)


def test_a_host_with_an_older_release_is_said_so(stack: Stack, plan: Plan) -> None:
    job = backup.job_at(plan, "miniflux", None, None)
    with pytest.raises(HomelabError, match="no command homelab-backup here yet"):
        backup.restore(plan, job, "latest", None, lambda _: None)


@pytest.mark.parametrize(
    ("name", "host", "target", "words"),
    [
        ("minifluxx", None, None, 'did you mean "miniflux"'),
        ("grafana", None, None, "grafana is not backed up: it is provisioned"),
        ("miniflux", "nas", None, "nas has no backup of miniflux; add --host pi"),
        ("miniflux", None, "b3", 'did you mean "b2"'),
    ],
)
def test_what_is_not_backed_up_is_said(
    plan: Plan, name: str, host: str | None, target: str | None, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        backup.job_at(plan, name, host, target)


def test_a_host_is_restored_in_the_order_of_what_its_services_call() -> None:
    plan = build.plan(
        {
            "services": {
                "miniflux": {"host": "nas", "uses": ["vaultwarden"]},
                "vaultwarden": {"host": "nas"},
                "navidrome": {"host": "nas", "datasets": {"music": "music"}},
            },
            "datasets": {"music": {"host": "nas", "path": "/mnt/music", "tier": "user"}},
            "backup": {
                "targets": {
                    "b2": {"kind": "b2", "path": "example", "credentials": {"sops": "b2"}},
                }
            },
        }
    )
    order = [job.name for job in backup.jobs_on(plan, "nas", None)]
    assert order[0] == "dataset-music"
    assert order.index("vaultwarden") < order.index("miniflux")
    assert sorted(order) == sorted({job.name for job in plan.backup.on("nas")})


def test_a_host_goes_on_after_a_service_that_cannot_be_restored(
    plan: Plan, calls: Callable[[], list[str]]
) -> None:
    said: list[str] = []
    good = backup.job_at(plan, "miniflux", None, None)
    bad = replace(good, name="broken")
    (failed,) = backup.restore_all(plan, [bad, good], "latest", said.append)
    assert failed == "broken: pi: b2 does not answer: no route"
    assert [line.split()[1] for line in calls()] == ["broken", "miniflux"]


def test_a_host_without_backups_is_named() -> None:
    plan = build.plan({})
    with pytest.raises(UsageError, match="nothing on nas is backed up"):
        backup.jobs_on(plan, "nas", None)
    with pytest.raises(UsageError, match='did you mean "nas"'):
        backup.jobs_on(plan, "nass", None)
