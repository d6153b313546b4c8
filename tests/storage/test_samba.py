"""Network drives: on the dataset's host, for the tailnet only, with the extensions for macOS."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from homelab.plan import Plan
from homelab.problems import InvalidStackError
from homelab.reach.plan import plan_reach
from homelab.render import modules_of
from tests import build
from tests.household import Changes, household
from tests.programs.rendered import settings
from tests.tools.options import check_module
from tests.tools.programs import formatted

TAILNET: Changes = {
    "tailnet": {
        "name": "tail1.ts.net",
        "client_id": {"sops": "a"},
        "client_secret": {"sops": "b"},
        "owners": ["sam@example.org"],
        "family": ["kim@example.org"],
    },
    "site": {"members": {"kim": {"email": "kim@example.org"}}},
    "hosts": {"pi": {"tailscale": {"subnet_routes": ["192.168.1.0/24"]}}},
}


def shared(host: str = "aurora", /, **samba: object) -> Changes:
    """A dataset as a drive."""
    photos = {
        "host": host,
        "path": "/mnt/family/photos",
        "mount": "/mnt/family",
        "tier": "user",
        "owner": "immich",
        "group": "family",
        "samba": samba,
    }
    return household(TAILNET, {"datasets": {"photos": photos}})


def text(**samba: object) -> str:
    return build.render(shared(**samba))["aurora"]["samba.nix"]


@pytest.mark.requirement("S0-30")
def test_a_share_is_a_drive_with_its_own_rights(tmp_path: Path) -> None:
    """It forces user and group, hides dotfiles, and has the extensions for macOS."""
    changes = shared(users=["sam", "kim"])
    made = build.plan(changes)
    (module,) = [m for m in modules_of(made, made.hosts["aurora"]) if m.file == "samba.nix"]
    assert check_module(module) == []
    shown = build.render(changes)["aurora"]["samba.nix"]
    assert formatted(tmp_path, [shown]) == []
    for line in (
        'path = "/mnt/family/photos";',
        '"force user" = "immich";',
        '"force group" = "family";',
        '"valid users" = "sam kim";',
        '"read only" = "no";',
        '"guest ok" = "no";',
        '"veto files" = "/.*/";',
        '"vfs objects" = "catia fruit streams_xattr";',
        '"hosts allow" = "100.64.0.0/10 fd7a:115c:a1e0::/48 127. ::1";',
        '"hosts deny" = "ALL";',
        '"map to guest" = "never";',
        "nmbd.enable = false;",
        'unitConfig.RequiresMountsFor = [ "/mnt/family" ];',
    ):
        assert line in shown, line
    assert "openFirewall" not in shown
    # Only a user without an account on the host gets one.
    assert re.findall(r"users\.users\.(\w+)", shown) == ["kim"]
    assert [p for p in build.problems(changes) if p.severity == "error"] == []


@pytest.mark.requirement("S0-30")
def test_a_share_may_be_read_only_and_open_to_guests() -> None:
    shown = text(share="pictures", guest=True, read_only=True)
    assert "pictures = {" in shown
    assert '"guest ok" = "yes";' in shown
    assert '"read only" = "yes";' in shown
    assert '"map to guest" = "bad user";' in shown
    assert "valid users" not in shown


@pytest.mark.requirement("S0-30")
def test_without_users_the_owner_opens_a_share() -> None:
    assert '"valid users" = "sam";' in text()


@pytest.mark.requirement("S0-30")
def test_new_files_in_a_dataset_of_root_belong_to_the_user() -> None:
    """Each user writes as themselves, in the dataset's group."""
    changes = shared()
    changes["datasets"]["photos"]["owner"] = "root"  # type: ignore[index]
    shown = build.render(changes)["aurora"]["samba.nix"]
    assert "force user" not in shown
    assert '"force group" = "family";' in shown


@pytest.mark.requirement("S0-30")
def test_a_share_moves_with_its_dataset() -> None:
    """Settings, port and grant move together."""
    for host, other in (("aurora", "workstation"), ("workstation", "aurora")):
        changes = shared(host, users=["kim"])
        made, rendered = build.plan(changes), build.render(changes)
        assert "samba.nix" in rendered[host]
        assert "samba.nix" not in rendered[other]
        assert [u.host for u in made.firewall.ports if u.port == 445] == [host]
        assert made.tailnet is not None
        assert [g.dst for g in made.tailnet.grants if "tcp:445" in g.ip] == [(host,)]


def _reached(made: Plan) -> dict[str, tuple[bool, str]]:
    target = "aurora:445/tcp"
    answers = plan_reach(made).to(target)
    return {a.origin.name: (a.reachable, " > ".join(g.what for g in a.barriers)) for a in answers}


@pytest.mark.parametrize(
    ("samba", "family"),
    [({}, False), ({"users": ["sam"]}, False), ({"users": ["kim"]}, True), ({"guest": True}, True)],
)
@pytest.mark.requirement("S0-30")
def test_port_445_is_open_on_the_tailnet_to_the_users_of_a_share(
    samba: Changes, family: bool
) -> None:
    """It is closed to the LAN and the internet."""
    made = build.plan(shared(**samba))
    reached = _reached(made)
    assert reached["owner"][0]
    assert reached["family"][0] is family
    assert ("Samba password" in reached["owner"][1]) is not samba.get("guest", False)
    for nobody in ("lan", "internet", "tag:appliance"):
        assert not reached[nobody][0], nobody
    firewall = build.render(shared(**samba))["aurora"]["firewall.nix"]
    lan_rules = re.findall(r"ip saddr .*", firewall)
    assert "445" in firewall
    assert not any("445" in rule for rule in lan_rules)


BOX: Changes = {
    "host": "aurora",
    "container": {"image": f"a/b:1@sha256:{'0' * 64}", "port": 80},
    "backup": {"skip": "keeps nothing"},
    "tile": {"group": "Tools"},
}


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"services": {"samba": {"publish": "tunnel"}}}, "services.samba.publish"),
        ({"services": {"samba": {"routes": [{"publish": "tunnel"}]}}}, "services.samba.routes"),
        (
            {
                "services": {
                    "box": {
                        **BOX,
                        "port": 8088,
                        "ports": {"smb": {"port": 445, "scope": "lan", "why": "old scanner"}},
                    }
                }
            },
            "services.box.ports.smb",
        ),
        (
            {"services": {"box": {**BOX, "host": "pi", "port": 445, "publish": "tunnel"}}},
            "services.box",
        ),
    ],
)
@pytest.mark.requirement("S0-30")
def test_a_drive_is_never_on_the_internet_or_the_lan(more: Changes, where: str) -> None:
    """`smb-not-public`."""
    (problem,) = build.found(household(shared(), more), "smb-not-public")
    assert problem.where == where
    assert build.found(shared(), "smb-not-public") == []


@pytest.mark.requirement("S0-30")
def test_a_share_on_a_host_outside_the_tailnet_is_refused() -> None:
    """`smb-not-public` names the share."""
    changes = shared()
    del changes["tailnet"]
    (problem,) = build.found(changes, "smb-not-public")
    assert (problem.where, "aurora is not in the tailnet" in problem.what) == (
        "datasets.photos.samba",
        True,
    )


@pytest.mark.parametrize(
    ("samba", "where", "words"),
    [
        ({"users": ["kym"]}, "datasets.photos.samba.users[0]", 'did you mean "kim"?'),
        ({"users": ["kim"], "guest": True}, "datasets.photos.samba.users", "keep one"),
        ({"share": "homes"}, "datasets.photos.samba.share", "another name"),
        ({"share": "music"}, "datasets.photos.samba.share", "another name"),
    ],
)
@pytest.mark.requirement("S0-30")
def test_a_share_has_users_that_exist_and_a_free_name(
    samba: Changes, where: str, words: str
) -> None:
    """`smb-users`."""
    music = {"host": "aurora", "path": "/mnt/family/music", "tier": "user", "samba": {}}

    def said(config: Changes) -> list[tuple[str, str]]:
        changes = household(shared(**config), {"datasets": {"music": music}})
        return [(p.where, p.way_out) for p in build.found(changes, "smb-users")]

    ((place, way_out),) = said(samba)
    assert (place, words in way_out) == (where, True)
    assert said({"users": ["sam", "kim"]}) == []


@pytest.mark.requirement("S0-30")
def test_a_drive_for_the_lan_needs_a_reason_and_leaves_the_others_on_the_tailnet(
    tmp_path: Path,
) -> None:
    changes = household(
        shared(lan="the television has no Tailscale"),
        {
            "datasets": {
                "papers": {"host": "aurora", "path": "/srv/papers", "tier": "user", "samba": {}}
            }
        },
    )
    assert build.found(changes, "smb-not-public") == []
    drives = dict(settings(build.plan(changes), "services.samba.settings", tmp_path))["aurora"]
    assert drives["photos"]["hosts allow"].startswith("192.168.1.0/24 100.64.0.0/10 ")
    assert drives["papers"]["hosts allow"].startswith("100.64.0.0/10 ")
    # What the global section allows, every share allows.
    assert "hosts allow" not in drives["global"]
    rendered = build.render(changes)["aurora"]
    assert "445/tcp (LAN and tailnet) samba" in rendered["firewall.nix"]
    assert "445/tcp (tailnet) samba" in build.render(shared())["aurora"]["firewall.nix"]
    with pytest.raises(InvalidStackError, match=r"datasets\.photos\.samba\.lan"):
        build.plan(shared(lan=True))


def test_a_drive_for_the_lan_is_on_a_host_outside_the_tailnet() -> None:
    changes = household(
        shared(lan="the television has no Tailscale"), {"tailnet": None, "site": {"members": None}}
    )
    changes["hosts"]["pi"].pop("tailscale", None)  # type: ignore[index]
    assert build.found(changes, "smb-not-public") == []


def test_time_machine_stops_at_the_quota_of_the_dataset() -> None:
    shown = text(time_machine=True)
    assert '"fruit:time machine" = "yes";' in shown
    assert "max size" not in shown
    changes = household(
        shared(time_machine=True), {"datasets": {"photos": {"fs": "btrfs", "quota": "2 TB"}}}
    )
    assert (
        '"fruit:time machine max size" = "1907348M";'
        in build.render(changes)["aurora"]["samba.nix"]
    )
