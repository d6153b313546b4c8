"""Services and their routes, in the words of the stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

import pulumi

from homelab.cloudflare.resources import AccessApp, Record
from homelab.components import cloudflare_resources as cloudflare
from homelab.components.access import application
from homelab.components.adopt import adopting
from homelab.components.component import Component
from homelab.network.route import Route as RoutePlan
from homelab.services.summary import ServiceSummary


class RecordArgs(TypedDict):
    """What a published name needs at Cloudflare."""

    record: Record
    app: AccessApp | None
    account: str
    zone: str
    session: str
    content: pulumi.Input[str]
    """What the record points to."""
    policies: dict[str, pulumi.Output[str]]
    """Ids of the Access policies, by key."""
    after: list[pulumi.Resource]
    """The switch of the tunnel's host: a name is published once the service runs."""


class RouteArgs(TypedDict):
    """What a route needs."""

    route: RoutePlan
    record: Record | None
    """None for a name that is not published."""


class Route(Component):
    """A name of a service: its audience, its sign-in and its upstream.

    A published name has an Access application, then a DNS record: `register_records` makes both.
    """

    token = "homelab:services:Route"
    former = ("homelab:service:Route",)

    url: pulumi.Output[str]
    """URL of the name. For a published name it is known once the record exists."""

    def __init__(
        self, name: str, args: RouteArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        route, record = args["route"], args["record"]
        super().__init__(
            name,
            {
                "url": route.url,
                "upstream": route.tunnel_service or route.upstream,
                "audience": route.audience,
                "publish": route.publish,
                "auth": route.auth,
                "record": record.name if record else None,
            },
            opts,
        )
        self._name, self._url = name, route.url
        self.url = pulumi.Output.from_input(route.url)

    def register_records(self, args: RecordArgs | None) -> None:
        """Register the Access application and the DNS record. None for an unpublished name."""
        if args is not None:
            url = self._url
            self.url = self._publish(self._name, args).id.apply(lambda _: url)
        self.register_outputs({"url": self._url})

    def _publish(self, name: str, args: RecordArgs) -> cloudflare.DnsRecord:
        record, app = args["record"], args["app"]
        after = list(args["after"])
        if app is not None:
            id_ = f"accounts/{args['account']}/{app.adopt}" if app.adopt else ""
            after.append(
                application(
                    f"{name}-access",
                    app.name,
                    {
                        "account": args["account"],
                        "session": args["session"],
                        "policies": app.policies,
                        "ids": args["policies"],
                    },
                    adopting(pulumi.ResourceOptions(parent=self), id_),
                    type_=app.type,
                    domain=app.domain,
                )
            )
        id_ = f"{args['zone']}/{record.adopt}" if record.adopt else ""
        return cloudflare.DnsRecord(
            f"{name}-dns",
            {
                "zone_id": args["zone"],
                "name": record.name,
                "type": record.type,
                "content": args["content"],
                "proxied": record.proxied,
                "ttl": 1,
                "comment": f"homelab: {record.route}",
            },
            adopting(pulumi.ResourceOptions(parent=self, depends_on=after), id_),
        )


class ServiceArgs(TypedDict):
    """What a service needs."""

    summary: ServiceSummary
    records: Mapping[str, Record]
    """Records of its published routes, by route."""


class Service(Component):
    """A service in the words of the stack, and its routes.

    Named by the service and never by its host, so a service that moves keeps its records. It
    registers before the hosts: a preview shows the change of the stack first, then the files that
    change. Names are published after the hosts, when `register_records` is called.
    """

    token = "homelab:services:Service"
    former = ("homelab:service:Service",)

    routes: dict[str, Route]
    """By name."""

    def __init__(
        self, name: str, args: ServiceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        summary = args["summary"]
        super().__init__(
            name,
            {
                "hosts": list(summary.hosts),
                "units": list(summary.units),
                "port": dict(summary.port),
                "state": list(summary.state),
                "backup": list(summary.backup),
                "no_backup": list(summary.no_backup),
                "sign_in": list(summary.sign_in),
                "settings": dict(summary.settings),
            },
            opts,
        )
        self.routes = {
            route.name: Route(
                route.name,
                {"route": route, "record": args["records"].get(route.name)},
                pulumi.ResourceOptions(parent=self),
            )
            for route in sorted(summary.routes, key=lambda r: r.name)
        }
        self._urls = {r.name: r.url for r in summary.routes}

    def register_records(self, records: Mapping[str, RecordArgs]) -> None:
        """Register the records of its published routes, by route."""
        for name, route in self.routes.items():
            route.register_records(records.get(name))
        self.register_outputs({"urls": self._urls})
