"""Whether `up` may replace the policy in force, decided from its text alone.

The first comment of a policy written by homelab holds the digest of the rest. After an edit
elsewhere the digest no longer matches, so no stored state is needed. The comment also holds the
digest of an adopted policy that it replaced: Pulumi compares only with its last text, so a changed
text is needed to replace a policy that somebody else wrote.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import unified_diff
from typing import Literal

from homelab.tailnet.hujson import Document, HujsonError, canonical, digest, parse, tokens
from homelab.tailnet.members import DEPLOYER

Verdict = Literal["same", "older", "untouched", "adopted", "edited", "foreign", "other"]
"""same: what the stack wants; older: an earlier policy of ours, as we left it; untouched: the one
that every new tailnet has; adopted: somebody else's, seen and given up; edited: ours, and changed
since; foreign: never ours; other: another stack's."""

_HEADER = re.compile(
    r"// Written by homelab(?: for the stack (?P<stack>[A-Za-z0-9._-]+))?; "
    r"(?P<digest>sha256:[0-9a-f]{64})\b.*"
)
"""A policy of before names no stack."""
_OPEN: tuple[Document, ...] = (
    {"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]},
    {"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}]},
)
_DEFAULTS: Document = {
    "ssh": [
        {
            "action": "check",
            "src": ["autogroup:member"],
            "dst": ["autogroup:self"],
            "users": ["autogroup:nonroot", "root"],
        }
    ],
    "nodeAttrs": [{"target": ["autogroup:member"], "attr": ["funnel"]}],
    # An OAuth client cannot be made before its tag is.
    "tagOwners": {DEPLOYER: ["autogroup:admin"]},
}


@dataclass(frozen=True)
class Drift:
    """What the policy in force is to us."""

    verdict: Verdict
    digest: str
    """Names the text in force; what `tailnet.adopt` takes."""
    changes: tuple[str, ...] = ()
    """From what is in force to what the stack wants, as a unified diff."""
    stack: str = ""
    """Whose policy is in force, where it says so."""

    @property
    def is_ours(self) -> bool:
        """Whether `up` may replace it."""
        return self.verdict not in ("edited", "foreign", "other")


def signed(body: str, replaced: str = "", stack: str = "") -> str:
    """A policy of ours, with the comment that later tells whether it is as we left it. `replaced`
    is the digest of the text that was given up for it, `stack` is whose it is.
    """
    given_up = f", replaces {replaced}" if replaced else ""
    whose = f" for the stack {re.sub('[^A-Za-z0-9._-]', '-', stack)}" if stack else ""
    return (
        f"// Written by homelab{whose}; {digest(body)}{given_up}. "
        "Change the stack instead: `up` refuses to replace what was edited here.\n" + body
    )


def drift(live: str, ours: str, adopt: str = "") -> Drift:
    """Compare the policy in force with ours. `adopt` is the digest of a text that may go."""
    try:
        found = digest(live)
        verdict = _verdict(live, ours, found, adopt)
    except HujsonError:
        # Tailscale keeps no such text; whatever this is, it is not ours.
        return Drift("foreign", "")
    changes = () if verdict == "same" else _changes(live, ours)
    return Drift(verdict, found, changes, _stack(live))


def refusal(found: Drift) -> str:
    """Why `up` does not go on, and how it may; empty when it does."""
    if found.is_ours:
        return ""
    if found.verdict == "other":
        whose = f"the stack {found.stack}" if found.stack else "another stack"
        return (
            f"tailnet.policy: the policy in force is of {whose}, and a tailnet has one; leave it "
            "to that one with policy: elsewhere under homelab:tailnet, or take it over with "
            f'adopt: "{found.digest}"'
        )
    who = "was edited since" if found.verdict == "edited" else "is not one of ours"
    way_out = (
        f'see the difference with `homelab status`, then write adopt: "{found.digest}" '
        "under homelab:tailnet to give it up"
        if found.digest
        else "make it HuJSON that Tailscale takes, on its Access controls page"
    )
    return f"tailnet.adopt: the policy in force {who}, and nothing of it is replaced; {way_out}"


def unwritten(found: Drift, adopt: str) -> str:
    """Why an `up` that has written the policy is not done, and what to do; empty when it is."""
    if found.verdict == "same":
        return ""
    # Adopted already, our text would read the same as what Pulumi remembers.
    way_out = (
        f'write adopt: "{found.digest}" under homelab:tailnet, which replaces it'
        if found.digest != adopt
        else "run `pulumi refresh`, then `pulumi up`"
    )
    return (
        "tailnet.adopt: the policy in force is not the one that the stack wants, which Pulumi "
        f"wrote earlier and takes to be there still; {way_out}"
    )


def _verdict(live: str, ours: str, found: str, adopt: str) -> Verdict:
    body = _left_alone(live)
    if found != adopt and _is_of_another(live, ours):
        return "other"
    if body:
        return "same" if body == _left_alone(ours) else "older"
    if found == adopt:
        return "adopted"
    if _is_default(live):
        return "untouched"
    comments = [token for kind, token in tokens(live) if kind == "comment"]
    return "edited" if any(map(_HEADER.fullmatch, comments)) else "foreign"


def _left_alone(text: str) -> str:
    """The digest that a text of ours names, if what follows still has it."""
    first, _, body = canonical(text).partition("\n")
    header = _HEADER.fullmatch(first)
    return header["digest"] if header and header["digest"] == digest(body) else ""


def _stack(text: str) -> str:
    """The stack that a policy says it is of."""
    header = _HEADER.fullmatch(canonical(text).partition("\n")[0])
    return (header["stack"] or "") if header else ""


def _is_of_another(live: str, ours: str) -> bool:
    """Whether a stack wrote it, and not this one: it has another name, or not one machine of ours
    under the name or the address that we have for it. Two clones may call their stacks the same.
    """
    if not _HEADER.fullmatch(canonical(live).partition("\n")[0]):
        return False
    theirs, mine = _stack(live), _stack(ours)
    if theirs and mine and theirs != mine:
        return True
    there, here = _machines(live), _machines(ours)
    return bool(there and here) and there.isdisjoint(here)


def _machines(text: str) -> set[str]:
    """Names and addresses of a policy's hosts."""
    document = parse(text)
    hosts = document.get("hosts") if isinstance(document, dict) else None
    return (
        {str(end) for pair in hosts.items() for end in pair} if isinstance(hosts, dict) else set()
    )


def _is_default(live: str) -> bool:
    """Whether it lets everybody do everything and says no more: nothing is lost with it."""
    document = parse(live)
    if not isinstance(document, dict):
        return False
    rest = {k: v for k, v in document.items() if v and _DEFAULTS.get(k) != v}
    return rest in _OPEN


def _changes(live: str, ours: str) -> tuple[str, ...]:
    before, after = (_page(text) for text in (live, ours))
    return tuple(unified_diff(before, after, "in force", "wanted", lineterm=""))


def _page(text: str) -> list[str]:
    lines = canonical(text).splitlines()
    return lines[1:] if lines and _HEADER.fullmatch(lines[0]) else lines
