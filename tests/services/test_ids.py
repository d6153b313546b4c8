"""`ids`: fixed numbers of the user and group of a service."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from homelab.catalog import ENTRIES
from homelab.catalog.upstream import read as upstream
from homelab.config.lock import Lock, Numbers
from homelab.ops.project.files import updated_lock
from homelab.services.fixed_ids import SHELL
from homelab.services.ids import FIRST, LAST, NIXPKGS
from tests import build
from tests.catalog.table import RELEASES
from tests.household import Changes
from tests.site.ways_out.vpn import vpn

pytestmark = pytest.mark.requirement("S4-31")
SEERR: Changes = {
    "nixpkgs": {"default": {"release": "26.05"}},
    "hosts": {"nas": {"state_version": "26.05"}},
    "services": {"seerr": {"host": "nas", "ids": {}}},
}


def service(name: str, **ids: int) -> Changes:
    return {"services": {name: {"host": "nas", "ids": ids}}}


def numbers(changes: Changes, name: str, lock: Lock | None = None) -> Numbers:
    found = build.plan(changes, lock).service(name)
    assert found is not None
    assert found.ids is not None
    return found.ids


def test_a_service_gets_numbers_that_do_not_depend_on_others() -> None:
    alone = numbers(service("jellyfin"), "jellyfin")
    assert FIRST <= alone.uid <= LAST
    more = {**service("jellyfin")["services"], **service("navidrome")["services"]}
    assert numbers({"services": more}, "jellyfin") == alone
    text = build.render(service("jellyfin"))["nas"]["ids.nix"]
    assert f"users.groups.jellyfin.gid = {alone.gid};" in text
    assert f"users.users.jellyfin.uid = {alone.uid};" in text
    assert "ids.nix" not in build.render({"services": {"jellyfin": {"host": "nas"}}})["nas"]


def test_the_numbers_of_nixpkgs_have_precedence_over_assigned_ones() -> None:
    assert numbers(service("sonarr"), "sonarr") == NIXPKGS["sonarr"]


def test_the_lock_keeps_the_numbers() -> None:
    plan = build.plan(service("jellyfin"))
    lock, lines = updated_lock(plan)
    number = numbers(service("jellyfin"), "jellyfin").uid
    assert lock.ids == {"jellyfin": Numbers(uid=number, gid=number)}
    assert f"jellyfin has uid {number} and gid {number}" in lines
    kept = Lock(ids={"jellyfin": Numbers(uid=450, gid=451)})
    assert numbers(service("jellyfin"), "jellyfin", kept) == Numbers(uid=450, gid=451)


def test_a_changed_number_is_refused_and_the_place_is_named() -> None:
    lock = Lock(ids={"jellyfin": Numbers(uid=450, gid=450)})
    found = [
        p for p in build.problems(service("jellyfin", uid=998), lock) if p.check == "id-stable"
    ]
    (problem,) = found
    assert problem.where == "services.jellyfin.ids.uid"
    assert problem.what == "jellyfin had uid 450, and its files on nas still do"


def test_two_services_with_one_number_are_refused_and_both_are_named() -> None:
    both = {n: {"host": "nas", "ids": {"uid": 460}} for n in ("jellyfin", "navidrome")}
    (problem,) = build.found({"services": both}, "id-unique")
    assert "jellyfin and navidrome both have uid 460 on nas" in problem.what


@pytest.mark.parametrize(
    ("stated", "whose"),
    [
        ({"uid": 1000}, "the accounts of people"),
        ({"uid": 30001}, "the accounts of people"),
        ({"uid": 237}, "nixpkgs assigns"),
        ({"uid": 399}, "nixpkgs assigns"),
        ({"gid": 1}, "nixpkgs assigns"),
        ({"gid": 100}, "nixpkgs assigns"),
        ({"gid": 30000}, "Nix and systemd"),
    ],
)
@pytest.mark.parametrize("place", ["ids", "vpn", "lock"])
def test_a_number_that_belongs_to_somebody_else_is_refused(
    stated: dict[str, int], whose: str, place: str
) -> None:
    ((kind, number),) = stated.items()
    lock = Lock()
    changes: Changes = service("jellyfin", **stated)
    if place == "lock":
        changes = service("jellyfin")
        lock = Lock(ids={"jellyfin": Numbers(**{"uid": 450, "gid": 450, **stated})})
    elif place == "vpn":
        changes = vpn(jellyfin={"name": "privado", **stated})
    (problem,) = [p for p in build.problems(changes, lock) if p.check == "id-own"]
    assert problem.where == f"services.jellyfin.{'vpn' if place == 'vpn' else 'ids'}.{kind}"
    assert f"{kind} {number} is not for jellyfin" in problem.what
    assert whose in problem.what


def test_numbers_of_a_host_and_of_nixpkgs_itself_are_a_services_own() -> None:
    for name, stated in (
        ("jellyfin", {"uid": 998, "gid": 400}),
        ("jellyfin", {"gid": 1000}),
        ("syncthing", {"uid": 237, "gid": 237}),
    ):
        assert not build.found(service(name, **stated), "id-own")


def test_every_number_that_a_module_of_nixpkgs_gives_its_user_is_known() -> None:
    """Another one contradicts the module."""
    found = {
        user.name: user.uid
        for name in upstream.names()
        if (facts := upstream.find(name)) is not None
        for release in facts.releases.values()
        for user in release.users.values()
        if user.uid is not None
    }
    assert len(found) > 10
    assert found == {name: NIXPKGS[name].uid for name in found if name in NIXPKGS}


def test_a_dynamic_user_becomes_an_ordinary_one_and_its_state_moves() -> None:
    plan = build.plan(SEERR)
    seerr = plan.service("seerr")
    assert seerr is not None
    assert ENTRIES["seerr"].dynamic_user
    assert [p.replace("/private", "") for p in ENTRIES["seerr"].state] == [*seerr.state]
    assert not any("/private/" in d.source for d in seerr.entry.dumps)
    text = build.render(SEERR)["nas"]["ids.nix"]
    assert "DynamicUser = lib.mkForce false;" in text
    assert 'User = "seerr";' in text
    assert "isSystemUser = true;" in text
    # What systemd sets for a dynamic user.
    assert 'ProtectSystem = "strict";' in text


@pytest.mark.parametrize("release", RELEASES)
def test_no_service_of_the_catalog_has_a_dynamic_user_with_fixed_numbers(release: str) -> None:
    names = [n for n, e in ENTRIES.items() if e.dynamic_user and not e.infrastructure]
    assert len(names) > 30
    services = {
        n: {"host": "nas", "ids": {}, "port": 20_000 + i}
        if "web" in ENTRIES[n].ports and ENTRIES[n].ports["web"].movable
        else {"host": "nas", "ids": {}}
        for i, n in enumerate(names)
        if ENTRIES[n].since <= release
    }
    changes: Changes = {"nixpkgs": {"default": {"release": release}}, "services": services}
    plan = build.plan(changes)
    for found in plan.on("nas"):
        if found.name in services:
            assert found.ids is not None, found.name
            assert not any("/private/" in p for p in (*found.state, *found.entry.exclude))
            files = [f for f in found.entry.secrets.values() if f.form == "file"]
            assert all(f.owner == found.entry.user for f in files), found.name
    text = build.render(changes)["nas"]["ids.nix"]
    assert text.count("DynamicUser = lib.mkForce false;") >= len(services)
    # Else it would conflict with the sandbox of the unit.
    assert text.count('ProtectHome = lib.mkOverride 950 "read-only";') >= len(services)
    assert 'ProtectHome = "read-only";' not in text
    assert not [p for p in build.problems(changes) if p.check == "id-user"]


def test_a_unit_runs_as_the_ordinary_user() -> None:
    unit = {"package": "darkhttpd", "command": ["darkhttpd", "/srv"]}
    site = {"host": "nas", "ids": {}, "unit": unit, "state": ["/var/lib/site"]}
    text = build.render({"services": {"site": site}})["nas"]["services/site.nix"]
    assert 'User = "site";' in text
    assert "DynamicUser" not in text


def test_numbers_without_a_user_are_refused() -> None:
    (problem,) = build.found(service("samba"), "id-user")
    assert problem.where == "services.samba.ids"


def test_numbers_have_one_place() -> None:
    vpn = {"name": "privado", "uid": 450}
    with pytest.raises(Exception, match="move those of vpn into ids"):
        build.stack_config({"services": {"jellyfin": {"host": "nas", "vpn": vpn, "ids": {}}}})


@pytest.mark.parametrize(
    ("uid", "gid", "told"),
    [
        ("598", "598", ""),
        ("998", "598", "services.app.ids: {uid: 998, gid: 598}"),
        ("598", "997", "services.app.ids: {uid: 598, gid: 997}"),
        ("", "", "user unknown and group unknown"),
    ],
)
def test_no_service_starts_with_other_numbers_on_its_host(
    tmp_path: Path, uid: str, gid: str, told: str
) -> None:
    """NixOS does not change the number of an existing user, and only warns."""
    (tmp_path / "etc").mkdir()
    passwd = f"app:x:{uid}:{gid}::/var/empty:/bin/false\n" if uid else ""
    group = f"app:x:{gid}:\n" if gid else ""
    (tmp_path / "etc/passwd").write_text(f"root:x:0:0::/root:/bin/sh\n{passwd}")
    (tmp_path / "etc/group").write_text(f"root:x:0:\n{group}")
    script = tmp_path / "fixed-ids.sh"
    script.write_text(SHELL)
    done = subprocess.run(
        ["bash", "-ec", f". {script}\nfixed app app 598 598"],
        env={"HOMELAB_ROOT": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, told in done.stderr) == (1 if told else 0, True)


def test_the_unit_that_compares_runs_before_every_unit_of_the_service() -> None:
    text = build.render(service("immich"))["nas"]["ids.nix"]
    required = re.search(r"requiredBy = \[(.*?)\];", text, re.DOTALL)
    assert required is not None
    assert {"immich-server", "immich-machine-learning"} <= {
        u.removesuffix(".service") for u in re.findall(r'"(.+?)"', required[1])
    }
