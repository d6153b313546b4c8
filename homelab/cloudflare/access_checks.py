"""What must stand in front of a public name, and whom it lets pass."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.network.route import Route
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean


@check("tunnel-requires-access", rows="S2-06")
def tunnel_requires_access(plan: Plan) -> Iterator[Problem]:
    """Through the tunnel anyone on the internet arrives. Access stops all but the household; else
    our identity provider asks at the proxy, or somebody says why nobody does.
    """
    for route in plan.routes:
        if route.publish != "tunnel" or route.access or route.public_reason:
            continue
        if not route.is_asked_in_tunnel:
            yield Problem(
                route.at("access"),
                f"the route {route.name} goes through the tunnel without Access",
                "leave access out, let auth: forward ask who it is, or say why anyone may reach "
                "it: public: …",
            )
        elif route.exempt:
            yield Problem(
                route.at("exempt"),
                f"the route {route.name} goes through the tunnel without Access, and its gate "
                f"leaves {', '.join(route.exempt)} open to anyone",
                "exempt: [], leave access out, or say why: public: …",
            )


@check("auth-proxy-opened", rows="S2-06 S1-08")
def auth_proxy_opened(plan: Plan) -> Iterator[Problem]:
    """A rule that asks nobody opens to the whole internet what nothing else stands before."""
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
                "internet, and nobody asks who they are",
                f"take it away; or leave {route.at('access')} out, so that Access asks; or say why "
                f"at {route.at('public')}: …",
            )


@check("access-known", rows="S2-06")
def access_known(plan: Plan) -> Iterator[Problem]:
    """A name that Access does not know would let nobody pass."""
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
    """How the stack config makes the first group, or the first token."""
    if what == "groups":
        return f"groups: {{{name}: {{emails: […]}}}}"
    return f"service_tokens: {{{name}: {{}}}}"


@check("access-effect", rows="S2-06")
def access_effect(plan: Plan) -> Iterator[Problem]:
    """Who reads access_groups believes that all others are kept out."""
    opened = [
        (r.source, _said_of_access(r), _behind_access(r))
        for r in plan.routes
        if r.publish != "tunnel" or not r.access
    ]
    for page in plan.cloudflare.pages if plan.cloudflare else ():
        if page.public_reason:
            said = "access_groups" if page.access_groups else ""
            opened.append((page.source, said, "leave public out"))
    for source, said, behind in opened:
        if said:
            yield Problem(
                source,
                "it says whom Access lets pass, and Access does not stand in front of it",
                f"leave {said} out; or publish it behind Access: {behind}",
            )


def _said_of_access(route: Route) -> str:
    """What a route says of Access."""
    said = {"access_groups": route.access_groups, "service_tokens": route.service_tokens}
    return " and ".join(name for name, value in said.items() if value)


def _behind_access(route: Route) -> str:
    """What is to be written, so that Access stands in front of a route."""
    publish = "" if route.publish == "tunnel" else "publish: tunnel"
    away = "leave public out" if route.public_reason else "" if publish else "leave access out"
    return ", and ".join(filter(None, (publish, away)))


@check("access-group-empty", rows="S2-06")
def access_group_empty(plan: Plan) -> Iterator[Problem]:
    """Cloudflare refuses a group that nobody is in."""
    for group in plan.cloudflare.groups if plan.cloudflare else ():
        if not group.emails and not group.domains:
            yield Problem(
                f"cloudflare.access.groups.{group.name}",
                f"nobody is in the group {group.name}",
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
"""Domains in which anybody gets an address."""


@check("access-group-wide", rows="S2-06")
def access_group_wide(plan: Plan) -> Iterator[Problem]:
    """A group by an e-mail domain is everybody with an address there: at a mail provider, whoever
    asks for one.
    """
    for group in plan.cloudflare.groups if plan.cloudflare else ():
        for i, domain in enumerate(group.domains):
            if domain in _ANYBODY:
                yield Problem(
                    f"cloudflare.access.groups.{group.name}.domains[{i}]",
                    f"anybody gets an address at {domain}, so Access would let everybody in",
                    "take it away, and name the people: emails: […]",
                )


@check("service-token-host", rows="S2-06")
def service_token_host(plan: Plan) -> Iterator[Problem]:
    """A token for a host that is not there reaches nobody."""
    for token in plan.cloudflare.service_tokens if plan.cloudflare else ():
        host = plan.hosts.get(token.host)
        if token.host and (host is None or not host.is_nixos):
            known = [h.name for h in plan.hosts.values() if h.is_nixos]
            yield Problem(
                f"cloudflare.access.service_tokens.{token.name}.host",
                f'there is no NixOS host "{token.host}"',
                did_you_mean(token.host, known, "hosts"),
            )


@check("service-token-expiry", rows="S2-06", severity="warning")
def service_token_expiry(plan: Plan) -> Iterator[Problem]:
    """A token that ends locks its program out, and only Cloudflare knows the day."""
    cloud = plan.cloudflare
    for token in cloud.service_tokens if cloud and not cloud.alert_email else ():
        if token.duration != "forever":
            yield Problem(
                f"cloudflare.access.service_tokens.{token.name}.duration",
                f"the token {token.name} ends after {token.duration}, and nobody would hear of it",
                "set monitoring.email: …, for Cloudflare tells a week before",
            )
