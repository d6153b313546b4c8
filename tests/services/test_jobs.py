"""Jobs of services: programs of their facts that run now and then."""

from __future__ import annotations

from typing import Any

import pytest

from homelab.hardening.baseline import BASELINE
from tests import build
from tests.household import Changes

UNIT = "nextcloud-generate-previews"


def nextcloud(job: Changes | None = None, **more: Any) -> Changes:
    jobs = {} if job is None else {"jobs": {"generate-previews": job}}
    return {"services": {"nextcloud": {"host": "nas", **jobs, **more}}}


def text(changes: Changes) -> str:
    return build.render(changes)["nas"]["services/nextcloud.nix"]


@pytest.mark.requirement("S1-23")
def test_a_job_without_a_schedule_has_a_unit_and_no_timer() -> None:
    made = text(nextcloud({}))
    assert f"systemd.services.{UNIT} = {{" in made
    assert 'ExecStart = "/run/current-system/sw/bin/nextcloud-occ preview:generate-all";' in made
    assert 'Type = "oneshot";' in made
    assert "systemd.timers" not in made
    unit = made[made.index(f"systemd.services.{UNIT}") :]
    assert "wantedBy" not in unit


@pytest.mark.requirement("S1-23")
def test_a_job_with_a_schedule_has_a_timer_that_alone_starts_it() -> None:
    made = text(nextcloud({"schedule": "03:30"}))
    assert f"systemd.timers.{UNIT} = {{" in made
    assert 'OnCalendar = "03:30";' in made
    unit = made[made.index(f"systemd.services.{UNIT}") : made.index("systemd.timers")]
    assert "wantedBy" not in unit


@pytest.mark.requirement("S1-23")
def test_the_app_of_a_job_is_installed_with_the_job_only() -> None:
    """Nextcloud has no command that generates all previews without it."""
    app = "config.services.nextcloud.package.packages.apps.previewgenerator"
    assert f"extraApps.previewgenerator = {app};" in text(nextcloud({}))
    assert "extraApps" not in text(nextcloud())
    assert UNIT not in text(nextcloud())


@pytest.mark.requirement("S1-23")
def test_a_job_has_the_user_the_access_and_the_sandbox_of_its_service() -> None:
    """It reads the pictures where they are, also in a dataset."""
    data = {"files": {"host": "nas", "path": "/mnt/files", "tier": "user"}}
    changes = {**nextcloud({}, datasets={"files": "files"}), "datasets": data}
    made = text(changes)
    unit = made[made.index(f"systemd.services.{UNIT}") :]
    assert 'User = "nextcloud";' in unit
    assert 'BindPaths = [ "/mnt/files" ];' in unit
    assert 'CapabilityBoundingSet = "";' in unit
    # PHP compiles at run time.
    left_out = {"MemoryDenyWriteExecute"}
    assert [p.setting for p in BASELINE if f"{p.setting} = " not in unit] == [*left_out]
    mounts = build.render(changes)["nas"]["storage.nix"]
    waits = mounts[mounts.index(f"systemd.services.{UNIT}") :]
    assert 'RequiresMountsFor = [ "/mnt/files" ]' in waits


def facts(**more: Any) -> Changes:
    job = {"summary": "Read the shelves again", "command": ["shelf", "scan", 'a "b" $c %d']}
    return {
        "services": {
            "shelf": {
                "host": "nas",
                "jobs": {"scan": {}},
                "module": {
                    "ports": {"web": {"port": 8088, "movable": False, "bindable": False}},
                    "units": ["shelf"],
                    "state": ["/var/lib/shelf"],
                    "user": "shelf",
                    "jobs": {"scan": job},
                    **more,
                },
            }
        }
    }


def test_facts_of_an_owner_have_jobs_and_no_word_is_expanded() -> None:
    made = build.render(facts())["nas"]["services/shelf.nix"]
    assert r"shelf scan \"a \\\"b\\\" $$c %%d\"" in made
    assert 'User = "shelf";' in made
    assert 'ReadWritePaths = [ "/var/lib/shelf" ];' in made


def test_a_job_of_a_dynamic_user_has_the_same_user_and_state() -> None:
    dynamic = {"user": "", "dynamic_user": True, "state": ["/var/lib/private/shelf"]}
    made = build.render(facts(**dynamic))["nas"]["services/shelf.nix"]
    unit = made[made.index("systemd.services.shelf-scan") :]
    assert "DynamicUser = true;" in unit
    assert 'User = "shelf";' in unit
    assert 'StateDirectory = [ "shelf" ];' in unit


def test_a_job_that_the_facts_do_not_have_is_a_problem() -> None:
    changes = {"services": {"nextcloud": {"host": "nas", "jobs": {"previews": {}}}}}
    (problem,) = build.found(changes, "job-known")
    assert problem.where == "services.nextcloud.jobs.previews"
    assert "generate-previews" in problem.way_out


def test_the_value_of_another_option_is_an_expression_and_its_path_is_checked() -> None:
    options = {"services.a.b": {"$config": "services.nextcloud.home"}}
    made = text(nextcloud(options=options))
    assert "services.a.b = config.services.nextcloud.home;" in made
    wrong = nextcloud(options={"services.a.b": {"$config": "x; y"}})
    (problem,) = build.found(wrong, "option-word")
    assert "is not the path of an option" in problem.what
    assert "x; y" not in text(wrong)
