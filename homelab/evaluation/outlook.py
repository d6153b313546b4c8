"""What a change of the stack changes on a host, as far as the generated text shows it.

Only the built system has all units and the whole closure, which `homelab up HOST --mode dry`
compares.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from homelab.catalog.upstream import find, release_of
from homelab.nix import Comment, Module, Nix
from homelab.nix.code import attributes_in
from homelab.nix.printer import print_value
from homelab.nix.values import unwrapped
from homelab.plan import Plan
from homelab.render import Files, modules_of

Option = tuple[str, ...]
Values = Mapping[Option, tuple[str, ...]]
"""The definitions of each option, as Nix prints them. The items of a list are one each."""

DRY = "homelab up {host} --mode dry"
_KINDS = ("services", "timers", "sockets", "paths", "mounts", "automounts", "targets", "slices")
_SYSTEM_UNITS: Mapping[Option, str] = {
    ("boot", "kernel", "sysctl"): "systemd-sysctl.service",
    ("networking", "firewall"): "firewall.service",
    ("networking", "nftables"): "nftables.service",
    ("systemd", "tmpfiles"): "systemd-tmpfiles-resetup.service",
}
"""Options of NixOS itself, and the unit that applies them."""
_LIVE_BOOT = ("binfmt", "kernel", "kernelModules", "loader", "tmp")
"""Below `boot`, what a switch applies or only the boot loader reads."""
_AT_BOOT: tuple[Option, ...] = (
    ("boot",),
    ("hardware", "cpu"),
    ("hardware", "enableAllFirmware"),
    ("hardware", "enableRedistributableFirmware"),
    ("hardware", "firmware"),
    ("hardware", "nvidia"),
    ("networking", "hostId"),
)
"""Options of the kernel, its modules and the initrd, which take effect at boot only."""
_NEEDED_FOR_BOOT = ("/", "/nix", "/nix/store", "/var", "/var/log", "/var/lib", "/etc", "/usr")
"""Mount points that NixOS mounts in the initrd (`pathsNeededForBoot`)."""
_BUILDERS = re.compile(
    r"build\w*|callPackage|concat\w*|fetch\w*|formats|lib|linkFarm\w*|make\w*|mk\w*|nixos\w*"
    r"|replaceVars\w*|run\w*|stdenv\w*|substitute\w*|symlinkJoin|system|write\w*"
)
"""Attributes of `pkgs` that are functions, and no packages."""
_HOLE = re.compile(r"\{[a-z]+\}")
"""The part of a unit's name that the configuration names."""
_LONGEST = 60


@dataclass(frozen=True)
class Outlook:
    """What changes on one host."""

    options: tuple[str, ...]
    """One line for each option, with both values where they are short."""
    units: tuple[str, ...]
    """Units that the options and files belong to."""
    added: tuple[str, ...]
    """Packages that only the new text names."""
    removed: tuple[str, ...]
    """Packages that only the old text names."""
    enabled: tuple[str, ...]
    """Modules that are enabled now, and bring their packages."""
    disabled: tuple[str, ...]
    """Modules that were enabled before."""
    reboot: tuple[str, ...]
    """Options that take effect at boot only."""
    unread: tuple[str, ...]
    """Changed files whose effect only Nix knows: own modules, secrets, lock files."""

    def lines(self, host: str) -> Iterator[str]:
        """The sentences for the owner."""
        yield from (f"option {line}" for line in self.options)
        yield f"units that change: {', '.join(self.units) or 'none that the text shows'}"
        signed = (
            ("+", (*self.added, *(f"those of {name}" for name in self.enabled))),
            ("-", (*self.removed, *(f"those of {name}" for name in self.disabled))),
        )
        packages = [f"{sign}{name}" for sign, names in signed for name in names]
        yield f"packages: {', '.join(packages) or 'the text names the same'}"
        due = f"due for {', '.join(self.reboot)}" if self.reboot else "no option asks for one"
        yield f"reboot: {due}"
        if self.unread:
            yield f"what these change, only Nix knows: {', '.join(self.unread)}"
        yield f"all units, the closure and its kernel: {DRY.format(host=host)}"


def outlook(old: Plan, new: Plan, name: str, before: Files, after: Files) -> Outlook:
    """What changes on a host between two plans. `before` and `after` are its files; they are empty
    for a host that one of the plans does not have.
    """
    was, now = _values(old, name), _values(new, name)
    options = sorted(path for path in {*was, *now} if was.get(path) != now.get(path))
    modules = {m.file for plan in (old, new) for m in _modules(plan, name)}
    files = [f for f in {*before, *after} if before.get(f) != after.get(f) and f not in modules]
    units = {
        unit
        for plan, values in ((old, was), (new, now))
        for path in options
        for unit in _units(plan, name, path, values)
    }
    gone, come = _packages(before), _packages(after)
    return Outlook(
        tuple(_line(path, was.get(path, ()), now.get(path, ())) for path in options),
        tuple(sorted(units)),
        tuple(sorted(come - gone)),
        tuple(sorted(gone - come)),
        tuple(sorted(_enabled(now) - _enabled(was))),
        tuple(sorted(_enabled(was) - _enabled(now))),
        tuple(sorted({_name(path) for path in options if _is_at_boot(path, was, now)})),
        tuple(sorted(f for f in files if _is_unread(f))),
    )


def _modules(plan: Plan, name: str) -> Sequence[Module]:
    host = plan.hosts.get(name)
    return modules_of(plan, host) if host is not None and host.config.state != "planned" else ()


def _values(plan: Plan, name: str) -> Values:
    found: dict[Option, list[str]] = {}
    for module in _modules(plan, name):
        for tree in (module.derived, module.stated):
            for path, value in _leaves(tree, ()):
                found.setdefault(path, []).extend(_printed(value))
    return {path: tuple(sorted(texts)) for path, texts in found.items()}


def _leaves(tree: Mapping[str, Nix], path: Option) -> Iterator[tuple[Option, Nix]]:
    for key, value in tree.items():
        inner = value.value if isinstance(value, Comment) else value
        if isinstance(inner, Mapping) and inner:
            yield from _leaves(inner, (*path, key))
        else:
            yield (*path, key), inner


def _printed(value: Nix) -> list[str]:
    """The items of a list, or the one value. An empty list is a definition too."""
    bare = unwrapped(value)
    if isinstance(bare, list | tuple) and bare:
        return [print_value(item) for item in bare]
    return [print_value(value)]


def _line(path: Option, was: Sequence[str], now: Sequence[str]) -> str:
    gone = [text for text in was if text not in now]
    come = [text for text in now if text not in was]
    name = _name(path)
    if any("\n" in text for text in (*gone, *come)):
        return f"{name}: {'set' if not was else 'no longer set' if not now else 'another text'}"
    if len(was) == len(now) == 1:
        both = f"{was[0]} -> {now[0]}"
    else:
        both = " ".join([*(f"-{text}" for text in gone), *(f"+{text}" for text in come)])
    if len(both) > _LONGEST:
        both = f"-{len(gone)} +{len(come)}"
    return f"{name}: {both or 'another order or number'}"


def _name(path: Option) -> str:
    return ".".join(p if re.fullmatch(r"[\w'-]+", p) else f'"{p}"' for p in path)


def _units(plan: Plan, host: str, path: Option, values: Values) -> Iterator[str]:
    """The units of a host that an option belongs to."""
    if path[0] == "systemd" and len(path) > 2 and path[1] in _KINDS:
        yield f"{path[2]}.{path[1].removesuffix('s')}"
    elif path[:3] == ("homelab", "hardening", "units") and len(path) > 3:
        yield f"{path[3]}.service"
    elif path[:3] == ("homelab", "backup", "jobs") and len(path) > 3:
        yield f"restic-backups-{path[3]}-*.service"
    elif path[0] == "services" and len(path) > 1:
        yield from (f"{unit}.service" for unit in _of_services(plan, host, path, values))
    elif path[:3] == ("virtualisation", "oci-containers", "containers") and len(path) > 3:
        ends = tuple(f"{backend}-{path[3]}" for backend in ("podman", "docker"))
        known = {u for service in plan.on(host) for u in service.units}
        yield from (f"{unit}.service" for unit in ends if unit in known)
    elif path[:2] == ("networking", "firewall") and _is_nftables(values):
        yield "nftables.service"
    else:
        yield from (unit for top, unit in _SYSTEM_UNITS.items() if path[: len(top)] == top)


def _is_nftables(values: Values) -> bool:
    return values.get(("networking", "nftables", "enable")) == ("true",)


def _of_services(plan: Plan, host: str, path: Option, values: Values) -> Iterator[str]:
    """Units of the services of the stack that set the option, and of the nixpkgs module."""
    top = f"{path[0]}.{path[1]}."
    for service in plan.on(host):
        if any(option.startswith(top) for option in service.entry.options):
            yield from service.units
    placed = plan.hosts.get(host)
    facts = find(path[1]) and placed and release_of(path[1], placed.release)
    for unit in facts.units.values() if facts else ():
        if unit.only_with and tuple(unit.only_with.split(".")) not in values:
            continue
        # The instance of `services.authelia.instances.main` and of its like.
        name = _HOLE.sub(lambda _: path[3], unit.name) if len(path) > 3 else unit.name
        if not _HOLE.search(name):
            yield name


def _is_at_boot(path: Option, was: Values, now: Values) -> bool:
    if path[0] == "fileSystems" and len(path) > 1:
        needed = (*path[:2], "neededForBoot")
        return path[1] in _NEEDED_FOR_BOOT or ("true",) in (was.get(needed), now.get(needed))
    if path[0] == "boot" and len(path) > 1 and path[1] in _LIVE_BOOT:
        return path[1] == "kernel" and path[2:3] != ("sysctl",)
    return any(path[: len(top)] == top for top in _AT_BOOT)


def _enabled(values: Values) -> set[str]:
    """Modules with `enable = true`, by the path of their options."""
    ours = ("homelab",)
    return {
        _name(path[:-1])
        for path, texts in values.items()
        if path[-1] == "enable" and path[:1] != ours and set(texts) & {"true", "lib.mkForce true"}
    }


def _packages(files: Files) -> set[str]:
    """Packages that the text of any module names, as `pkgs.NAME`."""
    return {
        ".".join(path)
        for file, text in files.items()
        if file.endswith(".nix") and isinstance(text, str) and not file.startswith("lib/")
        for path in attributes_in(text, "pkgs")
        if path and not _BUILDERS.fullmatch(path[0])
    }


def _is_unread(file: str) -> bool:
    """Whether a changed file is more than a list of the others."""
    return file not in ("default.nix", "flake.nix", "release-id.nix")
