"""Rendered configuration of each program, from the shipped stacks and from test stacks."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from homelab.config.document import read_document
from homelab.config.load import load_stack_config
from homelab.config.lock import Lock
from homelab.plan import Plan
from homelab.planner import make_plan
from homelab.proxy.registry import PROXIES
from tests import build
from tests.evaluation import stacks
from tests.household import household
from tests.proxy.nixos import as_data
from tests.proxy.stack import changes
from tests.tools.libraries import modules_on, set_by_libraries

SHIPPED = {
    "home": build.SHIPPED / "Pulumi.home.yaml",
    **{
        p.parent.name: p
        for p in sorted((build.ROOT / "examples").glob("*/Pulumi.*.yaml"))
        if p.name == f"Pulumi.{p.parent.name}.yaml"
    },
}
"""Stack files by name."""
OWN = {
    **{
        f"{server}-with-every-upstream": {
            "network": {
                "dns": {
                    "server": server,
                    "query_log": log,
                    "upstreams": [
                        "https://dns.quad9.net/dns-query",
                        "https://9.9.9.9:443/dns-query",
                        "tls://dns.quad9.net",
                        "tls://dns.quad9.net:853",
                        "9.9.9.9",
                        "1.1.1.1:53",
                    ],
                }
            },
            "services": {"miniflux": {"host": "aurora", "name": "news"}},
        }
        for server, log in (("blocky", True), ("adguard", False))
    },
    **{f"table-{proxy}": changes(proxy) for proxy in PROXIES},
    # On the host of the resolver, whose port 53 Podman's names leave free.
    "several-containers": {
        "services": {
            "wiki": {
                "host": "pi",
                "port": 8097,
                "auth": "native",
                "containers": {
                    "web": {
                        "image": "ghcr.io/a/b:1@sha256:" + "0" * 64,
                        "port": 80,
                        "depends_on": ["cache"],
                        "secrets": {"key": "KEY"},
                        "health": {"command": ["wget", "-q", "http://localhost"]},
                    },
                    "cache": {"image": "ghcr.io/a/b:2@sha256:" + "0" * 64},
                },
                "secrets": {"key": {}},
                "backup": {"skip": "it keeps nothing"},
            },
        },
    },
    "drives": {
        "tailnet": {
            "name": "t.ts.net",
            "client_id": {"sops": "a"},
            "client_secret": {"sops": "b"},
            "owners": ["sam@example.org"],
        },
        "hosts": {"pi": {"tailscale": {}}, "aurora": {"tailscale": {}}},
        "datasets": {
            "macs": {
                "host": "aurora",
                "path": "/mnt/macs",
                "tier": "user",
                "fs": "btrfs",
                "quota": "2 TB",
                "samba": {"lan": "the Macs have no Tailscale", "time_machine": True},
            },
            "papers": {"host": "aurora", "path": "/srv/papers", "tier": "user", "samba": {}},
        },
    },
    "oidc": {
        "identity": {
            "directory": {"base_dn": "dc=example,dc=org"},
            "users": None,
            "scopes": {"roles": ["is_admin", "groups"]},
            "claims": {"is_admin": '"admins" in groups'},
        },
        "services": {
            "authelia": {"publish": "tunnel", "audience": "public", "public": "people sign in"},
            "openldap": {},
            "miniflux": {"host": "aurora", "name": "news", "auth": "oidc"},
            "board": {
                "host": "aurora",
                "audience": "family",
                "auth": "oidc",
                "oidc": {
                    "redirects": ["/auth/callback"],
                    "scopes": ["openid", "profile", "email", "groups", "offline_access"],
                    "id_token": ["email", "groups", "name"],
                },
                "container": {"image": "ghcr.io/a/b:1@sha256:" + "0" * 64, "port": 80},
                "port": 8099,
                "backup": {"skip": "it keeps nothing"},
                "routes": None,
            },
            "phone": {
                "host": "aurora",
                "audience": "family",
                "auth": "oidc",
                "oidc": {
                    "redirects": ["/cb", "org.example.app:///callback", "http://localhost/cb"],
                    "scopes": ["openid", "roles"],
                    "id_token": ["is_admin"],
                    "public": True,
                },
                "container": {"image": "ghcr.io/a/b:1@sha256:" + "0" * 64, "port": 80},
                "port": 8098,
                "backup": {"skip": "it keeps nothing"},
            },
        },
    },
}
"""Changes over the household, by name."""
WHOLE = {f"every-field-{name}": changes for name, changes in stacks.STACKS.items()}
"""Changes of the smallest homelab that together set every field, by name."""
ALL = (*SHIPPED, *OWN, *WHOLE)
_QUICK = {"home", "table-nginx", "table-traefik", "oidc", "every-field-lan", "every-field-rich"}
EACH = [n if n in _QUICK else pytest.param(n, marks=pytest.mark.long) for n in ALL]
"""For programs that take long: a few of the stacks in `make test`, and all in `make test-lab`."""


@cache
def planned(name: str) -> Plan:
    """A stack's plan."""
    if name in SHIPPED:
        return make_plan(load_stack_config(read_document(SHIPPED[name])), Lock())
    return build.plan(WHOLE[name] if name in WHOLE else household(OWN[name]))


def settings(plan: Plan, path: str, directory: Path) -> Iterator[tuple[str, Any]]:
    """(host, value) of an option by its full path, on each host that has it."""
    for host in plan.hosts.values():
        value: Any = None
        for module in modules_on(plan, host.name):
            for said in (module.derived, module.stated):
                found = _at(said, path.split("."))
                if found is not None:
                    value = _joined(value, as_data(found, directory))
        keys = path.split(".")
        made = _at(set_by_libraries(plan, host, ".".join(keys[:2]), directory), keys)
        if made is not None:
            value = _joined(value, made)
        if value is not None:
            yield host.name, value


def _at(value: Any, path: list[str]) -> Any:
    for key in path:
        value = getattr(value, "value", value)
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return value


def _joined(old: Any, new: Any) -> Any:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return {**old, **{k: _joined(old.get(k), v) for k, v in new.items()}}
    if isinstance(old, list) and isinstance(new, list):
        return [*old, *new]
    return new


@contextmanager
def running(
    words: list[str], log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program during a `with` block. Its output is in the log."""
    with log.open("w") as out:
        process = subprocess.Popen(
            words, stdout=out, stderr=out, env=dict(env) if env else None, cwd=cwd
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
