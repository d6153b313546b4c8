"""A policy that somebody else wrote is never replaced unseen."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from homelab.lab.standins.tailscale_policy import DEFAULT
from homelab.tailnet.drift import Verdict, drift, refusal, signed, unwritten
from homelab.tailnet.hujson import canonical, digest, parse
from homelab.tailnet.policy import policy, policy_text
from tests.tailnet.test_tailnet import tailnet

pytestmark = pytest.mark.requirement("S0-24")

OURS = policy_text(tailnet())
OLDER = policy_text(tailnet(services={"navidrome": {"host": "nas"}}))
EDITED = OLDER.replace('"grants": [', '"grants": [\n{"src": ["*"], "dst": ["*"], "ip": ["*"]},', 1)
FOREIGN = '{"acls": [{"action": "accept", "src": ["sam@example.org"], "dst": ["*:*"]}]}'
OLD_DEFAULT = """
// Example/default ACLs for unrestricted connections.
{
    "acls": [ // Allow all connections.
        {"action": "accept", "src": ["*"], "dst": ["*:*"]},
    ],
    "nodeAttrs": [{"target": ["autogroup:member"], "attr": ["funnel"]}],
}
"""

TEXTS: dict[str, tuple[str, Verdict]] = {
    "what the stack wants": (OURS, "same"),
    "laid out by Tailscale's editor": (OURS.replace("  ", "\t").replace("]\n}", "],\n}"), "same"),
    "an earlier one": (OLDER, "older"),
    "an earlier one, laid out anew": (OLDER.replace("  ", "\t\t"), "older"),
    "edited": (EDITED, "edited"),
    "a comment added": (OURS.replace('"grants": [', '// mine\n"grants": [', 1), "edited"),
    "a comment before ours": (f"// hands off\n{OURS}", "edited"),
    "ours without its comment": (OURS.partition("\n")[2], "foreign"),
    "somebody else's": (FOREIGN, "foreign"),
    "the default of a new tailnet": (DEFAULT, "untouched"),
    "that of a new tailnet, years ago": (OLD_DEFAULT, "untouched"),
    "a new tailnet's, and more": (
        DEFAULT.replace('"ssh"', '"groups": {"group:a": ["a@b.c"]}, "ssh"'),
        "foreign",
    ),
    "a new tailnet's, with the deployer's tag": (
        DEFAULT.replace('"ssh"', '"tagOwners": {"tag:iac": ["autogroup:admin"]}, "ssh"'),
        "untouched",
    ),
    "no HuJSON": ("acls: []", "foreign"),
}


@pytest.mark.parametrize("what", TEXTS)
def test_a_policy_is_ours_or_it_is_not(what: str) -> None:
    live, verdict = TEXTS[what]
    found = drift(live, OURS)
    assert found.verdict == verdict
    assert found.is_ours is (verdict not in ("edited", "foreign"))
    assert bool(refusal(found)) is not found.is_ours


@pytest.mark.parametrize("live", [EDITED, FOREIGN])
def test_what_was_seen_may_go_and_nothing_else(live: str) -> None:
    seen = digest(live)
    assert drift(live, OURS, seen).verdict == "adopted"
    assert drift(live.replace("*", "tag:agent", 1), OURS, seen).verdict in ("edited", "foreign")


def test_a_policy_names_what_was_given_up_for_it() -> None:
    """So that it differs from ours of before, and the engine has something to write."""
    plan = tailnet()
    text = policy_text(replace(plan, adopt=digest(FOREIGN)))
    assert digest(FOREIGN) in text.partition("\n")[0]
    assert text.partition("\n")[2] == OURS.partition("\n")[2]
    for live, wanted in ((text, OURS), (OURS, text), (text, text)):
        assert drift(live, wanted).verdict == "same"
    assert drift(text.replace("tcp:443", "tcp:444"), OURS).verdict == "edited"


@pytest.mark.parametrize("live", [OLDER, DEFAULT, EDITED])
def test_what_is_in_force_after_an_up_is_ours_or_it_is_said(live: str) -> None:
    assert unwritten(drift(OURS, OURS), "") == ""
    text = unwritten(drift(live, OURS), "")
    assert "is not the planned one" in text
    assert f'adopt: "{digest(live)}"' in text
    assert "`pulumi refresh`" in unwritten(drift(live, OURS, digest(live)), digest(live))


def test_the_refusal_names_the_digest_to_adopt() -> None:
    text = refusal(drift(EDITED, OURS))
    assert "edited outside homelab" in text
    assert f'adopt: "{digest(EDITED)}"' in text
    assert "homelab status" in text
    assert "not written by homelab" in refusal(drift(FOREIGN, OURS))
    assert "adopt:" not in refusal(drift("acls: []", OURS)).removeprefix("tailnet.adopt:")


def test_the_difference_shows_what_up_would_take_away() -> None:
    changes = drift(EDITED, OLDER).changes
    removed = [c[1:].strip() for c in changes if c.startswith("-") and not c.startswith("---")]
    assert sorted(removed) == sorted(
        ["{", '"src": [', '"*"', "],", '"dst": [', '"*"', "],", '"ip": [', '"*"', "]", "},"]
    )
    assert not [c for c in changes if c.startswith("+") and not c.startswith("+++")]
    assert drift(OURS, OURS).changes == ()


def test_the_first_comment_carries_the_digest_of_what_follows() -> None:
    head, _, body = OURS.partition("\n")
    assert digest(body) in head
    assert canonical(body) == body, "the provider compares layouts; ours is the only one"
    assert signed(body) == OURS
    assert parse(OURS) == json.loads(body) == policy(tailnet())
