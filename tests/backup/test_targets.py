"""Targets of any rclone remote, and repositories that exist already."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from homelab.backup.model import Job
from homelab.backup.restic import modules
from homelab.problems import InvalidStackError
from tests import build
from tests.household import Changes, household
from tests.tools.libraries import evaluated
from tests.tools.programs import need

pytestmark = pytest.mark.requirement("S0-31")

VAULT: Changes = {"services": {"vaultwarden": {"host": "aurora"}}}
DRIVE: Changes = {"kind": "rclone", "path": "drive:restic", "credentials": {"sops": "drive/conf"}}


def target(**said: object) -> Changes:
    return {"backup": {"targets": {"drive": {**DRIVE, **said}}}}


def job(*changes: Changes) -> Job:
    found = build.plan(household(VAULT, *changes)).backup.jobs
    return next(j for j in found if (j.name, j.target) == ("vaultwarden", "drive"))


def unit(*changes: Changes) -> Any:
    plan = build.plan(household(VAULT, *changes))
    found = [m for m in modules(plan, plan.hosts["aurora"]) if m.library is not None]
    made = evaluated(found, Path("/packages"))
    return made["services"]["restic"]["backups"]["vaultwarden-drive"]


def secrets(*changes: Changes) -> dict[str, Any]:
    found = build.plan(household(VAULT, *changes)).secrets.secrets
    return {s.path: s for s in found if s.host == "aurora"}


def test_a_remote_of_rclone_is_a_target_with_its_configuration_as_a_secret() -> None:
    backup = unit(target())
    assert backup["repository"] == "rclone:drive:restic/aurora/vaultwarden"
    assert "environmentFile" not in backup
    secret = secrets(target())[backup["rcloneConfigFile"]]
    assert (secret.source, secret.key) == ("stored", "drive/conf")


@pytest.mark.long
def test_restic_saves_to_a_remote_of_rclone(tmp_path: Path) -> None:
    for program in ("restic", "rclone"):
        need(program)
    config = tmp_path / "rclone.conf"
    config.write_text(f"[drive]\ntype = alias\nremote = {tmp_path}/store\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/file").write_text("kept")
    env = {
        **os.environ,
        "RCLONE_CONFIG": str(config),
        "RESTIC_REPOSITORY": unit(target())["repository"],
        "RESTIC_PASSWORD": "x",
        "RESTIC_CACHE_DIR": str(tmp_path / "cache"),
    }
    for words in (("init",), ("backup", str(tmp_path / "data")), ("check",)):
        done = subprocess.run(
            ["restic", *words], env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "store/restic/aurora/vaultwarden/config").exists()


def test_a_target_without_a_remote_is_refused() -> None:
    with pytest.raises(InvalidStackError, match="has no remote"):
        job(target(path="restic/backups"))


def test_a_repository_that_exists_keeps_its_password_and_its_place() -> None:
    kept = target(
        password={"sops": "restic/old"},
        repositories={"aurora": "drive:old/aurora", "aurora/vaultwarden": "drive:vault"},
    )
    backup = unit(kept)
    assert backup["repository"] == "rclone:drive:vault"
    secret = secrets(kept)[backup["passwordFile"]]
    assert (secret.source, secret.key) == ("stored", "restic/old")
    plan = build.plan(household(VAULT, kept, {"services": {"radicale": {"host": "aurora"}}}))
    (other,) = (j for j in plan.backup.jobs if (j.name, j.target) == ("radicale", "drive"))
    assert other.repository == "rclone:drive:old/aurora/radicale"


def test_a_password_of_its_own_never_follows_from_the_master_key() -> None:
    kept = secrets(target(password={"sops": "restic/old"}))
    assert [s.source for s in kept.values() if s.name == "restic-drive"] == ["stored"]


def test_two_jobs_in_one_existing_repository_are_an_error() -> None:
    both = target(repositories={"aurora/vaultwarden": "drive:a", "aurora/radicale": "drive:a"})
    changes = household(VAULT, both, {"services": {"radicale": {"host": "aurora"}}})
    assert build.found(changes, "backup-target-single")
