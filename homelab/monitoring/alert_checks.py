"""Checks of alerts: there are some, and the server of the stack takes them."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from homelab.check import check
from homelab.config.hosts import NixosHost
from homelab.config.monitoring import Ntfy
from homelab.monitoring.plan import alert_route
from homelab.network.plan import internal_name
from homelab.network.route import Route, main_first
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.declared import declared_options
from homelab.system.model import RUNNING, nixos_hosts

NTFY = "ntfy"
"""The catalog entry of the server."""
_ACCESS = "services.ntfy-sh.settings.auth-default-access"
_WRITES = ("read-write", "write-only")


@check("alert-delivered")
def alert_delivered(plan: Plan) -> Iterator[Problem]:
    """A server that refuses an alert tells nobody: a failed alert sends none."""
    ntfy = plan.stack.monitoring.ntfy
    if ntfy is None:
        return
    route, name = alert_route(plan.stack, plan.routes), urlsplit(ntfy.url).hostname or ""
    host = _host_of(plan, name)
    if route is not None:
        yield from _at_home(plan, ntfy, route)
    elif host:
        yield from _at_host(plan, ntfy, host)
    elif name.endswith(f".{plan.stack.site.domain}"):
        yield Problem(
            "monitoring.ntfy.url",
            f"no route of the stack has the name {name}",
            "write the name of a route, or of a server elsewhere: https://ntfy.sh",
        )


@check("alert-sent", severity="warning")
def alert_sent(plan: Plan) -> Iterator[Problem]:
    """A monitor without alerts shows failures only to those who look at its page, and a backup may
    fail every night until the day that it is needed.
    """
    if plan.stack.monitoring.ntfy is not None or not (plan.monitoring or plan.backup.jobs):
        return
    yield Problem(
        "monitoring.ntfy",
        "nobody is notified of a failed backup or health check",
        "add ntfy: {topic: {sops: ntfy/topic}}, and subscribe to the topic in the ntfy app",
    )


@check("heartbeat-host")
def heartbeat_host(plan: Plan) -> Iterator[Problem]:
    """A host without generated NixOS units for monitoring sends no heartbeat, nor does one that
    does not run yet or any more.
    """
    heartbeat = plan.stack.monitoring.heartbeat
    config = plan.stack.hosts.get(heartbeat.host) if heartbeat is not None else None
    # host-known reports a host that does not exist.
    if heartbeat is None or config is None:
        return
    others = [
        name
        for name, host in nixos_hosts(plan.stack.hosts).items()
        if host.manages("monitoring") and host.state in RUNNING and host.always_on
    ]
    what = ""
    if not isinstance(config, NixosHost) or not config.manages("monitoring"):
        what = f"homelab writes no units for monitoring on {heartbeat.host}"
    elif config.state not in RUNNING:
        what = f"{heartbeat.host} is {config.state}, so it sends no heartbeat"
    if what:
        yield Problem(
            "monitoring.heartbeat.host",
            what,
            f"name one of: {', '.join(sorted(others))}" if others else "leave heartbeat out",
        )


def _host_of(plan: Plan, name: str) -> str:
    """The NixOS host of the stack that a name or an address is of; empty if there is none. A host
    also calls itself localhost: then it is the one with the server.
    """
    if name == "localhost" or name.startswith("127."):
        return next((s.host for s in plan.services if s.entry.name == NTFY), "")
    tailnet = plan.stack.tailnet.name if plan.stack.tailnet is not None else ""
    for host in plan.hosts.values():
        own = {host.name, f"{host.name}.local", f"{host.name}.{tailnet}"}
        if name and name in {*own, *host.addresses.values()}:
            return host.name
    return ""


def _at_host(plan: Plan, ntfy: Ntfy, host: str) -> Iterator[Problem]:
    """The problem of a server that is named by its host instead of its route: the firewall of the
    host and the address that it listens on are for the reverse proxy.
    """
    parts = urlsplit(ntfy.url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    here = [s for s in plan.on(host) if s.entry.name == NTFY]
    server = next((s for s in here if s.port == port), here[0] if here else None)
    if server is None:
        config = plan.hosts[host].config
        # Its owner's modules may run a server that the plan does not know of.
        is_ours = not config.modules and config.extends is None and config.manage is None
        if is_ours and not any(use.port == port for use in plan.firewall.on(host)):
            yield Problem(
                "monitoring.ntfy.url",
                f"no service of the stack answers at port {port} of {host}",
                f"add services.ntfy: {{host: {host}}} and write the name of its route, or write "
                "the name of a server elsewhere: https://ntfy.sh",
            )
        return
    routes = main_first(r for r in plan.routes if (r.service, r.host) == (server.name, host))
    yield Problem(
        "monitoring.ntfy.url",
        f"this is {server.name} by its host {host}, where its port is for the reverse proxy",
        f"write https://{routes[0].title}"
        if routes
        else f"leave {server.at('routes')} out, so that it has a route, and write "
        f"https://{internal_name(plan.stack, server.config.name or server.name)}",
    )


def _at_home(plan: Plan, ntfy: Ntfy, route: Route) -> Iterator[Problem]:
    """Problems of a server that is a service of the stack."""
    if ntfy.url.startswith("http://"):
        yield Problem(
            "monitoring.ntfy.url",
            "the reverse proxy redirects http, and an alert does not follow a redirect",
            f"write https://{urlsplit(ntfy.url).hostname}",
        )
    if route.auth == "forward":
        yield Problem(
            f"{route.source}.auth",
            f"the auth proxy answers alerts with its sign-in page, so {route.service} gets none",
            "write auth: native, with which the app itself checks the token of the alerts",
        )
    service = next((s for s in plan.services if s.name == route.service), None)
    if service is None or service.entry.name != NTFY or ntfy.token is not None:
        return
    opened = {o.value for o in declared_options(service.config) if o.name == _ACCESS}
    if not opened & {*_WRITES}:
        yield Problem(
            "monitoring.ntfy",
            f"{route.service} lets nobody publish without an access token, so no alert arrives",
            "add token: {sops: ntfy/token}, with what `ntfy token add` prints on "
            f"{route.host} for a user who may write the topic; deploy {route.service} first, with "
            "ntfy left out",
            cause="monitoring.ntfy.token",
        )
