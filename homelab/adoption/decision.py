"""From a machine to its part of the stack: the host's entry, its pin, its files, and notes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

from pydantic import TypeAdapter, ValidationError

from homelab.adoption.machine import TAILNET, Machine
from homelab.config.base import Release
from homelab.config.hosts import NixosHost
from homelab.config.stack import StackConfig
from homelab.config.types import FlakeUrl
from homelab.network.public import is_public
from homelab.nix.code import elsewhere_in
from homelab.nix.flake import originals
from homelab.nix.flake_inputs import FlakeInputsError, declared_inputs
from homelab.nix.flakeref import reference_of
from homelab.nix.source import Setting, read_nix
from homelab.problems import HomelabError
from homelab.system.own import below, reached

Values = Mapping[str, object]


@dataclass(frozen=True)
class Asked:
    """What the owner says about the machine."""

    name: str
    """Name of the host in the stack."""
    address: IPv4Address
    user: str | None
    """None: that of its entry in the stack, or root."""
    port: int | None
    """None: that of its entry in the stack, or 22."""
    directory: str
    """Directory of its configuration, on the machine."""
    system: str = ""
    """Name of its system in its flake. Default: its host name."""
    state_version: str = ""


@dataclass(frozen=True)
class Adoption:
    """What the stack and its directory get."""

    name: str
    host: Values
    pin: tuple[str, Values]
    files: Mapping[str, str | bytes]
    """New files, by their path beside the stack file."""
    notes: tuple[str, ...]
    """What differs from the running system, or needs the owner."""
    steps: tuple[str, ...]
    """What the owner does first, one command or edit each."""


def decide(stack: StackConfig, machine: Machine, asked: Asked) -> Adoption:
    """The entry and the files of a host that is to be adopted, with nothing managed.

    Raises HomelabError where the machine's configuration cannot be taken over.
    """
    _check_release(machine, asked)
    top = f"hosts/{asked.name}/nixos"
    files = {f"{top}/{path}": _decoded(content) for path, content in machine.files.items()}
    pin_name = asked.name if asked.name not in stack.nixpkgs else f"{asked.name}-adopted"
    if "flake.nix" in machine.files:
        by_flake = _flake(machine, asked, files, top)
        entry, pin, texts = by_flake, _flake_pin(machine, asked, files, top), files
        extra: dict[str, str | bytes] = {}
        steps: tuple[str, ...] = ()
    elif "configuration.nix" in machine.files:
        texts = reached([f"{top}/configuration.nix"], files)
        entry = _modules(texts, top)
        pin, extra, steps = _channel_pin(machine, asked)
    else:
        raise HomelabError(
            f"{asked.name}: {asked.directory} has no flake.nix and no configuration.nix that this "
            "account may read; name the directory of its configuration: --config DIRECTORY"
        )
    host: dict[str, object] = {
        "platform": machine.platform,
        "nixpkgs": pin_name,
        "state_version": asked.state_version or _state_version(texts, asked),
        **entry,
        "manage": [],
        "address": _address(stack, machine, asked),
        "ssh": {
            **({"user": asked.user} if asked.user not in (None, "root") else {}),
            **({"port": asked.port} if asked.port not in (None, 22) else {}),
            **_way(stack, asked.name),
            "host_key": machine.host_key,
        },
    }
    notes = (*_left_out(machine, top), *_of_texts(machine, texts, top), *_versions(machine, files))
    return Adoption(asked.name, host, (pin_name, pin), {**files, **extra}, notes, steps)


def _way(stack: StackConfig, name: str) -> dict[str, object]:
    """How the deployer reaches the machine, as its entry of `homelab init` says."""
    host = stack.hosts.get(name)
    if not isinstance(host, NixosHost):
        return {}
    way = {"jump", "key", "local", "proxy_command"}
    return dict(sorted(host.ssh.model_dump(include=way, exclude_defaults=True).items()))


def _check_release(machine: Machine, asked: Asked) -> None:
    try:
        TypeAdapter(Release).validate_python(machine.release)
    except ValidationError:
        raise HomelabError(
            f"{asked.name}: it runs NixOS {machine.release or 'of an unknown release'}; update it "
            "to 21.05 or later first"
        ) from None


def _decoded(content: bytes) -> str | bytes:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content


def _flake(
    machine: Machine, asked: Asked, files: Mapping[str, str | bytes], top: str
) -> dict[str, object]:
    system = asked.system or machine.name
    text = str(files[f"{top}/flake.nix"])
    if f"{top}/flake.lock" not in files:
        raise HomelabError(
            f"{asked.name}: {asked.directory} has a flake.nix and no flake.lock; make it there "
            "(nix flake lock), so that the same inputs are built"
        )
    try:
        declared_inputs(text, str(files[f"{top}/flake.lock"]))
    except FlakeInputsError as error:
        raise HomelabError(
            f"{asked.name}: {asked.directory}/flake.nix: {error}; write it as a flake elsewhere, "
            "or import its files by their path"
        ) from None
    extends: dict[str, object] = {"flake": top}
    return {"extends": extends if system == asked.name else {**extends, "name": system}}


def _flake_pin(
    machine: Machine, asked: Asked, files: Mapping[str, str | bytes], top: str
) -> dict[str, object]:
    lock, text = str(files[f"{top}/flake.lock"]), str(files[f"{top}/flake.nix"])
    known = originals(lock)
    packages = [n for n, o in known.items() if str(o.get("repo", "")).lower() == "nixpkgs"]
    name = "nixpkgs" if "nixpkgs" in known else next(iter(sorted(packages)), "")
    declared = declared_inputs(text, lock).get(name, {})
    url = declared.get("url")
    try:
        TypeAdapter(FlakeUrl).validate_python(url)
    except ValidationError:
        # Without a scheme, as nixpkgs/nixos-25.11, as a set, or not at all: as Nix locked it.
        locked = reference_of(known[name]) if name in known else None
        url = locked or f"github:NixOS/nixpkgs/nixos-{machine.release}"
    return {"release": machine.release, "url": url, "lock": f"{top}/flake.lock"}


def _modules(texts: Mapping[str, str | bytes], top: str) -> dict[str, object]:
    whole = f"{top}/configuration.nix"
    having_root = [
        path
        for path, setting in _settings(texts)
        if setting.path[:2] == ("fileSystems", "/") or setting.path[:2] == ("disko", "devices")
    ]
    hardware = having_root[0] if having_root else whole
    if hardware == whole:
        return {"hardware": whole}
    return {"hardware": hardware, "modules": [whole]}


def _channel_pin(
    machine: Machine, asked: Asked
) -> tuple[dict[str, object], dict[str, str | bytes], tuple[str, ...]]:
    """The pin of the revision that runs. Only Nix can lock it, so its flake is written."""
    revision = machine.version.revision or machine.channel
    at = f"hosts/{asked.name}/pin"
    known = re.fullmatch(r"[0-9a-f]{40}", revision)
    ref = revision if known else f"nixos-{machine.release}"
    url = f"github:NixOS/nixpkgs/{ref}"
    # It locks this pin only, and needs no file to be in Git as `nix flake lock` does.
    command = f"homelab update --host {asked.name}"
    flake = (
        f"# The nixpkgs that {asked.name} ran when it was adopted. To lock it: {command}\n"
        f'{{\n  inputs.nixpkgs.url = "{url}";\n  outputs = _: {{ }};\n}}\n'
    )
    pin: dict[str, object] = {"release": machine.release, "url": url, "lock": f"{at}/flake.lock"}
    return pin, {f"{at}/flake.nix": flake}, (command,)


def _settings(texts: Mapping[str, str | bytes]) -> Iterator[tuple[str, Setting]]:
    for path, text in texts.items():
        if path.endswith(".nix") and isinstance(text, str):
            for setting in read_nix(text).settings:
                yield path, setting


def _state_version(texts: Mapping[str, str | bytes], asked: Asked) -> str:
    found = {s.value for _, s in _settings(texts) if s.path == ("system", "stateVersion")}
    versions = sorted(v for v in found if isinstance(v, str))
    if len(versions) != 1 or len(found) != 1:
        listed = f"its configuration has {', '.join(versions)}" if versions else "not found"
        raise HomelabError(
            f"{asked.name}: system.stateVersion: {listed}; name it: --state-version 24.05 (on the "
            "machine: nixos-option system.stateVersion)"
        )
    return versions[0]


def _address(stack: StackConfig, machine: Machine, asked: Asked) -> dict[str, object]:
    ours = machine.tailnet.addresses if machine.tailnet is not None else []
    tailnet = next((a for a in ours if ":" not in a and stack.tailnet is not None), "")
    cidr = stack.network.lan.cidr
    known = [a for a in (asked.address, *machine.addresses) if a not in TAILNET and a in cidr]
    out: dict[str, object] = {"lan": str(known[0])} if known else {}
    if asked.address in TAILNET:
        tailnet = tailnet or str(asked.address)
    if tailnet:
        out["tailnet"] = tailnet
    if is_public(asked.address):
        out["public"] = str(asked.address)
    return out or {"lan": str(asked.address)}


def _left_out(machine: Machine, top: str) -> Iterator[str]:
    for line in machine.skipped:
        yield f"{top}/{line}; not copied. If the configuration reads it, put it there"
    if machine.executable:
        yield (
            f"no longer executable: {', '.join(machine.executable)}; a program in /etc made of one "
            "has another mode"
        )


def _of_texts(machine: Machine, texts: Mapping[str, str | bytes], top: str) -> Iterator[str]:
    for path, text in texts.items():
        if not path.endswith(".nix") or not isinstance(text, str):
            continue
        for line, written in elsewhere_in(text):
            if "flake.nix" in machine.files and written == "<nixpkgs>":
                continue
            way_out = "a flake of homelab:flakes" if written.startswith("<") else "a file beside it"
            yield (
                f"{path}:{line}: names {written}, which a flake may not read; replace it by "
                f"{way_out}"
            )
        if "flake.nix" not in machine.files:
            yield from _missing(path, text, texts)
    tools = {s.path[0] for _, s in _settings(texts) if s.path[0] in ("sops", "age")}
    if "sops" in tools:
        yield "its secrets come from sops-nix and stay as they are: the key of the host opens them"
    if "age" in tools:
        yield "its secrets come from agenix and stay as they are: the key of the host opens them"
    if any(s.path[0] == "nixConfig" for _, s in _settings(dict(below(f"{top}/flake.nix", texts)))):
        yield "nixConfig of its flake.nix has no effect: write its caches to nix.settings"


def _missing(path: str, text: str, texts: Mapping[str, str | bytes]) -> Iterator[str]:
    from homelab.system.own import named_by

    for written, there in named_by(path, text):
        if there.startswith(".."):
            yield f"{path}: names {written}, outside of its directory; copy it and correct the path"
        elif not any(True for _ in below(there, texts)):
            yield f"{path}: names {written}, which was not copied; put it there yourself"


def _versions(machine: Machine, files: Mapping[str, str | bytes]) -> Iterator[str]:
    if "flake.nix" not in machine.files:
        yield (
            f"the version of its system changes from {machine.version.label or machine.release} to "
            "that of a flake, and nix-shell finds nixpkgs by the flake registry"
        )
        if others := [c for c in machine.channels if c not in ("nixos", "manifest.nix")]:
            yield f"channels of root that a flake does not read: {', '.join(others)}"
        return
    texts = (t for p, t in files.items() if p.endswith(".nix") and isinstance(t, str))
    if any(
        "configurationRevision" in t or re.search(r"\bself\.(shortRev|rev|dirty)", t) for t in texts
    ):
        yield "its own Git revision is no longer known to it: self.rev is missing"
