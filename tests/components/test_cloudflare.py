"""Registered Cloudflare resources: Access, limits, web sites, buckets, adopted resources."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from homelab import testing
from homelab.config.document import read_document
from homelab.testing import Recorded, Resource, mocks
from tests import build, stackdir

pytestmark = pytest.mark.requirement(
    "S0-14", "S0-16", "S0-17", "S0-31", "S2-05", "S2-06", "S2-08", "S3-01", "S3-02", "T4"
)

ACCOUNT, ZONE = "0" * 32, "1" * 32
UUID = "11111111-2222-3333-4444-555555555555"
ROUTE = {"name": "music", "publish": "tunnel"}
CLOUD: dict[str, Any] = {
    "tunnel": {"host": "pi"},
    "access": {
        "groups": {"family": {"emails": ["kim@example.org"], "domains": ["family.example"]}},
        "service_tokens": {"probe": {"host": "nas", "duration": "720h", "version": 2}},
        "one_time_pin": True,
    },
    "acme": {"allow_from": ["203.0.113.7/32"], "until": "2027-01-01"},
    "caa": ["letsencrypt.org"],
    "pages": {"docs": {"project": "homelab-docs"}},
    "buckets": {"backup": {"location": "weur"}},
}
EVERYTHING: dict[str, Any] = {
    "cloudflare": CLOUD,
    "site": {"names": {"public": "{name}-home.{zone}"}},
    "identity": {"host": "pi", "users": {"sops": "authelia/users"}},
    "monitoring": {"ntfy": {"topic": {"sops": "ntfy/topic"}}, "email": "sam@example.org"},
    "backup": {"targets": {"b2": None, "r2": {"kind": "s3", "bucket": "backup", "path": "restic"}}},
    "services": {
        "authelia": {"publish": "tunnel"},
        "navidrome": {
            "host": "nas",
            "routes": [{**ROUTE, "access_groups": ["family"], "service_tokens": ["probe"]}],
        },
        "jellyfin": {
            "host": "nas",
            "routes": [
                {"name": "media"},
                {
                    "name": "shell",
                    "publish": "tunnel",
                    "tunnel_service": "ssh://192.168.1.3:22",
                    "audience": "family",
                    "auth": "native",
                },
            ],
        },
    },
}


def run(directory: Path, changes: dict[str, Any], *, preview: bool = False) -> Recorded:
    stackdir.write_stack(directory, changes)
    values = stackdir.without_nulls(build.config(stackdir.changed(changes)))
    assert isinstance(values, dict)
    config = {f"homelab:{key}": json.dumps(value) for key, value in values.items()}
    recorded = mocks.run(directory, stackdir.NAME, config, preview=preview)
    assert recorded.error == ""
    return recorded


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """One `up` with all features."""
    return run(tmp_path_factory.mktemp("everything"), EVERYTHING)


def policies_of(resource: Resource) -> list[str]:
    return [p["id"].removesuffix("-id") for p in resource.inputs["policies"]]


@pytest.mark.requirement("S2-06")
def test_a_policy_for_each_set_of_people_and_of_programs(everything: Recorded) -> None:
    assert {r.name for r in everything.of(":ZeroTrustAccessPolicy")} == {
        "members",
        "people-family",
        "programs-probe",
    }
    people = everything["people-family"].inputs
    assert (people["decision"], people["includes"]) == (
        "allow",
        [{"group": {"id": "group-family-id"}}],
    )
    programs = everything["programs-probe"].inputs
    assert programs["decision"] == "non_identity"
    assert programs["includes"] == [{"serviceToken": {"tokenId": "service-token-probe-2-id"}}]
    assert everything["group-family"].inputs["includes"] == [
        {"email": {"email": "kim@example.org"}},
        {"emailDomain": {"domain": "family.example"}},
    ]


def test_each_application_has_the_policies_of_its_route(everything: Recorded) -> None:
    assert policies_of(everything["music-access"]) == ["people-family", "programs-probe"]
    assert policies_of(everything["auth-access"]) == ["members"]
    assert [p["precedence"] for p in everything["music-access"].inputs["policies"]] == [1, 2]


@pytest.mark.requirement("S2-08")
def test_ssh_has_a_record_and_an_application_of_its_kind(everything: Recorded) -> None:
    app = everything["shell-access"].inputs
    assert (app["type"], app["domain"]) == ("ssh", "shell-home.example.org")
    assert everything["music-access"].inputs["type"] == "self_hosted"
    assert (
        everything["shell-dns"].inputs["content"] == "home-example-org-tunnel-id.cfargotunnel.com"
    )


def test_a_service_token_reaches_the_host_that_asked_and_stays_secret(
    everything: Recorded,
) -> None:
    # A higher version gives another token.
    assert everything["service-token-probe-2"].inputs["duration"] == "720h"
    assert "service-token-probe-2" in everything.needs(everything["nas-secrets"])
    assert "service-token-probe-2" not in everything.needs(everything["pi-secrets"])
    sent = everything["nas-secrets"]
    assert "stdin" in sent.secrets
    assert "CF_ACCESS_CLIENT_SECRET=issued-client-secret" in str(sent.inputs["stdin"])


def test_cloudflare_tells_before_a_service_token_ends(everything: Recorded) -> None:
    notice = everything["service-tokens-end"].inputs
    assert notice["alertType"] == "expiring_service_token_alert"
    assert notice["mechanisms"] == {"emails": [{"id": "sam@example.org"}]}


def test_an_identity_provider_is_created_only_if_the_stack_says_so(
    everything: Recorded, tmp_path: Path
) -> None:
    login = everything["one-time-pin"].inputs
    assert (login["type"], login["config"]) == ("onetimepin", {})
    assert run(tmp_path, {}).of(":ZeroTrustAccessIdentityProvider") == []


@pytest.mark.requirement("S0-17")
def test_a_token_has_the_limits_of_the_stack(everything: Recorded, tmp_path: Path) -> None:
    limited = everything["acme-pi"].inputs
    assert limited["condition"] == {"requestIp": {"ins": ["203.0.113.7/32"]}}
    assert limited["expiresOn"] == "2027-01-01T00:00:00Z"
    changes = {"services": {"jellyfin": {"host": "nas"}}}
    assert {"condition", "expiresOn"} & {*run(tmp_path, changes)["acme-pi"].inputs} == set()


@pytest.mark.requirement("S0-16")
def test_caa_records_are_data_and_never_proxied(everything: Recorded) -> None:
    caa = [r.inputs for r in everything.of(":DnsRecord") if r.inputs["type"] == "CAA"]
    assert {(r["data"]["tag"], r["data"]["value"]) for r in caa} == {
        ("issue", "letsencrypt.org"),
        ("iodef", "mailto:sam@example.org"),
    }
    assert not any("content" in r or "proxied" in r for r in caa)


@pytest.mark.requirement("S3-02", "S3-16")
def test_access_protects_every_name_of_a_web_site_before_its_record(everything: Recorded) -> None:
    """Including Cloudflare's own names of the site."""
    app = everything["docs-pages-access"]
    assert [d["uri"] for d in app.inputs["destinations"]] == [
        "docs-home.example.org",
        "docs-1ab.pages.dev",
        "*.docs-1ab.pages.dev",
    ]
    record = everything["docs-pages-dns"]
    assert (record.inputs["content"], record.inputs["proxied"]) == ("docs-1ab.pages.dev", True)
    needs = everything.needs(record)
    assert {"docs-pages-access", "docs-project", "docs-domain"} <= needs
    assert "docs-pages-access" in everything.needs(everything["docs-domain"])


def test_an_open_web_site_has_no_application(tmp_path: Path) -> None:
    pages = {"docs": {"public": "how this homelab is made"}}
    recorded = run(tmp_path, {"cloudflare": {"pages": pages}})
    assert recorded.of(":ZeroTrustAccessApplication") == []
    assert [r.name for r in recorded.of(":PagesDomain")] == ["docs-domain"]


@pytest.mark.requirement("S0-31")
def test_a_bucket_outlives_the_stack_and_its_keys_are_a_token(everything: Recorded) -> None:
    assert everything["backup-bucket"].retained
    assert everything["backup-bucket"].ignored == ["location"], "a hint, heeded once"
    assert everything["backup-bucket"].inputs["location"] == "weur"
    secret = hashlib.sha256(b"issued-api-token").hexdigest()
    sent = str(everything["nas-secrets"].inputs["stdin"])
    assert f"AWS_ACCESS_KEY_ID=backup-keys-id\nAWS_SECRET_ACCESS_KEY={secret}" in sent
    assert "backup-keys" in everything.needs(everything["nas-secrets"])
    (resources,) = [p["resources"] for p in everything["backup-keys"].inputs["policies"]]
    assert [*json.loads(resources)] == [f"com.cloudflare.edge.r2.bucket.{ACCOUNT}_default_backup"]


def test_no_issued_value_is_in_plain_text(everything: Recorded) -> None:
    hidden = ("issued-client-secret", hashlib.sha256(b"issued-api-token").hexdigest())
    for resource in everything.resources:
        shown = {k: v for k, v in resource.inputs.items() if k not in resource.secrets}
        assert not [h for h in hidden if h in json.dumps(shown, default=repr)], resource.name


@pytest.mark.requirement("S2-05")
def test_an_adopted_resource_is_imported_by_the_providers_id(
    tmp_path: Path,
) -> None:
    adopt = {
        "tunnel": UUID,
        "policy": UUID,
        "one_time_pin": UUID,
        "records": {"music": "a" * 32},
        "apps": {"music": UUID},
    }
    changes = {
        "cloudflare": {
            "tunnel": {"host": "pi"},
            "access": {"one_time_pin": True},
            "adopt": adopt,
        },
        "site": EVERYTHING["site"],
        "services": {"navidrome": {"host": "nas", "routes": [{**ROUTE, "auth": "native"}]}},
    }
    recorded = run(tmp_path, changes)
    imported = {r.name: r.imported for r in recorded.resources if r.imported}
    assert imported == {
        "home-example-org-tunnel": f"{ACCOUNT}/{UUID}",
        "members": f"{ACCOUNT}/{UUID}",
        "one-time-pin": f"accounts/{ACCOUNT}/{UUID}",
        "music-dns": f"{ZONE}/{'a' * 32}",
        "music-access": f"accounts/{ACCOUNT}/{UUID}",
    }


def home(changes: dict[str, Any] | None = None) -> Recorded:
    values = testing.changed(
        json.loads(json.dumps(read_document(build.SHIPPED / "Pulumi.home.yaml").values)),
        changes or {},
    )
    config = {f"homelab:{key}": json.dumps(value) for key, value in values.items()}
    recorded = mocks.run(build.SHIPPED, "home", config, preview=True)
    assert recorded.error == ""
    return recorded


@functools.cache
def before() -> Recorded:
    return home()


@pytest.mark.requirement("S0-14", "T4")
def test_no_public_record_exists_for_an_internal_route() -> None:
    assert {r.name for r in before().of(":DnsRecord")} == {"music-dns", "auth-dns"}
    assert {r.inputs["type"] for r in before().of(":DnsRecord")} == {"CNAME"}, (
        "a tunnel has no address record"
    )


@pytest.mark.requirement("S0-14")
def test_publishing_one_route_adds_a_record_an_application_a_rule_and_nothing_else() -> None:
    """The acceptance test of this requirement."""
    after = home({"services": {"immich": {"publish": "tunnel"}}})
    was = {(r.type, r.name) for r in before().resources}
    now = {(r.type, r.name): r for r in after.resources}
    assert sorted(n for _, n in now.keys() - was if now[_, n].custom) == [
        "photos-access",
        "photos-dns",
    ]
    assert was - now.keys() == set()
    old, new = files_of(before()), files_of(after)
    changed = {
        host: {path for path in new[host] if old[host].get(path) != new[host][path]} - SAME
        for host in new
    }
    assert changed == {
        "pi": {"tunnel.nix", "proxy.nix"},
        # The app and its tile contain its URL, which differs on the internet.
        "aurora": {"services/immich.nix", "dashboard.nix"},
        "workstation": set(),
        "pavilion": set(),
    }
    rules = [set(f["pi"]["tunnel.nix"].splitlines()) for f in (old, new)]
    (rule,) = rules[1] - rules[0]
    assert '"photos-home.example.org" = "http://127.0.0.1:8180";' in rule


SAME = {"release-id.nix", "facts.nix"}
"""Files that list everything, and so change with every change."""


def files_of(recorded: Recorded) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {h.name: {} for h in recorded.of(":Host")}
    for file in recorded.of(":File"):
        host, _, path = file.name.partition("/")
        if host in found:
            found[host][path] = file.inputs["text"]
    return found
