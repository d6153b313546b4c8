"""Published names, Access in front of them, and the rights of tokens."""

from __future__ import annotations

import json
from typing import Any

import pytest

from homelab.cloudflare.access import allowed_emails
from homelab.cloudflare.plan import token_policies
from tests import build

TUNNEL: dict[str, Any] = {
    "cloudflare": {"tunnel": {"host": "pi"}},
    "site": {"names": {"public": "{name}-home.{zone}"}},
}
PUBLISHED = {**TUNNEL, "services": {"navidrome": {"host": "nas", "publish": "tunnel"}}}


def route(**fields: object) -> dict[str, Any]:
    """A stack whose one service has one route with these fields."""
    service = {"host": "nas", "routes": [{"name": "music", **fields}]}
    return {**TUNNEL, "services": {"navidrome": service}}


@pytest.mark.requirement("S0-14")
def test_an_internal_service_leaves_no_trace_in_cloudflare() -> None:
    cloudflare = build.plan({**TUNNEL, "services": {"navidrome": {"host": "nas"}}}).cloudflare
    assert cloudflare is not None
    assert (cloudflare.records, cloudflare.apps, cloudflare.ingress) == ((), (), ())


@pytest.mark.requirement("S0-14", "S1-05", "S2-06")
def test_publishing_adds_one_record_one_rule_and_one_access_application() -> None:
    cloudflare = build.plan(PUBLISHED).cloudflare
    assert cloudflare is not None
    name = "navidrome-home.example.org"
    assert [(r.name, r.type, r.proxied) for r in cloudflare.records] == [(name, "CNAME", True)]
    assert [(i.hostname, i.service) for i in cloudflare.ingress] == [
        (name, "http://127.0.0.1:8180")
    ]
    assert [a.domain for a in cloudflare.apps] == [name]


@pytest.mark.requirement("S2-06")
def test_a_public_reason_removes_access_and_nothing_else() -> None:
    cloudflare = build.plan(route(publish="tunnel", public="my own web site")).cloudflare
    assert cloudflare is not None
    assert len(cloudflare.records) == 1
    assert cloudflare.apps == ()


@pytest.mark.requirement("S2-06")
@pytest.mark.requirement("S2-02")
def test_access_lets_owner_members_and_extra_people_in() -> None:
    """A new member changes the policy and no application."""
    emails = {"access": {"emails": ["zoe@example.org", "sam@example.org"]}}
    members = {"members": {"kim": {"email": "kim@example.org"}}}
    site = build.stack_config({"cloudflare": emails, "site": members})
    assert allowed_emails(site) == ("kim@example.org", "sam@example.org", "zoe@example.org")


def test_rules_and_records_are_in_order_of_name() -> None:
    services = {
        n: {"host": "nas", "publish": "tunnel"} for n in ("navidrome", "jellyfin", "immich")
    }
    cloudflare = build.plan({**TUNNEL, "services": services}).cloudflare
    assert cloudflare is not None
    names = [i.hostname for i in cloudflare.ingress]
    assert len(names) == 3
    assert names == sorted(names) == [r.name for r in cloudflare.records]


@pytest.mark.requirement("S1-05")
def test_a_tunnel_on_another_host_connects_to_the_apps_of_its_host() -> None:
    stack = {**PUBLISHED, "cloudflare": {"tunnel": {"host": "nas"}}}
    cloudflare = build.plan(stack).cloudflare
    assert cloudflare is not None
    assert [i.service for i in cloudflare.ingress] == ["http://127.0.0.1:4533"]


@pytest.mark.requirement("S1-05")
def test_the_tunnel_answers_404_for_every_other_name() -> None:
    """`tunnel-catch-all` holds by construction."""
    text = build.render(PUBLISHED)["pi"]["tunnel.nix"]
    assert 'default = "http_status:404";' in text
    assert 'ingress."navidrome-home.example.org" = "http://127.0.0.1:8180";' in text
    assert "/run/homelab/secrets/cloudflared-credentials" in text


def test_a_tunnel_without_names_still_answers_404() -> None:
    assert "ingress" not in build.render(TUNNEL)["pi"]["tunnel.nix"]


@pytest.mark.requirement("S0-16")
def test_the_wildcard_certificate_is_validated_without_the_home_resolver() -> None:
    text = build.render({"services": {"navidrome": {"host": "nas"}}})["pi"]["certificates.nix"]
    assert text.count('domain = "*.') == 1
    assert 'domain = "*.home.example.org";' in text
    assert 'dnsResolver = "1.1.1.1:53";' in text
    assert "CF_DNS_API_TOKEN_FILE" in text
    assert "webroot" not in text


@pytest.mark.requirement("S0-16")
def test_the_certificate_follows_the_domain() -> None:
    changes = {
        "services": {"navidrome": {"host": "nas"}},
        "site": {"domain": "homelab.lab.example.org"},
    }
    plan = build.plan(changes)
    assert plan.cloudflare is not None
    assert [c.domain for c in plan.cloudflare.certificates] == ["homelab.lab.example.org"]


@pytest.mark.requirement("S0-17")
def test_only_the_entry_host_gets_a_token_and_for_one_zone() -> None:
    cloudflare = build.plan({"services": {"navidrome": {"host": "nas"}}}).cloudflare
    assert cloudflare is not None
    assert [(t.host, t.name, t.zone) for t in cloudflare.tokens] == [("pi", "acme-pi", "1" * 32)]


@pytest.mark.requirement("S0-17")
def test_a_token_for_one_zone_has_the_form_that_cloudflare_returns() -> None:
    """Ids ascend and the resources are compact JSON. Otherwise every preview would show a
    change."""
    (policy,) = token_policies("a" * 32)
    resources = str(policy["resources"])
    assert json.loads(resources) == {f"com.cloudflare.api.account.zone.{'a' * 32}": "*"}
    assert " " not in resources
    ids = [g["id"] for g in policy["permission_groups"]]  # type: ignore[attr-defined]
    assert ids == sorted(ids)
    assert len(ids) == 2


def test_without_a_cloudflare_section_nothing_is_planned() -> None:
    assert build.plan({"cloudflare": None}).cloudflare is None


BAD = {
    "no-public-record": {**PUBLISHED, "site": {**TUNNEL["site"], "exposure": "internal-only"}},
    "cloudflare-missing": {"services": PUBLISHED["services"]},
    "direct-address": route(publish="direct", public="my own web site"),
    "tunnel-host": {
        **PUBLISHED,
        "cloudflare": {"tunnel": {"host": "nas", "via": "proxy"}},
    },
    "tunnel-requires-access": route(publish="tunnel", access=False),
    "tunnel-hostname-depth": {**PUBLISHED, "site": {"names": {"public": "{name}.home.{zone}"}}},
    "acme-dns01": {
        "services": {"navidrome": {"host": "nas"}},
        "site": {"domain": "home.example.com"},
    },
    "host-unique": {
        "services": {"navidrome": {"host": "nas"}, "jellyfin": {"host": "nas", "name": "navidrome"}}
    },
}


@pytest.mark.requirement("S0-17")
def test_a_token_edits_one_zone_and_only_a_host_with_certificates_has_one() -> None:
    cloud = build.plan(PUBLISHED).cloudflare
    assert cloud is not None
    assert [(t.host, t.zone) for t in cloud.tokens] == [("pi", cloud.zone)]
    assert {c.host for c in cloud.certificates} == {"pi"}


@pytest.mark.parametrize("check", BAD)
def test_each_check_finds_the_stack_that_breaks_it(check: str) -> None:
    found = build.found(BAD[check], check)
    assert found
    assert all(p.where and p.way_out for p in found)


@pytest.mark.parametrize("check", BAD)
def test_each_check_passes_a_good_stack(check: str) -> None:
    assert build.found(PUBLISHED, check) == []


@pytest.mark.parametrize(
    ("exposure", "check", "what", "way_out"),
    [
        ("mixed", "direct-address", "no public address of pi is known", "use publish: tunnel"),
        (
            "tunnel-only",
            "no-public-record",
            "(direct), but site.exposure is tunnel-only",
            "use publish: tunnel",
        ),
        (
            "internal-only",
            "direct-address",
            "no public address of pi is known",
            "use publish: internal",
        ),
    ],
)
@pytest.mark.parametrize("audience", ["operator", "family", "public"])
@pytest.mark.requirement("S0-13", "S0-14", "S3-01", "T4")
def test_publish_direct_is_one_problem(
    exposure: str, check: str, what: str, way_out: str, audience: str
) -> None:
    """The way out does not lead to a second error."""
    changes = route(publish="direct", audience=audience, auth="native")
    changes["site"] = {**TUNNEL["site"], "exposure": exposure}
    (problem,) = [p for p in build.problems(changes) if ".routes[0]" in p.where]
    assert (problem.check, problem.way_out) == (check, way_out)
    assert what in problem.what


@pytest.mark.requirement("S1-05")
def test_a_mistyped_host_of_the_tunnel_is_one_problem() -> None:
    changes = {**PUBLISHED, "cloudflare": {"tunnel": {"host": "pii"}}}
    about = [p for p in build.problems(changes) if p.where.startswith("cloudflare.tunnel")]
    assert [p.check for p in about] == ["host-known"]


@pytest.mark.requirement("S2-06")
def test_a_route_without_access_is_one_problem() -> None:
    changes = route(publish="tunnel", audience="family", auth="native", access=False)
    about = [p for p in build.problems(changes) if ".routes[0]" in p.where]
    assert [p.check for p in about] == ["tunnel-requires-access"]


@pytest.mark.requirement("S1-05")
def test_deep_names_are_fine_with_certificates_that_cover_them() -> None:
    changes = {
        **BAD["tunnel-hostname-depth"],
        "cloudflare": {"tunnel": {"host": "pi"}, "advanced_certificates": True},
    }
    assert build.found(changes, "tunnel-hostname-depth") == []


@pytest.mark.requirement("S1-05")
def test_a_tunnel_that_bypasses_the_proxy_cannot_serve_an_app_behind_sign_in() -> None:
    changes = route(publish="tunnel", audience="family", auth="forward")
    changes["cloudflare"] = {"tunnel": {"host": "nas"}}
    (problem,) = build.found(changes, "tunnel-host")
    assert "bypasses the sign-in at the proxy" in problem.what


@pytest.mark.requirement("S1-05")
def test_a_tunnel_that_bypasses_the_proxy_cannot_serve_other_hosts() -> None:
    changes = route(publish="tunnel")
    changes["cloudflare"] = {"tunnel": {"host": "nas"}}
    changes["services"]["navidrome"]["host"] = "pi"
    assert build.found(changes, "tunnel-host")


@pytest.mark.requirement("S2-07")
def test_two_routes_of_one_name_are_both_named() -> None:
    (problem,) = build.found(BAD["host-unique"], "host-unique")
    assert "services.jellyfin" in f"{problem.where} {problem.what}"
    assert "services.navidrome" in f"{problem.where} {problem.what}"
