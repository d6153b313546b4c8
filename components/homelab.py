"""The whole homelab as one component: its tree explains what there is."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import TypedDict

import pulumi

from components.bucket import Bucket
from components.edge import Edge
from components.home import Home
from components.host import Host
from components.pages import Pages, PagesArgs
from components.providers import make_providers
from components.rollout import Rollout
from components.service import RouteArgs, Service, by_service
from components.tailnet import Tailnet, look
from components.tunnel import Tunnel
from components.vault import Vault
from homelab.cloudflare.model import R2
from homelab.cloudflare.resources import CloudflarePlan
from homelab.deploy.model import Release
from homelab.deploy.plan import build_flags, build_wake, rules_of
from homelab.deploy.probes import outside_of, probes_of
from homelab.plan import Plan
from homelab.secrets.model import Secret


class HomelabArgs(TypedDict):
    """What the homelab needs."""

    plan: Plan
    releases: Mapping[str, Release]
    vault: Vault


class Homelab(pulumi.ComponentResource):
    """Clouds first mint, then hosts change, then names are published."""

    urls: dict[str, str]
    """Address of every route, by route."""

    def __init__(
        self, name: str, args: HomelabArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        plan, vault = args["plan"], args["vault"]
        super().__init__("homelab:homelab:Homelab", name, {"domain": plan.site.site.domain}, opts)
        own = pulumi.ResourceOptions(parent=self)
        providers = make_providers(name, plan, vault, own)
        child = pulumi.ResourceOptions(parent=self, providers=providers)
        tailnet = None
        if plan.tailnet:
            asks = not vault.hosts_alone
            seen = asks and (plan.tailnet.elsewhere or look(plan.tailnet, providers["tailscale"]))
            tailnet = Tailnet("tailnet", {"plan": plan.tailnet, "asks": asks, "seen": seen}, child)
        cloud = plan.cloudflare
        edge = Edge("edge", {"plan": cloud}, child) if cloud else None
        tunnel = (
            Tunnel(cloud.tunnel, {"plan": cloud, "vault": vault}, child)
            if cloud and cloud.tunnel
            else None
        )
        buckets = {
            bucket.key: Bucket(bucket.key, {"account": cloud.account, "bucket": bucket}, child)
            for bucket in (cloud.buckets if cloud else ())
            if cloud
        }
        mint = _Mint(vault, tailnet, edge, tunnel, buckets)

        hosts: dict[str, Host] = {}
        versions: dict[str, pulumi.Output[str]] = {}
        for host_name, host in plan.hosts.items():
            if host.config.state == "planned":
                continue
            if not host.is_nixos:
                Home(host_name, {"release": args["releases"][host_name]}, child)
                continue
            values = {s.name: mint.value(s) for s in plan.secrets.on(host_name) if mint.makes(s)}
            together: pulumi.Output[dict[str, str]] = pulumi.Output.all(**values)
            secrets: pulumi.Output[dict[str, str]] = pulumi.Output.secret(together)
            hosts[host_name] = Host(
                host_name,
                {
                    "host": host,
                    "release": args["releases"][host_name],
                    "secrets": secrets,
                    "flags": build_flags(plan.site, plan.hosts, host),
                    "wake": build_wake(plan.hosts, host),
                    "rules": rules_of(plan.site, host, stack=name),
                },
                child,
            )
            versions[host_name] = version(vault, secrets)
        rollout = Rollout(
            "rollout",
            {
                "waves": plan.waves,
                "plans": plan.hosts,
                "hosts": hosts,
                "versions": versions,
                "config": plan.site.deploy,
                "signers": plan.site.site.owner.ssh_keys,
                "rules": {
                    n: rules_of(plan.site, h, probes_of(plan, h), stack=name)
                    for n, h in plan.hosts.items()
                },
                "outside": {n: outside_of(plan, h) for n, h in plan.hosts.items()},
                # The policy's own tests guard the deployer's way, so it goes before any host.
                "after": [tailnet.policy] if tailnet and tailnet.policy else [],
            },
            child,
        )
        if cloud and edge:
            _publish(plan, cloud, edge, tunnel, rollout, child)
        self.urls = {r.name: r.url for r in plan.routes}
        self.register_outputs({"urls": self.urls})


class _Mint:
    """Where each secret that no file holds comes from."""

    def __init__(
        self,
        vault: Vault,
        tailnet: Tailnet | None,
        edge: Edge | None,
        tunnel: Tunnel | None,
        buckets: Mapping[str, Bucket],
    ) -> None:
        self._vault = vault
        self._minted: dict[tuple[str, str], pulumi.Output[str]] = {}
        for host, key in (tailnet.keys if tailnet else {}).items():
            self._minted[("tailscale", host)] = key
        self._minted |= edge.minted if edge else {}
        self._minted |= {(R2, name): bucket.keys for name, bucket in buckets.items()}
        if tunnel is not None:
            self._tunnel = tunnel.credentials

    def makes(self, secret: Secret) -> bool:
        """Whether it reaches the host by the secrets resource; sops-nix brings the others."""
        return secret.source != "stored"

    def value(self, secret: Secret) -> pulumi.Output[str]:
        """The secret's value."""
        if secret.source == "derived":
            return self._vault.derived(secret)
        if secret.service == "cloudflared":
            return self._tunnel
        return self._minted[(secret.service, secret.purpose)]


def version(vault: Vault, secrets: pulumi.Output[dict[str, str]]) -> pulumi.Output[str]:
    """A keyed digest of a host's secrets: it changes when one does, and tells nothing of any.

    It is not secret itself, so that the switch that takes it stays readable in a preview.
    """
    key = vault.derived_for("secrets-version")
    digest = pulumi.Output.all(key, secrets).apply(
        lambda both: hmac.digest(
            both[0].encode(), json.dumps(both[1], sort_keys=True).encode(), hashlib.sha256
        ).hex()[:16]
    )
    return pulumi.Output.unsecret(digest)


def _publish(
    plan: Plan,
    cloud: CloudflarePlan,
    edge: Edge,
    tunnel: Tunnel | None,
    rollout: Rollout,
    opts: pulumi.ResourceOptions,
) -> None:
    """Names last: by now something answers for each of them, and Access stands before it."""
    apps = {a.domain: a for a in cloud.apps}
    services = {r.name: r.service for r in plan.routes}
    for service, records in sorted(by_service(cloud, services).items()):
        routes: dict[str, RouteArgs] = {}
        for record in records:
            switch = rollout.switches.get(cloud.tunnel_host)
            routes[record.route] = {
                "record": record,
                "app": apps.get(record.name),
                "account": cloud.account,
                "zone": cloud.zone,
                "session": cloud.session,
                "content": tunnel.target if tunnel and not record.content else record.content,
                "policies": edge.policies,
                "after": [switch] if switch is not None else [],
            }
        Service(service, {"routes": routes}, opts)
    for page in cloud.pages:
        args: PagesArgs = {
            "site": page,
            "account": cloud.account,
            "zone": cloud.zone,
            "session": cloud.session,
            "policies": edge.policies,
        }
        Pages(page.key, args, opts)
