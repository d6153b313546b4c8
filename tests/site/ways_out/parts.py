"""Parts of stacks that several tables use."""

from __future__ import annotations

from tests.site.ways_out.model import Changes

IDENTITY: Changes = {"identity": {"host": "pi", "users": {"sops": "authelia/users"}}}
TUNNEL: Changes = {
    "cloudflare": {"tunnel": {"host": "pi"}},
    "site": {"names": {"public": "{name}-home.{zone}"}},
}


def jellyfin(**config: object) -> Changes:
    """A service that needs only a host."""
    return {"services": {"jellyfin": {"host": "nas", **config}}}


def draw(**config: object) -> Changes:
    """A container with these fields."""
    container = {"image": f"docker.io/a/b:1@sha256:{'0' * 64}", "port": 80}
    mine = {"host": "nas", "container": container, "auth": "native", "tile": {"group": "Tools"}}
    return {"services": {"draw": {**mine, **config}}}


def vote(**config: object) -> Changes:
    """A service of an external flake."""
    mine = {
        "host": "pi",
        "flake": {"input": "eurovote", "unit": "vote", "dynamic_user": True},
        "port": 8007,
        "auth": "native",
        "tile": {"group": "Tools"},
        "options": {"services.vote.host": {"$text": "{bind}"}},
        "harden": {"read_write": ["/var/lib/private/vote"]},
    }
    return {
        "flakes": {"eurovote": {"url": "github:anerisgreat/eurovote"}},
        "services": {"vote": {**mine, **config}},
    }


def music(cloudflare: Changes | None = None, on: str = "nas", **route: object) -> Changes:
    """A route through the tunnel to an app with its own sign-in."""
    known = {"name": "music", "publish": "tunnel", "audience": "family", "auth": "native"}
    return {
        "cloudflare": {"tunnel": {"host": "pi"}, **(cloudflare or {})},
        "site": {"names": {"public": "{name}-home.{zone}"}},
        "services": {"miniflux": {"host": on, "routes": [{**known, **route}]}},
    }


def routed(**route: object) -> Changes:
    """The route of `music` after the edit."""
    known = {"name": "music", "publish": "tunnel", "audience": "family", "auth": "native"}
    kept = {k: v for k, v in {**known, **route}.items() if v is not None}
    return {"services": {"miniflux": {"routes": [kept]}}}
