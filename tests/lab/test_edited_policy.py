"""After an edit of the tailnet's policy elsewhere, the next `up` changes nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from homelab import testing
from tests import stackdir
from tests.lab.test_rehearsal import Lab
from tests.tailnet.test_tailnet import TAILNET

pytestmark = [pytest.mark.lab, pytest.mark.requirement("S0-24")]

STACK: dict[str, Any] = {
    **TAILNET,
    "services": {"miniflux": {"host": "nas"}},
    "deploy": {"confirm_seconds": 5, "settle_seconds": 0, "activation_seconds": 30},
}
MORE: dict[str, Any] = {"services": {"miniflux": {"host": "nas", "port": 8123}}}


class Tailnet(Lab):
    """A stack with a tailnet."""

    def stack(self, *changes: dict[str, Any]) -> None:
        self.write()
        stackdir.write_stack(self.directory, testing.merged(STACK, *changes))

    @property
    def policy(self) -> Path:
        return self.directory / ".homelab/lab" / stackdir.NAME / "tailscale.json"

    def adopted(self, digest: str) -> dict[str, Any]:
        return {"tailnet": {"adopt": digest}}

    def refused(self) -> str:
        """The digest that a refused `up` names."""
        (error,) = self.json("up", code=1)["errors"]
        found = re.search(r'adopt: "(sha256:[0-9a-f]{64})"', error)
        assert found, error
        return found.group(1)


@pytest.fixture
def lab(tmp_path: Path) -> Tailnet:
    return Tailnet(tmp_path / "stack")


def test_an_edited_policy_stops_an_up_until_it_is_adopted(lab: Tailnet) -> None:
    lab.stack()
    assert lab.json("up")["ok"]
    assert "Written by homelab for the stack small; sha256:" in lab.policy.read_text()
    assert "as planned" in lab.run("status").stdout
    again = lab.json("up")
    assert set(again["changes"]) == {"same"}
    assert again["connections"] == {}

    assert "refuses" in lab.run("edit-policy").stdout
    edited, before = lab.policy.read_text(), lab.releases()
    lab.stack(MORE)
    assert lab.json("preview")["ok"], "a preview opens no connection, so it cannot know"
    refused = lab.json("up", code=1)
    assert "see the difference with `homelab lab status`" in refused["errors"][0]
    assert {s["op"] for s in refused["steps"]} <= {"same"}
    assert refused["connections"] == {}
    assert lab.policy.read_text() == edited
    assert lab.releases() == before

    lab.stack(MORE, lab.adopted(lab.refused()))
    assert lab.json("up")["ok"]
    assert lab.releases()["nas"] != before["nas"]
    assert "just for now" not in lab.policy.read_text()

    # Only this one text was adopted, so the next edit stops the next run again.
    lab.run("edit-policy")
    assert "edited outside homelab" in lab.json("up", code=1)["errors"][0]


def test_adopting_replaces_the_policy_even_if_nothing_else_changed(lab: Tailnet) -> None:
    lab.stack()
    lab.json("up")
    lab.run("edit-policy")
    digest = lab.refused()
    status = lab.run("status")
    assert status.returncode == 1
    assert digest in status.stdout
    assert lab.json("status", code=1)["tailnet"]["policy"]["digest"] == digest

    lab.stack(lab.adopted(digest))
    (step,) = lab.json("preview")["steps"]
    assert step["op"] == "update"
    assert step["urn"].endswith("::tailnet-policy")
    assert lab.json("up")["changes"]["update"] == 1
    assert "just for now" not in lab.policy.read_text()
    assert lab.run("status").returncode == 0
    assert set(lab.json("up")["changes"]) == {"same"}

    # `adopt` can be removed after it was used.
    lab.stack()
    assert lab.json("up")["ok"]
    assert lab.run("status").returncode == 0


def test_a_default_policy_in_place_of_ours_is_not_taken_for_ours(lab: Tailnet) -> None:
    """The policy in force is the default one, and the engine's state still has ours."""
    lab.stack()
    lab.json("up")
    stored = json.loads(lab.policy.read_text())
    lab.policy.write_text(json.dumps({k: v for k, v in stored.items() if k != "policy"}))
    assert "the default of a new tailnet" in lab.run("status").stdout

    lab.stack(lab.adopted(lab.refused()))
    assert lab.json("up")["changes"]["update"] == 1
    assert "Written by homelab" in lab.policy.read_text()
    assert set(lab.json("up")["changes"]) == {"same"}
