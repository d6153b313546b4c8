"""One machine: its files, its secrets and its build. Activation is the rollout's."""

from __future__ import annotations

import json
from typing import TypedDict

import pulumi
from pulumi_command import local, remote

from homelab.components.component import Component
from homelab.components.file import show_files
from homelab.deploy import scripts
from homelab.deploy.closures import builder_of
from homelab.deploy.model import Release
from homelab.deploy.modes import leaves_switch
from homelab.deploy.policy import DeployPolicy
from homelab.deploy.spec import Spec, paths_of
from homelab.ops.deploy.runner import COMMAND
from homelab.system.model import Host as HostPlan

SEND = f"{COMMAND} send"
"""The command that runs a script on a host that the provider's own SSH cannot reach."""


class HostArgs(TypedDict):
    """What a host needs."""

    host: HostPlan
    release: Release
    secrets: pulumi.Input[dict[str, str]]
    """Issued and derived secrets by name, every value secret."""
    flags: list[str]
    """Flags of nixos-rebuild that name the builder."""
    wake: tuple[str, ...]
    """Command that wakes the builder, if it is an offline host."""
    policy: DeployPolicy
    """Settings of the host's preflight."""
    closure: Spec | None
    """How another machine builds the system, if one does."""
    before: Spec
    """What the host gets before its own build; empty for nothing."""


class Host(Component):
    """Files, secrets and build of one host. For an offline host they are sent with its switch.

    The files are components below this one, so that a preview shows them line by line; the command
    that writes them hides the same text.
    """

    token = "homelab:hosts:Host"
    former = ("homelab:host:Host",)

    release: pulumi.Output[str]
    """Id of the release that the host is to run."""

    name: str
    release_id: str
    leaves: list[pulumi.Resource]
    """Resources that must be done before the host switches. A dependency on the component itself
    would be circular, because the rollout has the same parent."""
    payload: pulumi.Output[dict[str, object]] | None = None
    """Payload of an offline host: files, secrets and build script. Secret. There are no remote
    commands, because a command cannot wake the host or wait for it."""

    def __init__(
        self, name: str, args: HostArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        host, release = args["host"], args["release"]
        held = host.config.state == "held"
        # The resources of a held host exist and do not change. The commands of a held host that is
        # new to the stack do nothing until it is live.
        policy = args["policy"]
        # A dry run brings the release to the host and does not switch to it. The component and the
        # files keep what is deployed, as the switch does: the preview of the switch shows it.
        left = held or leaves_switch(policy, host)
        kept = pulumi.ResourceOptions(ignore_changes=["builder", "release"] if left else None)
        super().__init__(
            name,
            {
                "builder": builder_of(host),
                "release": release.id,
            },
            pulumi.ResourceOptions.merge(opts, kept),
        )
        show_files(host.name, release, self, left=left)
        self.name, self.release_id = host.name, release.id
        self._host, self._held = host, held
        stage = scripts.stage_script(release.id, dict(release.files), stack=policy.stack)
        secrets = pulumi.Output.from_input(args["secrets"])
        self._closure = args["closure"]
        self._before = args["before"]
        build = scripts.build_script(
            release.id,
            policy,
            args["flags"],
            wake=args["wake"],
            copied=self._closure is not None,
        )
        if host.config.offline is None:
            self.leaves = self._commands(stage, secrets, build, policy.stack)
        else:
            self.leaves = []
            more: Spec = {"closure": self._closure} if self._closure is not None else {}
            if self._before:
                more["before"] = self._before
            self.payload = secrets.apply(
                lambda values: {"stage": stage, "secrets": values, "build": build, **more}
            )
        self.release = pulumi.Output.from_input(release.id)
        self.register_outputs({"release": self.release})

    def _commands(
        self, stage: str, secrets: pulumi.Output[dict[str, str]], build: str, stack: str
    ) -> list[pulumi.Resource]:
        files = self._command(f"{self.name}-files", stage)
        placed = self._command(
            f"{self.name}-secrets",
            secrets.apply(
                lambda values: scripts.secrets_script(self.release_id, values, stack=stack)
            ),
            secret=True,
        )
        more: Spec = {}
        if self._closure is not None:
            more = {"closure": self._closure, "stack": stack}
        elif self._before:
            more = {"before": {**self._before, "release": self.release_id}}
        built = self._command(f"{self.name}-build", build, after=[files], more=more)
        return [placed, built]

    def _command(
        self,
        name: str,
        script: pulumi.Input[str],
        *,
        after: list[pulumi.Resource] | None = None,
        secret: bool = False,
        more: Spec | None = None,
    ) -> pulumi.Resource:
        ssh = self._host.config.ssh
        by_homelab = ssh.by_homelab or bool(more)
        kept = ["create", "stdin"] if by_homelab else ["connection", "create", "stdin"]
        options = pulumi.ResourceOptions(
            parent=self,
            depends_on=after,
            hide_diffs=["stdin"],
            additional_secret_outputs=["stdout", "stderr"] if secret else None,
            ignore_changes=kept if self._held else None,
        )
        if by_homelab:
            return local.Command(
                f"{self.lead}{name}",
                create=None if self._held else f"{SEND} {self.name}",
                stdin=pulumi.Output.from_input(script).apply(
                    lambda text: self._sent(text, more or {})
                ),
                logging=local.Logging.NONE,
                add_previous_output_in_env=False,
                opts=options,
            )
        return remote.Command(
            f"{self.lead}{name}",
            connection=connection(self._host),
            create=None if self._held else scripts.shell(ssh.user),
            stdin=script,
            # Output may hold long lines, on which the provider's own logging hangs.
            logging=remote.Logging.NONE,
            add_previous_output_in_env=False,
            opts=options,
        )

    def _sent(self, script: str, more: Spec) -> str:
        """The spec of `homelab send`."""
        spec = {
            "host": self.name,
            "paths": paths_of(self._host),
            "host_key": self._host.config.ssh.host_key,
            "script": script,
            **more,
        }
        return json.dumps(spec, sort_keys=True)


def connection(host: HostPlan) -> remote.ConnectionArgs:
    """The SSH connection to a host: its LAN address if it has one, and its pinned host key.

    It contains no private key: the SSH agent has it, so the state does not. `homelab send` reaches
    a host with `ssh.key`, `ssh.proxy_command` or `ssh.local`.
    """
    return remote.ConnectionArgs(
        host=host.address,
        port=host.config.ssh.port,
        user=host.config.ssh.user,
        host_key=host.config.ssh.host_key,
        proxy=remote.ProxyConnectionArgs(
            host=host.jump.address,
            port=host.jump.port,
            user=host.jump.user,
            host_key=host.jump.host_key,
        )
        if host.jump is not None
        else None,
    )
