"""One container of a compose file, as one container of a service."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from homelab.nix.printer import print_value
from homelab.services.compose.limits import limits_of
from homelab.services.compose.reading import ComposeFile, Place, Tree, pairs, words
from homelab.services.compose.volumes import mounts_of

_SECOND = {"h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(us|ms|h|m|s)")
_OURS = (
    *("container_name", "restart", "image", "environment", "env_file", "ports", "expose"),
    *("volumes", "depends_on", "healthcheck", "command", "secrets", "networks", "pull_policy"),
    *("entrypoint", "user", "working_dir", "hostname", "stdin_open", "tty", "links", "attach"),
    *("annotations", "labels", "logging", "configs", "deploy", "build", "profiles"),
    *("mem_limit", "cpus"),
)
_OPTIONS = {"user": "user", "working_dir": "workdir", "hostname": "hostname"}
"""Keys that are options of NixOS's module."""
_FLAGS = {
    "cap_add": "--cap-add",
    "cap_drop": "--cap-drop",
    "dns": "--dns",
    "extra_hosts": "--add-host",
    "group_add": "--group-add",
    "init": "--init",
    "pids_limit": "--pids-limit",
    "read_only": "--read-only",
    "security_opt": "--security-opt",
    "shm_size": "--shm-size",
    "stop_grace_period": "--stop-timeout",
    "sysctls": "--sysctl",
    "tmpfs": "--tmpfs",
    "ulimits": "--ulimit",
    "userns_mode": "--userns",
    "mac_address": "--mac-address",
    "platform": "--platform",
    "ipc": "--ipc",
    "pid": "--pid",
}
"""Keys that Podman has as flags."""
_REFUSED = {
    "privileged": (
        "with it the container is root on the host",
        "find out what it needs: a device (hosts.….devices), a port, or a NixOS service",
    ),
    "network_mode": (
        "the containers of a service share one network of their own",
        "publish the ports that it needs, or run it as a NixOS service",
    ),
    "devices": (
        "a device has a name in the stack",
        "write hosts.….devices and devices: {NAME: /dev/…} here; gpu: intel for /dev/dri",
    ),
    "runtime": ("Podman's runtime is used", "for NVIDIA write gpu: nvidia"),
    "gpus": ("a GPU has its vendor in the stack", "write gpu: nvidia"),
    "extends": ("other services and files are not read", "copy what it has into this file"),
    "volumes_from": ("it has no mounts of other containers", "repeat the mounts here"),
}


def container_of(file: ComposeFile, name: str, service: str, compose: str) -> dict[str, object]:
    """The settings of a container, except its image, ports, secrets and order. What is not taken
    over is noted.
    """
    at: Place = ("services", compose)
    stated = file.section("services")[compose]
    assert isinstance(stated, dict)
    made: dict[str, object] = {}
    mounts = mounts_of(file, at, service)
    if mounts:
        made["mounts"] = mounts
    command = _words(file, (*at, "command"), stated.get("command"))
    entry = _words(file, (*at, "entrypoint"), stated.get("entrypoint"))
    if command or entry[1:]:
        made["command"] = [literal(word) for word in (*entry[1:], *command)]
    health = health_of(file, (*at, "healthcheck"), stated.get("healthcheck"))
    if health:
        made["health"] = health
    if limits := limits_of(file, at, stated):
        made["limits"] = limits
    _note_rest(file, at, stated, f"{service}-{name}")
    return made


def options_of(file: ComposeFile, name: str, service: str, compose: str) -> dict[str, str]:
    """Options of NixOS's module for what the stack has no key for."""
    stated = file.section("services")[compose]
    assert isinstance(stated, dict)
    option = f"virtualisation.oci-containers.containers.{service}-{name}"
    found = {
        f"{option}.{ours}": value
        for key, ours in _OPTIONS.items()
        if isinstance(value := stated.get(key), str) and value != compose
    }
    entry = stated.get("entrypoint")
    words_ = shlex.split(entry) if isinstance(entry, str) else words(entry)
    if words_:
        found[f"{option}.entrypoint"] = words_[0]
    return found


def literal(text: str) -> str:
    """A text without fields as a template: every brace twice."""
    return text.replace("{", "{{").replace("}", "}}")


def _words(file: ComposeFile, place: Place, value: Tree) -> list[str]:
    if not isinstance(value, str):
        return words(value)
    try:
        return shlex.split(value)
    except ValueError:
        file.note(place, "its quotes do not match", "write it as a list of words")
        return []


def health_of(file: ComposeFile, place: Place, value: Tree) -> dict[str, object]:
    """The health check of a container."""
    if not isinstance(value, dict) or value.get("disable") == "true":
        return {}
    test = value.get("test")
    command = ["sh", "-c", test] if isinstance(test, str) else words(test)
    if command[:1] == ["CMD"]:
        command = command[1:]
    elif command[:1] == ["CMD-SHELL"]:
        command = ["sh", "-c", " ".join(command[1:])]
    if not command or command == ["NONE"]:
        return {}
    made: dict[str, object] = {"command": command}
    for key in ("interval", "timeout", "start_period"):
        if isinstance(stated := value.get(key), str):
            seconds = seconds_of(stated)
            if seconds:
                made[key] = f"{seconds}s"
            elif stated not in ("0", "0s"):
                file.note((*place, key), f"{stated} is no duration", "write 30s, 5m or 1h")
    retries = value.get("retries")
    if isinstance(retries, str) and retries.isdigit() and 1 <= int(retries) <= 100:
        made["retries"] = int(retries)
    if "start_interval" in value:
        file.note((*place, "start_interval"), "Podman runs it at its interval", "leave it out")
    return made


def seconds_of(text: str) -> int:
    """A duration of a compose file in whole seconds, at least one; 0 for other text."""
    found = _DURATION.findall(text)
    if "".join(number + unit for number, unit in found) != text:
        return 0
    total = sum(float(number) * _SECOND.get(unit, 0.001) for number, unit in found)
    return max(1, round(total)) if total else 0


def _note_rest(file: ComposeFile, at: Place, stated: Mapping[str, Tree], container: str) -> None:
    """Note every key that nothing takes over."""
    option = f"virtualisation.oci-containers.containers.{container}"
    for key, value in stated.items():
        place = (*at, key)
        if key in _REFUSED:
            file.note(place, f"it is not taken over: {_REFUSED[key][0]}", _REFUSED[key][1])
        elif key in _FLAGS and value not in ("false", None):
            # The list of a module is joined with that of homelab. One in `options` replaces it, and
            # the flags of the health check, of limits and of devices with it.
            file.note(
                place,
                "it is not taken over",
                f"if it needs it, add it in a module of the host: {option}.extraOptions = "
                f"{print_value([*_flags(key, value)])}; leave the container's extraOptions out of "
                "options, which would replace what homelab writes there",
            )
        elif key == "restart" and value == "no":
            file.note(
                place,
                "its unit starts it again whenever it ends",
                "nothing to do for a program that runs on; leave out a container that does one "
                "task, and run its task by hand",
            )
        elif key == "restart" and str(value).startswith("on-failure"):
            file.note(place, f"its unit always restarts it, and not {value}", "nothing to do")
        elif key == "build" and stated.get("image"):
            file.note(
                place,
                "nothing is built: the image of the registry runs",
                "if its Dockerfile changes that image, push what it builds to a registry, and name "
                "that",
            )
        elif key == "links" and any(":" in word for word in words(value)):
            file.note(
                place,
                "other names of containers are not taken over",
                "write their names in the service into its settings",
            )
        elif key == "annotations":
            file.note(place, "annotations are not taken over", "nothing to do")
        elif key == "labels":
            _note_labels(file, place, value)
        elif key == "logging":
            file.note(place, "its output goes to the journal", "nothing to do")
        elif key == "deploy":
            _note_deploy(file, place, value)
        elif key == "profiles":
            file.note(place, "it always runs", "leave the container out if you did not use it")
        elif key == "networks":
            _note_networks(file, place, value)
        elif key not in _OURS and key not in _FLAGS and not key.startswith("x-"):
            file.note(place, "it is not taken over", "see whether the container needs it")


def _flags(key: str, value: Tree) -> list[str]:
    """Flags of Podman for a key."""
    flag = _FLAGS[key]
    if key == "stop_grace_period" and isinstance(value, str):
        return [f"{flag}={seconds_of(value)}"]
    given = [f"{n}={v}" if v else n for n, v in pairs(value)] or words(value)
    return [flag if g == "true" else f"{flag}={g}" for g in given] or [flag]


def _note_labels(file: ComposeFile, place: Place, value: Tree) -> None:
    names = [name for name, _ in pairs(value)]
    if any(name.startswith(("traefik.", "caddy")) for name in names):
        file.note(
            place,
            "labels of a reverse proxy are not taken over: its route follows from the stack",
            "write name, audience and auth, or routes",
        )
    elif names:
        file.note(place, "labels are not taken over", "nothing to do unless a program reads them")


def _note_deploy(file: ComposeFile, place: Place, value: Tree) -> None:
    text = str(value)
    if "'gpu'" in text or "nvidia" in text:
        file.note(place, "a GPU has its vendor in the stack", "write gpu: nvidia")
    elif value is not None:
        file.note(
            place,
            "it is not taken over: one container runs; of its resources, the limits of memory and "
            "processors are taken over",
            "nothing to do",
        )


def _note_networks(file: ComposeFile, place: Place, value: Tree) -> None:
    known = file.section("networks")
    names = [*value] if isinstance(value, dict) else words(value)
    shared = [n for n in names if isinstance(d := known.get(n), dict) and "external" in d]
    if shared:
        file.note(
            place,
            f"the network {shared[0]} of other compose files is not taken over",
            "reach services of the stack with {$service: NAME}",
        )
    stated = value if isinstance(value, dict) else {}
    if any(isinstance(v, dict) and {"aliases", "ipv4_address"} & {*v} for v in stated.values()):
        file.note(
            place,
            "its aliases and addresses are not taken over",
            "the other containers reach it by its name in the service",
        )
