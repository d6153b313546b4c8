"""Datasets as folders of Syncthing."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from homelab import testing
from homelab.checks import run_checks
from homelab.problems import InvalidStackError
from tests import build
from tests.household import Changes, household
from tests.programs.rendered import settings
from tests.tools.programs import need

pytestmark = pytest.mark.requirement("S0-42")

PHONE = "MFZWI3D-BONSGYC-YLTMRWG-C43ENR5-QXGZDMM-FZWI3DP-BONSGYY-LTMRWAD"


def music(path: str = "/mnt/music", key: str = "syncthing", **sync: object) -> Changes:
    dataset = {
        "host": "aurora",
        "path": path,
        "tier": "user",
        "group": "media",
        "syncthing": {"devices": {"phone": PHONE}, **sync},
    }
    return household(
        {
            "datasets": {"music": dataset},
            "services": {key: {"host": "aurora", "service": "syncthing"}},
        }
    )


def option(changes: Changes, path: str, directory: Path) -> Any:
    return dict(settings(build.plan(changes), path, directory)).get("aurora")


def test_a_dataset_is_a_folder_with_its_devices_and_old_versions(tmp_path: Path) -> None:
    made = option(music(direction="receive", keep_days=9), "services.syncthing.settings", tmp_path)
    assert made["devices"] == {"phone": {"id": PHONE}}
    assert made["folders"]["music"] == {
        "devices": ["phone"],
        "id": "music",
        "ignorePerms": True,
        "path": "/mnt/music",
        "type": "receiveonly",
        "versioning": {"type": "trashcan", "params": {"cleanoutDays": "9"}},
    }


def test_syncthing_sees_and_writes_the_dataset() -> None:
    """Its sandbox hides every other directory with data."""
    (unit,) = (u for u in build.plan(music()).units_on("aurora") if u.service == "syncthing")
    assert dict(unit.settings)["BindPaths"] == ["/mnt/music"]
    text = build.render(music())["aurora"]["syncing.nix"]
    assert 'SupplementaryGroups = [ "media" ];' in text
    assert 'RequiresMountsFor = [ "/mnt/music" ];' in text


@pytest.mark.parametrize("key", ["syncthing", "sync2"])
def test_syncthing_is_found_by_its_entry_and_not_by_its_key(key: str) -> None:
    changes = music(key=key)
    plan = build.plan(changes)
    assert not [p for p in run_checks(plan) if p.check == "syncthing-folder"]
    assert "services.syncthing.settings" in build.render(changes)["aurora"]["syncing.nix"]
    (unit,) = (u for u in plan.units_on("aurora") if u.service == key and u.unit == "syncthing")
    assert dict(unit.settings)["BindPaths"] == ["/mnt/music"]


@pytest.mark.parametrize(
    ("owner", "group", "mode", "direction", "lacks"),
    [
        ("root", "media", "0750", "both", "write"),
        ("root", "media", "0750", "receive", "write"),
        ("root", "media", "0750", "send", ""),
        ("root", "root", "0770", "send", "read"),
        ("root", "media", "2770", "both", ""),
        ("root", "root", "0777", "both", ""),
        ("syncthing", "root", "0700", "both", ""),
        ("syncthing", "media", "0570", "both", "write"),
    ],
)
def test_a_folder_that_syncthing_cannot_write_is_an_error_unless_it_only_sends(
    owner: str, group: str, mode: str, direction: str, lacks: str
) -> None:
    access = {"datasets": {"music": {"owner": owner, "group": group, "mode": mode}}}
    changes = testing.merged(music(direction=direction), access)
    found = [p for p in run_checks(build.plan(changes)) if p.check == "syncthing-access"]
    assert [p.what.split(" in ")[0] for p in found] == (
        [f"syncthing may not {lacks}"] if lacks else []
    )


def test_a_mistyped_device_id_is_refused() -> None:
    with pytest.raises(InvalidStackError, match="check character"):
        build.plan(music(devices={"phone": PHONE[:-1] + "E"}))
    with pytest.raises(InvalidStackError, match="eight groups"):
        build.plan(music(devices={"phone": "MFZWI3D"}))


@pytest.mark.lab
def test_syncthing_accepts_the_folder_and_its_versions(tmp_path: Path) -> None:
    """The module of nixpkgs sends each folder and device to its API."""
    need("syncthing")
    home, folder = tmp_path / "home", tmp_path / "music"
    folder.mkdir()
    made = option(music(str(folder)), "services.syncthing.settings", tmp_path)
    subprocess.run(
        ["syncthing", "generate", f"--home={home}"], check=True, capture_output=True, timeout=60
    )
    gui = home / "gui.sock"
    process = subprocess.Popen(
        ["syncthing", "serve", f"--home={home}", "--no-browser", f"--gui-address=unix://{gui}"],
        stdout=subprocess.DEVNULL,
    )
    try:
        key = (home / "config.xml").read_text().partition("<apikey>")[2].partition("</apikey>")[0]

        def api(path: str, body: object = None) -> Any:
            words = ["curl", "-sf", "--unix-socket", gui, "-H", f"X-API-Key: {key}"]
            words += ["-X", "PUT", "-d", json.dumps(body)] if body is not None else []
            done = subprocess.run(
                [*words, f"http://x/rest/config/{path}"], check=True, capture_output=True, text=True
            )
            return json.loads(done.stdout or "null")

        for _ in range(100):
            if gui.exists():
                break
            time.sleep(0.1)
        (device,) = made["devices"].values()
        (one,) = made["folders"].values()
        api(f"devices/{device['id']}", {"deviceID": device["id"], "name": "phone"})
        api("folders/music", {**one, "devices": [{"deviceID": device["id"]}]})
        held = api("folders/music")
        assert held["versioning"]["type"] == "trashcan"
        assert held["versioning"]["params"] == {"cleanoutDays": "30"}
        assert device["id"] in [d["deviceID"] for d in held["devices"]]
    finally:
        process.terminate()
        process.wait()
