"""The tailnet: its policy, its DNS, its known devices, and a key for each that has not joined."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

import pulumi
import pulumi_tailscale as tailscale

from homelab.components.component import Component
from homelab.components.targets import ALONE
from homelab.tailnet.drift import drift, refusal, unwritten
from homelab.tailnet.hujson import digest
from homelab.tailnet.model import Device, TailnetPlan
from homelab.tailnet.policy import policy_text

KEY_SECONDS = 24 * 60 * 60
"""A join key lives for a day: it is issued in the run that uses it."""


InForce = Literal["ask", "ours", "unreadable", "untouched"]
"""What is known of the policy in force. ask: nothing yet, so Tailscale is asked before ours is
written; ours: it may be replaced; unreadable: Tailscale gave no answer, so it stays; untouched:
Tailscale has no part in this run."""


def look(plan: TailnetPlan, provider: pulumi.ProviderResource) -> InForce:
    """Whether the policy in force was seen, and is ours to replace. Raises RunError where it is
    seen and is not.

    It asks before the first resource of a run, so that nothing has changed by then. A preview
    does not ask. Where Tailscale gives no answer the run goes on, for `--target` may have it repair
    a host; the policy is left alone then. A whole run ends at it, for the provider has Tailscale
    try each policy that it compares, also one that stays (terraform-provider-tailscale 0.29.2,
    resource_acl.go, ModifyPlan).
    """
    if pulumi.runtime.is_dry_run():
        return "ours"
    try:
        live = tailscale.get_acl(pulumi.InvokeOptions(provider=provider)).hujson
    except Exception as error:  # noqa: BLE001 the SDK raises a bare one for whatever the API said
        pulumi.log.warn(
            "tailnet: the policy in force cannot be read, so this run does not replace it; hosts "
            f"come up without Tailscale by {ALONE} pulumi up; {error}"
        )
        return "unreadable"
    _refuse_foreign(plan, live)
    return "ours"


def _refuse_foreign(plan: TailnetPlan, live: str) -> None:
    text = refusal(drift(live, policy_text(plan), plan.adopt))
    if text:
        raise pulumi.RunError(text)


def _own_text(plan: TailnetPlan, live: str) -> str:
    """Our policy, once the one in force is seen to be ours to replace."""
    _refuse_foreign(plan, live)
    return policy_text(plan)


def _refuse_unwritten(plan: TailnetPlan, live: str) -> str:
    """End an `up` after which another policy is in force.

    Pulumi compares with what it wrote last and not with what is there, so it leaves alone what
    somebody put back: an older policy of ours, or that of a new tailnet.
    """
    text = unwritten(drift(live, policy_text(plan), plan.adopt), plan.adopt)
    if text:
        raise pulumi.RunError(text)
    return live


def _is_written(plan: TailnetPlan, last: str) -> bool:
    """Whether the policy that Pulumi wrote last is the one that the stack wants now. In a run for
    some targets alone it may be an older one, which is then not this run's to write.
    """
    return digest(last) == digest(policy_text(plan))


def _after(plan: TailnetPlan, last: str, seen: bool, opts: pulumi.InvokeOutputOptions) -> None:
    """See to it that a run does not end well with another policy in force than it wrote."""
    if not _is_written(plan, last):
        if not seen:
            pulumi.log.error(
                "tailnet: the stack wants another policy than the one that was written last, and "
                "the one in force cannot be read, so it was not replaced; run pulumi up again "
                "when Tailscale answers"
            )
        return
    if seen:
        tailscale.get_acl_output(opts).apply(lambda found: _refuse_unwritten(plan, found.hujson))


class TailnetArgs(TypedDict):
    """What the tailnet needs."""

    plan: TailnetPlan
    in_force: NotRequired[InForce]
    """What is known of the policy in force; `ask` unless it is said. A whole homelab looks before
    its first resource, see `look`; a tailnet alone before its policy."""


class Tailnet(Component):
    """Policy, DNS, devices and join keys.

    The policy carries tests of its own, which Tailscale runs before it takes it: a policy that
    would lock its owner out is refused, after our own evaluation has refused it already. Where the
    deployer's secrets are to be had, the provider has Tailscale run them in a preview as well.
    """

    token = "homelab:tailnet:Tailnet"

    policy: tailscale.Acl | None = None
    """None where another stack has the tailnet's policy and its DNS."""
    keys: dict[str, pulumi.Output[str]]
    """Join key by host, secret."""

    def __init__(
        self, name: str, args: TailnetArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        plan = args["plan"]
        super().__init__(name, {"tailnet": plan.name}, opts)
        # Destroying the stack must not leave the tailnet open or without DNS.
        kept = pulumi.ResourceOptions(parent=self, retain_on_delete=True)
        if not plan.elsewhere:
            self.policy = self._policy(name, args, kept)
        # What the policy says of a tag must hold before a machine carries it.
        first = [self.policy] if self.policy is not None else []
        after = pulumi.ResourceOptions.merge(kept, pulumi.ResourceOptions(depends_on=first))
        if not plan.elsewhere:
            # A tailnet that may turn out to be somebody else's keeps its DNS as well.
            asks = args.get("in_force", "ask") == "ask"
            self._dns(name, plan, after if asks else kept)
        for device in plan.devices:
            _bind(device, self.lead, after)
        self.keys = {}
        for key in plan.keys:
            issued = tailscale.TailnetKey(
                f"{self.lead}{key.name}",
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
                    parent=self, depends_on=first, additional_secret_outputs=["key"]
                ),
            )
            self.keys[key.host] = issued.key
        self.register_outputs({})

    def _policy(self, name: str, args: TailnetArgs, opts: pulumi.ResourceOptions) -> tailscale.Acl:
        plan, in_force = args["plan"], args.get("in_force", "ask")
        preview = pulumi.runtime.is_dry_run()
        text: pulumi.Input[str] = policy_text(plan)
        if in_force == "ask" and not preview:
            # Ends the run before the policy registers, and with it all that waits for the policy.
            text = tailscale.get_acl_output(pulumi.InvokeOutputOptions(parent=self)).apply(
                lambda found: _own_text(plan, found.hujson)
            )
        seen = in_force in ("ask", "ours")
        # What nobody has seen is kept; the provider itself refuses to make one over another then.
        unseen = pulumi.ResourceOptions(ignore_changes=["acl", "overwriteExistingContent"])
        policy = tailscale.Acl(
            f"{self.lead}{name}-policy",
            acl=text,
            # We have looked; the provider itself would look at a first creation alone.
            overwrite_existing_content=seen,
            reset_acl_on_destroy=False,
            opts=opts if seen else pulumi.ResourceOptions.merge(opts, unseen),
        )
        if in_force != "untouched" and not preview:
            ask = pulumi.InvokeOutputOptions(parent=self, depends_on=[policy])
            policy.acl.apply(lambda last: _after(plan, last, seen, ask))
        return policy

    def _dns(self, name: str, plan: TailnetPlan, opts: pulumi.ResourceOptions) -> None:
        tailscale.DnsConfiguration(
            f"{self.lead}{name}-dns",
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
            opts=opts,
        )


def _bind(device: Device, lead: str, opts: pulumi.ResourceOptions) -> None:
    """Tags and routes of a machine that is known. Elsewhere its key and the policy see to both."""
    name = f"{lead}{device.host}"
    tailscale.DeviceTags(f"{name}-tags", device_id=device.id, tags=list(device.tags), opts=opts)
    # A tag that comes after joining leaves the expiry of the person who joined it.
    tailscale.DeviceKey(f"{name}-expiry", device_id=device.id, key_expiry_disabled=True, opts=opts)
    if device.routes:
        tailscale.DeviceSubnetRoutes(
            f"{name}-routes", device_id=device.id, routes=list(device.routes), opts=opts
        )
