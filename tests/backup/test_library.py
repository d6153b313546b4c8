"""`lib/backup.nix` and `lib/backup-stores.nix`: the effect of options, and of an owner's module.

The libraries go through a small module system of the tests. With HOMELAB_NIXPKGS, the path of a
nixpkgs of any release, they go through its own.
"""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path
from typing import Any

import pytest

from homelab.backup.restic import COMMAND, modules
from homelab.config.backup import KEEP
from homelab.nix import Module, print_module
from homelab.render import DERIVE, modules_of
from homelab.storage.replicas import SCRIPT
from tests import build
from tests.golden.test_home import home, tree
from tests.household import Changes, household
from tests.programs.rendered import ALL, planned
from tests.tools.libraries import evaluated, set_by_libraries
from tests.tools.programs import evaluate

SERVICES: Changes = {
    "services": {"vaultwarden": {"host": "aurora"}, "miniflux": {"host": "aurora"}},
    "monitoring": {"ntfy": {"topic": {"sops": "ntfy/topic"}}},
}


def of(own: str = "{ }", **changes: Any) -> Any:
    """The merged options of aurora, beside a module of the owner's in Nix."""
    plan = build.plan(household(SERVICES, changes))
    return evaluated(list(modules(plan, plan.hosts["aurora"])), Path("/packages"), own)


def pruned(made: Any, job: str) -> list[str]:
    """What is kept of a job, without the grouping."""
    options: list[str] = made["services"]["restic"]["backups"][job]["pruneOpts"]
    assert options[-2:] == ["--keep-within 2d", "--group-by host"]
    return options[:-2]


def test_the_tiers_of_the_library_are_those_of_the_stack_config() -> None:
    tiers = of()["homelab"]["backup"]["tiers"]
    assert tiers == {tier: keep.model_dump() for tier, keep in KEEP.items()}


def test_two_sqlite_databases_of_one_name_have_a_dump_each() -> None:
    own = """{
      homelab.backup.jobs.mail.paths = [ "/var/mail" ];
      homelab.backup.jobs.mail.sqlite = [ "/var/mail/a/db.sqlite" "/var/mail/b/db.sqlite" "/var/mail/c.db" ];
    }"""
    backup = of(own)["services"]["restic"]["backups"]["mail-b2"]
    files = [p for p in backup["paths"] if p.startswith("/var/backup/sqlite/mail/")]
    assert len(set(files)) == 3
    assert files[2] == "/var/backup/sqlite/mail/c.db"
    for database, file in zip(("a/db.sqlite", "b/db.sqlite"), files[:2], strict=True):
        name = file.rpartition("/")[2]
        assert f"dump={name}\n" in backup["backupPrepareCommand"].replace("'", "")
        assert f"/var/mail/{database}" in backup["exclude"]


def test_the_plan_and_the_library_name_the_dumps_of_two_databases_alike() -> None:
    databases = ["/var/lib/wiki/a/db.sqlite", "/var/lib/wiki/b/db.sqlite"]
    wiki = {
        "host": "aurora",
        "audience": "family",
        "container": {"image": f"ghcr.io/example/wiki:1@sha256:{'0' * 64}", "port": 80},
        "port": 8099,
        "backup": {"include": ["/var/lib/wiki"], "dump": [{"sqlite": d} for d in databases]},
    }
    plan = build.plan(household(SERVICES, {"services": {"wiki": wiki}}))
    made = evaluated(list(modules(plan, plan.hosts["aurora"])), Path("/packages"), "{ }")
    (job,) = (j for j in plan.backup.jobs if (j.name, j.target) == ("wiki", "b2"))
    assert set(job.paths) == set(made["services"]["restic"]["backups"]["wiki-b2"]["paths"])


@pytest.mark.requirement("S0-36")
def test_each_unit_proves_its_backup_as_root_whoever_runs_the_job() -> None:
    own = '{ services.restic.backups.vaultwarden-b2.user = "keeper"; }'
    unit = of(own)["systemd"]["services"]["restic-backups-vaultwarden-b2"]
    (proof,) = unit["serviceConfig"]["ExecStartPost"]
    program, *words = proof.split()
    assert program.startswith("+/")
    assert program.endswith("/bin/homelab-backup")
    assert [word.strip('"') for word in words] == ["saved", "vaultwarden", "b2"]


@pytest.mark.requirement("S0-36")
def test_a_job_that_does_not_run_sends_an_alert() -> None:
    systemd = of()["systemd"]
    unit = systemd["services"]["homelab-backup-fresh"]
    assert unit["onFailure"] == ["notify@%N.service"]
    assert unit["serviceConfig"]["ExecStart"].endswith("/bin/homelab-backup fresh")
    assert systemd["timers"]["homelab-backup-fresh"]["wantedBy"] == ["timers.target"]


@pytest.mark.requirement("S0-36")
def test_the_node_exporter_reads_the_times_of_the_backups_of_its_host() -> None:
    made = of(services={"node-exporter": {"host": "aurora"}})
    flags = made["services"]["prometheus"]["exporters"]["node"]["extraFlags"]
    assert flags == ["--collector.textfile.directory=/run/homelab-metrics"]
    assert "prometheus" not in of()["services"]


CHANGES: dict[str, Changes] = {
    "the tier of a service": {"services": {"miniflux": {"backup": {"tier": "irreplaceable"}}}},
    "the tier of a dataset": {"datasets": {"library": {"tier": "irreplaceable"}}},
    "the retention of a tier": {"backup": {"tiers": {"user": {"daily": 30}}}},
    "the hour": {"backup": {"at": "05:00"}},
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_changed_retention_changes_one_line_of_the_file(case: str) -> None:
    before, after = (files["aurora"]["backup.nix"] for files in (home(), tree(CHANGES[case])))
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))
    changed = [
        line for line in lines if line[0] in "+-" and line[1:].strip() not in ("++", "--", "")
    ]
    changed = [line for line in changed if not line.startswith(("+++", "---"))]
    assert [line[0] for line in changed] in (["+"], ["-", "+"]), changed


OWN = {
    "another number of one job": (
        "{ homelab.backup.jobs.vaultwarden.keep.daily = 30; }",
        ["--keep-daily 30", "--keep-weekly 4", "--keep-monthly 12"],
    ),
    "another tier": (
        '{ homelab.backup.jobs.vaultwarden.tier = "user"; }',
        ["--keep-daily 14", "--keep-weekly 4", "--keep-monthly 12"],
    ),
    "another number of a tier": (
        "{ homelab.backup.tiers.service.weekly = 0; }",
        ["--keep-daily 7", "--keep-monthly 12"],
    ),
    "a tier of its own": (
        '{ homelab.backup = { tiers.few.daily = 2; jobs.vaultwarden.tier = "few"; }; }',
        ["--keep-daily 2"],
    ),
}


@pytest.mark.parametrize("case", OWN)
def test_an_owners_module_changes_a_job_by_one_option(case: str) -> None:
    own, expected = OWN[case]
    made = of(own)
    assert pruned(made, "vaultwarden-b2") == pruned(made, "vaultwarden-disk") == expected


def test_an_owners_module_adds_a_job_to_every_target() -> None:
    made = of('{ homelab.backup.jobs.mine.paths = [ "/srv/mine" ]; }')["services"]["restic"]
    mine = {name: b for name, b in made["backups"].items() if name.startswith("mine-")}
    assert set(mine) == {"mine-b2", "mine-disk"}
    assert mine["mine-b2"]["repository"] == "b2:bucket:restic/aurora/mine"
    assert mine["mine-b2"]["paths"] == ["/srv/mine"]


def test_a_plain_definition_of_a_restic_job_overrides_the_library() -> None:
    made = of('{ services.restic.backups.vaultwarden-b2.timerConfig.OnCalendar = "06:00"; }')
    backups = made["services"]["restic"]["backups"]
    assert backups["vaultwarden-b2"]["timerConfig"]["OnCalendar"] == "06:00"
    assert backups["vaultwarden-b2"]["timerConfig"]["Persistent"] is True
    assert backups["vaultwarden-disk"]["timerConfig"]["OnCalendar"] == "05:25"


def test_one_option_adds_a_unit_that_runs_on_failure() -> None:
    made = of('{ homelab.backup.onFailure = [ "mail.service" ]; }')["systemd"]["services"]
    for unit in ("restic-backups-vaultwarden-b2", "postgresqlBackup-miniflux"):
        assert sorted(made[unit]["onFailure"]) == ["mail.service", "notify@%N.service"]


@pytest.mark.parametrize("name", ALL)
def test_the_libraries_know_every_option_that_a_stack_sets(name: str) -> None:
    """A mistyped option or a value of another type stops the evaluation."""
    plan = planned(name)
    for host in plan.hosts.values():
        made = set_by_libraries(plan, host, "systemd.services", Path("/packages"))
        backups = made["services"]["restic"]["backups"] if plan.backup.on(host.name) else {}
        assert set(backups) == {job.unit for job in plan.backup.on(host.name)}
        for job in plan.backup.on(host.name):
            one = backups[job.unit]
            assert (one["repository"], one["passwordFile"]) == (job.repository, job.password)
            # A copy has the paths of the snapshots that it copies.
            saves = job.copied is None
            assert sorted(one["paths"]) == (sorted(job.paths) if saves else [])
            assert sorted(one.get("exclude", [])) == (sorted(job.exclude) if saves else [])
            keep = [f"--keep-{p} {n}" for p, n in job.keep.model_dump().items() if n]
            upload = plan.stack.backup.targets[job.target].upload_kib
            limit = [f"--limit-upload={upload}"] if upload else []
            grouping = "host,paths,tags" if job.adopted else "host"
            keep += ["--keep-within 2d", f"--group-by {grouping}", *limit]
            held = job.hooks.before or job.hooks.after or job.holds
            later = job.keeps_all or (saves and held)
            assert one["pruneOpts"] == ([] if later else keep)


REAL = """
let
  nixpkgs = ${nixpkgs};
  lib = import "${nixpkgs}/lib";
  anything = lib.mkOption { type = lib.types.attrsOf (lib.types.attrsOf lib.types.unspecified); default = { }; };
  declared.options = {
    services.restic.backups = anything;
    services.postgresqlBackup = lib.mkOption { type = lib.types.attrsOf lib.types.unspecified; default = { }; };
    services.openssh.extraConfig = lib.mkOption { type = lib.types.lines; default = ""; };
    systemd.services = anything;
    systemd.timers = anything;
    users.users = anything;
    users.groups = anything;
  };
  pkgs = { runtimeShell = "/bin/sh"; sqlite = "/packages/pkgs/sqlite"; util-linux = "/packages/pkgs/util-linux"; };
  of = modules: (lib.evalModules {
    modules = [ declared { _module.args = { inherit pkgs; }; } ] ++ modules;
  }).config;
  plain = config: { inherit (config.homelab.backup) jobs tiers; inherit (config.services) restic; };
in
"""


def test_a_real_module_system_reads_the_libraries_alike(tmp_path: Path) -> None:
    nixpkgs = os.environ.get("HOMELAB_NIXPKGS")
    if not nixpkgs:
        pytest.skip("HOMELAB_NIXPKGS names no nixpkgs")
    plan = build.plan(household(SERVICES))
    made: list[Module] = list(modules(plan, plan.hosts["aurora"]))
    files = {"lib/derive.nix": DERIVE}
    for module in made:
        assert module.library is not None
        files |= {module.file: print_module(module, "Head"), **dict(module.extra)}
        files[module.library.file] = module.library.text
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    own = (
        "{ homelab.backup.jobs.vaultwarden.keep.daily = 30;"
        ' services.restic.backups.vaultwarden-b2.repository = "/elsewhere"; }'
    )
    names = " ".join(f"./{m.file}" for m in made)
    got = evaluate(
        REAL.replace("${nixpkgs}", nixpkgs) + f"plain (of [ {names} ({own}) ])", tmp_path
    )
    few = of(own)
    assert got["tiers"] == few["homelab"]["backup"]["tiers"]
    assert got["jobs"] == few["homelab"]["backup"]["jobs"]
    assert got["restic"] == few["services"]["restic"]
    assert got["restic"]["backups"]["vaultwarden-b2"]["repository"] == "/elsewhere"


BACKREST: Changes = {
    "services": {"backrest": {"host": "aurora"}, "vaultwarden": {"host": "aurora"}}
}


def backrest(own: str = "{ }") -> Any:
    """The unit of Backrest on aurora, beside the jobs that it shows."""
    plan = build.plan(household(BACKREST))
    wanted = ("backup.nix", "services/backrest.nix")
    made = [m for m in modules_of(plan, plan.hosts["aurora"]) if m.file in wanted]
    return evaluated(made, Path("/packages"), own)["systemd"]["services"]["backrest"]


def test_backrest_reads_the_repositories_of_every_job_and_writes_none() -> None:
    """Also those of a job in a module of the owner's."""
    own = """{ homelab.backup.jobs.mail = { paths = [ "/var/mail" ]; targets = [ "b2" ]; }; }"""
    service = backrest(own)["serviceConfig"]
    assert service["ProtectSystem"] == "strict"
    caches = ["backrest-b2", "backrest-disk", "mail-b2", "vaultwarden-b2", "vaultwarden-disk"]
    writable = [f"-/var/cache/restic-backups-{name}" for name in caches]
    assert service["ReadWritePaths"] == ["-/var/restore", *writable]


def test_backrest_runs_the_restic_of_the_jobs() -> None:
    environment = backrest()["environment"]
    assert environment["BACKREST_RESTIC_COMMAND"].endswith("/backrest-restic")
    assert not any("PASSWORD" in name for name in environment)


def test_backrest_restores_where_the_owner_says() -> None:
    unit = backrest("""{ homelab.backrest.restoreDirectory = "/srv/restored"; }""")
    assert unit["environment"]["HOME"] == "/srv/restored"
    assert unit["serviceConfig"]["ReadWritePaths"][0] == "-/srv/restored"


@pytest.mark.parametrize("script", [COMMAND, SCRIPT], ids=["homelab-backup", "homelab-replica"])
def test_no_function_of_a_joined_script_replaces_another(script: tuple[str, str]) -> None:
    """In one shell, the later of two functions with one name takes the place of the earlier."""
    names = re.findall(r"^([a-z_]+)\(\) ", script[1], re.MULTILINE)
    assert len(names) > 10
    assert sorted({name for name in names if names.count(name) > 1}) == []
