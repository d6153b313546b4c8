"""Systems that are evaluated and built on another machine than their host, and copied to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from homelab.config.stack import StackConfig
from homelab.deploy.before_build import sent_inputs
from homelab.deploy.builder_scripts import builder_script
from homelab.deploy.model import Release
from homelab.deploy.spec import Spec, paths_of
from homelab.system.model import Host

DEPLOYER: Final = "deployer"
"""The machine that runs `pulumi up`, in `build.copy_from`."""


def builder_of(host: Host) -> str:
    """The name of the machine that builds the host's system."""
    build = host.config.build
    return build.copy_from or build.host or host.name


def closure_spec(
    host: Host,
    hosts: Mapping[str, Host],
    release: Release,
    options: Sequence[str],
    *,
    dry: bool,
    stack: StackConfig,
) -> Spec | None:
    """How another machine builds the host's release, for the runner; None if the host does.

    `options` are those of Nix for the host's binary caches; with `dry`, the builder first says what
    it will build and fetch.
    """
    source = host.config.build.copy_from
    if source is None:
        return None
    text = builder_script(
        host.name,
        None,
        dict(release.files),
        options=options,
        place="homelab-builds",
        instead="install it, or change hosts.….build.copy_from: a host of the stack has Nix",
        dry=dry,
    )
    spec: Spec = {"release": release.id, "script": text}
    if source != DEPLOYER and source in hosts:
        other = hosts[source]
        spec["host"] = other.name
        spec["paths"] = paths_of(other)
        spec["host_key"] = other.config.ssh.host_key
        if inputs := sent_inputs(stack, release):
            spec["inputs"] = inputs
    return spec
