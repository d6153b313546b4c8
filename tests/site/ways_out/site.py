"""Ways out of values of the wrong shape, by kind of mistake."""

from __future__ import annotations

from collections.abc import Mapping

from tests.household import KEY
from tests.site.ways_out.model import Changes, WayOut
from tests.site.ways_out.parts import draw, jellyfin

SSH_KEY = KEY
IMAGE = f"docker.io/a/b:1@sha256:{'0' * 64}"
MAC = {"platform": "x86_64-darwin", "state_version": "25.11", "home": "hosts/nas/hardware.nix"}


def shape(
    kind: str, broken: Changes, applied: Changes, asked: Mapping[str, str] | None = None
) -> WayOut:
    """A value of the wrong shape. `kind` is pydantic's type of the error."""
    return WayOut("", broken, applied, kind=kind, asked=asked or {})


def owner(**said: object) -> Changes:
    return {"site": {"owner": said}}


def host(**said: object) -> Changes:
    return {"hosts": {"nas": said}}


def dns(**said: object) -> Changes:
    return {"network": {"dns": said}}


def box(**said: object) -> Changes:
    """A container with one changed field."""
    known = {"image": IMAGE, "port": 80}
    return draw(backup={"skip": "keeps nothing"}, container={**known, **said})


def named(internal: str) -> Changes:
    return {"site": {"names": {"internal": internal}}}


def token(**said: object) -> Changes:
    return {"cloudflare": {"token": said}}


WAYS = (
    # --- keys --------------------------------------------------------------------------------
    shape(
        "extra_forbidden",
        {"servces": {"jellyfin": {"host": "nas"}}},
        {"servces": None, "services": {"jellyfin": {"host": "nas"}}},
    ),
    shape(
        "extra_forbidden",
        jellyfin(routes=[{"name": "films", "pubish": "internal"}]),
        jellyfin(routes=[{"name": "films", "publish": "internal"}]),
    ),
    shape("extra_forbidden", jellyfin(nfs={}), jellyfin(nfs=None)),
    shape(
        "extra_forbidden",
        draw(backup={"skip": "keeps nothing"}, harden={"exempt": "it confines itself"}),
        draw(harden=None),
    ),
    shape("extra_forbidden", {"network": {"vlans": []}}, {"network": {"vlans": None}}),
    shape(
        "missing",
        {"network": {"lan": None}},
        {"network": {"lan": {"cidr": "192.168.1.0/24", "gateway": "192.168.1.1"}}},
        {"192.168.1.0/24": "cidr: …", "192.168.1.1": "gateway: …"},
    ),
    shape("missing", owner(ssh_keys=None), owner(ssh_keys=[SSH_KEY])),
    shape(
        "missing",
        {"cloudflare": {"zone": {"id": None}}},
        {"cloudflare": {"zone": {"id": "1" * 32}}},
    ),
    # --- values ------------------------------------------------------------------------------
    shape("int_type", jellyfin(port="8096"), jellyfin(port=8096)),
    shape("bool_type", host(flash="true"), host(flash=True)),
    shape(
        "string_type", jellyfin(name=["films"]), jellyfin(name="films"), {"films": "as one value"}
    ),
    shape("list_type", owner(ssh_keys=SSH_KEY), owner(ssh_keys=[SSH_KEY])),
    shape(
        "model_type",
        {"services": {"jellyfin": "nas"}},
        jellyfin(),
        {"nas": "keys: enable, host"},
    ),
    shape(
        "dict_type",
        box(environment=["A=b"]),
        box(environment={"A": "b"}),
        {"A": "write its keys below it", "b": "each with a value"},
    ),
    shape(
        "is_instance_of",
        {"network": {"lan": {"cidr": 24}}},
        {"network": {"lan": {"cidr": "192.168.1.0/24"}}},
    ),
    shape(
        "is_instance_of",
        {"network": {"lan": {"gateway": 1}}},
        {"network": {"lan": {"gateway": "192.168.1.1"}}},
        {"192.168.1.1": "write it as 192.168.1.10"},
    ),
    shape("literal_error", host(role="workhorze"), host(role="workhorse")),
    shape(
        "too_short", owner(ssh_keys=[]), owner(ssh_keys=[SSH_KEY]), {SSH_KEY: "give at least one"}
    ),
    shape(
        "less_than_equal",
        jellyfin(port=99999),
        jellyfin(port=8096),
        {"8096": "should be less than or equal to 65535"},
    ),
    shape(
        "greater_than_equal",
        jellyfin(port=0),
        jellyfin(port=8096),
        {"8096": "should be greater than or equal to 1"},
    ),
    shape(
        "string_pattern_mismatch",
        box(image="docker.io/a/b:latest"),
        box(),
        {IMAGE: "Image with its digest"},
    ),
    shape(
        "value_error",
        host(address={"lan": "192.168.1.300"}),
        host(address={"lan": "192.168.1.30"}),
        {"192.168.1.30": "write it as 192.168.1.10"},
    ),
    shape(
        "value_error",
        named("{host}.home.example.org"),
        named("{name}.{domain}"),
        {"{name}.{domain}": "{name}, {domain} and {zone}"},
    ),
    shape("value_error", jellyfin(name="films", routes=[{"name": "films"}]), jellyfin(name=None)),
    shape(
        "value_error",
        jellyfin(backup={"skip": "films", "include": ["/x"]}),
        jellyfin(backup={"include": None}),
    ),
    shape("value_error", token(op="op://v/i/f"), token(sops=None)),
    shape(
        "value_error",
        {"hosts": {"mac": MAC}},
        {"hosts": {"mac": {"kind": "home-manager"}}},
    ),
    shape("value_error", jellyfin(name=True), jellyfin(name="true")),
    shape(
        "value_error",
        owner(email="sam\u0007@example.org"),
        owner(email="sam@example.org"),
        {"sam@example.org": "leave it out"},
    ),
)
