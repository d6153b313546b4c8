"""The tailnet: its policy, its DNS, its known devices, and a key for each that has not joined."""

from __future__ import annotations

from typing import TypedDict

import pulumi
import pulumi_tailscale as tailscale

from homelab.tailnet.drift import drift, refusal, unwritten
from homelab.tailnet.model import Device, TailnetPlan
from homelab.tailnet.policy import policy_text

KEY_SECONDS = 24 * 60 * 60
"""A join key lives for a day: it is minted in the run that uses it."""


def refuse_unseen(plan: TailnetPlan, provider: pulumi.ProviderResource) -> None:
    """End an `up` that would replace a policy which is not ours to replace.

    It asks before the first resource of a run, so that nothing has changed by then. A preview
    opens no connection, so it does not ask.
    """
    if pulumi.runtime.is_dry_run():
        return
    try:
        live = tailscale.get_acl(pulumi.InvokeOptions(provider=provider)).hujson
    except Exception as error:  # noqa: BLE001 the SDK raises a bare one for whatever the API said
        raise pulumi.RunError(
            f"tailnet: the policy in force cannot be read, so it is not replaced; {error}"
        ) from None
    text = refusal(drift(live, policy_text(plan), plan.adopt))
    if text:
        raise pulumi.RunError(text)


def _refuse_unwritten(plan: TailnetPlan, live: str) -> str:
    """End an `up` after which another policy is in force.

    Pulumi compares with what it wrote last and not with what is there, so it leaves alone what
    somebody put back: an older policy of ours, or that of a new tailnet.
    """
    text = unwritten(drift(live, policy_text(plan), plan.adopt), plan.adopt)
    if text:
        raise pulumi.RunError(text)
    return live


class TailnetArgs(TypedDict):
    """What the tailnet needs."""

    plan: TailnetPlan


class Tailnet(pulumi.ComponentResource):
    """Policy, DNS, devices and join keys.

    The policy carries tests of its own, which Tailscale runs before it takes it: a policy that
    would lock its owner out is refused in the run, after our own evaluation has refused it in the
    preview, where the provider asks nobody.
    """

    policy: tailscale.Acl
    dns: tailscale.DnsConfiguration
    keys: dict[str, pulumi.Output[str]]
    """Join key by host, secret."""

    def __init__(
        self, name: str, args: TailnetArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        plan = args["plan"]
        super().__init__("homelab:tailnet:Tailnet", name, {"tailnet": plan.name}, opts)
        # Destroying the stack must not leave the tailnet open or without DNS.
        kept = pulumi.ResourceOptions(parent=self, retain_on_delete=True)
        self.policy = tailscale.Acl(
            f"{name}-policy",
            acl=policy_text(plan),
            # `refuse_unseen` has looked; the provider itself would look at a first creation alone.
            overwrite_existing_content=True,
            reset_acl_on_destroy=False,
            opts=kept,
        )
        if not pulumi.runtime.is_dry_run():
            tailscale.get_acl_output(
                pulumi.InvokeOutputOptions(parent=self, depends_on=[self.policy])
            ).apply(lambda found: _refuse_unwritten(plan, found.hujson))
        self.dns = tailscale.DnsConfiguration(
            f"{name}-dns",
            magic_dns=True,
            override_local_dns=plan.override_local_dns,
            nameservers=[
                {"address": a, "use_with_exit_node": True} for a in sorted(plan.nameservers)
            ],
            split_dns=[
                {
                    "domain": domain,
                    "nameservers": [{"address": a, "use_with_exit_node": True} for a in servers],
                }
                for domain, servers in plan.split
            ],
            search_paths=list(plan.search),
            opts=kept,
        )
        # What the policy says of a tag must hold before a machine carries it.
        after = pulumi.ResourceOptions.merge(kept, pulumi.ResourceOptions(depends_on=[self.policy]))
        for device in plan.devices:
            _bind(device, after)
        self.keys = {}
        for key in plan.keys:
            minted = tailscale.TailnetKey(
                key.name,
                description=f"{key.host} joins",
                expiry=KEY_SECONDS,
                ephemeral=False,
                preauthorized=True,
                # A key that was used is not missed; one that expired unused has a later epoch.
                recreate_if_invalid="never",
                reusable=False,
                tags=list(key.tags),
                # The policy says who may use the tags.
                opts=pulumi.ResourceOptions(
                    parent=self, depends_on=[self.policy], additional_secret_outputs=["key"]
                ),
            )
            self.keys[key.host] = minted.key
        self.register_outputs({})


def _bind(device: Device, opts: pulumi.ResourceOptions) -> None:
    """Tags and routes of a machine that is known. Elsewhere its key and the policy see to both."""
    tailscale.DeviceTags(
        f"{device.host}-tags", device_id=device.id, tags=list(device.tags), opts=opts
    )
    # A tag that comes after joining leaves the expiry of the person who joined it.
    tailscale.DeviceKey(
        f"{device.host}-expiry", device_id=device.id, key_expiry_disabled=True, opts=opts
    )
    if device.routes:
        tailscale.DeviceSubnetRoutes(
            f"{device.host}-routes", device_id=device.id, routes=list(device.routes), opts=opts
        )
