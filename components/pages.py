"""A web site on Cloudflare Pages."""

from __future__ import annotations

from typing import TypedDict

import pulumi

from homelab.cloudflare.resources import PagesSite
from homelab.components import cloudflare_resources as cloudflare
from homelab.components.access import application
from homelab.components.component import Component


class PagesArgs(TypedDict):
    """What a web site needs."""

    site: PagesSite
    account: str
    zone: str
    session: str
    policies: dict[str, pulumi.Output[str]]
    """Ids of the Access policies, by key."""


class Pages(Component):
    """The project, Access in front of each of its names, and then its custom domain.

    The content is not part of the stack. A build of the site uploads it.
    """

    token = "homelab:cloudflare:Pages"
    former = ("homelab:pages:Pages",)

    def __init__(
        self, name: str, args: PagesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        site, account = args["site"], args["account"]
        super().__init__(name, {"domain": site.domain}, opts)
        project = cloudflare.PagesProject(
            f"{name}-project",
            {
                "account_id": account,
                "name": site.project,
                "production_branch": site.branch,
            },
            # The API adds defaults to both. Without this, every preview would remove them.
            pulumi.ResourceOptions(
                parent=self, ignore_changes=["buildConfig", "deploymentConfigs"]
            ),
        )
        after: list[pulumi.Resource] = [project]
        if site.policies:
            # The site also has two names of Cloudflare: the project's, and those of branch builds.
            names = (site.domain, project.subdomain, pulumi.Output.concat("*.", project.subdomain))
            app = application(
                f"{name}-pages-access",
                f"{site.key} ({site.domain})",
                {
                    "account": account,
                    "session": args["session"],
                    "policies": site.policies,
                    "ids": args["policies"],
                },
                pulumi.ResourceOptions(parent=self),
                uris=names,
            )
            after.append(app)
        domain = cloudflare.PagesDomain(
            f"{name}-domain",
            {"account_id": account, "project_name": project.name, "name": site.domain},
            pulumi.ResourceOptions(parent=self, depends_on=after),
        )
        cloudflare.DnsRecord(
            f"{name}-pages-dns",
            {
                "zone_id": args["zone"],
                "name": site.domain,
                "type": "CNAME",
                "content": project.subdomain,
                "proxied": True,
                "ttl": 1,
                "comment": f"homelab: {site.key}",
            },
            pulumi.ResourceOptions(parent=self, depends_on=[*after, domain]),
        )
        self.register_outputs({"url": f"https://{site.domain}"})
