"""Services and their routes, where those have something in the cloud."""

from __future__ import annotations

from typing import TypedDict

import pulumi

from homelab.cloudflare.resources import AccessApp, CloudflarePlan, Record
from homelab.components import cloudflare_resources as cloudflare
from homelab.components.access import application
from homelab.components.adopt import adopting


class RouteArgs(TypedDict):
    """What a published route needs."""

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
    """The host's switch: a name is published after something answers for it."""


class Route(pulumi.ComponentResource):
    """A public name: the application that guards it, then the record that leads to it."""

    url: pulumi.Output[str]

    def __init__(
        self, name: str, args: RouteArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        record, app = args["record"], args["app"]
        super().__init__("homelab:service:Route", name, {"name": record.name}, opts)
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
        cloudflare.DnsRecord(
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
        self.url = pulumi.Output.from_input(f"https://{record.name}")
        self.register_outputs({"url": self.url})


class ServiceArgs(TypedDict):
    """What a service with published routes needs."""

    routes: dict[str, RouteArgs]


class Service(pulumi.ComponentResource):
    """A service's part of the cloud.

    Named by the service and never by its host, so a service that moves keeps its records.
    """

    def __init__(
        self, name: str, args: ServiceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homelab:service:Service", name, {"routes": sorted(args["routes"])}, opts)
        for route, its in sorted(args["routes"].items()):
            Route(route, its, pulumi.ResourceOptions(parent=self))
        self.register_outputs({})


def by_service(plan: CloudflarePlan, services: dict[str, str]) -> dict[str, list[Record]]:
    """The records of each service, by the service of their route."""
    out: dict[str, list[Record]] = {}
    for record in plan.records:
        out.setdefault(services[record.route], []).append(record)
    return out
