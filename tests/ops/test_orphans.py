"""`homelab orphans`: what it finds on a host, and what it leaves alone."""

from __future__ import annotations

import pytest

from homelab.backup.orphans import orphans, places
from homelab.config.lock import Lock
from homelab.ops.orphans import find_orphans
from homelab.ops.project.files import updated_lock
from homelab.plan import Plan
from homelab.problems import UsageError
from tests import build
from tests.ops.conftest import LAN, PIN, TAILNET, Stack

STAMP = "20260302101502"


@pytest.fixture
def plan() -> Plan:
    """pi has miniflux and a dataset, holds the backups of nas, and had a wiki."""
    return build.plan(
        {
            "hosts": {
                "pi": {
                    "role": None,
                    "address": {"lan": LAN, "tailnet": TAILNET},
                    "ssh": {"host_key": PIN},
                },
            },
            "services": {"miniflux": {"host": "pi"}, "vaultwarden": {"host": "nas"}},
            "datasets": {
                "music": {"host": "pi", "path": "/srv/music", "tier": "user"},
                "video": {"host": "pi", "path": "/srv/video", "tier": "user", "fs": "btrfs"},
                "tapes": {"host": "pi", "path": "/srv/tapes", "tier": "user", "zfs": "bank/tapes"},
                "mine": {"host": "pi", "path": "/srv/mine", "tier": "user", "fs": "zfs"},
            },
            "backup": {
                "targets": {
                    "disk": {"kind": "sftp", "host": "pi", "path": "/mnt/backup"},
                    "b2": {"kind": "b2", "path": "example", "credentials": {"sops": "b2"}},
                }
            },
        },
        Lock.model_validate(
            {
                "services": {"wiki": {"host": "pi", "state": ["/var/lib/wiki-data"]}},
                "datasets": {"gone": {"host": "pi", "path": "/srv/gone"}},
            }
        ),
    )


LEFT = [
    ("state", "/var/lib/vaultwarden", "state of vaultwarden", "rm -r -- /var/lib/vaultwarden"),
    ("state", "/var/lib/wiki-data", "state of wiki", "rm -r -- /var/lib/wiki-data"),
    ("state", "/var/lib/pad", "state of pad, which is not on pi", "rm -r -- /var/lib/pad"),
    ("state", f"/var/lib/miniflux.before-{STAMP}", "from before a restore", "rm -r -- "),
    ("dataset", f"/srv/music/.homelab-undone-{STAMP}", "undone restore", "rm -r -- "),
    ("kept", f"/var/lib/homelab/restores/forum-{STAMP}/kept", "dumps of its databases", "rm"),
    ("dump", "/var/backup/sqlite/vaultwarden", "not backed up here", "rm -r -- "),
    ("dump", "/var/backup/postgresql/wiki.sql.gz", "which no job dumps", "rm -r -- "),
    ("repository", "/mnt/backup/nas/gone", "repository of gone on nas", "rm -r -- "),
    ("postgresql", f"miniflux_before_{STAMP}", "from before a restore", "dropdb miniflux_before_"),
    ("postgresql", "pad", "database of pad", "runuser -u postgres -- dropdb pad"),
    (
        "mysql",
        f"a`b_before_{STAMP}",
        "from before",
        f"mysql -e 'DROP DATABASE `a``b_before_{STAMP}`'",
    ),
    ("job", "/var/lib/homelab/backups/pad/b2", "repository of pad, which is not", ""),
    ("departed-path", "forum /srv/forum", "state of forum, which has moved away", "rm -r -- "),
    (
        "departed-database",
        "forum postgresql:forum",
        "PostgreSQL: database of forum",
        "dropdb forum",
    ),
    ("departed-database", "forum mysql:forum", "MySQL: database of forum", "DROP DATABASE"),
    (
        *("snapshot", "/srv/.snapshots/gone.20260302T101502+0100", "snapshots of gone"),
        "btrfs subvolume delete -- /srv/.snapshots/gone.*",
    ),
    (
        *("zfs-snapshots", "/srv/gone\ttank/gone", "snapshots of tank/gone"),
        "zfs list -H -t snapshot -o name tank/gone | grep @autosnap_ | xargs -n 1 zfs destroy",
    ),
    (
        *("replica", "films zfs tank/copies/films", "replica of films, which is not sent there"),
        (
            "zfs destroy -r tank/copies/films; sed -i '\\|tank/copies/films$|d' "
            "/var/lib/homelab/replicas/films.place"
        ),
    ),
    (
        *("replica", "tv btrfs /copies/tv", "replica of tv, which is not sent there"),
        (
            "btrfs subvolume delete -- /copies/tv/tv.*; sed -i '\\|/copies/tv$|d' "
            "/var/lib/homelab/replicas/tv.place"
        ),
    ),
]
CALLED = {
    "departed-path": "/srv/forum",
    "departed-database": "forum",
    "snapshot": "/srv/.snapshots/gone.*",
    "zfs-snapshots": "tank/gone@autosnap_*",
    "films zfs tank/copies/films": "tank/copies/films",
    "tv btrfs /copies/tv": "/copies/tv",
}
"""The name of a thing that has another one than the finding."""
OWNED = [
    *("state /var/lib/private", "state /var/lib/systemd", "state /var/lib/of-my-own"),
    *("state /srv/music", "dataset /srv/music/.homelab-cache", "postgresql miniflux"),
    *("postgresql template0", "postgresql of_my_own", "mysql mysql"),
    *("dump /var/backup/postgresql/miniflux.sql.gz", "repository /mnt/backup/nas/vaultwarden"),
    *("departed-path x /srv/music/x", "departed-database x postgresql:miniflux"),
    *("snapshot /srv/video/.snapshots/video.20260302T101502", "snapshot /srv/.snapshots/by-hand"),
    *("zfs-snapshots /srv/mine\ttank/mine", "zfs-snapshots /home\ttank/home"),
    *("replica tapes zfs bank/tapes", "replica music btrfs /srv/music"),
    *("repository /mnt/other/nas/gone", "job /var/lib/homelab/backups/miniflux/b2", "later thing"),
]
FORMER = ("job", "/var/lib/homelab/backups/pad/b2")


@pytest.mark.parametrize(("kind", "name", "why", "remove"), LEFT)
@pytest.mark.requirement("S0-77")
def test_what_nothing_owns_is_named_with_the_command_that_removes_it(
    plan: Plan, kind: str, name: str, why: str, remove: str
) -> None:
    found = {o.name: o for o in orphans(plan, "pi", [(kind, name), FORMER])}
    called = CALLED.get(kind) or CALLED.get(name, name)
    orphan = found.get(called) or found["b2: pi/pad"]
    assert why in orphan.why
    assert orphan.remove.startswith(remove) or remove in orphan.remove


@pytest.mark.parametrize("owned", OWNED)
def test_what_the_stack_owns_or_nobody_knows_is_not_named(plan: Plan, owned: str) -> None:
    kind, _, name = owned.partition(" ")
    assert orphans(plan, "pi", [(kind, name)]) == ()


def test_the_host_is_asked_for_its_targets_and_datasets(plan: Plan) -> None:
    asked = places(plan, "pi")
    assert {"store:/mnt/backup", "dataset:/srv/music", "snapshots:/srv/.snapshots"} <= {*asked}
    assert "snapshots:/srv/gone/.snapshots" in asked


@pytest.mark.requirement("S0-77")
def test_a_host_is_read_over_ssh_and_nothing_on_it_changes(stack: Stack, plan: Plan) -> None:
    root = stack.lab.root("pi")
    for path in (
        *("var/lib/vaultwarden", "var/lib/miniflux", "mnt/backup/nas/gone", "mnt/backup/nas/x\ny"),
        *(f"srv/music/.homelab-before-{STAMP}", "var/backup/sqlite/vaultwarden"),
    ):
        (root / path).mkdir(parents=True)
    (root / "var/lib/private").mkdir()
    (root / "var/lib/private/gatus").symlink_to("/nowhere")
    left = root / "var/lib/homelab/departures/forum"
    left.mkdir(parents=True)
    (root / "srv/forum").mkdir()
    (left / "phase").write_text("left\n")
    (left / "paths").write_text("/srv/forum\n/srv/removed\n")
    (left / "databases").write_text("postgresql:forum\n")
    (root / "srv/.snapshots/gone.20260302T101502").mkdir(parents=True)
    restored = root / f"var/lib/homelab/restores/dataset-music-{STAMP}"
    restored.mkdir(parents=True)
    for name in ("chosen", "paths"):
        (restored / name).write_text("/srv/music/live/one\n")
    (root / "srv/music/live").mkdir()
    (root / f"srv/music/live/one.before-{STAMP}").write_text("x")
    notes = root / "var/lib/homelab/replicas"
    notes.mkdir(parents=True)
    (notes / "tv.place").write_text("btrfs\t/copies/tv\nbtrfs\t/copies/films\nbtrfs\t/gone/tv\n")
    for name in ("tv", "films"):
        (root / "copies" / name).mkdir(parents=True)
    before = sorted(str(p) for p in root.rglob("*"))
    found = find_orphans(plan, "pi")
    assert found.unread == ()
    assert [o.name for o in found.orphans] == [
        "/var/lib/vaultwarden",
        "/var/backup/sqlite/vaultwarden",
        f"/srv/music/live/one.before-{STAMP}",
        "/copies/tv",
        "/copies/films",
        "/srv/forum",
        "forum",
        "/mnt/backup/nas/gone",
        f"/srv/music/.homelab-before-{STAMP}",
        "/srv/.snapshots/gone.*",
    ]
    assert sorted(str(p) for p in root.rglob("*")) == before


def test_the_lock_says_where_the_state_of_a_removed_service_stays(plan: Plan) -> None:
    _, lines = updated_lock(plan)
    assert "wiki is removed; its state stays on pi: homelab orphans pi" in lines


def test_an_unknown_host_is_a_wrong_call(plan: Plan) -> None:
    with pytest.raises(UsageError, match='did you mean "pi"'):
        find_orphans(plan, "pii")
