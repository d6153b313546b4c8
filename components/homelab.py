"""The whole homelab as one component: its tree explains what there is."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import NotRequired, TypedDict

import pulumi

from homelab.cloudflare.model import R2
from homelab.cloudflare.resources import CloudflarePlan
from homelab.components.bucket import Bucket
from homelab.components.component import Component
from homelab.components.home_manager import HomeManagerHost
from homelab.components.host import Host
from homelab.components.pages import Pages, PagesArgs
from homelab.components.providers import make_providers
from homelab.components.rollout import Rollout
from homelab.components.secret_resolver import SecretResolver
from homelab.components.service import RecordArgs, Service
from homelab.components.tailnet import InForce, Tailnet
from homelab.components.tunnel import Tunnel
from homelab.components.zone import CloudflareZone
from homelab.config.base import SecretRef
from homelab.config.deploy import DeployMode
from homelab.deploy.before_build import before_build
from homelab.deploy.closures import closure_spec
from homelab.deploy.model import Release
from homelab.deploy.plan import build_flags, build_wake, policy_of
from homelab.deploy.probes import external_probes_of, probes_of
from homelab.plan import Plan
from homelab.secrets.model import Secret
from homelab.services.summary import service_summaries
from homelab.system.store import cache_flags
from homelab.tailnet.direct import tailnet_urls
from homelab.tailnet.model import TailnetPlan


class HomelabArgs(TypedDict):
    """What the homelab needs."""

    plan: Plan
    releases: Mapping[str, Release]
    resolver: SecretResolver
    mode: NotRequired[DeployMode | None]
    """Mode of this run, in place of the modes of the stack."""
    look: NotRequired[Callable[[TailnetPlan, pulumi.ProviderResource], InForce]]
    """Reads the tailnet's policy before the first resource registers, to see whether homelab may
    replace it. Without it the policy is read when it is written."""


class Homelab(Component):
    """Cloudflare and Tailscale issue secrets, then hosts switch, then names are published."""

    token = "homelab:index:Homelab"
    former = ("homelab:homelab:Homelab",)

    plan: Plan
    """The plan that every resource is derived from."""
    urls: dict[str, str]
    """URL of every route, by route."""
    tailnet_urls: dict[str, str]
    """Address and port on the tailnet of every route with `tailnet_direct`, by route."""
    services: dict[str, Service]
    """The services by name; each has its routes."""
    providers: dict[str, pulumi.ProviderResource]
    """The explicit providers by package: `command`, `cloudflare`, `tailscale`."""
    tailnet: Tailnet | None
    zone: CloudflareZone | None
    tunnel: Tunnel | None
    hosts: dict[str, Host]
    """The NixOS hosts that are not merely planned, by name."""
    rollout: Rollout

    def __init__(
        self, name: str, args: HomelabArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        plan, resolver = args["plan"], args["resolver"]
        super().__init__(name, {"domain": plan.stack.site.domain}, opts)
        # The homelab of Pulumi's own stack has resource names without a prefix.
        self.lead = "" if name == pulumi.get_stack() else f"{name}-"
        own = pulumi.ResourceOptions(parent=self)
        self.plan, self._resolver = plan, resolver
        self.providers = providers = make_providers(name, plan, resolver, own)
        child = pulumi.ResourceOptions(parent=self, providers=providers)
        mode = args.get("mode")
        in_force: InForce = "untouched" if resolver.hosts_alone else "ask"
        if in_force == "ask" and "look" in args and plan.tailnet and not plan.tailnet.elsewhere:
            in_force = args["look"](plan.tailnet, providers["tailscale"])
        cloud = plan.cloudflare
        published = {r.route: r for r in cloud.records} if cloud else {}
        self.services = {
            summary.name: Service(summary.name, {"summary": summary, "records": published}, child)
            for summary in service_summaries(plan)
        }
        tailnet = (
            Tailnet("tailnet", {"plan": plan.tailnet, "in_force": in_force}, child)
            if plan.tailnet
            else None
        )
        zone = _zone(cloud, child) if cloud else None
        tunnel = (
            Tunnel(cloud.tunnel, {"plan": cloud, "resolver": resolver}, child)
            if cloud and cloud.tunnel
            else None
        )
        buckets = {
            bucket.key: Bucket(bucket.key, {"account": cloud.account, "bucket": bucket}, child)
            for bucket in (cloud.buckets if cloud else ())
            if cloud
        }
        self.tailnet, self.zone, self.tunnel = tailnet, zone, tunnel
        issued = _IssuedSecrets(resolver, tailnet, zone, tunnel, buckets)

        self.hosts = hosts = {}
        versions: dict[str, pulumi.Output[str]] = {}
        for host_name, host in plan.hosts.items():
            if host.config.state == "planned":
                continue
            if not host.is_nixos:
                HomeManagerHost(host_name, {"release": args["releases"][host_name]}, child)
                continue
            values = {
                s.name: issued.value(s) for s in plan.secrets.on(host_name) if issued.makes(s)
            }
            together: pulumi.Output[dict[str, str]] = pulumi.Output.all(**values)
            secrets: pulumi.Output[dict[str, str]] = pulumi.Output.secret(together)
            hosts[host_name] = Host(
                host_name,
                {
                    "host": host,
                    "release": args["releases"][host_name],
                    "secrets": secrets,
                    "flags": build_flags(plan.stack, plan.hosts, host),
                    "wake": build_wake(plan.hosts, host),
                    "policy": policy_of(plan.stack, host, stack=name, mode=mode),
                    "closure": closure_spec(
                        host,
                        plan.hosts,
                        args["releases"][host_name],
                        cache_flags(host),
                        dry=plan.stack.deploy.dry_run_first,
                        stack=plan.stack,
                    ),
                    "before": before_build(plan.stack, host, args["releases"][host_name]),
                },
                child,
            )
            versions[host_name] = version(resolver, secrets)
        self.rollout = rollout = Rollout(
            "rollout",
            {
                "waves": plan.waves,
                "plans": plan.hosts,
                "hosts": hosts,
                "versions": versions,
                "config": plan.stack.deploy,
                "signers": plan.stack.site.owner.ssh_keys,
                "policy": {
                    n: policy_of(plan.stack, h, probes_of(plan, h), stack=name, mode=mode)
                    for n, h in plan.hosts.items()
                },
                "external": {n: external_probes_of(plan, h) for n, h in plan.hosts.items()},
                # Tailscale runs the policy's tests, which cover the deployer's SSH.
                "after": [tailnet.policy] if tailnet and tailnet.policy else [],
            },
            child,
        )
        records = _records(cloud, zone, tunnel, rollout) if cloud and zone else {}
        # Records come last, when the service runs and Access protects its name.
        for service in self.services.values():
            service.register_records(records)
        if cloud and zone:
            _pages(cloud, zone, child)
        self.urls = {r.name: r.url for r in plan.routes}
        self.tailnet_urls = tailnet_urls(plan)
        self.register_outputs({"urls": self.urls, "tailnet_urls": self.tailnet_urls})

    def secret(self, ref: SecretRef) -> pulumi.Output[str]:
        """A secret by its reference, from the deployer's sops file or 1Password; secret.

        In a preview that cannot read it the value is unknown. Raises pulumi.RunError in an `up`.
        """
        return self._resolver.value(ref)


class _IssuedSecrets:
    """The source of each secret that no sops file contains."""

    def __init__(
        self,
        resolver: SecretResolver,
        tailnet: Tailnet | None,
        zone: CloudflareZone | None,
        tunnel: Tunnel | None,
        buckets: Mapping[str, Bucket],
    ) -> None:
        self._resolver = resolver
        self._issued: dict[tuple[str, str], pulumi.Output[str]] = {}
        for host, key in (tailnet.keys if tailnet else {}).items():
            self._issued[("tailscale", host)] = key
        self._issued |= zone.issued if zone else {}
        self._issued |= {(R2, name): bucket.keys for name, bucket in buckets.items()}
        if tunnel is not None:
            self._tunnel = tunnel.credentials

    def makes(self, secret: Secret) -> bool:
        """Whether the secrets resource sends it. The host itself places the others."""
        return secret.is_sent

    def value(self, secret: Secret) -> pulumi.Output[str]:
        """The secret's value."""
        if secret.source == "derived":
            return self._resolver.derived(secret)
        if secret.service == "cloudflared":
            return self._tunnel
        return self._issued[(secret.service, secret.purpose)]


def version(resolver: SecretResolver, secrets: pulumi.Output[dict[str, str]]) -> pulumi.Output[str]:
    """A keyed digest of a host's secrets. It changes when one of them changes, and reveals none.

    It is not secret, so that a preview can show the switch that uses it.
    """
    key = resolver.derived_for("secrets-version")
    digest = pulumi.Output.all(key, secrets).apply(
        lambda both: hmac.digest(
            both[0].encode(), json.dumps(both[1], sort_keys=True).encode(), hashlib.sha256
        ).hex()[:16]
    )
    return pulumi.Output.unsecret(digest)


def _zone(plan: CloudflarePlan, opts: pulumi.ResourceOptions) -> CloudflareZone:
    # Release 0.1.0 called the component `edge`, with the type of that release.
    formerly = [pulumi.Alias(name="edge", type_=type_) for type_ in CloudflareZone.former]
    own = pulumi.ResourceOptions(aliases=formerly)
    return CloudflareZone("zone", {"plan": plan}, pulumi.ResourceOptions.merge(opts, own))


def _records(
    cloud: CloudflarePlan, zone: CloudflareZone, tunnel: Tunnel | None, rollout: Rollout
) -> dict[str, RecordArgs]:
    """What each published route needs, by route."""
    apps = {a.domain: a for a in cloud.apps}
    switch = rollout.switches.get(cloud.tunnel_host)
    return {
        record.route: {
            "record": record,
            "app": apps.get(record.name),
            "account": cloud.account,
            "zone": cloud.zone,
            "session": cloud.session,
            "content": tunnel.target if tunnel and not record.content else record.content,
            "policies": zone.policies,
            "after": [switch] if switch is not None else [],
        }
        for record in cloud.records
    }


def _pages(cloud: CloudflarePlan, zone: CloudflareZone, opts: pulumi.ResourceOptions) -> None:
    for page in cloud.pages:
        args: PagesArgs = {
            "site": page,
            "account": cloud.account,
            "zone": cloud.zone,
            "session": cloud.session,
            "policies": zone.policies,
        }
        Pages(page.key, args, opts)
