"""The former places of what moved or is gone: the lock keeps them, and `homelab orphans` looks."""

from __future__ import annotations

from typing import Any

import pytest

from homelab import testing
from homelab.backup.left import known_places, left_places
from homelab.backup.orphans import orphans, places
from homelab.config.lock import Lock, lock_text, parse_lock, without_host
from homelab.ops.orphans import find_orphans
from homelab.ops.project.files import updated_lock
from homelab.plan import Plan
from tests import build
from tests.ops.conftest import LAN, PIN, TAILNET, Stack

IMAGE = f"docker.io/a/wiki:1@sha256:{'0' * 64}"
BEFORE: dict[str, Any] = {
    "hosts": {
        "pi": {
            "role": None,
            "address": {"lan": LAN, "tailnet": TAILNET},
            "ssh": {"host_key": PIN},
        },
    },
    "services": {
        "wiki": {
            "host": "pi",
            "container": {"image": IMAGE, "port": 80},
            "state": ["/srv/wiki"],
            "backup": {"skip": "it is a copy"},
        },
        "miniflux": {"host": "pi"},
    },
    "datasets": {
        "photos": {"host": "pi", "path": "/srv/photos", "tier": "user"},
        "films": {"host": "pi", "path": "/srv/films", "tier": "re-derivable"},
    },
    "backup": {
        "targets": {
            "disk": {"kind": "sftp", "host": "pi", "path": "/mnt/backup"},
            "b2": {"kind": "b2", "path": "example", "credentials": {"sops": "b2"}},
        }
    },
}


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    return testing.changed(BEFORE, changes)


def locked(stack: dict[str, Any], before: Lock | None = None) -> Lock:
    """The lock that `homelab lock` writes, as it is read again."""
    lock, _ = updated_lock(build.plan(stack, before))
    return parse_lock(lock_text(lock), "homelab.lock.yaml")


REPOSITORY = "/mnt/backup/pi/miniflux"
KINDS: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "a dataset in another place": (
        {"datasets": {"photos": {"path": "/srv/pictures"}}},
        *(
            "left",
            "/srv/photos",
            "files of the dataset photos, which is in /srv/pictures on pi now",
        ),
    ),
    "a dataset on another host": (
        {"datasets": {"photos": {"host": "nas"}}},
        *("left", "/srv/photos", "files of the dataset photos, which is in /srv/photos on nas now"),
    ),
    "a dataset that can be had again": (
        {"datasets": {"films": {"path": "/srv/movies"}}},
        *("left", "/srv/films", "files of the dataset films, which is in /srv/movies on pi now"),
    ),
    "a dataset that is gone": (
        {"datasets": {"photos": None}},
        *("left", "/srv/photos", "files of the dataset photos, which the stack has no more"),
    ),
    "a target in another place": (
        {"backup": {"targets": {"disk": {"path": "/mnt/new"}}}},
        *("former", "/mnt/backup", "of the target disk, which has another place now"),
    ),
    "a target on another host": (
        {"backup": {"targets": {"disk": {"host": "nas"}}}},
        *("former", "/mnt/backup", "of the target disk, which has another place now"),
    ),
    "a target that is gone": (
        {"backup": {"targets": {"disk": None}}},
        *("former", "/mnt/backup", "of the target disk, which the stack has no more"),
    ),
    "a service that is gone": (
        {"services": {"wiki": None}},
        *("left", "/srv/wiki", "state of wiki, which the stack has no more"),
    ),
    "a service on another host": (
        {"services": {"wiki": {"host": "nas"}}},
        *("left", "/srv/wiki", "state of wiki, which has it elsewhere now"),
    ),
    "state in another place": (
        {"services": {"wiki": {"state": ["/srv/notes"]}}},
        *("left", "/srv/wiki", "state of wiki, which has it elsewhere now"),
    ),
}


def found(plan: Plan, kind: str, path: str) -> list[str]:
    line = ("repository", REPOSITORY) if kind == "former" else (kind, path)
    return [o.why for o in orphans(plan, "pi", [line])]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.requirement("S0-77")
def test_the_host_is_asked_for_a_former_place_after_every_later_lock(name: str) -> None:
    change, kind, path, why = KINDS[name]
    stack = changed(change)
    lock = locked(stack, locked(BEFORE))
    for later in (lock, locked(stack, lock)):
        plan = build.plan(stack, later)
        assert f"{kind}:{path}" in places(plan, "pi")
        (told,) = found(plan, kind, path)
        assert told.endswith(why)
    _, lines = updated_lock(build.plan(stack, locked(BEFORE)))
    assert [line for line in lines if line.endswith(": homelab orphans pi")]


@pytest.mark.parametrize("name", KINDS)
def test_what_the_stack_uses_again_is_not_left(name: str) -> None:
    change, kind, path, _ = KINDS[name]
    lock = locked(BEFORE, locked(changed(change), locked(BEFORE)))
    assert ("pi", path) not in [(left.host, left.path) for left in lock.left]
    plan = build.plan(BEFORE, lock)
    assert f"{kind}:{path}" not in places(plan, "pi")
    assert found(plan, kind, path) == []


@pytest.mark.parametrize("name", [n for n in KINDS if "another" in n and "target" not in n])
def test_what_may_not_be_copied_yet_is_not_offered_for_removal(name: str) -> None:
    change, kind, path, _ = KINDS[name]
    plan = build.plan(changed(change), locked(BEFORE))
    assert path not in [left.path for left in known_places(plan)]
    assert found(plan, kind, path) == []
    assert path in [left.path for left in left_places(plan)]


@pytest.mark.parametrize("name", [n for n in KINDS if "gone" in n])
def test_what_is_gone_is_left_before_the_lock_says_so(name: str) -> None:
    change, kind, path, why = KINDS[name]
    (told,) = found(build.plan(changed(change), locked(BEFORE)), kind, path)
    assert told.endswith(why)


def test_a_move_that_brings_the_state_leaves_its_note_on_the_host() -> None:
    stack = changed({"services": {"wiki": {"host": "nas"}}})
    plan = build.plan(stack, locked(BEFORE))
    assert updated_lock(plan, {"wiki": "pi"})[0].left == []


def test_a_service_that_is_off_keeps_its_state() -> None:
    off = changed({"services": {"wiki": {"enable": False}}})
    lock = locked(off, locked(BEFORE))
    assert lock.left == []
    assert known_places(build.plan(off, lock)) == ()


def test_a_host_that_is_gone_or_forgotten_keeps_nothing() -> None:
    stack = changed({"datasets": {"photos": {"path": "/srv/pictures"}}})
    lock = locked(stack, locked(BEFORE))
    assert [left.path for left in lock.left] == ["/srv/photos"]
    assert without_host(lock, "pi", ()).left == []
    elsewhere = lock.model_copy(update={"left": [lock.left[0].model_copy(update={"host": "gone"})]})
    assert locked(stack, elsewhere).left == []


def test_a_mount_is_emptied_and_stays() -> None:
    stack = changed({"datasets": {"photos": {"path": "/srv/pictures"}}})
    plan = build.plan(stack, locked(stack, locked(BEFORE)))
    (orphan,) = orphans(plan, "pi", [("left-mount", "/srv/photos")])
    assert orphan.remove == "find /srv/photos -xdev -mindepth 1 -delete"


def test_repositories_of_a_target_elsewhere_that_is_gone_are_named() -> None:
    stack = changed({"backup": {"targets": {"b2": None}}})
    plan = build.plan(stack, locked(stack, locked(BEFORE)))
    job = ("job", "/var/lib/homelab/backups/miniflux/b2")
    (orphan,) = orphans(plan, "pi", [job])
    assert orphan.name == "b2: pi/miniflux"
    # Those of a target on a host are listed where they are.
    stack = changed({"backup": {"targets": {"disk": None}}})
    plan = build.plan(stack, locked(stack, locked(BEFORE)))
    assert orphans(plan, "pi", [("job", "/var/lib/homelab/backups/miniflux/disk")]) == ()


def test_the_former_places_are_read_over_ssh(stack: Stack) -> None:
    after = changed(
        {
            "datasets": {"photos": {"path": "/srv/pictures"}, "films": None},
            "backup": {"targets": {"disk": {"path": "/mnt/new"}}},
        }
    )
    plan = build.plan(after, locked(after, locked(BEFORE)))
    root = stack.lab.root("pi")
    (root / "srv/photos/2026").mkdir(parents=True)
    # Nothing is left of the films, and what is no repository of restic is the owner's.
    (root / "srv/films").mkdir()
    (root / "mnt/backup/pi/miniflux/data").mkdir(parents=True)
    (root / "mnt/backup/pi/miniflux/config").write_text("x")
    (root / "mnt/backup/holidays/2026").mkdir(parents=True)
    before = sorted(str(p) for p in root.rglob("*"))
    told = find_orphans(plan, "pi")
    assert told.unread == ()
    assert sorted((o.kind, o.name, o.remove) for o in told.orphans) == [
        ("directory", "/srv/photos", "rm -r -- /srv/photos"),
        ("repository", REPOSITORY, f"rm -r -- {REPOSITORY}"),
    ]
    assert sorted(str(p) for p in root.rglob("*")) == before
