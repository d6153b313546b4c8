"""Somebody edits the tailnet's policy, and the next `up` touches nothing (S0-24)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests import stackdir
from tests.lab.test_rehearsal import Lab
from tests.tailnet.test_tailnet import TAILNET

pytestmark = pytest.mark.slow

STACK: dict[str, Any] = {
    **TAILNET,
    "cloudflare": None,
    "services": {"miniflux": {"host": "nas"}},
    "deploy": {"confirm_seconds": 5, "activation_seconds": 30},
}
MORE: dict[str, Any] = {"services": {"miniflux": {"host": "nas", "port": 8123}}}


def test_an_edited_policy_stops_an_up_until_it_is_adopted(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "stack")
    stack = dict(STACK)

    def write(*changes: dict[str, Any]) -> None:
        lab.write()
        stackdir.write_stack(lab.directory, stackdir.joined(stack, *changes))

    policy = lab.directory / ".homelab/lab" / stackdir.NAME / "tailscale.json"
    write()
    first = lab.json("up")
    ours = policy.read_text()
    assert "Written by homelab; sha256:" in ours
    again = lab.json("up")
    assert set(again["changes"]) == {"same"}
    assert again["connections"] == {}

    assert "refuses" in lab.run("edit-policy").stdout
    edited, before = policy.read_text(), lab.releases()
    write(MORE)
    assert lab.json("preview")["ok"], "a preview opens no connection, so it cannot know"
    refused = lab.json("up", code=1)
    (error,) = refused["errors"]
    adopt = re.search(r'adopt: "(sha256:[0-9a-f]{64})"', error)
    assert adopt
    assert {s["op"] for s in refused["steps"]} <= {"same"}
    assert refused["connections"] == {}
    assert policy.read_text() == edited
    assert lab.releases() == before

    write(MORE, {"tailnet": {"adopt": adopt.group(1)}})
    assert lab.json("up")["ok"]
    assert lab.releases()["nas"] != before["nas"]
    assert "just for now" not in policy.read_text()

    # What was adopted is this one text, so the next edit stops the next run again.
    lab.run("edit-policy")
    assert "edited since" in lab.json("up", code=1)["errors"][0]
    assert first["ok"]
