"""Read the policy in force and the devices from Tailscale. Reads only; changes nothing."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from homelab.config.tailnet import TailnetConfig
from homelab.ops.secrets.lookup import resolve
from homelab.ops.web import opener
from homelab.plan import Plan
from homelab.problems import HomelabError
from homelab.tailnet.drift import drift
from homelab.tailnet.existing import Dns
from homelab.tailnet.model import TailnetPlan
from homelab.tailnet.policy import policy_text
from homelab.tailnet.status import Machine, TailnetStatus

API = "https://api.tailscale.com/api/v2"
TIMEOUT = 20
"""Seconds to wait for an answer."""

_WAYS_OUT = {
    400: "check that tailnet.client_id and tailnet.client_secret belong to one OAuth client",
    401: "it does not know the OAuth client of tailnet.client_id and tailnet.client_secret; "
    "make one under Settings > Trust credentials",
    403: "give the OAuth client the scopes policy_file and devices:core",
    404: "check that the OAuth client belongs to this tailnet",
    429: "wait a minute, and try again",
}


class TailscaleError(HomelabError):
    """Tailscale gave no usable answer."""


class _Answered(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)


class _Token(_Answered):
    access_token: str


class _Device(_Answered):
    node_id: str = Field(default="", alias="nodeId")
    name: str = ""
    addresses: list[str] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)
    advertised: list[str] = Field(default_factory=list, alias="advertisedRoutes")
    enabled: list[str] = Field(default_factory=list, alias="enabledRoutes")


class _Devices(_Answered):
    devices: list[_Device]


_SPLIT: TypeAdapter[dict[str, list[str] | None]] = TypeAdapter(dict[str, list[str] | None])


def read_status(plan: Plan, directory: Path) -> TailnetStatus | None:
    """What Tailscale has, compared with the stack; None without a tailnet in the stack."""
    config = plan.stack.tailnet
    if config is None or plan.tailnet is None:
        return None
    token = _sign_in(config, directory, plan.secrets.file)
    return _read(plan.tailnet, token)


@dataclass(frozen=True)
class Present:
    """What a tailnet has: the text of its policy, its devices and its DNS settings."""

    policy: str
    machines: tuple[Machine, ...]
    dns: Dns | None
    """None if the OAuth client may not read them."""


def read_present(config: TailnetConfig, directory: Path, file: str) -> Present:
    """The tailnet as it is. `file` is the stack's sops file. Raises TailscaleError."""
    token = _sign_in(config, directory, file)
    policy = _ask("tailnet/-/acl", token=token, accept="application/hujson")
    try:
        dns = _dns(token)
    except TailscaleError:
        dns = None
    return Present(policy, _machines(token), dns)


class _Nameservers(_Answered):
    dns: list[str] = Field(default_factory=list)


class _Search(_Answered):
    paths: list[str] = Field(default_factory=list, alias="searchPaths")


def _dns(token: str) -> Dns:
    try:
        servers = _Nameservers.model_validate_json(_ask("tailnet/-/dns/nameservers", token=token))
        search = _Search.model_validate_json(_ask("tailnet/-/dns/searchpaths", token=token))
        split = _SPLIT.validate_json(_ask("tailnet/-/dns/split-dns", token=token))
    except ValidationError:
        raise _unusable("DNS setting") from None
    return Dns(
        tuple(servers.dns),
        tuple(sorted((domain, tuple(found or ())) for domain, found in split.items())),
        tuple(search.paths),
    )


def read_scopes(plan: Plan, directory: Path) -> Iterator[tuple[str, str]]:
    """(scope, what is wrong) of the OAuth client: empty if it can read with that scope.

    Raises TailscaleError if it cannot sign in.
    """
    config = plan.stack.tailnet
    if config is None:
        return
    token = _sign_in(config, directory, plan.secrets.file)
    for scope, path in (
        ("policy_file", "tailnet/-/acl"),
        ("devices:core", "tailnet/-/devices"),
        ("auth_keys", "tailnet/-/keys"),
    ):
        try:
            _ask(path, token=token)
        except TailscaleError as error:
            yield scope, str(error)
        else:
            yield scope, ""


def _read(plan: TailnetPlan, token: str) -> TailnetStatus:
    # If another stack owns the policy, it is not compared with this one.
    live = "" if plan.elsewhere else _ask("tailnet/-/acl", token=token, accept="application/hujson")
    machines = _machines(token)
    return TailnetStatus(
        name=plan.name,
        policy=None if plan.elsewhere else drift(live, policy_text(plan), plan.adopt),
        machines=machines,
    )


def _machines(token: str) -> tuple[Machine, ...]:
    listed = _ask("tailnet/-/devices?fields=all", token=token)
    try:
        devices = _Devices.model_validate_json(listed).devices
    except ValidationError:
        raise _unusable("list of devices") from None
    machines = (
        Machine(
            name=d.name.partition(".")[0],
            id=d.node_id,
            address=next((a for a in d.addresses if ":" not in a), ""),
            tags=tuple(sorted(d.tags)),
            routes=tuple((r, r in d.enabled) for r in sorted({*d.advertised, *d.enabled})),
        )
        for d in devices
    )
    return tuple(sorted(machines, key=lambda m: (m.name, m.id)))


def _sign_in(config: TailnetConfig, directory: Path, file: str) -> str:
    """A token for an hour. The client secret is sent in the request body only."""
    form = {
        "client_id": resolve(config.client_id, directory, file).strip(),
        "client_secret": resolve(config.client_secret, directory, file).strip(),
        "grant_type": "client_credentials",
    }
    answer = _ask("oauth/token", body=urllib.parse.urlencode(form).encode())
    try:
        return _Token.model_validate_json(answer).access_token
    except ValidationError:
        raise _unusable("token") from None


def _ask(
    path: str, *, token: str = "", body: bytes | None = None, accept: str = "application/json"
) -> str:
    headers = {"Accept": accept, "User-Agent": "homelab"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(f"{API}/{path}", data=body, headers=headers)  # noqa: S310 https
    what = ""
    try:
        with opener().open(request, timeout=TIMEOUT) as answer:
            return str(answer.read().decode("utf-8"))
    except urllib.error.HTTPError as error:
        way_out = _WAYS_OUT.get(error.code, "try again later")
        what = f"answered {error.code}; {way_out}"
    except urllib.error.URLError as error:
        what = f"cannot be reached ({_reason(error.reason)}); check whether this machine is online"
    except (OSError, HTTPException) as error:
        what = f"closed the connection ({_reason(error)}); try again"
    except UnicodeDecodeError:
        what = "sent an answer that is not text; try again later"
    # Raised outside the handlers, because those errors carry the request with its credentials.
    raise TailscaleError(f"tailnet: Tailscale {what}")


def _reason(reason: object) -> str:
    return getattr(reason, "strerror", None) or type(reason).__name__


def _unusable(what: str) -> TailscaleError:
    return TailscaleError(f"tailnet: Tailscale answered without a {what}; try again")
