"""A rehearsal of publishing a name and removing it again.

Publishing: Access, then the host's rule, then the record. Removal: the host's rule, then the
record, then Access. At no time does a record lead past Access.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from homelab import testing
from tests import build
from tests.components.test_cloudflare import EVERYTHING
from tests.lab.test_rehearsal import Lab

pytestmark = [pytest.mark.lab, pytest.mark.requirement("S0-14", "S2-05", "S2-06", "S2-08", "S3-02")]

QUICK = {"deploy": {"confirm_seconds": 5, "settle_seconds": 0, "activation_seconds": 30}}


def services(publish: str) -> dict[str, Any]:
    return {"services": {"jellyfin": {"host": "nas", "publish": publish, "audience": "family"}}}


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path / "stack")


def order(result: dict[str, Any]) -> list[str]:
    """The steps in order: `create jellyfin-dns`."""
    return [f"{s['op']} {s['urn'].rpartition('::')[2]}" for s in result["steps"]]


def sent(lab: Lab, host: str) -> dict[str, str]:
    """The secrets that the host received for its running release."""
    place = lab.root(host) / "var/lib/homelab/secrets" / lab.releases()[host]
    return {p.name: p.read_text() for p in place.iterdir()}


def write(lab: Lab, *changes: dict[str, Any]) -> None:
    alone = {"identity": None, "services": dict.fromkeys(("authelia", "navidrome", "miniflux"))}
    base = {**alone, "site": EVERYTHING["site"], "cloudflare": {"tunnel": {"host": "pi"}}, **QUICK}
    lab.write(testing.merged(base, *changes))


def test_a_record_is_created_after_access_and_deleted_before_it(lab: Lab) -> None:
    write(lab, services("internal"))
    lab.json("up")

    write(lab, services("tunnel"))
    on = order(lab.json("up"))
    assert on.index("create jellyfin-access") < on.index("create jellyfin-dns")
    assert on.index("update pi-switch") < on.index("create jellyfin-dns")
    assert "jellyfin-home.example.org" in lab.texts("pi")
    assert lab.records() == {"jellyfin-home.example.org"}

    write(lab, services("internal"))
    off = order(lab.json("up"))
    assert off.index("update pi-switch") < off.index("delete jellyfin-dns")
    assert off.index("delete jellyfin-dns") < off.index("delete jellyfin-access")
    assert off.index("delete jellyfin-access") < off.index("delete members")
    assert "jellyfin-home.example.org" not in lab.texts("pi")
    assert lab.records() == set()


def test_every_cloudflare_resource_is_created_and_then_unchanged(lab: Lab) -> None:
    base = testing.merged(EVERYTHING, QUICK, {"services": {"navidrome": {"publish": None}}})
    lab.write(base)
    lab.json("up")
    again = lab.json("up")
    assert set(again["changes"]) == {"same"}
    assert again["connections"] == {}
    assert "CF_ACCESS_CLIENT_ID=" in sent(lab, "nas")["access-probe"]
    assert "AWS_ACCESS_KEY_ID=" in sent(lab, "nas")["r2-backup"]
    assert "access-probe" not in sent(lab, "pi")
    assert "ssh://192.168.1.3:22" in lab.texts("pi")

    # A group is deleted after the policy that names it.
    navidrome = {"host": "nas", "routes": [{"name": "music", "publish": "tunnel"}]}
    lab.write(testing.merged(base, {"services": {"navidrome": navidrome}}))
    steps = order(lab.json("up"))
    assert "delete people-family" in steps
    assert steps.index("update music-access") < steps.index("delete people-family")

    destroyed = lab.json("destroy")
    assert destroyed["ok"]


@pytest.mark.requirement("S2-05")
def test_the_lab_says_why_it_adopts_nothing(lab: Lab) -> None:
    adopt = {"adopt": {"records": {"jellyfin": "a" * 32}}}
    write(lab, services("tunnel"), {"cloudflare": adopt})
    done = lab.run("up")
    assert done.returncode != 0
    assert (
        "the lab does not do import, because it has nothing to import" in done.stdout + done.stderr
    )


@pytest.mark.requirement("S0-10", "S0-14")
def test_publish_tunnel_publishes_one_route_of_the_home_stack(tmp_path: Path) -> None:
    """One application, one record, one rule of the tunnel."""
    file = "Pulumi.home.yaml"
    for name in ("home", "hosts", "locks", "secrets"):
        shutil.copytree(build.SHIPPED / name, tmp_path / name)
    for name in ("Pulumi.yaml", file, "homelab.lock.yaml", "__main__.py"):
        shutil.copy(build.SHIPPED / name, tmp_path)
    home = Lab(tmp_path)
    home.json("up")
    before = tunnel_of(home)

    text = (tmp_path / file).read_text("utf-8")
    (line,) = [s for s in text.splitlines() if s.startswith("    jellyfin: {")]
    published = line.removesuffix("}") + ", publish: tunnel}"
    (tmp_path / file).write_text(text.replace(line, published), "utf-8")
    result = home.json("up")

    assert sorted(s.removeprefix("create ") for s in order(result) if s.startswith("create")) == [
        "media-access",
        "media-dns",
    ]
    # Hosts whose files contain it have a new release. Nothing else changes or is deleted.
    others = [s for s in order(result) if not s.startswith(("create", "same"))]
    own = r"update (pi|aurora|workstation)([-/].*)?|update (jellyfin|media)"
    assert [s for s in others if not re.fullmatch(own, s)] == []
    after = tunnel_of(home)
    added = [s.strip() for s in after if s not in before]
    assert added == ['"media-home.example.org" = "http://127.0.0.1:8180";']
    assert [s for s in before if s not in after] == []


def tunnel_of(home: Lab) -> list[str]:
    """The lines of the tunnel's module, as the entry host has them after an `up`."""
    release = home.wanted_releases("home")["pi"]
    place = home.directory / ".homelab/lab/home/hosts/pi/root/var/lib/homelab/releases" / release
    (file,) = place.rglob("tunnel.nix")
    return file.read_text("utf-8").splitlines()
