"""A service in containers: their Podman options, and what their units need on the host."""

from __future__ import annotations

import json
from collections.abc import Iterator

from homelab.config.containers import ContainerSecret, Health, Mount
from homelab.config.service_parts import Limits
from homelab.disks.waiting import waiting
from homelab.hardening.paths import for_tmpfiles
from homelab.nix import Attrs, Call, Comment, Force, Function, Nix, Raw, attrs, merge
from homelab.plan import Plan
from homelab.services.container_ports import (
    guarded,
    patient,
    published_ports,
    published_uses,
)
from homelab.services.containers import attached
from homelab.services.devices import claims, unit_of
from homelab.services.files_unit import files_unit
from homelab.services.model import Service
from homelab.services.options import texts_by_place
from homelab.services.parts import Part, is_made
from homelab.services.secret_files import SECRETS, directory, files_of, reads, specified
from homelab.services.templates import path_of_secret
from homelab.system.model import Host

_GRAPHICS = {"amd": ("/dev/dri", "/dev/kfd"), "intel": ("/dev/dri",)}
_NVIDIA = "nvidia.com/gpu=all"
"""CDI name of all GPUs, from nvidia-container-toolkit."""
_GROUPS = {"dialout": 27, "disk": 6, "input": 174, "render": 303, "video": 26}
"""Groups that may open devices, with their gids in NixOS: an image does not know names of the
host."""
_HEALTHY = "25.05"
"""Release from which a unit can be up only once its container is healthy."""


def containers(plan: Plan, host: Host, service: Service) -> Attrs:
    """The options of a service's containers."""
    return merge(
        {
            "virtualisation": {
                "oci-containers": {
                    "backend": "podman",
                    "containers": {
                        part.container: _container(plan, host, service, part)
                        for part in service.parts
                    },
                }
            }
        },
        guarded(plan, host, service),
        *(_unit(plan, host, service, part) for part in service.parts),
        _directories(service),
        unit_of(plan, service),
        attrs("hardware.nvidia-container-toolkit.enable", True)
        if any(part.gpu == "nvidia" for part in service.parts)
        else {},
    )


def _container(plan: Plan, host: Host, service: Service, part: Part) -> Attrs:
    stated = part.config
    lists: dict[str, list[Nix]] = {
        "ports": [
            t
            for use in published_uses(service, part)
            for t in published_ports(plan, service, part, use)
        ],
        "volumes": [*_volumes(plan, service, part)],
        "cmd": [*texts_by_place(plan, service, f"{part.place}.command[").values()],
        "environmentFiles": [*_environment_files(service, part)],
        "extraOptions": [
            *_devices(plan, host, service, part),
            *_limits(part.limits),
            *_health(stated.health),
        ],
    }
    body: Attrs = {"image": stated.image, **{k: v for k, v in lists.items() if v}}
    environment = texts_by_place(plan, service, f"{part.place}.environment.")
    if environment:
        body["environment"] = environment
    if _is_awaited(service, part):
        body["podman"] = {
            "sdnotify": Comment("Containers that depend on it start once it is healthy.", "healthy")
        }
    return merge(body, attached(part, service.release))


def _environment_files(service: Service, part: Part) -> Iterator[str]:
    for name, fact in sorted(service.entry.secrets.items()):
        if fact.form == "env" and reads(service, part, name):
            yield path_of_secret(service, name)
    for file in files_of(part):
        if file.target is None:
            yield f"{directory(part)}/{file.name}"


def _volumes(plan: Plan, service: Service, part: Part) -> Iterator[str]:
    for mount in part.config.mounts:
        yield f"{mount.source}:{mount.target}" + (":ro" if mount.read_only else "")
    for name, use in sorted(part.datasets.items()):
        for dataset in plan.datasets_on(service.host):
            if dataset.name == name:
                yield f"{dataset.path}:{use.target}" + (":ro" if use.read_only else "")
    for name, fact in sorted(service.entry.secrets.items()):
        if fact.form == "file" and reads(service, part, name):
            yield f"{path_of_secret(service, name)}:{target_of(service, name)}:ro"
    for file in files_of(part):
        if file.target is not None:
            yield f"{directory(part)}/{file.name}:{file.target}:ro"


def target_of(service: Service, name: str) -> str:
    """Path of a secret's file in the only container of a service."""
    stated = service.secrets.get(name)
    own = stated.target if isinstance(stated, ContainerSecret) else None
    return own or f"{SECRETS}/{name}"


def _devices(plan: Plan, host: Host, service: Service, part: Part) -> Iterator[str]:
    groups: list[str] = []
    if part.gpu == "nvidia":
        yield f"--device={_NVIDIA}"
    elif part.gpu is not None:
        gpu = host.config.gpu
        for device in (gpu.devices if gpu is not None else ()) or _GRAPHICS[part.gpu]:
            yield f"--device={device}"
        groups += ["video", "render"]
    for claim in claims(plan.stack, service):
        if claim.name in part.devices:
            yield f"--device={claim.path}:{part.devices[claim.name]}"
            groups += claim.device.groups
    for group in dict.fromkeys(groups):
        yield f"--group-add={_GROUPS[group]}"


def _limits(limits: Limits | None) -> Iterator[str]:
    """Flags of Podman: a container is in a group of its own, and not in that of its unit."""
    if limits is not None and limits.mebibytes is not None:
        yield f"--memory={limits.mebibytes}m"
    if limits is not None and limits.cpus is not None:
        yield f"--cpus={limits.cpus:g}"


def _health(health: Health | None) -> Iterator[str]:
    if health is None:
        return
    # Podman runs an array of several words as it is, and one word after CMD. It gives other text to
    # a shell of the image, and splits an array with CMD at its blanks.
    words = health.command
    command = json.dumps(words, ensure_ascii=False) if len(words) > 1 else f"CMD {words[0]}"
    yield f"--health-cmd={command}"
    yield f"--health-interval={health.interval}"
    yield f"--health-timeout={health.timeout}"
    yield f"--health-retries={health.retries}"
    yield f"--health-start-period={health.start_period}"
    if health.restart:
        yield "--health-on-failure=kill"


def _is_awaited(service: Service, part: Part) -> bool:
    """Whether other containers of the service wait until it is healthy."""
    waits = any(part.container in other.depends_on for other in service.parts)
    return waits and part.config.health is not None and service.release >= _HEALTHY


def _unit(plan: Plan, host: Host, service: Service, part: Part) -> Attrs:
    """What the unit of a container waits for, and changes at which it restarts."""
    body = patient(plan, host, service, part)
    # Without its disk, a container would fill an empty directory.
    body = merge(body, waiting(host, [m.source for m in part.config.mounts]))
    if _is_awaited(service, part):
        limit = Comment("A switch waits for the health check, but not for ever.", Force("15min"))
        body = merge(body, attrs("serviceConfig.TimeoutStartSec", limit))
    triggers: list[Nix] = [*_triggers(part)]
    if triggers:
        body["restartTriggers"] = triggers
    files = _files_unit(service, part) if files_of(part) else {}
    return merge(attrs(f'systemd.services."{part.unit}"', body) if body else {}, files)


def _triggers(part: Part) -> Iterator[Nix]:
    """What its files come from. A path alone does not change with the content of its file."""
    if files_of(part):
        yield Raw(f'config.systemd.services."{part.files_unit}".environment.FILES')
    for source in dict.fromkeys(m.source for m in part.config.mounts):
        below = source.removeprefix("/etc/").rstrip("/")
        if below != source.rstrip("/") and below:
            yield _sources(below)


def _sources(name: str) -> Nix:
    """A hash of what is at a place below /etc."""
    below = Call("lib.hasPrefix", (f"{name}/", Raw('"${name}/"')))
    chosen = Call(
        "lib.filterAttrs", (Function("name", Function("_", below)), Raw("config.environment.etc"))
    )
    sources = Call("lib.mapAttrs", (Raw("(_: file: file.source)"), chosen))
    return Call("builtins.hashString", ("sha256", Call("builtins.toJSON", (sources,))))


def _files_unit(service: Service, part: Part) -> Attrs:
    """The unit that writes a container's files with secrets."""
    return files_unit(
        part.files_unit,
        before=part.unit,
        directory=directory(part),
        what=f"the container {part.container}",
        known=specified(service, part),
    )


def _directories(service: Service) -> Attrs:
    """Directories that containers write: Podman does not start a container if one is missing.

    An existing directory keeps its owner, because many images use a user of their own, unless the
    stack says whose it is.
    """
    made: Attrs = {}
    for source, mounts in _made(service).items():
        # Of two owners, mount-owner reports one.
        owner = next((m.owner for m in mounts if m.owner is not None), ":root")
        group = next((m.group for m in mounts if m.group is not None), ":root")
        made[for_tmpfiles(source)] = {"d": {"mode": ":0755", "user": owner, "group": group}}
    name = f"10-container-{service.name}"
    return {"systemd": {"tmpfiles": {"settings": {name: made}}}} if made else {}


def _made(service: Service) -> dict[str, list[Mount]]:
    found: dict[str, list[Mount]] = {}
    for part in service.parts:
        for mount in part.config.mounts:
            if is_made(mount):
                found.setdefault(mount.source, []).append(mount)
    return found
