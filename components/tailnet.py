"""The tailnet: policy, DNS, known devices, and a join key for each host that has not joined."""

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
"""A join key is valid for a day. The run that issues it also uses it."""


InForce = Literal["ask", "ours", "unreadable", "untouched"]
"""What is known about the policy in force. ask: it is read before ours is written; ours: it may be
replaced; unreadable: Tailscale did not answer, so it is kept; untouched: this run does not contact
Tailscale."""


def look(plan: TailnetPlan, provider: pulumi.ProviderResource) -> InForce:
    """Read the policy in force before the first resource registers, so that nothing has changed
    yet.

    Raises RunError if homelab may not replace it. A preview does not read it. If Tailscale does not
    answer, the run continues and keeps the policy, because a run with `--target` may repair a host.
    A whole run then fails at the policy: the provider sends every policy that it compares to
    Tailscale, also an unchanged one (terraform-provider-tailscale 0.29.2, resource_acl.go,
    ModifyPlan).
    """
    if pulumi.runtime.is_dry_run():
        return "ours"
    try:
        live = tailscale.get_acl(pulumi.InvokeOptions(provider=provider)).hujson
    except Exception as error:  # noqa: BLE001 the SDK raises Exception for every error of the API
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
    """Our policy. Raises RunError if the policy in force may not be replaced."""
    _refuse_foreign(plan, live)
    return policy_text(plan)


def _refuse_unwritten(plan: TailnetPlan, live: str) -> str:
    """Raise RunError if another policy is in force at the end of an `up`.

    Pulumi compares with the policy that it wrote last, so it does not notice a restored older
    policy or the default policy.
    """
    text = unwritten(drift(live, policy_text(plan), plan.adopt), plan.adopt)
    if text:
        raise pulumi.RunError(text)
    return live


def _is_written(plan: TailnetPlan, last: str) -> bool:
    """Whether Pulumi's last written policy is the stack's policy. In a run with targets it may be
    an older one, which this run does not replace.
    """
    return digest(last) == digest(policy_text(plan))


def _after(plan: TailnetPlan, last: str, seen: bool, opts: pulumi.InvokeOutputOptions) -> None:
    """Make a run fail that ends with another policy in force than the written one."""
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
    """What is known about the policy in force; the default is `ask`. A whole homelab reads it
    before its first resource, see `look`; a tailnet alone before its policy."""


class Tailnet(Component):
    """Policy, DNS, devices and join keys.

    The policy contains tests that Tailscale runs before it accepts the policy. homelab's check runs
    the same tests first, so a policy that would lock its owner out fails in the preview. If the
    deployer's secrets are available, Tailscale also runs the tests in a preview.
    """

    token = "homelab:tailnet:Tailnet"

    policy: tailscale.Acl | None = None
    """None if another stack owns the tailnet's policy and DNS."""
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
        # Rules for a tag must be in force before a machine has the tag.
        first = [self.policy] if self.policy is not None else []
        after = pulumi.ResourceOptions.merge(kept, pulumi.ResourceOptions(depends_on=first))
        if not plan.elsewhere:
            # The DNS is only changed once the policy in force may be replaced.
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
                # A used key is not recreated. An unused, expired one is replaced by a higher epoch.
                recreate_if_invalid="never",
                reusable=False,
                tags=list(key.tags),
                # The policy says who may use the tags.
                opts=pulumi.ResourceOptions(
                    parent=self, depends_on=first, additional_secret_outputs=["key"]
                ),
            )
            self.keys[key.host] = issued.key
        policy = self.policy.id if self.policy is not None else ""
        self.register_outputs({"policy": policy, "joining": sorted(self.keys)})

    def _policy(self, name: str, args: TailnetArgs, opts: pulumi.ResourceOptions) -> tailscale.Acl:
        plan, in_force = args["plan"], args.get("in_force", "ask")
        preview = pulumi.runtime.is_dry_run()
        text: pulumi.Input[str] = policy_text(plan)
        if in_force == "ask" and not preview:
            # Ends the run before the policy and its dependents register.
            text = tailscale.get_acl_output(pulumi.InvokeOutputOptions(parent=self)).apply(
                lambda found: _own_text(plan, found.hujson)
            )
        seen = in_force in ("ask", "ours")
        # A policy that was not read is kept. On creation, the provider refuses to replace one.
        unseen = pulumi.ResourceOptions(ignore_changes=["acl", "overwriteExistingContent"])
        policy = tailscale.Acl(
            f"{self.lead}{name}-policy",
            acl=text,
            # The policy was read above. The provider would check only on creation.
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
    """Tags and routes of a known device. Other devices get them from the join key and the
    policy.
    """
    name = f"{lead}{device.host}"
    tailscale.DeviceTags(f"{name}-tags", device_id=device.id, tags=list(device.tags), opts=opts)
    # Tagging a device that has already joined does not disable its key expiry.
    tailscale.DeviceKey(f"{name}-expiry", device_id=device.id, key_expiry_disabled=True, opts=opts)
    if device.routes:
        tailscale.DeviceSubnetRoutes(
            f"{name}-routes", device_id=device.id, routes=list(device.routes), opts=opts
        )
