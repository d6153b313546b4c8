"""Limits of tokens, CAA, web sites, buckets, and adopted resources."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from homelab.cloudflare.checks import ended
from homelab.cloudflare.plan import bucket_policies
from homelab.problems import InvalidStackError
from tests import build
from tests.cloudflare.stack import Changes, planned, stack

pytestmark = pytest.mark.requirement("S0-14", "S0-16", "S0-17", "S0-31", "S2-05", "S3-02")

NTFY: Changes = {"ntfy": {"topic": {"sops": "ntfy/topic"}}}
LIMITS: Changes = {
    "acme": {"allow_from": ["203.0.113.7/32", "2001:db8::/56"], "until": "2027-01-01"}
}
DOCS: Changes = {"pages": {"docs": {"project": "homelab-docs"}}}
BUCKET: Changes = {"buckets": {"backup": {"location": "weur", "name": "example-backup"}}}
UUID = "11111111-2222-3333-4444-555555555555"


@pytest.mark.requirement("S0-17")
def test_a_token_is_limited_only_if_the_stack_says_so() -> None:
    """The address of a home changes, and an expired token fails silently."""
    (plain,) = planned(stack()).tokens
    assert (plain.allow_from, plain.until) == ((), "")
    (limited,) = planned(stack(LIMITS)).tokens
    assert limited.allow_from == ("2001:db8::/56", "203.0.113.7/32")
    assert limited.until == "2027-01-01"


@pytest.mark.requirement("S0-17")
def test_the_host_of_an_expiring_token_alerts_before() -> None:
    files = build.render(stack(LIMITS, monitoring=NTFY))["pi"]
    text = files["certificates.nix"]
    assert "set -- 2027-01-01" in text
    assert 'onFailure = [ "notify@%N.service" ];' in text
    assert 'services."notify@"' in files["monitoring.nix"]
    assert "ntfy-topic" in files["secrets.nix"]
    assert "lib/acme-token-expiry.sh" in files


def test_without_an_end_there_is_no_alert() -> None:
    assert "expiry" not in build.render(stack(monitoring=NTFY))["pi"]["certificates.nix"]


@pytest.mark.parametrize(("days", "code"), [(-1, 1), (10, 1), (40, 0)])
def test_the_alert_is_sent_in_the_last_thirty_days(days: int, code: int) -> None:
    day = (datetime.now(UTC) + timedelta(days=days)).date().isoformat()
    script = build.ROOT / "homelab/certificates/expiry.sh"
    done = subprocess.run(
        ["bash", "-euc", f". {script}", "bash", day],
        env={**os.environ, "TZ": "UTC"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert (day in done.stderr) == bool(code)


def test_shellcheck_finds_nothing_in_the_alert_script() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("no shellcheck here")
    script = build.ROOT / "homelab/certificates/expiry.sh"
    done = subprocess.run(
        ["shellcheck", "--norc", script], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""


@pytest.mark.requirement("S0-16")
def test_only_the_named_authorities_may_issue_certificates() -> None:
    """Cloudflare notifies the owner of refused requests."""
    records = planned(stack({"caa": ["letsencrypt.org"]})).caa
    assert [(r.name, r.tag, r.value) for r in records] == [
        ("home.example.org", "issue", "letsencrypt.org"),
        ("home.example.org", "iodef", "mailto:sam@example.org"),
    ]
    assert planned(stack()).caa == ()


@pytest.mark.requirement("S3-02")
def test_a_web_site_is_behind_access_as_any_other_name() -> None:
    plan = planned(stack(DOCS))
    (site,) = plan.pages
    assert (site.project, site.domain) == ("homelab-docs", "docs-home.example.org")
    assert site.policies == ("members",)
    assert [p.key for p in plan.policies] == ["members"]


@pytest.mark.requirement("S2-20")
def test_a_web_site_at_cloudflare_has_no_backend_and_no_rule_in_the_tunnel() -> None:
    plan = build.plan(stack(DOCS))
    assert plan.cloudflare is not None
    assert [s.domain for s in plan.cloudflare.pages] == ["docs-home.example.org"]
    assert not [r for r in plan.routes if r.name == "docs"]
    text = str(build.render(stack(DOCS)))
    assert "docs-home.example.org" not in text


def test_an_open_web_site_needs_a_reason() -> None:
    pages = {"docs": {"public": "how this homelab is made"}}
    assert planned(stack({"pages": pages})).pages[0].policies == ()


@pytest.mark.requirement("S0-31")
def test_a_bucket_takes_backups_with_keys_of_its_own() -> None:
    target = {"r2": {"kind": "s3", "bucket": "backup", "path": "restic"}}
    changes = stack(BUCKET, backup={"targets": target})
    plan = build.plan(changes)
    (job,) = plan.backup.jobs
    address = f"https://{'0' * 32}.r2.cloudflarestorage.com/example-backup/restic"
    assert job.repository == f"s3:{address}/nas/navidrome"
    assert job.environment == "/run/homelab/secrets/r2-backup"
    (keys,) = [s for s in plan.secrets.on("nas") if s.service == "r2"]
    assert (keys.source, keys.purpose, keys.path) == ("issued", "backup", job.environment)
    assert build.found(changes, "bucket-known") == []
    assert job.environment in build.render(changes)["nas"]["backup.nix"]


def test_the_keys_of_a_bucket_are_limited_to_it() -> None:
    (policy,) = bucket_policies("0" * 32, "example-backup")
    name = f"com.cloudflare.edge.r2.bucket.{'0' * 32}_default_example-backup"
    assert json.loads(str(policy["resources"])) == {name: "*"}


@pytest.mark.requirement("S2-05")
def test_an_existing_resource_is_adopted_by_its_id() -> None:
    adopt = {
        "tunnel": UUID,
        "policy": UUID,
        "records": {"music": "a" * 32},
        "apps": {"music": UUID},
    }
    changes = stack({"adopt": adopt})
    plan = planned(changes)
    assert plan.adopt_tunnel == plan.policies[0].adopt == plan.apps[0].adopt == UUID
    assert plan.records[0].adopt == "a" * 32
    assert build.found(changes, "adopt-known") == []


SITE: Changes = {"site": {"names": {"public": "{name}-home.{zone}"}, "exposure": "internal-only"}}
BAD: dict[str, tuple[str, Changes, str]] = {
    "an end that nobody hears of": ("acme-expiry-alert", stack(LIMITS), "without a notification"),
    "an end that only mail would tell": (
        "acme-expiry-alert",
        stack(LIMITS, monitoring={"email": "sam@example.org"}),
        "Cloudflare sends none",
    ),
    "others alone may certify": ("caa-issuer", stack({"caa": ["pki.goog"]}), "letsencrypt.org"),
    "a bucket that is not there": (
        "bucket-known",
        stack(backup={"targets": {"r2": {"kind": "s3", "bucket": "backup", "path": "restic"}}}),
        'no bucket "backup"',
    ),
    "a record of no route": (
        "adopt-known",
        stack({"adopt": {"records": {"musik": "a" * 32}}}),
        'no published route "musik" with a record',
    ),
    "an application of an open name": (
        "adopt-known",
        stack({"adopt": {"apps": {"music": UUID}}}, {"public": "everybody may hear it"}),
        "with Access in front of it",
    ),
    "a sign-in that nobody asks for": (
        "adopt-known",
        stack({"adopt": {"one_time_pin": UUID}}),
        "no one-time-pin",
    ),
    "a web site of an internal homelab": (
        "no-public-record",
        {"cloudflare": DOCS, **SITE},
        "docs-home.example.org is on the internet",
    ),
    "a web site with the name of a route": (
        "host-unique",
        stack({"pages": {"docs": {"name": "music"}}}),
        "already the name of",
    ),
    "a web site too deep for the certificate": (
        "tunnel-hostname-depth",
        {"cloudflare": DOCS, "site": {"names": {"public": "{name}.home.{zone}"}}},
        "docs.home.example.org",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_resource_that_would_fail_or_mislead_is_refused(case: str) -> None:
    check, changes, says = BAD[case]
    (problem,) = build.found(changes, check)
    assert says in problem.what
    assert problem.way_out


@pytest.mark.parametrize("check", sorted({c for c, *_ in BAD.values()}))
def test_a_good_stack_passes(check: str) -> None:
    everything = {**LIMITS, **DOCS, **BUCKET, "caa": ["letsencrypt.org"]}
    assert build.found(stack(everything, monitoring=NTFY), check) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"acme": {"allow_from": ["203.0.113.7/24"]}}, "this is not a network"),
        ({"acme": {"until": "next year"}}, "this is not a date"),
        ({"adopt": {"tunnel": "home"}}, "tunnel"),
    ],
)
def test_a_mistyped_name_is_reported(changes: Changes, says: str) -> None:
    with pytest.raises(InvalidStackError, match=says):
        build.stack_config(stack(changes))


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ({"kind": "b2", "bucket": "backup", "path": "restic"}, "kind s3"),
        (
            {"kind": "s3", "bucket": "backup", "path": "restic", "credentials": {"sops": "a/b"}},
            "leave credentials out",
        ),
    ],
)
def test_a_target_has_one_source_of_its_keys(target: Changes, says: str) -> None:
    with pytest.raises(InvalidStackError, match=says):
        build.stack_config(stack(BUCKET, backup={"targets": {"r2": target}}))


ONE_ID = "a" * 32
TWICE: dict[str, tuple[Changes, str, str]] = {
    "a project": (
        {"pages": {"blog": {"project": "homelab-docs"}, **DOCS["pages"]}},
        "cloudflare.pages.docs.project",
        "homelab-docs is already the project of cloudflare.pages.blog",
    ),
    "a project by its key": (
        {"pages": {"docs": {}, "manual": {"project": "docs"}}},
        "cloudflare.pages.manual.project",
        "docs is already the project of cloudflare.pages.docs",
    ),
    "a bucket": (
        {"buckets": {"example-backup": {}, **BUCKET["buckets"]}},
        "cloudflare.buckets.example-backup.name",
        "example-backup is already the bucket of cloudflare.buckets.backup",
    ),
    "a record": (
        {"adopt": {"records": {"music": ONE_ID, "video": ONE_ID}}},
        "cloudflare.adopt.records.video",
        f"{ONE_ID} is already the id of cloudflare.adopt.records.music",
    ),
    "an application": (
        {"adopt": {"apps": {"music": UUID, "video": UUID}}},
        "cloudflare.adopt.apps.video",
        f"{UUID} is already the id of cloudflare.adopt.apps.music",
    ),
}


def _with_two_routes(cloudflare: Changes) -> Changes:
    changes = stack(cloudflare)
    video = {"host": "nas", "name": "video", "publish": "tunnel", "audience": "family"}
    changes["services"] |= {"jellyfin": video}
    return changes


@pytest.mark.parametrize("case", TWICE)
@pytest.mark.requirement("S2-05", "S2-07")
def test_one_resource_at_cloudflare_cannot_be_declared_twice(case: str) -> None:
    cloudflare, where, what = TWICE[case]
    (problem,) = build.found(_with_two_routes(cloudflare), "cloudflare-unique")
    assert (problem.where, problem.what) == (where, what)


@pytest.mark.requirement("S2-05", "S2-07")
def test_different_resources_pass() -> None:
    both = {**DOCS, **BUCKET, "adopt": {"records": {"music": ONE_ID, "video": "b" * 32}}}
    assert build.found(_with_two_routes(both), "cloudflare-unique") == []


@pytest.mark.requirement("S0-17")
def test_a_token_that_has_ended_is_named() -> None:
    """The caller passes the date, because a plan does not know it."""
    plan = build.plan(stack(LIMITS, monitoring=NTFY))
    (problem,) = ended(plan, "2027-01-02")
    assert problem.where == "cloudflare.acme.until"
    assert "expired on 2027-01-01" in problem.what
    assert list(ended(plan, "2027-01-01")) == []
    assert list(ended(build.plan(stack()), "2027-01-02")) == []


@pytest.mark.parametrize("network", [{}, {"dns": {"host": None, "server": "none"}}])
@pytest.mark.requirement("S0-16")
def test_the_comment_on_the_challenges_resolver_is_true(network: Changes) -> None:
    text = build.render(stack(network=network))["pi"]["certificates.nix"]
    assert 'dnsResolver = "1.1.1.1:53";' in text
    assert ("The home resolver" in text) == (not network)
