"""Stand-ins for clouds accept and refuse the same as the real ones."""

from __future__ import annotations

import base64
import importlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from homelab.cloudflare.plan import token_policies
from homelab.components.cloudflare_resources import CloudflareResource
from homelab.lab import laptop
from homelab.lab.provider import UNKNOWN, Provider, RefusedError
from homelab.lab.standins import cloudflare_shapes as cf
from homelab.lab.standins import tailscale_rules as ts
from homelab.lab.standins.cloudflare import CloudflareProvider
from homelab.lab.standins.tailscale import GET_ACL, TailscaleProvider
from homelab.tailnet.drift import drift
from homelab.tailnet.hujson import parse
from homelab.tailnet.policy import policy, policy_text
from tests import build
from tests.tailnet.test_tailnet import AGENT, stack

ACCOUNT, ZONE = "0" * 32, "1" * 32
RECORD: dict[str, Any] = {
    "zoneId": ZONE,
    "name": "music.example.org",
    "type": "CNAME",
    "content": "x.cfargotunnel.com",
    "ttl": 1,
    "proxied": True,
}
TUNNEL: dict[str, Any] = {
    "accountId": ACCOUNT,
    "name": "home",
    "configSrc": "local",
    "tunnelSecret": "c2VjcmV0",
}
POLICY: dict[str, Any] = {
    "accountId": ACCOUNT,
    "name": "household",
    "decision": "allow",
    "includes": [{"email": {"email": "sam@example.org"}}],
    "sessionDuration": "24h",
}
APP: dict[str, Any] = {
    "accountId": ACCOUNT,
    "name": "music",
    "type": "self_hosted",
    "domain": "music.example.org",
}
NOTICE: dict[str, Any] = {
    "accountId": ACCOUNT,
    "name": "tunnel",
    "alertType": "tunnel_health_event",
    "mechanisms": {"emails": [{"id": "sam@example.org"}]},
}


def token_of(policies: list[dict[str, object]]) -> dict[str, Any]:
    """Inputs of a token, as the SDK sends them."""
    wire = [
        {
            "effect": p["effect"],
            "permissionGroups": p["permission_groups"],
            "resources": p["resources"],
        }
        for p in policies
    ]
    return {"name": "acme-pi", "policies": wire}


GOOD: list[tuple[str, dict[str, Any]]] = [
    (cf.RECORD, RECORD),
    (cf.TOKEN, token_of(token_policies(ZONE))),
    (cf.TUNNEL, TUNNEL),
    (cf.POLICY, POLICY),
    (cf.APP, APP),
    (cf.NOTICE, NOTICE),
]


@pytest.fixture
def cloudflare(tmp_path: Path) -> CloudflareProvider:
    """An empty account."""
    return CloudflareProvider(tmp_path / "cloudflare.json")


@pytest.fixture
def tailscale(tmp_path: Path) -> TailscaleProvider:
    """A tailnet with the default policy."""
    return TailscaleProvider(tmp_path / "tailscale.json")


def test_both_are_providers(cloudflare: CloudflareProvider, tailscale: TailscaleProvider) -> None:
    one: Provider = cloudflare
    other: Provider = tailscale
    assert (one.package, other.package) == ("cloudflare", "tailscale")


@pytest.mark.parametrize(("type_", "inputs"), GOOD)
def test_good_resources_are_made_changed_and_removed(
    cloudflare: CloudflareProvider, tmp_path: Path, type_: str, inputs: dict[str, Any]
) -> None:
    assert cloudflare.check(type_, inputs) == []
    made = cloudflare.create(type_, "one", inputs)
    assert {k: made.outputs[k] for k in inputs} == inputs
    again = cloudflare.update(type_, made.id, made.outputs, inputs)
    assert (again.id, again.outputs) == (made.id, made.outputs)
    cloudflare.delete(type_, made.id, made.outputs)
    assert json.loads((tmp_path / "cloudflare.json").read_text()) == {}
    with pytest.raises(RefusedError, match="404"):
        cloudflare.update(type_, made.id, made.outputs, inputs)


def test_secret_outputs_are_marked_and_not_kept(
    cloudflare: CloudflareProvider, tailscale: TailscaleProvider, tmp_path: Path
) -> None:
    token = cloudflare.create(cf.TOKEN, "t", dict(GOOD)[cf.TOKEN])
    tunnel = cloudflare.create(cf.TUNNEL, "t", TUNNEL)
    assert (token.secrets, tunnel.secrets) == ({"value"}, {"tunnelSecret"})
    tailscale.create(ts.ACL, "acl", {"acl": POLICY_TEXT})
    key = tailscale.create(ts.KEY, "k", KEY)
    assert key.secrets == {"key"}
    kept = "".join(p.read_text() for p in tmp_path.glob("*.json"))
    for value in (token.outputs["value"], TUNNEL["tunnelSecret"], key.outputs["key"]):
        assert str(value) not in kept


def test_ids_look_like_real_ones_and_no_two_are_the_same(cloudflare: CloudflareProvider) -> None:
    token = dict(GOOD)[cf.TOKEN]
    first = cloudflare.create(cf.TOKEN, "t", token)
    second = cloudflare.create(cf.TOKEN, "t", token)
    cloudflare.delete(cf.TOKEN, first.id, first.outputs)
    third = cloudflare.create(cf.TOKEN, "t", token)
    assert second.id != third.id
    assert len(second.id) == 32
    assert cloudflare.create(cf.TUNNEL, "t", TUNNEL).id.count("-") == 4


REFUSED_EARLY: list[tuple[str, dict[str, Any], str]] = [
    ("cloudflare:index/ruleset:Ruleset", {}, "the lab has no"),
    (cf.RECORD, {**RECORD, "contents": "x"}, "Unexpected property 'contents'"),
    (cf.RECORD, {**RECORD, "ttl": "1"}, "'ttl' expected number"),
    (cf.RECORD, {**RECORD, "proxied": "true"}, "'proxied' expected bool"),
    (cf.RECORD, {k: v for k, v in RECORD.items() if k != "ttl"}, "Missing required property 'ttl'"),
    (cf.RECORD, {**RECORD, "data": {"flags": 0}}, "exactly one of 'content' and 'data'"),
    (cf.TUNNEL, {**TUNNEL, "configSrc": "remote"}, "'configSrc' must be one of"),
    (cf.POLICY, {**POLICY, "decision": "permit"}, "'decision' must be one of"),
    (cf.POLICY, {**POLICY, "includes": [{"mail": "x"}]}, "exactly one selector"),
    (cf.APP, {**APP, "zoneId": ZONE}, "exactly one of 'accountId' and 'zoneId'"),
    (cf.APP, {**APP, "destinations": []}, "exactly one of 'domain' and 'destinations'"),
    (cf.APP, {**APP, "policies": [{"policy": "x"}]}, "Unexpected property 'policy' in policies"),
    (cf.TOKEN, {"name": "t", "policies": [{"permission_groups": []}]}, "in policies"),
    (cf.NOTICE, {**NOTICE, "mechanisms": {"email": []}}, "in mechanisms"),
]


@pytest.mark.parametrize(("type_", "inputs", "says"), REFUSED_EARLY)
def test_a_preview_already_refuses(
    cloudflare: CloudflareProvider, type_: str, inputs: dict[str, Any], says: str
) -> None:
    assert any(says in p for p in cloudflare.check(type_, inputs))


BAD_TOKEN = {"effect": "allow", "resources": '{"com.cloudflare.api.account.zone.x":"*"}'}
REFUSED_LATE: list[tuple[str, dict[str, Any], str]] = [
    (cf.RECORD, {**RECORD, "ttl": 300}, "ttl must be set to 1"),
    (cf.RECORD, {**RECORD, "name": "music"}, "not a fully qualified name"),
    (cf.RECORD, {**RECORD, "zoneId": "example.org"}, "zoneId is not a valid identifier"),
    (cf.TUNNEL, {**TUNNEL, "accountId": "me"}, "accountId is not a valid identifier"),
    (cf.POLICY, {**POLICY, "includes": []}, "at least one include"),
    (cf.APP, {**APP, "policies": [{"id": "x", "precedence": 1}]}, "no access policy"),
    (cf.NOTICE, {**NOTICE, "mechanisms": {"emails": []}}, "at least one mechanism"),
    (
        cf.TOKEN,
        {"name": "t", "policies": [{**BAD_TOKEN, "permissionGroups": [{"id": "DNS Write"}]}]},
        "by id, not by name",
    ),
    (
        cf.TOKEN,
        {
            "name": "t",
            "policies": [{"permissionGroups": [{"id": ZONE}], "resources": "zone example.org"}],
        },
        "not JSON",
    ),
]


@pytest.mark.parametrize(("type_", "inputs", "says"), REFUSED_LATE)
def test_only_an_apply_refuses(
    cloudflare: CloudflareProvider, type_: str, inputs: dict[str, Any], says: str
) -> None:
    assert cloudflare.check(type_, inputs) == []
    with pytest.raises(RefusedError, match=says):
        cloudflare.create(type_, "one", inputs)


DOUBLE: list[tuple[str, dict[str, Any]]] = [
    (cf.RECORD, RECORD),
    (cf.RECORD, {**RECORD, "type": "A", "content": "192.0.2.1"}),
    (cf.TUNNEL, TUNNEL),
    (cf.APP, {**APP, "name": "other"}),
    (cf.APP, {**APP, "domain": "other.example.org"}),
]


@pytest.mark.parametrize(("type_", "second"), DOUBLE)
def test_a_duplicate_is_refused(
    cloudflare: CloudflareProvider, type_: str, second: dict[str, Any]
) -> None:
    cloudflare.create(type_, "one", dict(GOOD)[type_])
    with pytest.raises(RefusedError, match="already"):
        cloudflare.create(type_, "two", second)


def test_a_policy_in_use_is_not_removed(cloudflare: CloudflareProvider) -> None:
    used = cloudflare.create(cf.POLICY, "p", POLICY)
    app = {**APP, "policies": [{"id": used.id, "precedence": 1}]}
    made = cloudflare.create(cf.APP, "a", app)
    with pytest.raises(RefusedError, match="is used"):
        cloudflare.delete(cf.POLICY, used.id, used.outputs)
    cloudflare.delete(cf.APP, made.id, made.outputs)
    cloudflare.delete(cf.POLICY, used.id, used.outputs)


def test_a_preview_shows_what_a_change_replaces(
    cloudflare: CloudflareProvider, tailscale: TailscaleProvider
) -> None:
    same = cloudflare.diff(cf.RECORD, RECORD, RECORD)
    assert (same.changes, same.replaces) == ((), ())
    content = cloudflare.diff(cf.RECORD, RECORD, {**RECORD, "content": UNKNOWN})
    assert (content.changes, content.replaces) == (("content",), ())
    assert cloudflare.diff(cf.RECORD, RECORD, {**RECORD, "zoneId": ACCOUNT}).replaces == ("zoneId",)
    assert tailscale.diff(ts.KEY, KEY, {**KEY, "tags": []}).replaces == ("tags",)
    assert tailscale.diff(ts.KEY, KEY, {**KEY, "recreateIfInvalid": "always"}).replaces == ()


def test_unknown_values_are_no_problem_in_a_preview(
    cloudflare: CloudflareProvider, tailscale: TailscaleProvider
) -> None:
    assert cloudflare.check(cf.RECORD, {**RECORD, "content": UNKNOWN}) == []
    app = {**APP, "policies": [{"id": UNKNOWN, "precedence": 1}]}
    assert cloudflare.check(cf.APP, app) == []
    assert cloudflare.check(cf.POLICY, {**POLICY, "decision": UNKNOWN, "includes": UNKNOWN}) == []
    assert tailscale.check(ts.ACL, {"acl": UNKNOWN}) == []
    dns = {"overrideLocalDns": True, "nameservers": UNKNOWN}
    assert tailscale.check(ts.DNS, dns) == []


def test_functions_are_refused_by_name(
    cloudflare: CloudflareProvider, tailscale: TailscaleProvider
) -> None:
    with pytest.raises(RefusedError, match="getZone"):
        cloudflare.invoke("cloudflare:index/getZone:getZone", {})
    with pytest.raises(RefusedError, match="getDevice"):
        tailscale.invoke("tailscale:index/getDevice:getDevice", {})


def test_a_stand_in_secret_is_one_that_a_real_provider_takes() -> None:
    """Cloudflare checks a token in a preview; a master key is base64."""
    for name in map(str, range(20)):
        secret = laptop.stand_in(name)
        assert re.fullmatch(r"[0-9A-Za-z_-]{40,80}", secret)
        assert len(base64.b64decode(secret, validate=True)) >= 32


# --- Tailscale -----------------------------------------------------------------------------------


def tailnet_policy() -> tuple[str, dict[str, Any]]:
    """A policy of ours, as text and as data."""
    made = build.plan(stack(services={"navidrome": {"host": "nas"}}, **AGENT)).tailnet
    assert made is not None
    return policy_text(made), dict(policy(made))


POLICY_TEXT, DOCUMENT = tailnet_policy()
KEY: dict[str, Any] = {
    "tags": ["tag:agent"],
    "preauthorized": True,
    "expiry": 3600,
    "recreateIfInvalid": "never",
    "description": "pavilion",
}
DNS: dict[str, Any] = {
    "magicDns": True,
    "overrideLocalDns": True,
    "nameservers": [{"address": "100.64.0.2"}],
    "searchPaths": ["home.example.org"],
    "splitDns": [{"domain": "home.example.org", "nameservers": [{"address": "100.64.0.2"}]}],
}


def test_our_policy_dns_and_keys_are_taken(tailscale: TailscaleProvider) -> None:
    for type_, inputs in ((ts.ACL, {"acl": POLICY_TEXT}), (ts.DNS, DNS), (ts.KEY, KEY)):
        assert tailscale.check(type_, inputs) == []
        made = tailscale.create(type_, "one", inputs)
        assert tailscale.update(type_, made.id, made.outputs, inputs).outputs == made.outputs
    assert str(made.outputs["key"]).startswith("tskey-auth-k")


def changed(change: Callable[[dict[str, Any]], None]) -> str:
    """Our policy with a change."""
    document: Any = parse(POLICY_TEXT)
    change(document)
    return json.dumps(document)


BAD_POLICIES: dict[str, str] = {
    "not an object": "[]",
    'unknown field "grant"': changed(lambda d: d.update(grant=[])),
    "tag:media is not defined": changed(lambda d: d["grants"][0]["dst"].append("tag:media")),
    "sam@example.org cannot reach nas:22": changed(lambda d: d["grants"].pop(0)),
    "tag:agent can reach nas:22": changed(
        lambda d: d["grants"].append({"src": ["tag:agent"], "dst": ["nas"], "ip": ["tcp:22"]})
    ),
    "nobody is not defined": changed(lambda d: d["tests"][0]["accept"].append("nobody:22")),
}


@pytest.mark.parametrize("says", BAD_POLICIES)
def test_an_inconsistent_policy_is_refused_by_an_apply(
    tailscale: TailscaleProvider, says: str
) -> None:
    """In a preview, the real provider only parses the policy; `acl-lockout` finds such errors
    before."""
    bad = {"acl": BAD_POLICIES[says]}
    assert tailscale.check(ts.ACL, bad) == []
    with pytest.raises(RefusedError, match=says):
        tailscale.create(ts.ACL, "acl", bad)
    made = tailscale.create(ts.ACL, "acl", {"acl": POLICY_TEXT})
    with pytest.raises(RefusedError, match=says):
        tailscale.update(ts.ACL, made.id, made.outputs, bad)
    assert tailscale.policy() == POLICY_TEXT


def test_a_preview_refuses_an_unparsable_policy(tailscale: TailscaleProvider) -> None:
    (says,) = tailscale.check(ts.ACL, {"acl": "{"})
    assert "not HuJSON" in says
    with pytest.raises(RefusedError, match="not HuJSON"):
        tailscale.create(ts.ACL, "acl", {"acl": "{"})


def test_a_policy_that_somebody_edited_is_not_overwritten(tailscale: TailscaleProvider) -> None:
    made = tailscale.create(ts.ACL, "acl", {"acl": POLICY_TEXT})
    tailscale.delete(ts.ACL, made.id, made.outputs)
    with pytest.raises(RefusedError, match="412"):
        tailscale.create(ts.ACL, "acl", {"acl": POLICY_TEXT})
    adopted = {"acl": POLICY_TEXT, "overwriteExistingContent": True}
    assert tailscale.create(ts.ACL, "acl", adopted).id == made.id


def test_a_policy_is_reset_on_destroy_only_if_asked(tailscale: TailscaleProvider) -> None:
    inputs = {"acl": POLICY_TEXT, "resetAclOnDestroy": True}
    made = tailscale.create(ts.ACL, "acl", inputs)
    tailscale.delete(ts.ACL, made.id, made.outputs)
    tailscale.create(ts.ACL, "acl", inputs)


@pytest.mark.parametrize("tags", [[], ["tag:media"], ["agent"]])
def test_a_key_has_tags_that_its_client_owns(tailscale: TailscaleProvider, tags: list[str]) -> None:
    tailscale.create(ts.ACL, "acl", {"acl": POLICY_TEXT})
    with pytest.raises(RefusedError, match="400"):
        tailscale.create(ts.KEY, "k", {**KEY, "tags": tags})


def test_a_key_made_before_the_policy_is_refused(tailscale: TailscaleProvider) -> None:
    with pytest.raises(RefusedError, match="not permitted"):
        tailscale.create(ts.KEY, "k", KEY)


def test_a_device_gets_tags_that_the_client_owns(tailscale: TailscaleProvider) -> None:
    tailscale.create(ts.ACL, "acl", {"acl": POLICY_TEXT})
    fine = {"deviceId": "nPi1CNTRL", "tags": ["tag:agent"]}
    made = tailscale.create(ts.TAGS, "pi-tags", fine)
    with pytest.raises(RefusedError, match="not permitted"):
        tailscale.update(ts.TAGS, made.id, made.outputs, {**fine, "tags": ["tag:media"]})
    assert tailscale.diff(ts.TAGS, fine, {**fine, "deviceId": "nNas2CNTRL"}).replaces
    routes = tailscale.create(ts.ROUTES, "pi-routes", {"deviceId": "nPi1CNTRL", "routes": []})
    assert routes.id != made.id


def test_the_policy_in_force_can_be_read_and_edited(
    tailscale: TailscaleProvider,
) -> None:
    def live() -> str:
        return str(tailscale.invoke(GET_ACL, {})["hujson"])

    assert drift(live(), POLICY_TEXT).verdict == "untouched"
    tailscale.edit_policy()
    assert drift(live(), POLICY_TEXT).verdict == "foreign"
    tailscale.create(ts.ACL, "acl", {"acl": POLICY_TEXT, "overwriteExistingContent": True})
    assert live() == POLICY_TEXT
    tailscale.edit_policy()
    assert drift(live(), POLICY_TEXT).verdict == "edited"
    with pytest.raises(RefusedError, match=r"test\(s\) failed"):
        tailscale.create(ts.ACL, "acl", {"acl": live(), "overwriteExistingContent": True})


BAD_INPUTS: list[tuple[str, dict[str, Any], str]] = [
    ("tailscale:index/webhook:Webhook", {}, "the lab has no"),
    (ts.KEY, {**KEY, "expiry": 99999999}, "'expiry' must be"),
    (ts.KEY, {**KEY, "description": "x" * 51}, "'description'"),
    (ts.KEY, {**KEY, "tag": "x"}, "Unexpected property 'tag'"),
    (ts.DNS, {"overrideLocalDns": True}, "needs at least one"),
    (ts.DNS, {"nameservers": [{"address": "pi"}]}, "pi is not an address"),
    (ts.DNS, {"nameservers": ["100.64.0.2"]}, "nameservers is not an object"),
    (ts.DNS, {"splitDns": [{"name": "x"}]}, "Unexpected property 'name' in splitDns"),
]


@pytest.mark.parametrize(("type_", "inputs", "says"), BAD_INPUTS)
def test_a_preview_refuses_wrong_inputs(
    tailscale: TailscaleProvider, type_: str, inputs: dict[str, Any], says: str
) -> None:
    assert any(says in p for p in tailscale.check(type_, inputs))


# --- the properties that the SDKs send ----------------------------------------------------------

ALL = {**cf.SHAPES, **ts.SHAPES}


def test_the_lab_has_every_type_that_homelab_registers_at_cloudflare() -> None:
    """Without a shape, a stack that uses the type could not be rehearsed."""
    assert set(cf.SHAPES) == {c.token for c in CloudflareResource.__subclasses__()}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "type_",
    [pytest.param(t, marks=pytest.mark.long) if t.startswith("cloudflare:") else t for t in ALL],
)
def test_every_property_of_a_stand_in_is_one_of_the_sdk(type_: str) -> None:
    package, _, class_ = type_.split(":")
    # Cloudflare's takes seconds to import, so only long tests do.
    sdk = importlib.import_module(f"pulumi_{package}")
    known = {
        getattr(getter.fget, "_pulumi_name", name)
        for name, getter in vars(getattr(sdk, class_)).items()
        if isinstance(getter, property)
    }
    assert {*ALL[type_].required, *ALL[type_].optional} <= known
    assert ALL[type_].replaces <= {*ALL[type_].required, *ALL[type_].optional}
