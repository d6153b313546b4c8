"""The spec of one host's switch, which the switch runner reads.

Its text is an input of the switch resource, so a preview compares it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TypeAlias

from homelab.config.deploy import DeployConfig
from homelab.deploy.model import wake_command
from homelab.deploy.policy import DeployPolicy, ExternalProbe
from homelab.system.model import Host

Spec: TypeAlias = dict[str, object]


def spec_text(spec: Mapping[str, object]) -> str:
    """The text of a spec, as it is an input of a resource.

    A sentence comes first. Pulumi takes a text of JSON or YAML apart, and shows a changed one with
    everything that is in it; of any other text it shows the changed lines.
    """
    return f"The switch of {spec['host']}, as `homelab switch` reads it.\n{json_text(spec)}"


def json_text(spec: Mapping[str, object]) -> str:
    """The same without the sentence."""
    return json.dumps(spec, indent=2, sort_keys=True)


def json_of(text: str) -> str:
    """The JSON of the text of a spec, with or without a sentence."""
    return text[max(text.find("{"), 0) :]


def paths_of(host: Host) -> list[Spec]:
    """The paths to a host: the LAN, then the tailnet, then the internet."""
    ssh = host.config.ssh
    if ssh.local:
        address = host.address
        return [{"name": "local", "address": address, "user": ssh.user, "here": True}]
    more = way_to(host)
    return [
        {"name": name, "address": address, "port": ssh.port, "user": ssh.user, **more}
        for name, address in host.addresses.items()
    ]


def way_to(host: Host) -> Spec:
    """The part of a path to a host that does not depend on its address: jump host, proxy command
    and key.
    """
    ssh = host.config.ssh
    way: Spec = {"jump": asdict(host.jump)} if host.jump is not None else {}
    if ssh.proxy_command:
        way["proxy_command"] = tuple(ssh.proxy_command)
    if ssh.key:
        way["key"] = ssh.key
    return way


def switch_spec(
    host: Host,
    release: str,
    config: DeployConfig,
    policy: DeployPolicy,
    external: Iterable[ExternalProbe] = (),
) -> Spec:
    """The spec without the version of the secrets, which is computed from the secrets."""
    spec: Spec = {
        "host": host.name,
        "release": release,
        "paths": paths_of(host),
        "host_key": host.config.ssh.host_key,
        "confirm": {
            "external": [asdict(each) for each in external],
            "probes": [{k: v for k, v in asdict(p).items() if v} for p in policy.probes],
            "seconds": config.confirm_seconds,
            "settle": config.settle_seconds,
        },
        "activation_seconds": config.activation_seconds,
        "boot": {"loader": policy.loader, "limit": policy.limit},
    }
    # Keys with a default value are left out, so that an upgrade changes nothing for their hosts.
    if policy.mode != "switch":
        spec["mode"] = policy.mode
    if policy.stack:
        spec["stack"] = policy.stack
    if policy.again:
        spec["again"] = policy.again
    if policy.may_fail:
        spec["may_fail"] = list(policy.may_fail)
    if host.config.reboot is not None:
        spec["reboot"] = host.config.reboot.model_dump()
    if policy.need_backups:
        spec["need_backups"] = True
    if policy.clean_up:
        spec["clean_up"] = True
    if policy.windows:
        spec["windows"] = [asdict(window) for window in policy.windows]
        spec["timezone"] = policy.timezone
    return spec


def offline_spec(host: Host, hosts: Mapping[str, Host], signers: Sequence[str]) -> Spec:
    """The always-on host that serves an offline host, and whether it wakes it or relays bundles.

    `signers` are the public keys that may sign the host's bundle.
    """
    offline = host.config.offline
    if offline is None or offline.host not in hosts:
        return {}
    other = hosts[offline.host]
    spec: Spec = {
        "host": other.name,
        "paths": paths_of(other),
        "host_key": other.config.ssh.host_key,
    }
    if offline.wake_by:
        return spec | {"wake": wake_command(host.name), "wake_seconds": offline.wake_seconds}
    return spec | {"signers": [" ".join(key.split()[:2]) for key in signers]}
