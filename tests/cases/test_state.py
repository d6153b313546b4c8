"""State is found again after renaming, disabling, moving or changing paths."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from homelab import testing
from homelab.catalog import ENTRIES
from homelab.catalog.model import Entry
from homelab.checks import run_checks
from homelab.config.document import Document
from homelab.config.load import load_stack_config
from homelab.config.lock import Lock, lock_text, parse_lock
from homelab.config.service_modules import CatalogService
from homelab.openings.checks import check_openings
from homelab.ops.project.files import updated_lock, write_lock
from homelab.ops.secrets import derive as derived
from homelab.plan import Plan
from homelab.planner import make_plan
from homelab.problems import InvalidStackError, Problem, UsageError
from homelab.services.custom import extended
from homelab.services.lock_checks import check_lock
from homelab.system import kept as keeping
from tests import build, stackdir
from tests.cases.on_disk import laid_out
from tests.golden.test_home import HOME, _copy
from tests.tools.walk import walk

SHIPPED = parse_lock((build.SHIPPED / "homelab.lock.yaml").read_bytes(), "homelab.lock.yaml")
OURS = {"move-stateful", "state-path", "dataset-moved", "replica-moved"}


def planned(changes: dict[str, Any], lock: Lock = SHIPPED) -> Plan:
    values = testing.changed(_copy(dict(HOME.values)), changes)
    return make_plan(load_stack_config(Document(values)), lock)


def told(plan: Plan) -> list[Problem]:
    return run_checks(plan, OURS)


def locked(changes: dict[str, Any], lock: Lock = SHIPPED) -> Lock:
    """The lock that `homelab lock` writes, read back."""
    return parse_lock(lock_text(updated_lock(planned(changes, lock))[0]), "homelab.lock.yaml")


def tags(**hosts: list[str]) -> dict[str, Any]:
    return {name: {"tags": list(said)} for name, said in hosts.items()}


def test_the_shipped_stack_and_its_lock_agree() -> None:
    assert told(planned({})) == []
    assert locked({}) == SHIPPED


@pytest.mark.parametrize("old", ["gone", "switched off"])
def test_a_stateful_service_under_another_name_on_another_host_has_moved(old: str) -> None:
    gone = None if old == "gone" else {"enable": False}
    new = {"service": "vaultwarden", "host": "workstation", "name": "vault"}
    (problem,) = told(planned({"services": {"vaultwarden": gone, "passwords": new}}))
    assert problem.check == "move-stateful"
    assert problem.where == "services.passwords.host"
    assert "passwords replaces vaultwarden, which was on aurora" in problem.what
    assert "/var/lib/vaultwarden stays there" in problem.what
    assert "homelab lock --move passwords" in problem.way_out


def test_an_own_service_is_identified_by_a_state_directory() -> None:
    eurovote = _copy(HOME.values["services"]["eurovote"])  # type: ignore[index,call-overload]
    changes = {"eurovote": None, "jury": {**eurovote, "host": "aurora"}}
    (problem,) = told(planned({"services": changes}))
    assert (problem.check, problem.where) == ("move-stateful", "services.jury.host")


def test_a_rename_on_the_same_host_and_another_service_of_its_kind_are_no_moves() -> None:
    renamed = {"service": "vaultwarden", "host": "aurora", "name": "vault"}
    plan = planned({"services": {"vaultwarden": None, "passwords": renamed}})
    assert told(plan) == []
    beside = {"service": "vaultwarden", "host": "workstation", "name": "work"}
    assert told(planned({"services": {"passwords": beside}})) == []


GRAFANA = {"grafana": {"tags": ["a", "b"], "name": "charts"}}


@pytest.mark.parametrize(
    ("first", "hosts", "then", "then_hosts"),
    [
        (
            {"vaultwarden": {"enable": False}},
            {},
            {"vaultwarden": {"enable": True, "host": "workstation"}},
            {},
        ),
        (
            GRAFANA,
            tags(aurora=["a"], workstation=["b"]),
            {"grafana": {"host": "pi", "name": "charts"}},
            {},
        ),
        (
            {"grafana": {"tags": ["a"], "name": "charts"}},
            tags(aurora=["a"], workstation=["b"]),
            {"grafana": {"tags": ["b"], "name": "charts"}},
            tags(aurora=["a"], workstation=["b"]),
        ),
        (
            GRAFANA,
            tags(aurora=["a"], workstation=["b"]),
            {"grafana": {"tags": ["b"], "name": "charts"}},
            tags(aurora=["a"], pi=["b"]),
        ),
    ],
    ids=["switched-off", "two-hosts-to-another", "by-another-tag", "one-of-two-moves"],
)
def test_the_lock_identifies_a_service_with_hosts_or_tags(
    first: dict[str, Any], hosts: dict[str, Any], then: dict[str, Any], then_hosts: dict[str, Any]
) -> None:
    lock = locked({"services": first, "hosts": hosts})
    (problem,) = told(planned({"services": then, "hosts": then_hosts}, lock))
    assert problem.check == "move-stateful"


def test_dropping_one_of_two_hosts_leaves_the_other_with_its_state_and_keys() -> None:
    hosts = tags(aurora=["a"], pi=["b"])
    lock = locked({"services": GRAFANA, "hosts": hosts})
    left = {"services": {"grafana": {"tags": ["b"], "name": "charts"}}, "hosts": hosts}
    plan = planned(left, lock)
    assert told(plan) == []
    assert purposes(plan, "grafana", "key") == {"pi": "grafana@pi/key"}
    again = planned({"services": GRAFANA, "hosts": hosts}, locked(left, lock))
    assert purposes(again, "grafana", "key")["pi"] == "grafana@pi/key"


def purposes(plan: Plan, service: str, name: str) -> dict[str, str]:
    return {s.host: s.purpose for s in plan.secrets.secrets if s.name == f"{service}-{name}"}


def test_a_second_instance_and_a_rename_leave_the_first_ones_keys_as_they_are() -> None:
    hosts = tags(aurora=["a"], pi=["b"])
    one = {"services": {"grafana": {"tags": ["a"], "name": "charts"}}, "hosts": hosts}
    lock = locked(one)
    both = {"services": GRAFANA, "hosts": hosts}
    now = {"aurora": "grafana/key", "pi": "grafana@pi/key"}
    assert purposes(planned(both, lock), "grafana", "key") == now
    lock = locked(both, lock)
    assert purposes(planned(both, lock), "grafana", "key") == now
    charts = {"services": {"charts": {"service": "grafana", "host": "aurora"}}}
    renamed = planned(charts, locked(one))
    assert purposes(renamed, "charts", "key") == {"aurora": "grafana/key"}
    lock = locked(charts, locked(one))
    # The renamed service keeps its keys, and no other service gets them.
    beside = {"services": {**charts["services"], "grafana": {"host": "pi", "name": "g"}}}
    assert purposes(planned(beside, lock), "charts", "key") == {"aurora": "grafana/key"}
    assert purposes(planned(beside, lock), "grafana", "key") == {"pi": "grafana@pi/key"}


FORGE = {
    "host": "aurora",
    "container": {
        "image": "docker.io/gitea/gitea:1@sha256:" + "0" * 64,
        "port": 3000,
        "mounts": [{"source": "/var/lib/forge", "target": "/data"}],
    },
    "port": 3001,
    "state": ["/var/lib/forge"],
    "backup": {"live": "its files are small", "include": ["/var/lib/forge"]},
}


def test_another_path_of_state_is_an_error_until_it_is_acknowledged() -> None:
    changes = {"services": {"eurovote": {"state": ["/var/lib/private/other"]}}}
    (problem,) = told(planned(changes))
    assert (problem.check, problem.where) == ("state-path", "services.eurovote")
    assert "/var/lib/private/eurovote on pi was the state of eurovote" in problem.what
    assert "bring the data to /var/lib/private/other" in problem.way_out
    assert "homelab lock --move eurovote" in problem.way_out
    assert told(planned(changes, locked(changes))) == []


def test_a_containers_state_and_a_datasets_path_do_not_change_by_themselves() -> None:
    lock = locked({"services": {"forge": FORGE}})
    mounts = [{"source": "/var/lib/forge2", "target": "/data"}]
    container = {**FORGE["container"], "mounts": mounts}  # type: ignore[dict-item]
    other = {**FORGE, "container": container, "state": ["/var/lib/forge2"]}
    (problem,) = told(planned({"services": {"forge": other}}, lock))
    assert problem.check == "state-path"
    changes = {"datasets": {"photos": {"path": "/mnt/family/pictures"}}}
    (problem,) = told(planned(changes))
    assert (problem.check, problem.where) == ("dataset-moved", "datasets.photos")
    assert "homelab lock --move photos" in problem.way_out
    # A lock without datasets still has the state in them.
    (problem,) = told(planned(changes, SHIPPED.model_copy(update={"datasets": {}})))
    assert (problem.check, problem.where) == ("state-path", "services.immich")


def copied(fs: str = "btrfs", **replicate: str) -> dict[str, Any]:
    source = {"zfs": "tank/photos"} if fs == "zfs" else {"fs": fs}
    return {"datasets": {"photos": {**source, "replicate": {"to": "workstation", **replicate}}}}


ON_BTRFS = copied(path="/mnt/mp510/photos")
ON_ZFS = copied("zfs", zfs="vault/copies/photos")


@pytest.mark.requirement("S0-39")
@pytest.mark.parametrize(
    ("before", "after", "moves"),
    [
        (ON_BTRFS, copied(path="/mnt/mp510/pictures"), "mv -- /mnt/mp510/photos /mnt/mp510/pict"),
        (ON_BTRFS, copied(path="/mnt/mp510/photos", to="pi"), ""),
        (ON_ZFS, copied("zfs", zfs="vault/photos"), "zfs rename vault/copies/photos vault/photos"),
        (ON_ZFS, copied("zfs", zfs="other/photos"), ""),
        (ON_BTRFS, ON_ZFS, ""),
    ],
    ids=["directory", "host", "dataset", "pool", "file system"],
)
def test_another_place_of_a_copy_is_an_error_until_it_is_acknowledged(
    before: dict[str, Any], after: dict[str, Any], moves: str
) -> None:
    lock = locked(before)
    assert told(planned(before, lock)) == []
    (problem,) = told(planned(after, lock))
    assert (problem.check, problem.where) == ("replica-moved", "datasets.photos.replicate")
    place = before["datasets"]["photos"]["replicate"]
    old = place.get("path") or place["zfs"]
    assert f"the copy of photos was {old} on workstation" in problem.what
    assert "homelab lock --move photos" in problem.way_out
    assert moves in problem.way_out
    assert ("as root" in problem.way_out) == bool(moves)
    assert told(planned(after, locked(after, lock))) == []
    _, lines = updated_lock(planned(after, lock))
    assert [line for line in lines if old in line and "homelab orphans workstation" in line]


def test_a_lock_of_an_earlier_version_gets_the_copies_without_a_warning() -> None:
    plan = planned(ON_BTRFS)
    assert told(plan) == []
    assert list(check_lock(plan, "homelab.lock.yaml", is_there=True)) == []
    copy = locked(ON_BTRFS).datasets["photos"].replica
    assert copy is not None
    assert (copy.host, copy.place) == ("workstation", "/mnt/mp510/photos")
    assert told(planned(copied(path="/mnt/mp510/photos/"), locked(ON_BTRFS))) == []


def test_a_copy_that_is_added_later_is_missing_in_the_lock() -> None:
    lock = locked(ON_BTRFS)
    library = {"library": {"fs": "btrfs", "replicate": {"to": "workstation", "path": "/mnt/lib"}}}
    both = testing.changed(ON_BTRFS, {"datasets": library})
    (problem,) = check_lock(planned(both, lock), "homelab.lock.yaml", is_there=True)
    assert "the lock does not have datasets.library.replicate" in problem.what


def test_the_lock_takes_the_new_place_of_a_copy_once_it_is_acknowledged(tmp_path: Path) -> None:
    sent = {"to": "nas", "path": "/mnt/copies/tv"}
    tv = {"host": "pi", "path": "/mnt/tv", "tier": "user", "fs": "btrfs", "replicate": sent}
    stack = stackdir.write_stack(tmp_path / "stack", {"datasets": {"tv": tv}})
    write_lock(stack, stackdir.NAME, ())
    path = stack / f"Pulumi.{stackdir.NAME}.yaml"
    path.write_text(path.read_text().replace("/mnt/copies/tv", "/mnt/copies/series"))
    with pytest.raises(InvalidStackError, match="replica-moved"):
        write_lock(stack, stackdir.NAME, ())
    said = write_lock(stack, stackdir.NAME, ("tv",))
    assert any("tv is now sent to /mnt/copies/series on nas" in line for line in said)
    assert "unchanged" in write_lock(stack, stackdir.NAME, ())[0]


def test_a_copy_that_is_not_sent_any_more_stays_where_it_is() -> None:
    lock, lines = updated_lock(planned({}, locked(ON_BTRFS)))
    assert lock.datasets["photos"].replica is None
    assert [
        line
        for line in lines
        if line == "photos is no longer sent to /mnt/mp510/photos on workstation; what is left "
        "there: homelab orphans workstation"
    ]


def test_the_lock_says_where_earlier_backups_and_files_are() -> None:
    library = HOME.values["datasets"]["library"]
    lines = updated_lock(
        planned(
            {
                "services": {
                    "vaultwarden": None,
                    "vault": {"service": "vaultwarden", "host": "aurora"},
                    "navidrome": {"datasets": {"music": "songs"}},
                },
                "datasets": {"library": None, "songs": library},
                "backup": {"targets": {"b2": {"path": "elsewhere/restic"}}},
            }
        )
    )[1]
    assert (
        "vault was vaultwarden, and keeps its keys; its backups start over, and those of "
        "vaultwarden stay beside them at b2, onetouch" in lines
    )
    assert (
        "songs was library; its backups start over, and those of library stay beside them at b2, "
        "onetouch" in lines
    )
    assert (
        "the backups at b2 start over; the earlier ones stay at " + SHIPPED.targets["b2"] in lines
    )


def test_the_lock_says_what_becomes_of_a_dataset_and_a_target_that_are_gone() -> None:
    gone = {"datasets": {"library": None}, "backup": {"targets": {"b2": None}}}
    lines = updated_lock(planned({**gone, "services": {"navidrome": None}}))[1]
    assert f"the target b2 is removed; its backups stay at {SHIPPED.targets['b2']}" in lines
    (line,) = [line for line in lines if line.startswith("library is removed")]
    assert SHIPPED.datasets["library"].path in line


def test_another_place_of_a_target_is_missing_in_the_lock() -> None:
    moved = {"backup": {"targets": {"b2": {"path": "elsewhere/restic"}}}}
    (problem,) = check_lock(planned(moved), "homelab.lock.yaml", is_there=True)
    assert "the new place of backup.targets.b2" in problem.what


MOVABLE = [
    (entry.name, option, here)
    for entry in ENTRIES.values()
    for option, here in entry.state_at.items()
]


@pytest.mark.parametrize(("name", "option", "here"), MOVABLE, ids=[m[1] for m in MOVABLE])
def test_backup_and_lock_follow_an_option_that_moves_state(
    name: str, option: str, here: str
) -> None:
    entry = ENTRIES[name]
    there = "/srv/elsewhere"
    found = extended(entry, with_option(option, there))
    assert {there} & {*found.state, *found.persist}, "it is kept"
    if here in entry.state:
        assert here not in found.state
        rest = (*found.exclude, *(d.source for d in found.dumps))
        assert not [p for p in rest if p.startswith(f"{here}/")]


def with_option(option: str, value: object) -> CatalogService:
    """A service with one option, whose path is in the catalog's form, without quotes."""
    first, *rest = option.split(".")
    for part in reversed(rest):
        value = {part: value}
    return CatalogService.model_validate({"host": "nas", "options": {first: value}})


@walk("entry", ENTRIES.values())
def test_every_entry_with_state_says_which_options_move_it(entry: Entry) -> None:
    """An option that is missing here moves data away from its backup."""
    if entry.state or entry.persist:
        moves = {**entry.state_at, **entry.state_file_at}
        assert bool(moves) != bool(entry.state_fixed)
    elsewhere = {d.kind for d in entry.dumps} & {"sqlite", "postgresql", "mysql"}
    assert bool(entry.database_at) <= bool(elsewhere)


FILES = [
    (entry.name, option, here)
    for entry in ENTRIES.values()
    for option, here in entry.state_file_at.items()
]


@pytest.mark.parametrize(("name", "option", "here"), FILES, ids=[m[1] for m in FILES])
def test_backup_and_lock_follow_an_option_that_names_a_database_file(
    name: str, option: str, here: str
) -> None:
    entry = ENTRIES[name]
    found = extended(entry, with_option(option, "/srv/elsewhere/data.db"))
    assert "/srv/elsewhere" in found.state
    sources = {d.source for d in found.dumps}
    # A database of another kind has no dump, and its directory is copied.
    dumped = not here or here in {d.source for d in entry.dumps}
    assert ("/srv/elsewhere/data.db" in sources) == dumped
    assert here not in sources
    assert found.stateless == ""


@pytest.mark.parametrize(
    "name", [e.name for e in ENTRIES.values() if e.dynamic_user and e.state_at]
)
def test_a_directory_behind_the_link_of_a_dynamic_user_is_no_move(name: str) -> None:
    """/var/lib/NAME is a link there, and a backup of a link has none of the files."""
    entry = ENTRIES[name]
    for option, here in entry.state_at.items():
        link = here.replace("/var/lib/private/", "/var/lib/")
        found = extended(entry, with_option(option, link))
        assert found.state == entry.state


DATABASES = [
    (e.name, option, same)
    for e in ENTRIES.values()
    for option, same in e.at("25.11").database_at.items()
]


@pytest.mark.parametrize(
    ("name", "option", "same"),
    [
        pytest.param(*d, id=d[1], marks=() if at % 4 == 0 else pytest.mark.long)
        for at, d in enumerate(DATABASES)
    ],
)
def test_another_database_than_the_dumped_one_is_told_of(name: str, option: str, same: str) -> None:
    def found(value: object, **more: object) -> list[Problem]:
        config = {"host": "nas", "options": with_option(option, value).options, **more}
        return build.found(
            {"services": {"x": {**config, "service": name, "name": "x"}}}, "state-moved"
        )

    if ENTRIES[name].infrastructure:
        return  # Other sections of the stack place it.
    (problem,) = found("elsewhere")
    assert problem.where.startswith("services.x.options")
    assert found("elsewhere", backup={"skip": "another server keeps it"}) == []
    if same:
        assert found({"true": True}.get(same, same)) == []


def test_a_module_that_moves_state_is_told_of() -> None:
    text = '{ services.vaultwarden.config.DATA_FOLDER = "/srv/vault"; }'
    changes = {"hosts": {"aurora": {"modules": ["own.nix"]}}}
    (problem,) = check_openings(planned(changes), {"own.nix": text})
    assert problem.check == "state-moved"
    assert "own.nix:1" in problem.what
    assert "services.vaultwarden.options" in problem.way_out


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("services.postgresql.package = pkgs.postgresql_17;", True),
        ('system.stateVersion = lib.mkForce "26.05";', True),
        ('fileSystems."/var/lib" = { fsType = "tmpfs"; };', True),
        ('fileSystems."/srv/scratch" = { fsType = "tmpfs"; };', False),
        ('systemd.services.vaultwarden.serviceConfig.StateDirectory = lib.mkForce "vw";', True),
        ('systemd.services.vaultwarden.environment.DATA_FOLDER = "/srv/vault";', True),
        ('systemd.services.vaultwarden.environment.LOG_LEVEL = "info";', False),
    ],
)
def test_a_module_that_leaves_state_behind_is_told_of(line: str, told: bool) -> None:
    text = f"{{ lib, pkgs, ... }}: {{ {line} }}"
    plan = planned({"hosts": {"aurora": {"modules": ["own.nix"]}}})
    found = check_openings(plan, {"own.nix": text})
    assert [p.check for p in found] == (["state-moved"] if told else [])


def test_another_state_version_is_refused_until_it_is_acknowledged() -> None:
    changes = {"hosts": {"pi": {"state_version": "24.11"}}}
    lock = locked({})
    found = [p for p in run_checks(planned(changes, lock)) if p.check == "state-version-kept"]
    assert [p.where for p in found] == ["hosts.pi.state_version"]
    assert "homelab lock --move pi" in found[0].way_out
    after = run_checks(planned(changes, locked(changes, lock)))
    assert "state-version-kept" not in {p.check for p in after}


def test_a_host_that_would_stop_to_keep_its_files_is_an_error_until_it_is_acknowledged() -> None:
    keeps = {"hosts": {"pavilion": {"persistence": {"root": "/nix/persist", "mount": "/nix"}}}}
    lock = locked(keeps)
    gone = {"hosts": {"pavilion": {"persistence": None}}}
    assert told(planned(keeps, lock)) == []
    (problem,) = told(planned(gone, lock))
    assert (problem.check, problem.where) == ("state-path", "hosts.pavilion")
    assert "in /nix/persist" in problem.what
    assert "homelab lock --move pavilion" in problem.way_out
    assert told(planned(gone, locked(gone, lock))) == []
    before = lock.model_copy(update={"hosts": locked(gone).hosts})
    (problem,) = check_lock(planned(keeps, before), "homelab.lock.yaml", is_there=True)
    assert "hosts.pavilion.persistence" in problem.what


def test_what_the_lock_does_not_have_is_told_of() -> None:
    plan = planned({}, locked({}))
    assert list(check_lock(plan, "homelab.lock.yaml", is_there=True)) == []
    some = Lock.model_validate({"services": {"jellyfin": {"host": "workstation"}}})
    (problem,) = check_lock(planned({}, some), "homelab.lock.yaml", is_there=True)
    assert (problem.check, problem.severity) == ("lock-current", "warning")
    for name in ("vaultwarden", "datasets.photos", "backup.targets.b2", "hosts.pi"):
        assert name in problem.what


def test_a_lost_lock_is_told_of_while_services_have_state() -> None:
    (problem,) = check_lock(planned({}, Lock()), "homelab.lock.yaml", is_there=False)
    assert (problem.check, problem.severity) == ("lock-current", "warning")
    assert "there is no homelab.lock.yaml" in problem.what
    assert "vaultwarden" in problem.what
    assert "restore it from version control" in problem.way_out
    assert "homelab lock" in problem.way_out


def test_a_stack_whose_hosts_are_still_to_be_installed_needs_no_lock() -> None:
    names = planned({}, Lock()).stack.hosts
    hosts = {name: {"state": "planned"} for name in names}
    plan = planned({"hosts": hosts}, Lock())
    assert list(check_lock(plan, "homelab.lock.yaml", is_there=False)) == []


def test_an_option_that_moves_state_is_a_move_that_the_lock_sees() -> None:
    option = {"services.vaultwarden.config.DATA_FOLDER": "/var/vault"}
    plan = planned({"services": {"vaultwarden": {"options": option}}})
    (problem,) = told(plan)
    assert (problem.check, problem.where) == ("state-path", "services.vaultwarden")
    jobs = [j for j in plan.backup.jobs if j.name == "vaultwarden"]
    assert jobs
    assert all("/var/vault" in j.paths for j in jobs)
    assert all(j.dumps[0][:2] == ("sqlite", "/var/vault/db.sqlite3") for j in jobs)


@pytest.mark.parametrize(
    "option",
    [
        {"services.postgresql.dataDir": "/srv/db"},
        {"services.vaultwarden.config.DATA_FOLDER": {"$text": "/srv/{name}"}},
    ],
)
def test_a_state_path_that_is_not_plain_text_is_refused(option: dict[str, Any]) -> None:
    found = run_checks(planned({"services": {"vaultwarden": {"options": option}}}))
    assert [p.check for p in found if p.check == "option-state"] == ["option-state"]


def test_a_path_that_a_service_may_write_persists() -> None:
    harden = {"read_write": ["/srv/songs", "/run/songs"]}
    service = {"navidrome": {"host": "nas", "name": "music", "harden": harden}}
    plan = build.plan({"hosts": {"nas": {"persistence": {}}}, "services": service})
    kept = {k.path for k in keeping._services(plan, plan.hosts["nas"])}
    assert "/srv/songs" in kept
    assert "/run/songs" not in kept


def rotated(changes: dict[str, Any], lock: Lock = SHIPPED) -> list[Problem]:
    return [p for p in run_checks(planned(changes, lock)) if p.check == "secret-rotated"]


@pytest.mark.parametrize(
    ("secrets", "where", "sealed"),
    [
        ({"epochs": {"restic": 2}}, "secrets.epochs.restic", "restic-b2: the existing backups"),
        ({"epochs": {"authelia": 2}}, "secrets.epochs.authelia", "its database"),
        ({"namespace": "home"}, "secrets.namespace", "restic-onetouch: the existing backups"),
    ],
)
def test_a_new_key_for_encrypted_data_is_an_error(
    secrets: dict[str, Any], where: str, sealed: str
) -> None:
    (problem,) = rotated({"secrets": secrets})
    assert problem.where == where
    assert sealed in problem.what
    assert f"homelab lock --rotate {where.rpartition('.')[2]}" in problem.way_out
    assert rotated({"secrets": secrets}, locked({"secrets": secrets})) == []


def test_a_key_that_encrypts_nothing_rotates_freely() -> None:
    assert rotated({"secrets": {"epochs": {"miniflux": 2}}}) == []


def test_a_rotation_is_acknowledged_by_name(tmp_path: Path) -> None:
    stack = laid_out(tmp_path, {"secrets": {"epochs": {"restic": 2}}})
    with pytest.raises(InvalidStackError):
        write_lock(stack, "home", ())
    assert "homelab.lock.yaml written; commit it" in write_lock(stack, "home", (), ("restic",))
    with pytest.raises(UsageError, match="--rotate restic"):
        write_lock(stack, "home", (), ("restic",))


def renamed() -> dict[str, Any]:
    """The home stack with its host aurora called nas."""
    text = json.dumps(HOME.values).replace('"aurora"', '"nas"')
    return {"site": json.loads(text)}


def test_a_renamed_machine_is_the_same_machine() -> None:
    plan = make_plan(load_stack_config(Document(renamed()["site"])), SHIPPED)
    assert told(plan) == []
    (problem,) = [p for p in run_checks(plan) if p.check == "host-renamed"]
    assert (problem.where, problem.severity) == ("hosts.nas", "warning")
    assert "nas has the host key of aurora" in problem.what
    assert "homelab secret restic-b2 aurora" in problem.way_out
    after = make_plan(plan.stack, updated_lock(plan)[0])
    assert [p for p in run_checks(after) if p.check in {*OURS, "host-renamed"}] == []


def test_the_password_of_a_repository_outlives_its_host_and_its_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    master = base64.b64encode(b"m" * 32).decode()
    monkeypatch.setattr(derived, "resolve", lambda *_: master)
    before = derived.read_derived(planned({}), tmp_path, "restic-b2", "aurora")
    after = make_plan(load_stack_config(Document(renamed()["site"])), SHIPPED)

    def former(plan: Plan, name: str, host: str | None) -> str:
        return derived.read_derived(plan, tmp_path, name, host, former=True)

    assert former(after, "restic-b2", "aurora") == before
    gone = planned({"backup": {"targets": {"b2": None}}})
    assert former(gone, "restic-b2", "aurora") == before
    for name, host, what in (
        ("miniflux-admin", "aurora", "restic-TARGET"),
        ("restic-b2", None, "name the host"),
        ("restic-b2", "nas", "leave --former out"),
    ):
        with pytest.raises(UsageError, match=what):
            former(after, name, host)


@pytest.mark.parametrize(
    ("name", "host", "says"),
    [
        ("restic-b3", "aurora", 'did you mean "restic-b2"?'),
        ("restic-b3", None, 'did you mean "restic-b2"?'),
        ("restic-b2", "auroar", 'did you mean "aurora"?'),
        ("miniflux-adnim", "pi", "there is no derived secret"),
    ],
)
def test_a_derived_secret_that_nothing_has_is_not_printed(
    name: str, host: str | None, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(derived, "resolve", lambda *_: base64.b64encode(b"m" * 32).decode())
    with pytest.raises(UsageError) as error:
        derived.read_derived(planned({}), tmp_path, name, host)
    assert says in str(error.value)
    assert ("--former" in str(error.value)) == name.startswith("restic-")


def test_a_renamed_backup_target_is_refused_where_its_old_repositories_are() -> None:
    b2 = HOME.values["backup"]["targets"]["b2"]  # type: ignore[index,call-overload]
    lock = locked({})
    assert lock.targets["b2"] == "b2::example-homelab/restic"
    changes = {"backup": {"targets": {"b2": None, "cloud": b2}}}
    found = run_checks(planned(changes, lock))
    (problem,) = [p for p in found if p.check == "target-renamed"]
    assert problem.where == "backup.targets.cloud"
    assert "homelab secret restic-b2 " in problem.way_out
    changes["backup"]["targets"]["cloud"] = {**b2, "path": "example-homelab/anew"}
    assert not [p for p in run_checks(planned(changes, lock)) if p.check == "target-renamed"]


LIBRARY = {"services.immich.mediaLocation": "/mnt/family/photos"}
BESIDE = {"services.immich.mediaLocation": "/mnt/family/photos2"}


@pytest.mark.parametrize(
    ("immich", "left"),
    [
        ({"datasets": None}, "it names none"),
        ({"datasets": {"photos": "library"}}, "it names library"),
        ({"datasets": None, "options": LIBRARY}, ""),
        ({"datasets": None, "options": BESIDE}, "it names none"),
    ],
)
def test_what_an_app_wrote_to_a_dataset_is_not_left_behind_unnoticed(
    immich: dict[str, Any], left: str
) -> None:
    plan = planned({"services": {"immich": immich}}, locked({}))
    found = [
        (p.where, p.what) for p in told(plan) if p.where.startswith("services.immich.datasets")
    ]
    assert [left in what for _, what in found] == ([True] if left else [])
    assert all("/mnt/family/photos, the dataset photos" in what for _, what in found)
    earlier = locked({}).model_copy(
        update={
            "services": {
                name: placement.model_copy(update={"datasets": {}})
                for name, placement in locked({}).services.items()
            }
        }
    )
    assert left_of(planned({"services": {"immich": immich}}, earlier)) == []


def test_state_that_becomes_a_dataset_at_the_same_path_is_not_lost() -> None:
    lock = locked({})
    immich = lock.services["immich"]
    before = immich.model_copy(
        update={"state": [*immich.state, "/mnt/family/photos"], "datasets": {}}
    )
    lock = lock.model_copy(update={"services": {**lock.services, "immich": before}})
    assert told(planned({}, lock)) == []


def left_of(plan: Plan) -> list[Problem]:
    return [p for p in told(plan) if "the dataset" in p.what and p.check == "state-path"]


def test_what_is_left_behind_in_a_dataset_is_acknowledged_by_the_service(tmp_path: Path) -> None:
    stack = laid_out(tmp_path, {"services": {"immich": {"datasets": None}}})
    with pytest.raises(InvalidStackError):
        write_lock(stack, "home", ())
    said = write_lock(stack, "home", ("immich",))
    assert "immich leaves its photos in /mnt/family/photos, the dataset photos" in said
    assert "unchanged" in write_lock(stack, "home", ())[0]


def test_a_dataset_of_another_name_at_the_same_path_leaves_nothing_behind() -> None:
    photos = dict(HOME.values)["datasets"]["photos"]
    plan = planned(
        {
            "datasets": {"pictures": _copy(photos), "photos": None},
            "services": {"immich": {"datasets": {"photos": "pictures"}}},
        },
        locked({}),
    )
    assert left_of(plan) == []
