"""Checks of Access: which public names need it, and who passes."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.network.route import Route
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean


@check("tunnel-requires-access")
def tunnel_requires_access(plan: Plan) -> Iterator[Problem]:
    """Anyone on the internet can use the tunnel: a route needs Access, forward auth or a reason."""
    for route in plan.routes:
        if route.publish != "tunnel" or route.access or route.public_reason:
            continue
        if not route.is_asked_in_tunnel:
            yield Problem(
                route.at("access"),
                f"the route {route.name} goes through the tunnel without Access",
                "leave access out, write auth: forward, or state why anyone may reach "
                "it: public: …",
            )
        elif route.exempt:
            yield Problem(
                route.at("exempt"),
                f"the route {route.name} goes through the tunnel without Access, and exempt "
                f"leaves {', '.join(route.exempt)} open to anyone",
                "write exempt: [], leave access out, or state why: public: …",
            )


@check("auth-proxy-opened")
def auth_proxy_opened(plan: Plan) -> Iterator[Problem]:
    """A bypass rule opens a public route without Access to the whole internet."""
    alone = {
        r.name: r
        for r in plan.routes
        if r.public and not (r.publish == "tunnel" and r.access) and not r.public_reason
    }
    for rule in plan.identity.rules if plan.identity else ():
        route = alone.get(rule.route)
        if rule.policy == "bypass" and route is not None:
            yield Problem(
                rule.source,
                f"it opens {' '.join(rule.said) or 'all'} of {route.public} to anyone on the "
                "internet, without a sign-in",
                f"remove it; or leave {route.at('access')} out, so that Access protects it; or "
                f"state why at {route.at('public')}: …",
            )


@check("access-known")
def access_known(plan: Plan) -> Iterator[Problem]:
    """An unknown group or service token lets nobody pass."""
    config = plan.stack.cloudflare
    groups = list(config.access.groups) if config else []
    tokens = list(config.access.service_tokens) if config else []
    wanted = [(r.source, "access_groups", r.access_groups, groups) for r in plan.routes]
    wanted += [(r.source, "service_tokens", r.service_tokens, tokens) for r in plan.routes]
    for page in plan.cloudflare.pages if plan.cloudflare else ():
        wanted.append((page.source, "access_groups", page.access_groups, groups))
    for source, field, names, known in wanted:
        what = field.replace("access_", "").replace("_", " ")
        for name in names:
            if name not in known:
                yield Problem(
                    f"{source}.{field}",
                    f'Access knows no {what.removesuffix("s")} "{name}"',
                    did_you_mean(name, known, what)
                    if known
                    else f"add cloudflare.access.{_made(what, name)}",
                )


def _made(what: str, name: str) -> str:
    """The line that adds the first group or token."""
    if what == "groups":
        return f"groups: {{{name}: {{emails: […]}}}}"
    return f"service_tokens: {{{name}: {{}}}}"


@check("access-effect")
def access_effect(plan: Plan) -> Iterator[Problem]:
    """Without Access in front of a route, `access_groups` and `service_tokens` protect nothing."""
    opened = [
        (r.source, _access_fields(r), _behind_access(r))
        for r in plan.routes
        if r.publish != "tunnel" or not r.access
    ]
    for page in plan.cloudflare.pages if plan.cloudflare else ():
        if page.public_reason:
            fields = "access_groups" if page.access_groups else ""
            opened.append((page.source, fields, "leave public out"))
    for source, fields, behind in opened:
        if fields:
            yield Problem(
                source,
                f"{fields} has no effect, because Access is not in front of it",
                f"leave {fields} out; or publish it behind Access: {behind}",
            )


@check("access-internal")
def access_internal(plan: Plan) -> Iterator[Problem]:
    """`access` and `public` have no effect on a route that is not published."""
    for route in plan.routes:
        field = "public" if route.public_reason else "" if route.access else "access"
        if field and route.publish == "internal":
            yield Problem(
                route.at(field),
                f"{route.title} is not on the internet, so Access never stands in front of it",
                f"leave {field} out, or publish it: publish: tunnel",
                cause=route.published_by,
            )


def _access_fields(route: Route) -> str:
    """The fields for Access that a route sets."""
    fields = {"access_groups": route.access_groups, "service_tokens": route.service_tokens}
    return " and ".join(name for name, value in fields.items() if value)


def _behind_access(route: Route) -> str:
    """The lines that put Access in front of a route."""
    publish = "" if route.publish == "tunnel" else "publish: tunnel"
    away = "leave public out" if route.public_reason else "" if publish else "leave access out"
    return ", and ".join(filter(None, (publish, away)))


@check("access-group-empty")
def access_group_empty(plan: Plan) -> Iterator[Problem]:
    """Cloudflare refuses an empty group."""
    for group in plan.cloudflare.groups if plan.cloudflare else ():
        if not group.emails and not group.domains:
            yield Problem(
                f"cloudflare.access.groups.{group.name}",
                f"the group {group.name} is empty",
                "add emails: […] or domains: […], or leave it out",
            )


_ANYBODY = frozenset(
    (
        *("aol.com", "duck.com", "email.com", "fastmail.com", "gmail.com", "gmx.at", "gmx.ch"),
        *("gmx.com", "gmx.de", "gmx.net", "googlemail.com", "hey.com", "hotmail.co.uk"),
        *("hotmail.com", "hotmail.fr", "icloud.com", "laposte.net", "libero.it", "live.com"),
        *("mac.com", "mail.com", "mail.ru", "mailbox.org", "me.com", "msn.com", "naver.com"),
        *("orange.fr", "outlook.com", "outlook.de", "pm.me", "posteo.de", "proton.me"),
        *("protonmail.com", "qq.com", "t-online.de", "tuta.com", "tutanota.com", "web.de"),
        *("yahoo.co.uk", "yahoo.com", "yahoo.de", "yahoo.fr", "yandex.com", "yandex.ru"),
        *("ymail.com", "zoho.com", "163.com", "126.com", "free.fr", "wanadoo.fr", "online.no"),
    )
)
"""Domains of public mail providers."""


@check("access-group-wide")
def access_group_wide(plan: Plan) -> Iterator[Problem]:
    """A group with the domain of a public mail provider lets everybody in."""
    for group in plan.cloudflare.groups if plan.cloudflare else ():
        for i, domain in enumerate(group.domains):
            if domain in _ANYBODY:
                yield Problem(
                    f"cloudflare.access.groups.{group.name}.domains[{i}]",
                    f"anybody can get an address at {domain}, so Access would let everybody in",
                    "remove it, and list the people: emails: […]",
                )


@check("service-token-host")
def service_token_host(plan: Plan) -> Iterator[Problem]:
    """A token for an unknown host is delivered to none."""
    for token in plan.cloudflare.service_tokens if plan.cloudflare else ():
        host = plan.hosts.get(token.host)
        if token.host and (host is None or not host.is_nixos):
            known = [h.name for h in plan.hosts.values() if h.is_nixos]
            yield Problem(
                f"cloudflare.access.service_tokens.{token.name}.host",
                f'there is no NixOS host "{token.host}"',
                did_you_mean(token.host, known, "hosts"),
            )


@check("service-token-expiry", severity="warning")
def service_token_expiry(plan: Plan) -> Iterator[Problem]:
    """A program loses access when its token expires, and only Cloudflare knows the date."""
    cloud = plan.cloudflare
    for token in cloud.service_tokens if cloud and not cloud.alert_email else ():
        if token.duration != "forever":
            yield Problem(
                f"cloudflare.access.service_tokens.{token.name}.duration",
                f"the token {token.name} expires after {token.duration}, without a notification",
                "set monitoring.email: …: Cloudflare sends a mail a week before",
            )
