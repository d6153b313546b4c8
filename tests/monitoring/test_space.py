"""The alert before a file system is full: which hosts look, what they report, and when they fail."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from homelab.config.monitoring import MonitoringConfig
from homelab.deploy.plan import policy_of
from homelab.problems import InvalidStackError
from homelab.render import modules_of
from homelab.testing import merged
from tests import build
from tests.household import Changes, household

SCRIPT = build.ROOT / "homelab/monitoring/space.sh"
COLLECT = "nix-collect-garbage --delete-older-than 14d"
NTFY = {"ntfy": {"topic": {"sops": "ntfy/topic"}}}
WATCHED: Changes = {"monitoring": {**NTFY, "full_percent": 85}}
pytestmark = pytest.mark.requirement("S4-07")


def looked(tmp_path: Path, *rows: str, limit: int = 85) -> tuple[int, str]:
    """Run it as the unit does, where `df` prints these rows."""
    table = tmp_path / "table"
    table.write_text("\n".join(("Filesystem Type Size Avail Use% IUse% Mounted on", *rows)) + "\n")
    df = tmp_path / "df"
    df.write_text(
        f'#!/bin/sh\ncase "$*" in "--output=target /nix/store") printf "Mounted on\\n/\\n" ;; '
        f"*) cat {table} ;; esac\n"
    )
    done = run_with(df, limit)
    return done.returncode, done.stderr


def run_with(df: Path, limit: int) -> subprocess.CompletedProcess[str]:
    """Run it with this program in place of `df`."""
    df.chmod(0o755)
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f". {SCRIPT} {limit}"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": f"{df.parent}:{os.environ['PATH']}"},
    )


def test_each_host_with_a_topic_looks_once_a_day() -> None:
    plan = build.plan(household(WATCHED, {"hosts": {"aurora": {"role": "workhorse"}}}))
    assert {"pi", "aurora"} <= plan.alert_hosts
    for name in ("pi", "aurora"):
        (module,) = (m for m in modules_of(plan, plan.hosts[name]) if m.file == "space.nix")
        text = repr(module.derived)
        assert "notify@%N.service" in text
        assert "85" in text
        assert "homelab-space.service" in policy_of(plan.stack, plan.hosts[name]).may_fail
    assert [s.host for s in plan.secrets.on("aurora") if s.service == "ntfy"] == ["aurora"]


def test_an_agent_and_a_host_that_keeps_its_own_monitoring_do_not() -> None:
    for change in ({"role": "agent"}, {"manage": ["services", "secrets"]}):
        plan = build.plan(merged(WATCHED, {"hosts": {"nas": change}}))
        assert "space.nix" not in {m.file for m in modules_of(plan, plan.hosts["nas"])}
        assert "nas" not in plan.alert_hosts
    plan = build.plan(household({"monitoring": NTFY}))
    assert "space.nix" not in {m.file for m in modules_of(plan, plan.hosts["pi"])}
    assert policy_of(plan.stack, plan.hosts["pi"]).may_fail == ()


def test_a_limit_without_anybody_to_tell_is_refused() -> None:
    with pytest.raises(InvalidStackError, match="nobody is notified of a full disk"):
        build.plan({"monitoring": {"full_percent": 85}})
    assert MonitoringConfig().full_percent is None


def test_room_everywhere_is_no_failure(tmp_path: Path) -> None:
    rows = ("/dev/sda2 ext4 100G 40G 60% 12% /", "/dev/sda1 vfat 511M 204M 60% - /boot")
    assert looked(tmp_path, *rows) == (0, "")
    # The limit itself is not above the limit.
    assert looked(tmp_path, "/dev/sda2 ext4 100G 15G 85% 12% /") == (0, "")


def test_a_full_boot_partition_is_named_with_the_way_out(tmp_path: Path) -> None:
    code, told = looked(
        tmp_path,
        "/dev/sda2 ext4 100G 3.0G 97% 12% /",
        "/dev/sda1 vfat 511M 36M 93% - /boot",
        "/dev/sdb1 ext4 1.0T 20G 98% 1% /srv/my films",
    )
    assert code == 1
    assert told.splitlines() == [
        f"homelab: / is 97% full: 3.0G of 100G are free; free some: {COLLECT}",
        "homelab: /boot is 93% full: 36M of 511M are free; lower boot.limit, and run pulumi up",
        "homelab: /srv/my films is 98% full: 20G of 1.0T are free",
    ]


def test_too_many_files_are_full_too(tmp_path: Path) -> None:
    code, told = looked(tmp_path, "/dev/sdb1 ext4 1.0T 800G 20% 99% /srv")
    assert code == 1
    assert told == "homelab: /srv holds 99% of the files that it can: delete small files\n"


def test_snapshots_are_full_by_nature_and_subvolumes_are_told_once(tmp_path: Path) -> None:
    assert looked(tmp_path, "tank/a@daily zfs 10G 0 100% 100% /a/.zfs/snapshot/daily") == (0, "")
    code, told = looked(
        tmp_path, *(f"/dev/sda2 btrfs 100G 2.0G 98% - {m}" for m in ("/home", "/srv", "/var"))
    )
    assert (code, told.count("\n")) == (1, 1)


def test_the_real_df_has_these_columns(tmp_path: Path) -> None:
    """On this machine the Nix store may be missing; the rest is read."""
    df = tmp_path / "df"
    df.write_text(
        '#!/bin/sh\n[ "$*" != "--output=target /nix/store" ] || set -- --output=target /\n'
        'PATH=${PATH#*:}; exec df "$@"\n'
    )
    done = run_with(df, 100)
    assert (done.returncode, done.stdout) == (0, "")
