"""Checks of the account: buckets, Pages projects, and adopted resources."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.cloudflare.access import MEMBERS
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean


@check("cloudflare-unique")
def cloudflare_unique(plan: Plan) -> Iterator[Problem]:
    """Two entries for one Cloudflare resource would overwrite each other at every `up`."""
    config, cloud = plan.stack.cloudflare, plan.cloudflare
    if config is None or cloud is None:
        return
    at = "cloudflare"
    for said, what in (
        ([(f"{at}.pages.{p.key}", "project", p.project) for p in cloud.pages], "the project"),
        ([(f"{at}.buckets.{b.key}", "name", b.name) for b in cloud.buckets], "the bucket"),
        ([(f"{at}.adopt.records.{n}", "", i) for n, i in config.adopt.records.items()], "the id"),
        ([(f"{at}.adopt.apps.{n}", "", i) for n, i in config.adopt.apps.items()], "the id"),
    ):
        first: dict[str, str] = {}
        for where, field, value in said:
            other = first.setdefault(value, where)
            if other != where:
                yield Problem(
                    f"{where}.{field}".rstrip("."),
                    f"{value} is already {what} of {other}",
                    "give one of them another value",
                )


@check("adopt-known")
def adopt_known(plan: Plan) -> Iterator[Problem]:
    """An id for a resource that the stack does not create adopts nothing."""
    config, cloud = plan.stack.cloudflare, plan.cloudflare
    if config is None or cloud is None:
        return
    adopt, where = config.adopt, "cloudflare.adopt"
    for field, names, known in (
        ("records", adopt.records, [r.route for r in cloud.records]),
        ("apps", adopt.apps, [a.route for a in cloud.apps]),
    ):
        for name in names:
            if name not in known:
                what = "a record" if field == "records" else "Access in front of it"
                yield Problem(
                    f"{where}.{field}.{name}",
                    f'there is no published route "{name}" with {what}',
                    did_you_mean(name, known, "routes"),
                )
    for field, wanted, made in (
        ("tunnel", adopt.tunnel, bool(cloud.tunnel)),
        ("policy", adopt.policy, any(p.key == MEMBERS for p in cloud.policies)),
        ("one_time_pin", adopt.one_time_pin, cloud.one_time_pin),
    ):
        if wanted is not None and not made:
            yield Problem(
                f"{where}.{field}",
                f"the stack creates no {field.replace('_', '-')}",
                "leave it out",
            )


@check("bucket-known")
def bucket_known(plan: Plan) -> Iterator[Problem]:
    """Backups to a bucket that does not exist fail."""
    known = plan.stack.cloudflare.buckets if plan.stack.cloudflare else {}
    for name, target in plan.stack.backup.targets.items():
        if target.bucket is not None and target.bucket not in known:
            yield Problem(
                f"backup.targets.{name}.bucket",
                f'there is no bucket "{target.bucket}"',
                did_you_mean(target.bucket, known, "buckets")
                if known
                else f"add cloudflare.buckets: {{{target.bucket}: {{}}}}",
            )
