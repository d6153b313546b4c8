"""What the deployer gives to a host before its build: private inputs, and passwords of caches."""

from __future__ import annotations

from homelab.config.base import ServiceSecretRef
from homelab.config.stack import StackConfig
from homelab.deploy.model import Release
from homelab.deploy.private_inputs import as_spec, inputs_of_release
from homelab.deploy.spec import Spec
from homelab.secret_paths import sops_file
from homelab.system.model import Host
from homelab.system.store import netrc_of


def before_build(stack: StackConfig, host: Host, release: Release) -> Spec:
    """What the host's own build needs; empty for nothing. It holds no secret: the runner reads the
    passwords, if the host has none yet.
    """
    if host.config.build.copy_from is not None:
        return {}
    spec: Spec = {}
    if inputs := sent_inputs(stack, release):
        spec["inputs"] = inputs
    netrc = lent_netrc(host)
    if netrc is not None:
        source = {"op": netrc.op} if netrc.op is not None else {"sops": netrc.sops}
        file = sops_file(stack, host.name, netrc.sops or "")
        spec["netrc"] = {"place": netrc_of(host), "ref": source, "file": file}
    return spec


def lent_netrc(host: Host) -> ServiceSecretRef | None:
    """The passwords of the host's binary caches, if the deployer can read them."""
    netrc = host.config.nix.netrc
    if netrc is None or (netrc.sops is None and netrc.op is None):
        return None
    return netrc


def sent_inputs(stack: StackConfig, release: Release) -> list[dict[str, object]]:
    """The private inputs of a release that no host fetches itself."""
    own = {name for name, flake in stack.flakes.items() if flake.private is not None}
    return as_spec(inputs_of_release(release, own))
