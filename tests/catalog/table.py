"""What homelab does with each service of the catalog, in one table: `docs/reference/catalog-table.md`.

Every cell comes from the plan of a stack that has the service, as `homelab service test` shows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from homelab.catalog import ENTRIES
from homelab.catalog.model import Entry
from homelab.catalog.options import options_of
from homelab.hardening.plan import EVERYTHING
from homelab.plan import Plan
from homelab.services.model import Service
from homelab.services.report_rows import Row, rows_of
from homelab.testing import changed
from tests import build
from tests.programs.app_all import APPS

RELEASES = ("25.11", "26.05")
COLUMNS = ("port", "route", "sign-in", "secrets", "state", "backup", "sandbox", "monitor", "tile")
"""Rows of `homelab service test` that the table shows."""
_B2 = {
    "b2": {
        "kind": "b2",
        "path": "example-backups",
        "credentials": {"sops": "backup/b2"},
    }
}
_ALL: dict[str, object] = {
    **build.TAILNET,
    "identity": {"host": "pi", "users": {"sops": "authelia/users"}},
    "backup": {"targets": _B2},
    "cloudflare": {"tunnel": {"host": "pi"}},
    "site": {"exposure": "mixed"},
    "datasets": {
        "shared": {"host": "nas", "path": "/mnt/shared", "mount": "/mnt/shared", "tier": "user"},
        "music": {
            "host": "nas",
            "path": "/mnt/shared/music",
            "mount": "/mnt/shared",
            "tier": "user",
            "samba": {},
        },
    },
}
_LDAP = {"kind": "openldap", "base_dn": "dc=example,dc=org"}
_ELSEWHERE = {"influxdb2": "pi", "unifi": "pi"}
"""Services that cannot run beside another one of the catalog, with their host: Scrutiny has an InfluxDB
of its own; UniFi and SABnzbd both have port 8080.
"""
_VARIANTS: tuple[dict[str, object], ...] = (
    {},
    {"network": {"entry": {"proxy": "nginx"}, "dns": {"server": "adguard"}}},
    {
        "network": {"entry": {"proxy": "traefik"}},
        "identity": {"users": None, "directory": _LDAP},
    },
    {"identity": {"provider": "pocket-id", "users": None}},
)
"""Sections that bring the infrastructure of the catalog."""


@dataclass(frozen=True)
class Line:
    """One service of the catalog, on one NixOS release."""

    service: Service
    rows: Mapping[str, Row]
    audiences: tuple[str, ...]


@cache
def plan_of(release: str, variant: int = 0) -> Plan:
    """The plan of a stack with every service whose module this release has."""
    return _plan(release, _VARIANTS[variant])


@cache
def lines(release: str) -> dict[str, Line]:
    """Every service whose module this release has, by name."""
    found: dict[str, Line] = {}
    for variant in range(len(_VARIANTS)):
        plan = plan_of(release, variant)
        for service in plan.services:
            if service.entry.name not in found and service.entry.name in ENTRIES:
                rows = {r.name: r for r in rows_of(plan, service, {})}
                audiences = tuple(r.audience for r in plan.routes_of(service.name))
                found[service.entry.name] = Line(service, rows, audiences)
    return found


def _plan(release: str, variant: Mapping[str, object]) -> Plan:
    services: dict[str, dict[str, object]] = {
        name: {
            "host": _ELSEWHERE.get(name, "nas"),
            "datasets": dict.fromkeys(entry.at(release).datasets, "shared"),
        }
        for name, entry in ENTRIES.items()
        if not entry.infrastructure and entry.since <= release
    }
    for number, (name, service) in enumerate(sorted(services.items())):
        if "web" in (ports := ENTRIES[name].ports) and ENTRIES[name].moves_port(release):
            # Apps with the same default port need others on one host.
            service["port"] = 20_000 + number if ports["web"].movable else ports["web"].port
    services |= {
        n: {"host": "nas", "port": 30_000 + i} for i, n in enumerate(("gatus", "homepage"))
    }
    pin = {"nixpkgs": {"default": {"release": release}}, "services": services}
    return build.plan(changed(changed(_ALL, pin), variant))


def page() -> str:
    """The table, with one row for each entry."""
    head = ("Service", *RELEASES, "Port", "Route", "Sign-in", "Secrets", "Backup", "Sandbox")
    head = (*head, "Monitor", "Tile", "Program")
    rows = [head, tuple("---" for _ in head), *(cells(e) for _, e in sorted(ENTRIES.items()))]
    return _INTRO + "".join(f"| {' | '.join(row)} |\n" for row in rows)


_INTRO = """\
# What homelab does with each service

Generated from the catalog with `make docs`; do not edit.

Each row is the plan of a stack with that service and its default settings, on the newest of the two
releases that has its module. The numbers below a release count the NixOS options that homelab sets.
*Program* names the services whose program runs in a test, with the rendered settings, behind the rendered Caddy and
Nginx: a person signs in to it, by the auth proxy, by OpenID Connect, or in the app. Programs without pages run in other
tests or not at all.
[The catalog](catalog.md) has the details, and `homelab service test NAME` shows the same for your stack.

"""


def cells(entry: Entry) -> tuple[str, ...]:
    """The cells of one entry. None of them is empty."""
    newest = next(r for r in reversed(RELEASES) if entry.name in lines(r))
    line = lines(newest)[entry.name]
    return (
        f"[{entry.name}](catalog.md#{entry.name})",
        *(_count(entry, r) for r in RELEASES),
        *_shown(line),
        _program(entry),
    )


_SIGN_INS = {"forward": "runs, auth proxy", "oidc": "runs, OpenID Connect", "native": "runs, app"}


def _program(entry: Entry) -> str:
    """How a person signs in to its program in `tests/programs/test_behind_the_proxy.py`."""
    app = APPS.get(entry.name)
    return _SIGN_INS[app.how] if app else "no"


def _count(entry: Entry, release: str) -> str:
    if entry.since > release:
        return f"since {entry.since}"
    return (
        "by its section"
        if entry.infrastructure
        else str(len(options_of(entry.at(release), release)))
    )


def _shown(line: Line) -> Iterator[str]:
    entry, rows = line.service.entry, line.rows
    yield ", ".join(f"{p.port}/{p.protocol}" for p in entry.ports.values()) or "none"
    yield ", ".join(line.audiences) or _first(rows["route"])
    yield "; ".join(r.partition(": ")[2] for r in rows["sign-in"].lines) or "no route"
    yield ", ".join(s.partition(":")[0] for s in rows["secrets"].lines) or "none"
    yield _backup(entry, rows["backup"])
    yield _sandbox(rows["sandbox"])
    yield "; ".join(_probe(r) for r in rows["monitor"].lines) or _first(rows["monitor"])
    yield _first(rows["tile"])


def _first(row: Row) -> str:
    return "; ".join(row.lines) or row.way_out.partition(";")[0]


def _backup(entry: Entry, row: Row) -> str:
    if row.lines and row.lines[0].startswith("none"):
        return row.lines[0]
    dumps = ", ".join(sorted({d.kind for d in entry.dumps}))
    return ("yes, after a dump of " + dumps) if dumps else "yes" if row.lines else ""


def _sandbox(row: Row) -> str:
    """What applies to its main unit."""
    text = row.lines[0].partition(": ")[2] if row.lines else ""
    return text.split(" (")[0] if EVERYTHING not in text else text


def _probe(line: str) -> str:
    """Without the host name, which is the example's."""
    if line.startswith("none"):
        return line
    scheme, _, rest = line.split(" every", maxsplit=1)[0].rpartition("://")
    return (
        f"`{scheme or 'dns'}` `/{rest.partition('/')[2]}`"
        if "/" in rest
        else f"`{scheme or 'dns'}`"
    )
