"""The rollout: hosts switch after every build has succeeded, wave after wave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

import pulumi
from pulumi_command import local

from homelab.components.component import Component
from homelab.components.host import Host
from homelab.config.deploy import DeployConfig
from homelab.deploy.model import WavePlan
from homelab.deploy.modes import is_tried, leaves_switch
from homelab.deploy.policy import DeployPolicy, ExternalProbe
from homelab.deploy.spec import json_text, offline_spec, spec_text, switch_spec
from homelab.ops.deploy.runner import COMMAND
from homelab.system.model import Host as HostPlan

SWITCH = f"{COMMAND} switch"
"""The command of the runner. It is the same on every machine."""


class RolloutArgs(TypedDict):
    """What a rollout needs."""

    waves: tuple[WavePlan, ...]
    plans: Mapping[str, HostPlan]
    hosts: Mapping[str, Host]
    versions: Mapping[str, pulumi.Output[str]]
    """Keyed digest of each host's secrets. It changes when a secret changes."""
    config: DeployConfig
    signers: list[str]
    """SSH public keys that may sign bundles of offline hosts."""
    policy: Mapping[str, DeployPolicy]
    """Settings of each host's preflight and switch."""
    external: Mapping[str, tuple[ExternalProbe, ...]]
    """External probes of each host."""
    after: list[pulumi.Resource]
    """Resources that must be done before any host changes."""


class Rollout(Component):
    """The waves, in order."""

    token = "homelab:deploy:Rollout"
    former = ("homelab:rollout:Rollout",)

    switches: dict[str, local.Command]
    """The switch of each host. It succeeds when the new system is confirmed and the boot
    default."""

    def __init__(
        self, name: str, args: RolloutArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(
            name,
            {
                "waves": [
                    {"name": w.name, "hosts": list(w.hosts), "why": w.why} for w in args["waves"]
                ]
            },
            opts,
        )
        self.switches = {}
        # No host switches before all have built, so a failed build changes no host. An offline
        # host is outside of this barrier.
        ready: list[pulumi.Resource] = list(args["after"])
        for host in args["hosts"].values():
            if args["plans"][host.name].always_on and args["plans"][host.name].is_deployed:
                ready += host.leaves
        before: list[pulumi.Resource] = []
        for plan in args["waves"]:
            wave = Wave(
                plan.name,
                {"wave": plan, "rollout": args, "after": [*ready, *before]},
                pulumi.ResourceOptions(parent=self),
            )
            self.switches |= wave.switches
            before = [s for h, s in wave.switches.items() if args["plans"][h].always_on] or before
        held = tuple(sorted(h for h in args["hosts"] if not args["plans"][h].is_deployed))
        if held:
            left = WavePlan("held", held, "they are left as they are")
            wave = Wave(
                left.name,
                {"wave": left, "rollout": args, "after": []},
                pulumi.ResourceOptions(parent=self),
            )
            self.switches |= wave.switches
        self.register_outputs({})


class WaveArgs(TypedDict):
    """What one wave needs."""

    wave: WavePlan
    rollout: RolloutArgs
    after: list[pulumi.Resource]


class Wave(Component):
    """Hosts of one wave. A limited number switches at the same time."""

    token = "homelab:deploy:Wave"
    former = ("homelab:rollout:Wave",)

    switches: dict[str, local.Command]

    def __init__(
        self, name: str, args: WaveArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        wave, rollout = args["wave"], args["rollout"]
        super().__init__(name, {"hosts": list(wave.hosts), "why": wave.why}, opts)
        self.switches = {}
        line: list[local.Command] = []
        for host_name in wave.hosts:
            host, plan = rollout["hosts"][host_name], rollout["plans"][host_name]
            after: list[pulumi.Resource] = [*args["after"], *host.leaves]
            if len(line) >= rollout["config"].max_parallel:
                after.append(line[-rollout["config"].max_parallel])
            left = not plan.is_deployed or leaves_switch(rollout["policy"][host_name], plan)
            switch = self._command(f"{host_name}-switch", plan, host, rollout, after, left=left)
            self.switches[host_name] = switch
            if plan.is_deployed and is_tried(rollout["policy"][host_name], plan):
                # Of its own, so that the switch keeps the release that is deployed.
                switch = self._command(f"{host_name}-dry", plan, host, rollout, after, left=False)
            # No host waits for an offline host.
            if plan.always_on:
                line.append(switch)
        self.register_outputs({})

    def _command(
        self,
        name: str,
        plan: HostPlan,
        host: Host,
        rollout: RolloutArgs,
        after: list[pulumi.Resource],
        *,
        left: bool,
    ) -> local.Command:
        """The command that runs the switch; `left`: it stays as it is."""
        return local.Command(
            f"{self.lead}{name}",
            # A held host keeps its switch. Without an earlier one it gets an empty switch.
            create=None if left else f"{SWITCH} {plan.name}",
            stdin=_spec(plan, host, rollout),
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=after,
                # The host component shows the lines of files.
                hide_diffs=["stdin"] if host.payload is not None else None,
                ignore_changes=["create", "stdin"] if left else None,
            ),
        )


def _spec(plan: HostPlan, host: Host, rollout: RolloutArgs) -> pulumi.Output[str]:
    """The runner's standard input. It contains no secret, except for an offline host, which
    receives its secrets with the switch.
    """
    policy, external = rollout["policy"][plan.name], rollout["external"][plan.name]
    fixed = switch_spec(plan, host.release_id, rollout["config"], policy, external)
    version = rollout["versions"][plan.name]
    if host.payload is None:
        return version.apply(lambda word: spec_text({**fixed, "secrets_version": word}))
    fixed["offline"] = offline_spec(plan, rollout["plans"], rollout["signers"])
    return pulumi.Output.secret(
        pulumi.Output.all(version, host.payload).apply(
            lambda both: json_text({**fixed, "secrets_version": both[0], "payload": both[1]})
        )
    )
