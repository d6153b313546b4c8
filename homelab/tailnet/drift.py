"""Whether `up` may replace the policy in force, decided from its text only.

The first comment of a policy written by homelab contains the digest of the rest. After an edit
elsewhere the digest no longer matches, so no stored state is needed. The comment also contains the
digest of an adopted policy that it replaced: Pulumi compares only with the text that it wrote last,
so a changed text is needed to replace a policy that somebody else wrote.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import unified_diff
from typing import Literal

from homelab.tailnet.hujson import Document, HujsonError, canonical, digest, parse, tokens
from homelab.tailnet.members import DEPLOYER

Verdict = Literal["same", "older", "untouched", "adopted", "edited", "foreign", "other"]
"""State of the policy in force.

same: equal to the planned one. older: an earlier policy of this stack, unchanged. untouched: the
default policy of a new tailnet. adopted: a foreign policy whose digest is in `tailnet.adopt`.
edited: written by homelab and changed since. foreign: not written by homelab. other: of another
stack."""

_HEADER = re.compile(
    r"// Written by homelab(?: for the stack (?P<stack>[A-Za-z0-9._-]+))?; "
    r"(?P<digest>sha256:[0-9a-f]{64})\b.*"
)
"""Head comment of a policy. Policies of earlier versions of homelab have no stack name."""
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
    # The tag of an OAuth client must exist before the client is created.
    "tagOwners": {DEPLOYER: ["autogroup:admin"]},
}


@dataclass(frozen=True)
class Drift:
    """The policy in force, compared with the planned one."""

    verdict: Verdict
    digest: str
    """Digest of the text in force, the value for `tailnet.adopt`; empty when it is not HuJSON."""
    changes: tuple[str, ...] = ()
    """Unified diff from the policy in force to the planned one."""
    stack: str = ""
    """Name of the stack that wrote the policy in force; empty when unknown."""

    @property
    def is_ours(self) -> bool:
        """Whether `up` may replace it."""
        return self.verdict not in ("edited", "foreign", "other")


def signed(body: str, replaced: str = "", stack: str = "") -> str:
    """The policy with a head comment that contains its digest.

    `replaced` is the digest of the adopted policy that it replaces, `stack` the name of its stack.
    """
    replaces = f", replaces {replaced}" if replaced else ""
    for_stack = f" for the stack {re.sub('[^A-Za-z0-9._-]', '-', stack)}" if stack else ""
    return (
        f"// Written by homelab{for_stack}; {digest(body)}{replaces}. "
        "Change the stack instead: `up` refuses to replace what was edited here.\n" + body
    )


def drift(live: str, ours: str, adopt: str = "") -> Drift:
    """Compare the policy in force with ours. `adopt` is the digest of a text to replace."""
    try:
        found = digest(live)
        verdict = _verdict(live, ours, found, adopt)
    except HujsonError:
        # homelab never writes such a text.
        return Drift("foreign", "")
    changes = () if verdict == "same" else _changes(live, ours)
    return Drift(verdict, found, changes, _stack(live))


def refusal(found: Drift) -> str:
    """Why `up` must not replace the policy, and the way out; empty when it may."""
    if found.is_ours:
        return ""
    if found.verdict == "other":
        owner = f"the stack {found.stack}" if found.stack else "another stack"
        return (
            f"tailnet.policy: the policy in force is of {owner}, and a tailnet has only one; "
            "write policy: elsewhere under homelab:tailnet to leave it there, or take it over with "
            f'adopt: "{found.digest}"'
        )
    reason = (
        "was edited outside homelab" if found.verdict == "edited" else "was not written by homelab"
    )
    way_out = (
        f'see the difference with `homelab status`, then write adopt: "{found.digest}" '
        "under homelab:tailnet to replace it"
        if found.digest
        else "make it valid HuJSON on Tailscale's Access controls page"
    )
    return f"tailnet.adopt: the policy in force {reason}, so `up` does not replace it; {way_out}"


def unwritten(found: Drift, adopt: str) -> str:
    """Why the policy is still wrong after `up`, and the way out; empty when it is correct."""
    if found.verdict == "same":
        return ""
    # When it is adopted already, the new text would equal the one in the Pulumi state.
    way_out = (
        f'write adopt: "{found.digest}" under homelab:tailnet, which replaces it'
        if found.digest != adopt
        else "run `pulumi refresh`, then `pulumi up`"
    )
    return (
        "tailnet.adopt: the policy in force is not the planned one, although the Pulumi state "
        f"contains the planned one; {way_out}"
    )


def _verdict(live: str, ours: str, found: str, adopt: str) -> Verdict:
    body = _unedited_digest(live)
    if found != adopt and _is_of_another(live, ours):
        return "other"
    if body:
        return "same" if body == _unedited_digest(ours) else "older"
    if found == adopt:
        return "adopted"
    if _is_default(live):
        return "untouched"
    comments = [token for kind, token in tokens(live) if kind == "comment"]
    return "edited" if any(map(_HEADER.fullmatch, comments)) else "foreign"


def _unedited_digest(text: str) -> str:
    """The digest in the head comment, if the rest of the text still has it; otherwise empty."""
    first, _, body = canonical(text).partition("\n")
    header = _HEADER.fullmatch(first)
    return header["digest"] if header and header["digest"] == digest(body) else ""


def _stack(text: str) -> str:
    """The stack name in the head comment of a policy."""
    header = _HEADER.fullmatch(canonical(text).partition("\n")[0])
    return (header["stack"] or "") if header else ""


def _is_of_another(live: str, ours: str) -> bool:
    """Whether another stack wrote the policy in force.

    Its stack has another name, or no machine has a name or address of ours: two clones of a
    repository may have stacks with the same name.
    """
    if not _HEADER.fullmatch(canonical(live).partition("\n")[0]):
        return False
    live_stack, own_stack = _stack(live), _stack(ours)
    if live_stack and own_stack and live_stack != own_stack:
        return True
    live_machines, own_machines = _machines(live), _machines(ours)
    return bool(live_machines and own_machines) and live_machines.isdisjoint(own_machines)


def _machines(text: str) -> set[str]:
    """Names and addresses of the hosts in a policy."""
    document = parse(text)
    hosts = document.get("hosts") if isinstance(document, dict) else None
    return (
        {str(end) for pair in hosts.items() for end in pair} if isinstance(hosts, dict) else set()
    )


def _is_default(live: str) -> bool:
    """Whether the policy only allows everything, so that nothing is lost when it is replaced."""
    document = parse(live)
    if not isinstance(document, dict):
        return False
    rest = {k: v for k, v in document.items() if v and _DEFAULTS.get(k) != v}
    return rest in _OPEN


def _changes(live: str, ours: str) -> tuple[str, ...]:
    before, after = (_lines(text) for text in (live, ours))
    return tuple(unified_diff(before, after, "in force", "planned", lineterm=""))


def _lines(text: str) -> list[str]:
    lines = canonical(text).splitlines()
    return lines[1:] if lines and _HEADER.fullmatch(lines[0]) else lines
