"""What two stacks must not share: following the way out in one of them fixes the problem."""

from __future__ import annotations

from pathlib import Path

import pytest

from homelab import testing
from homelab.ops.project.stack import check_stack
from homelab.problems import Problem
from tests import build, stackdir
from tests.site.test_neighbours import APART, PUBLIC
from tests.site.ways_out.model import Changes, Reading, WayOut

TAILNET: Changes = testing.merged(
    build.TAILNET, {"hosts": {"pi": {"tailscale": {"subnet_routes": ["192.168.1.0/24"]}}}}
)
BUCKET: Changes = {
    "cloudflare": {"buckets": {"keep": {}}},
    "backup": {"targets": {"r2": {"kind": "s3", "bucket": "keep", "path": "restic"}}},
}


def second(check: str, broken: Changes, applied: Changes, **more: object) -> WayOut:
    """The stack to fix, as changes of one that is correct beside the first."""
    return WayOut(check, testing.merged(APART, broken), applied, **more)  # type: ignore[arg-type]


TABLE: tuple[tuple[Changes, WayOut], ...] = (
    (
        {},
        second(
            "stack-secrets",
            {"secrets": {"namespace": None}},
            {"secrets": {"namespace": "other"}},
            asked={"other": "such as its name"},
        ),
    ),
    (
        TAILNET,
        second(
            "stack-policy",
            TAILNET,
            {"tailnet": {"policy": "elsewhere"}},
            warns=("stack-policy-part",),
        ),
    ),
    (
        {},
        second(
            "stack-host",
            {"hosts": {"nas": {"ssh": {"host_key": build.KEY}}}},
            {"hosts": {"nas": {"state": "planned"}}},
        ),
    ),
    (
        PUBLIC,
        second(
            "stack-names",
            testing.merged(PUBLIC, {"site": {"names": {"public": "{name}-other.{zone}"}}}),
            {"site": {"domain": "other.example.org"}},
            asked={"other.example.org": "give this stack a site.domain of its own"},
        ),
    ),
    (
        PUBLIC,
        second(
            "stack-names",
            testing.merged(
                PUBLIC,
                {"site": {"domain": "other.example.org"}, "services": {"authelia": {"name": "in"}}},
            ),
            {"services": {"navidrome": {"name": "songs"}}},
            asked={"songs": "give this one another name"},
        ),
    ),
    (
        BUCKET,
        second(
            "stack-names",
            BUCKET,
            {"cloudflare": {"buckets": {"keep": {"name": "other-keep"}}}},
        ),
    ),
)


def problems_of_second(directory: Path, changes: Changes) -> list[Problem]:
    """The problems of the second stack that come from the first."""
    text = stackdir.stack_text(changes)
    (directory / "Pulumi.other.yaml").write_text(text, encoding="utf-8")
    return [p for p in check_stack(directory, "other")[1] if p.check.startswith("stack-")]


@pytest.mark.parametrize(("first", "way"), TABLE)
def test_following_the_way_out_fixes_the_problem(
    tmp_path: Path, first: Changes, way: WayOut
) -> None:
    stackdir.write_stack(tmp_path, first)
    before = problems_of_second(tmp_path, way.broken)
    problem = way.chosen(before)
    assert {p.check for p in before if p.severity == "error"} == {way.check}
    assert not list(Reading(way, [problem]).unasked())
    after = problems_of_second(tmp_path, testing.merged(way.broken, way.applied))
    assert not [p for p in after if p.severity == "error"], [str(p) for p in after]
    assert {p.check for p in after} - {p.check for p in before} == set(way.warns)
