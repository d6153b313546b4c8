"""An `up` reads the policy in force before any change. Known devices get tags and routes."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from homelab import testing
from homelab.config.lock import Lock
from homelab.lab.standins.tailscale_policy import DEFAULT
from homelab.tailnet.hujson import digest
from homelab.tailnet.policy import policy_text
from homelab.testing import Recorded, mocks
from tests import build, stackdir
from tests.tailnet.test_tailnet import TAILNET

pytestmark = pytest.mark.requirement("S0-22", "S0-23", "S0-24", "S2-09")

FOREIGN = '{"grants": [{"src": ["sam@example.org"], "dst": ["*"], "ip": ["*"]}]}'
DEVICE: dict[str, Any] = {
    "hosts": {
        "pi": {"tailscale": {"device": "nPi1CNTRL", "exit_node": True}},
        "nas": {"tailscale": {"device": "nNas2CNTRL", "tags": ["media"]}},
    }
}


def run(
    directory: Path,
    *changes: dict[str, Any],
    preview: bool = False,
    policy: str = DEFAULT,
    unchanged: bool = False,
    written: str = "",
    stand_in_secrets: bool = True,
) -> Recorded:
    # The Cloudflare SDK takes seconds to import and has no part in this.
    whole = testing.merged(TAILNET, *changes, {"cloudflare": None})
    stackdir.write_stack(directory, whole)
    values = build.config(stackdir.changed(whole))
    config = {f"homelab:{key}": json.dumps(value) for key, value in values.items()}
    return mocks.run(
        directory,
        stackdir.NAME,
        config,
        preview=preview,
        policy=policy,
        unchanged=unchanged,
        written=written,
        stand_in_secrets=stand_in_secrets,
    )


def ours(**changes: Any) -> str:
    made = build.plan(testing.merged(TAILNET, changes), Lock(stack=stackdir.NAME)).tailnet
    assert made is not None
    return policy_text(made)


def adopt(text: str) -> dict[str, Any]:
    return {"tailnet": {"adopt": digest(text)}}


EDITED = ours().replace("tcp:443", "tcp:444", 1)
OLDER = ours(services={"navidrome": {"host": "nas"}})
LONG = partial(pytest.param, marks=pytest.mark.long)


@pytest.mark.parametrize("policy", [FOREIGN, LONG(EDITED)])
def test_a_foreign_policy_ends_an_up_before_it_starts(tmp_path: Path, policy: str) -> None:
    recorded = run(tmp_path, policy=policy)
    assert f'adopt: "{digest(policy)}"' in recorded.error
    left = [r.type for r in recorded.resources if not r.type.startswith("pulumi:providers:")]
    assert left == ["homelab:index:Homelab"]

    recorded = run(tmp_path, adopt(policy), policy=policy)
    assert recorded.error == ""
    text = recorded["tailnet-policy"].inputs["acl"]
    assert text == ours(**adopt(policy))
    assert text != ours(), "else the engine would find nothing to write"


@pytest.mark.parametrize("policy", [DEFAULT, LONG(OLDER)])
def test_an_up_that_left_another_policy_in_force_fails(tmp_path: Path, policy: str) -> None:
    """The engine's state has our text, but an older policy is in force."""
    recorded = run(tmp_path, policy=policy, unchanged=True)
    assert "is not the planned one" in recorded.error
    assert f'adopt: "{digest(policy)}"' in recorded.error
    assert run(tmp_path, adopt(policy), policy=policy).error == ""
    again = run(tmp_path, adopt(policy), policy=policy, unchanged=True)
    assert "run `pulumi refresh`" in again.error


@pytest.mark.long
def test_an_adopted_policy_stays_adopted(tmp_path: Path) -> None:
    """With or without `tailnet.adopt`, the policy is the one of the stack."""
    for written in (ours(), ours(**adopt(FOREIGN))):
        for change in ({}, adopt(FOREIGN)):
            assert run(tmp_path, change, policy=written, unchanged=True).error == ""


@pytest.mark.parametrize("policy", [DEFAULT, LONG(ours()), LONG(OLDER)])
def test_a_default_policy_and_our_own_are_replaced(tmp_path: Path, policy: str) -> None:
    recorded = run(tmp_path, policy=policy)
    assert recorded.error == ""
    assert recorded["tailnet-policy"].inputs["overwriteExistingContent"] is True
    assert recorded["tailnet-policy"].retained


def test_a_preview_does_not_read_the_policy(tmp_path: Path) -> None:
    recorded = run(tmp_path, preview=True, policy=FOREIGN)
    assert recorded.error == ""
    assert recorded["tailnet-policy"].inputs["acl"] == ours()


def test_an_unreadable_policy_is_unchanged_and_the_run_continues(tmp_path: Path) -> None:
    """A host can be repaired while Tailscale does not answer."""
    recorded = run(tmp_path, policy="")
    assert recorded.error == ""
    assert [line for line in recorded.logs if "cannot be read" in line and "no such host" in line]
    policy = recorded["tailnet-policy"]
    assert policy.ignored == ["acl", "overwriteExistingContent"]
    # On creation, the provider itself checks for another policy.
    assert policy.inputs["overwriteExistingContent"] is False
    assert recorded["nas-switch"]


@pytest.mark.long
def test_a_run_that_cannot_write_a_pending_policy_fails(tmp_path: Path) -> None:
    recorded = run(tmp_path, policy="", written=OLDER)
    assert [line for line in recorded.logs if "so it was not replaced" in line]
    settled = run(tmp_path, policy="", written=ours())
    assert not [line for line in settled.logs if "so it was not replaced" in line]


def test_a_run_for_other_targets_leaves_a_pending_policy(tmp_path: Path) -> None:
    """The engine does not touch the policy then, so nothing may be adopted."""
    recorded = run(tmp_path, policy=OLDER, written=OLDER)
    assert recorded.error == ""
    assert not [line for line in recorded.logs if "adopt" in line]


def test_a_stack_with_policy_elsewhere_changes_neither_policy_nor_dns(tmp_path: Path) -> None:
    elsewhere = testing.merged(DEVICE, {"tailnet": {"policy": "elsewhere"}})
    recorded = run(tmp_path, elsewhere, policy="")
    assert recorded.error == ""
    assert not [line for line in recorded.logs if "cannot be read" in line]
    kinds = {r.type for r in recorded.resources}
    assert not {k for k in kinds if "index/acl" in k or "dnsConfiguration" in k}
    assert recorded["pi-tags"].inputs["tags"] == ["tag:appliance"]
    joins = testing.merged({"hosts": {"nas": {"address": {"tailnet": None}}}}, elsewhere)
    joins["hosts"]["nas"]["tailscale"] = {}  # type: ignore[index]
    assert [r for r in run(tmp_path, joins, policy="").resources if "tailnetKey" in r.type]


@pytest.mark.parametrize("preview", [LONG(True), False])
def test_a_known_device_gets_tags_and_routes_after_the_policy(
    tmp_path: Path, preview: bool
) -> None:
    recorded = run(tmp_path, DEVICE, preview=preview)
    assert recorded["pi-tags"].inputs == {"deviceId": "nPi1CNTRL", "tags": ["tag:appliance"]}
    routes = ["192.168.1.0/24", "0.0.0.0/0", "::/0"]
    assert recorded["pi-routes"].inputs == {"deviceId": "nPi1CNTRL", "routes": routes}
    assert recorded["nas-tags"].inputs["tags"] == ["tag:media", "tag:workhorse"]
    assert recorded["nas-expiry"].inputs == {"deviceId": "nNas2CNTRL", "keyExpiryDisabled": True}
    devices = [r for r in recorded.resources if "/device" in r.type]
    assert {r.name for r in devices} == {
        *("pi-tags", "pi-routes", "pi-expiry"),
        *("nas-tags", "nas-expiry"),
    }
    for device in devices:
        assert device.retained
        assert "tailnet-policy" in recorded.needs(device)


def test_an_unknown_device_gets_no_tags_or_routes(tmp_path: Path) -> None:
    assert [r.name for r in run(tmp_path).resources if "/device" in r.type] == []


@pytest.mark.requirement("S2-09", "S0-29")
def test_outputs_list_direct_routes(tmp_path: Path) -> None:
    routes = [{"audience": "family", "auth": "native", "tailnet_direct": True}]
    services = {"navidrome": {"host": "nas", "routes": routes}, "miniflux": {"host": "pi"}}
    issuer = {"provider": "desec", "credentials": {"DESEC_TOKEN": {"sops": "ntfy/topic"}}}
    entry = {"network": {"entry": {"acme": issuer}}}
    recorded = run(tmp_path, {"services": services}, entry, preview=True)
    (outputs,) = [o for o in recorded.outputs.values() if "tailnet_urls" in o]
    assert outputs["tailnet_urls"] == {"navidrome": "http://100.64.0.3:4533"}
    assert set(outputs["urls"]) == {"miniflux", "navidrome"}
