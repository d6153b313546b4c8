"""Stand-in for Tailscale: one policy, one DNS configuration, devices and keys, kept in a file."""

from __future__ import annotations

import json
from pathlib import Path

from homelab.lab.provider import Created, Diff, Properties, RefusedError, Value
from homelab.lab.standins.records import MADE_AT, Record, Records, Stored, hex_id
from homelab.lab.standins.tailscale_policy import DEFAULT, refuse_policy, refuse_tags
from homelab.lab.standins.tailscale_rules import ACL, DEVICES, KEY, ONE, SHAPES, TAGS, problems
from homelab.tailnet.hujson import parse

GET_ACL = "tailscale:index/getAcl:getAcl"
EDIT = '{"src": ["*"], "dst": ["*"], "ip": ["*"]}, // let me in, just for now'
"""The change that `edit-policy` makes."""


class TailscaleProvider:
    """The resource types of the `tailscale` package that homelab uses; others are refused by
    name.
    """

    package = "tailscale"

    def __init__(self, file: Path) -> None:
        """Keep records in `file`, without keys."""
        self._records = Records(file)

    def check(self, type_: str, inputs: Properties) -> list[str]:
        """Wrong names, types and values that a real preview finds."""
        if type_ not in SHAPES:
            return [f"the lab has no {type_}; it has {', '.join(sorted(SHAPES))}"]
        return SHAPES[type_].problems(inputs) or list(problems(type_, inputs))

    def diff(self, type_: str, old: Properties, new: Properties) -> Diff:
        """Any property that changed. A change of a key's properties replaces the key."""
        return SHAPES[type_].diff(old, new)

    def create(self, type_: str, name: str, inputs: Properties) -> Created:
        """Set the policy or the DNS configuration, or create a key."""
        with self._records.change() as stored:
            if type_ == ACL and ONE[ACL] in stored and not inputs.get("overwriteExistingContent"):
                raise RefusedError(
                    "412 Precondition Failed: You are trying to overwrite a non-default policy."
                )
            _check(type_, inputs, stored)
            id_, turn = ONE.get(type_, ""), 0
            if type_ in DEVICES:
                id_ = f"{type_.rpartition(':')[2]} {inputs['deviceId']}"
            while not id_ or (type_ == KEY and id_ in stored):
                id_, turn = f"k{hex_id(name, str(turn))[:12]}CNTRL", turn + 1
            stored[id_] = Record(type=type_, props={**inputs})
            return _made(type_, id_, inputs)

    def update(self, type_: str, id_: str, old_outputs: Properties, inputs: Properties) -> Created:
        """Replace the content. Like the real provider, it does not detect edits of others."""
        with self._records.change() as stored:
            _check(type_, inputs, stored)
            stored[id_] = Record(type=type_, props={**inputs})
            return _made(type_, id_, inputs)

    def delete(self, type_: str, id_: str, outputs: Properties) -> None:
        """Delete the record. A policy stays in force unless it is reset on destroy."""
        with self._records.change() as stored:
            if type_ != ACL or outputs.get("resetAclOnDestroy") is True:
                stored.pop(id_, None)

    def invoke(self, token: str, args: Properties) -> Properties:
        """The policy in force. Other functions are refused."""
        if token != GET_ACL:
            raise RefusedError(f"the lab has no function {token}; it has {GET_ACL}")
        text = self.policy()
        return {"id": hex_id(text), "hujson": text, "json": json.dumps(parse(text))}

    def policy(self) -> str:
        """The policy in force."""
        return _policy(self._records.read())

    def edit_policy(self) -> None:
        """Add a rule that allows everything to the policy's text."""
        with self._records.change() as stored:
            text = _policy(stored).replace('"grants": [', f'"grants": [{EDIT}\n', 1)
            stored[ONE[ACL]] = Record(type=ACL, props={"acl": text})


def _policy(stored: Stored) -> str:
    policy = stored.get(ONE[ACL])
    return str(policy["props"]["acl"]) if policy else DEFAULT


def _check(type_: str, inputs: Properties, stored: Stored) -> None:
    if type_ == ACL:
        refuse_policy(str(inputs["acl"]))
    if type_ in (KEY, TAGS):
        policy = parse(_policy(stored))
        refuse_tags(inputs, policy if isinstance(policy, dict) else {})


def _made(type_: str, id_: str, inputs: Properties) -> Created:
    if type_ != KEY:
        return Created(id_, {**inputs})
    made: dict[str, Value] = {
        **inputs,
        "key": f"tskey-auth-{id_}-{hex_id('key', id_)}",
        "createdAt": MADE_AT,
        "expiresAt": MADE_AT.replace("-01-01", "-04-01"),
        "invalid": False,
    }
    return Created(id_, made, frozenset({"key"}))
