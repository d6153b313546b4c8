"""Checks of the entry plane: what no proxy could do, or what only one of them would."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from homelab.checks import check
from homelab.problems import Problem
from homelab.proxy.model import GATE_HEADERS

if TYPE_CHECKING:
    from homelab.plan import Plan


@check("proxy-text", rows="S0-15 T1")
def proxy_text(plan: Plan) -> Iterator[Problem]:
    """What one proxy reads differently from another opens more than was meant."""
    for route in plan.routes:
        for path in route.exempt:
            if "*" in path[:-1] or re.search(r"[`\s?#%\"\\{}]", path):
                yield Problem(
                    f"{route.source}.exempt",
                    f"{path} is no plain path",
                    "write letters as they are, and a * at its end alone",
                )


@check("proxy-headers", rows="T21")
def proxy_headers(plan: Plan) -> Iterator[Problem]:
    """Traefik hands on the gate's headers by their own names and cannot rename them."""
    if plan.site.network.entry.proxy != "traefik":
        return
    for route in plan.routes:
        for theirs, ours in route.headers:
            if theirs != GATE_HEADERS[ours]:
                yield Problem(
                    route.source,
                    f"{route.service} wants {theirs}, and Traefik can only hand on "
                    f"{GATE_HEADERS[ours]}",
                    "let the app read that one, or choose network.entry.proxy: caddy or nginx",
                )


@check("chain-known", rows="S4-12")
def chain_known(plan: Plan) -> Iterator[Problem]:
    """The tunnel's visitors are in no network of ours: a route is for the one or for the other."""
    for route in plan.routes:
        if route.sources != "any" and route.publish != "internal":
            yield Problem(
                f"{route.source}.sources",
                f"{route.public} is on the internet, and sources: {route.sources} shuts it out",
                "publish: internal, or leave sources out",
            )


@check("legacy-uri", rows="S0-18")
def legacy_uri(plan: Plan) -> Iterator[Problem]:
    """A redirect is for people's bookmarks: what is configured says the name of now, or a sign-in
    ends at a name that has no certificate.
    """
    facts = plan.site.site
    for index, legacy in enumerate(facts.legacy_domains):
        if facts.domain == legacy.domain or facts.domain.endswith(f".{legacy.domain}"):
            yield Problem(
                f"site.legacy_domains[{index}]",
                f"{legacy.domain} is the domain of today's names",
                "leave it out",
            )
        before = re.escape(legacy.domain)
        name = re.compile(rf"(^|[^a-z0-9-]){before}($|[^a-z0-9.-])", re.IGNORECASE)
        for key, service in plan.site.services.items():
            said: list[tuple[str, object]] = [
                (f"options.{k}", v) for k, v in service.options.items()
            ]
            if service.container is not None:
                said.append(("container", service.container.environment))
            for where, value in said:
                for text in sorted(set(_texts(value))):
                    if name.search(text):
                        yield Problem(
                            f"services.{key}.{where}",
                            f"{text} lies in {legacy.domain}, which only redirects",
                            f"say it with {facts.domain}",
                        )


def outlived(plan: Plan, today: str) -> Iterator[Problem]:
    """Legacy domains whose time is over by this day (`2026-12-31`). No check: it needs a clock."""
    for index, legacy in enumerate(plan.site.site.legacy_domains):
        if legacy.until is not None and legacy.until < today:
            yield Problem(
                f"site.legacy_domains[{index}].until",
                f"{legacy.domain} was to redirect until {legacy.until}",
                "leave it out, or give its visitors more time",
                check="legacy-until",
                severity="warning",
            )


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
