"""What Cloudflare accepts and refuses, beyond the shape of each type."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from homelab.lab.provider import Properties, RefusedError, Value
from homelab.lab.standins.cloudflare_shapes import (
    APP,
    BUCKET,
    DOMAIN,
    GROUP,
    LOGIN,
    NOTICE,
    POLICY,
    PROGRAM,
    PROJECT,
    RECORD,
    TOKEN,
    TUNNEL,
)
from homelab.lab.standins.records import Record, items, unknown_properties

_HEX = re.compile(r"[0-9a-f]{32}")
_DURATION = re.compile(r"forever|([0-9]+(ns|us|ms|s|m|h))+")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z")
_SELECTORS = {"email", "emailDomain", "everyone", "ip", "group", "serviceToken", "loginMethod"}
_WORDS: Final = {
    (TUNNEL, "configSrc"): ("local", "cloudflare"),
    (POLICY, "decision"): ("allow", "deny", "non_identity", "bypass"),
    (APP, "type"): ("self_hosted", "saas", "ssh", "vnc", "app_launcher", "warp", "bookmark", "rdp"),
    (LOGIN, "type"): ("onetimepin", "oidc", "github", "google", "saml"),
    (BUCKET, "location"): ("wnam", "enam", "weur", "eeur", "apac", "oc"),
}
_EITHER: Final = (
    (RECORD, "content", "data"),
    (APP, "accountId", "zoneId"),
    (APP, "domain", "destinations"),
)
_UNIQUE: Final = {
    TUNNEL: ("name",),
    APP: ("domain", "name"),
    PROJECT: ("name",),
    DOMAIN: ("name",),
    BUCKET: ("name",),
}
_NESTED: Final = {
    (TOKEN, "policies"): ("effect", "permissionGroups", "resources"),
    (APP, "policies"): ("id", "precedence"),
    (APP, "destinations"): ("type", "uri"),
}


def problems(type_: str, inputs: Properties) -> Iterator[str]:
    """Problems that the provider finds before it calls Cloudflare."""
    for (of, name), known in _NESTED.items():
        for item in items(inputs.get(name)) if of == type_ else ():
            yield from unknown_properties(item, known, name)
    for of, one, other in _EITHER:
        if of == type_ and (one in inputs) == (other in inputs):
            yield f"exactly one of '{one}' and '{other}' must be given"
    for (of, name), words in _WORDS.items():
        value = inputs.get(name)
        if of == type_ and isinstance(value, str) and value not in words:
            yield f"'{name}' must be one of {', '.join(words)}"
    for rule in items(inputs.get("includes")):
        if isinstance(rule, dict) and (len(rule) != 1 or not {*rule} <= _SELECTORS):
            yield f"an include has exactly one selector of {', '.join(sorted(_SELECTORS))}"
    if type_ == NOTICE:
        yield from unknown_properties(inputs["mechanisms"], ("emails", "webhooks"), "mechanisms")


def refuse(type_: str, inputs: Properties, others: list[Record]) -> None:
    """Raise RefusedError where Cloudflare's API returns an error. A preview does not show these."""
    for owner in ("accountId", "zoneId"):
        if owner in inputs and not _HEX.fullmatch(str(inputs[owner])):
            raise RefusedError(f"400 Bad Request: {owner} is not a valid identifier")
    same = [o["props"] for o in others if o["type"] == type_]
    for key in _UNIQUE.get(type_, ()):
        if key in inputs and any(o.get(key) == inputs[key] for o in same):
            raise RefusedError(f"409 Conflict: You already have one with this {key}")
    if type_ == RECORD:
        _refuse_record(inputs, same)
    pin = type_ == LOGIN and inputs["type"] == "onetimepin"
    if pin and any(o["type"] == "onetimepin" for o in same):
        raise RefusedError("409 Conflict: there is a one-time PIN identity provider already")
    if type_ == PROGRAM and not _DURATION.fullmatch(str(inputs.get("duration", "8760h"))):
        raise RefusedError(f"400 Bad Request: {inputs['duration']} is not a duration")
    projects = [o["props"]["name"] for o in others if o["type"] == PROJECT]
    if type_ == DOMAIN and inputs["projectName"] not in projects:
        raise RefusedError(f"404 Not Found: there is no project {inputs['projectName']}")
    end = inputs.get("expiresOn")
    if type_ == TOKEN and end is not None and not _TIME.fullmatch(str(end)):
        raise RefusedError(f"400 Bad Request: {end} is not a time of RFC 3339")
    for policy in items(inputs["policies"]) if type_ == TOKEN else ():
        _refuse_token(policy)
    who = items(inputs.get("includes"))
    if type_ == GROUP and not who:
        raise RefusedError("400 Bad Request: a group needs at least one include rule")
    if type_ == POLICY and inputs["decision"] in ("allow", "non_identity") and not who:
        raise RefusedError("400 Bad Request: a policy needs at least one include rule")
    ways = inputs.get("mechanisms")
    if type_ == NOTICE and not items(ways, "emails") and not items(ways, "webhooks"):
        raise RefusedError("400 Bad Request: a notification needs at least one mechanism")


def _refuse_record(inputs: Properties, same: list[dict[str, Value]]) -> None:
    name, kind = str(inputs["name"]), inputs["type"]
    if ("data" in inputs) != (kind in ("CAA", "SRV")):
        needed = "content" if "data" in inputs else "data"
        raise RefusedError(f"400 Bad Request: a {kind} record needs {needed}")
    if "." not in name or name == "@":
        raise RefusedError(f"400 Bad Request: {name} is not a fully qualified name")
    if inputs.get("proxied") is True and inputs["ttl"] != 1:
        raise RefusedError("400 Bad Request: ttl must be set to 1 when `proxied` is true (9004)")
    here = [o for o in same if o["name"] == name and o["zoneId"] == inputs["zoneId"]]
    if any("CNAME" in (kind, o["type"]) for o in here):
        raise RefusedError(
            f"400 Bad Request: An A, AAAA, or CNAME record with that host already exists: {name}"
        )
    said = inputs.get("content"), inputs.get("data")
    if any(o["type"] == kind and (o.get("content"), o.get("data")) == said for o in here):
        raise RefusedError(f"400 Bad Request: An identical record already exists: {name}")


def _refuse_token(policy: Value) -> None:
    ids = [g.get("id") for g in items(policy, "permissionGroups") if isinstance(g, dict)]
    if not ids or not all(isinstance(i, str) and _HEX.fullmatch(i) for i in ids):
        raise RefusedError("400 Bad Request: permission groups are given by id, not by name")
    text = policy.get("resources") if isinstance(policy, dict) else None
    try:
        resources = json.loads(str(text))
    except ValueError:
        raise RefusedError("400 Bad Request: resources is not JSON") from None
    if not isinstance(resources, dict) or not resources:
        raise RefusedError("400 Bad Request: a token policy names at least one resource")
    for resource in resources:
        if not str(resource).startswith("com.cloudflare."):
            raise RefusedError(f"400 Bad Request: {resource} is not a resource")
