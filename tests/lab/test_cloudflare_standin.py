"""Access, Pages and R2 in the lab are accepted and refused as by Cloudflare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from homelab.cloudflare.plan import bucket_policies
from homelab.lab.provider import RefusedError
from homelab.lab.standins import cloudflare_shapes as cf
from homelab.lab.standins.cloudflare import CloudflareProvider

pytestmark = pytest.mark.requirement("S2-05", "S2-06", "S3-02")

ACCOUNT, ZONE = "0" * 32, "1" * 32
OWNED: dict[str, Any] = {"accountId": ACCOUNT, "name": "homelab one"}
GROUP = {**OWNED, "includes": [{"emailDomain": {"domain": "example.org"}}]}
PIN = {**OWNED, "type": "onetimepin", "config": {}}
PROGRAM = {**OWNED, "duration": "8760h"}
PROJECT = {**OWNED, "name": "docs", "productionBranch": "main"}
DOMAIN = {**OWNED, "name": "docs-home.example.org", "projectName": "docs"}
BUCKET = {**OWNED, "name": "backup", "location": "weur"}
POLICY = {**OWNED, "decision": "allow", "sessionDuration": "24h"}
CAA: dict[str, Any] = {
    "zoneId": ZONE,
    "name": "home.example.org",
    "type": "CAA",
    "ttl": 1,
    "data": {"flags": 0, "tag": "issue", "value": "letsencrypt.org"},
}
KEYS = {
    "name": "homelab bucket backup",
    "policies": [
        {"effect": p["effect"], "resources": p["resources"]}
        | {"permissionGroups": p["permission_groups"]}
        for p in bucket_policies(ACCOUNT, "backup")
    ],
}
GOOD: list[tuple[str, dict[str, Any]]] = [
    (cf.GROUP, GROUP),
    (cf.LOGIN, PIN),
    (cf.PROGRAM, PROGRAM),
    (cf.PROJECT, PROJECT),
    (cf.BUCKET, BUCKET),
    (cf.RECORD, CAA),
    (cf.TOKEN, {**KEYS, "condition": {"requestIp": {"ins": ["203.0.113.7/32"]}}}),
    (cf.TOKEN, {**KEYS, "expiresOn": "2027-01-01T00:00:00Z"}),
]


@pytest.fixture
def cloudflare(tmp_path: Path) -> CloudflareProvider:
    """An empty account."""
    return CloudflareProvider(tmp_path / "cloudflare.json")


@pytest.mark.parametrize(("type_", "inputs"), GOOD)
def test_good_resources_are_made_changed_and_removed(
    cloudflare: CloudflareProvider, type_: str, inputs: dict[str, Any]
) -> None:
    assert cloudflare.check(type_, inputs) == []
    made = cloudflare.create(type_, "one", inputs)
    assert cloudflare.update(type_, made.id, made.outputs, inputs).outputs == made.outputs
    cloudflare.delete(type_, made.id, made.outputs)


def test_the_secret_of_a_service_token_is_marked_and_not_kept(
    cloudflare: CloudflareProvider, tmp_path: Path
) -> None:
    made = cloudflare.create(cf.PROGRAM, "one", PROGRAM)
    assert made.secrets == {"clientSecret"}
    assert str(made.outputs["clientSecret"]) not in (tmp_path / "cloudflare.json").read_text()


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (cf.GROUP, {**GROUP, "includes": []}, "at least one include"),
    (cf.PROGRAM, {**PROGRAM, "duration": "a year"}, "not a duration"),
    (cf.DOMAIN, DOMAIN, "no project docs"),
    (cf.RECORD, {**CAA, "type": "CNAME"}, "a CNAME record needs content"),
    (cf.TOKEN, {**KEYS, "expiresOn": "2027-01-01"}, "RFC 3339"),
    (
        cf.POLICY,
        {**POLICY, "includes": [{"group": {"id": "nobody"}}]},
        "no group or service token nobody",
    ),
    (cf.POLICY, {**POLICY, "decision": "non_identity", "includes": []}, "at least one include"),
]


@pytest.mark.parametrize(("type_", "inputs", "says"), REFUSED)
def test_an_apply_refuses(
    cloudflare: CloudflareProvider, type_: str, inputs: dict[str, Any], says: str
) -> None:
    assert cloudflare.check(type_, inputs) == []
    with pytest.raises(RefusedError, match=says):
        cloudflare.create(type_, "one", inputs)


@pytest.mark.parametrize(
    ("type_", "inputs", "says"),
    [
        (cf.BUCKET, {**BUCKET, "location": "europe"}, "'location' must be one of"),
        (cf.LOGIN, {**PIN, "type": "pin"}, "'type' must be one of"),
    ],
)
def test_a_preview_already_refuses(
    cloudflare: CloudflareProvider, type_: str, inputs: dict[str, Any], says: str
) -> None:
    assert any(says in p for p in cloudflare.check(type_, inputs))


@pytest.mark.parametrize(
    ("type_", "inputs"), [(cf.LOGIN, PIN), (cf.BUCKET, BUCKET), (cf.PROJECT, PROJECT)]
)
def test_a_duplicate_is_refused(
    cloudflare: CloudflareProvider, type_: str, inputs: dict[str, Any]
) -> None:
    cloudflare.create(type_, "one", inputs)
    with pytest.raises(RefusedError, match="already"):
        cloudflare.create(type_, "two", inputs)


def test_a_group_in_a_policy_is_not_removed(cloudflare: CloudflareProvider) -> None:
    group = cloudflare.create(cf.GROUP, "g", GROUP)
    made = {**POLICY, "includes": [{"group": {"id": group.id}}]}
    policy = cloudflare.create(cf.POLICY, "p", made)
    with pytest.raises(RefusedError, match="is used"):
        cloudflare.delete(cf.GROUP, group.id, group.outputs)
    cloudflare.delete(cf.POLICY, policy.id, policy.outputs)
    cloudflare.delete(cf.GROUP, group.id, group.outputs)


def test_a_site_belongs_to_its_project(cloudflare: CloudflareProvider) -> None:
    project = cloudflare.create(cf.PROJECT, "p", PROJECT)
    assert project.outputs["subdomain"] == "docs.pages.dev"
    cloudflare.create(cf.DOMAIN, "d", DOMAIN)
