"""Plan the sandbox of each unit: the baseline, the exceptions of its service, and its datasets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from homelab.config.hosts import NixosHost
from homelab.config.stack import StackConfig
from homelab.hardening.baseline import BASELINE, DEVICES, FAMILIES, HIDDEN, HIDE, Part
from homelab.hardening.model import UnitHardening
from homelab.hardening.nixpkgs import holds, meet, said_by_nixpkgs
from homelab.hardening.paths import below, for_systemd, is_hidden, is_home
from homelab.hardening.together import SYSTEM, brought_in
from homelab.nix import Nix
from homelab.services.devices import Claim, claims
from homelab.services.model import Service
from homelab.storage.model import Dataset, is_syncthing

EVERYTHING = "everything"
"""Name of the exception for a unit without a sandbox."""


def plan_hardening(
    stack: StackConfig, services: tuple[Service, ...], datasets: tuple[Dataset, ...]
) -> tuple[UnitHardening, ...]:
    """The sandbox of every unit of every service, sorted by host and unit."""
    units = [
        _unit(stack, service, unit, _places(service, unit, datasets))
        for service in services
        for unit in service.units
    ]
    return tuple(sorted(units, key=lambda u: (u.host, u.unit, u.service)))


@dataclass
class _Places:
    """Directories of data that one unit sees, and those that it may write."""

    hide: tuple[str, ...]
    """Directories that are empty besides /mnt and /srv: datasets that it does not use."""
    bind_all: bool
    """It has its own root directory, so everything that it uses must be bound into it."""
    bind: set[str] = field(default_factory=set)
    bind_read_only: set[str] = field(default_factory=set)
    write: set[str] = field(default_factory=set)

    def is_hidden(self, path: str) -> bool:
        """Whether the unit sees this path only if it is bound."""
        return self.bind_all or is_hidden(path) or is_home(path) or below(path, self.hide)

    def add(self, path: str, *, writes: bool) -> None:
        """A directory that the unit uses."""
        if self.is_hidden(path):
            (self.bind if writes else self.bind_read_only).add(path)
        elif writes:
            self.write.add(path)


def _places(service: Service, unit: str, datasets: tuple[Dataset, ...]) -> _Places:
    entry, harden = service.entry, service.harden
    stated = (*harden.read_only, *harden.read_write)
    # Only the main unit of a service reads files, unless facts name another. The rest ask the main
    # unit. The server of a site sees the site alone, which its own unit binds.
    opens = (*service.units[:1], *entry.hardening.data_units)
    is_main = unit in opens and service.static is None
    roles = service.datasets if is_main else {}
    here = [d for d in datasets if d.host == service.host]
    syncs = is_main and is_syncthing(service)
    used = [d for d in here if d.name in roles.values() or (syncs and d.synced)]
    # One dataset may have several roles, and one that is written is enough.
    written = {name for role, name in roles.items() if role in entry.writes_datasets}
    written |= {d.name for d in used if syncs and d.synced}
    tops = brought_in(used, written)
    seen = tuple(tops.values())
    places = _Places(
        hide=tuple(
            sorted(d.sees for d in here if d not in used and _must_hide(d.sees, seen, stated))
        ),
        bind_all=entry.hardening.confined,
    )
    for dataset in used:
        places.add(tops[dataset.name], writes=dataset.name in written)
    for path in harden.read_only:
        places.add(path, writes=False)
    for path in harden.read_write:
        places.add(path, writes=True)
    for path in (*service.state, *entry.hardening.writable) if is_main else ():
        if below(path, tuple(d.path for d in used)):
            continue  # the dataset is bound already, and the directory may not exist yet
        # The nixpkgs module opens the state directory; systemd opens that of a dynamic user.
        opened = entry.hardening.upstream or below(path, ("/var/lib/private",))
        if not opened or (not entry.hardening.confined and places.is_hidden(path)):
            places.add(path, writes=True)
    places.bind_read_only -= places.bind
    return places


def _must_hide(path: str, seen: tuple[str, ...], stated: tuple[str, ...]) -> bool:
    """Whether the unit would see this dataset, which it does not use."""
    if path in SYSTEM or below(path, stated):
        return False
    return not (is_hidden(path) or is_home(path)) or below(path, seen)


def _unit(stack: StackConfig, service: Service, unit: str, places: _Places) -> UnitHardening:
    harden = service.harden
    exempt = harden.exempt or service.entry.hardening.exempt
    if exempt:
        # Its module lets it open every device for the sake of one.
        allowed = _devices(stack, service) if service.config.gpu and not harden.exempt else []
        settings: dict[str, Nix] = (
            {"DevicePolicy": "closed", "DeviceAllow": [*allowed]} if allowed else {}
        )
        forced = {"DeviceAllow"} if allowed else set[str]()
        exceptions = {EVERYTHING: exempt}
        outranked: dict[str, str] = {}
    else:
        settings, forced, exceptions, outranked = _settings(stack, service, unit, places)
    return UnitHardening(
        service=service.name,
        host=service.host,
        unit=unit,
        has_baseline=not exempt and not service.entry.hardening.upstream,
        settings=tuple(settings.items()),
        forced=tuple(sorted(forced)),
        exceptions=tuple(sorted(exceptions.items())),
        outranked=tuple(sorted(outranked.items())),
        source=service.source,
    )


def _settings(
    stack: StackConfig, service: Service, unit: str, places: _Places
) -> tuple[dict[str, Nix], set[str], dict[str, str], dict[str, str]]:
    facts, relax = service.entry.hardening, service.harden.relax
    nixpkgs = said_by_nixpkgs(service, unit)
    settings: dict[str, Nix] = {}
    forced: set[str] = set()
    exceptions: dict[str, str] = {}
    outranked: dict[str, str] = {}
    opened = claims(stack, service) if unit == service.units[0] else ()
    for part in BASELINE:
        value, why = _value(service, part, opened)
        if why:
            exceptions[part.name] = why
        if part.name in relax:
            settings[part.setting] = part.relaxed
            forced.add(part.setting)
            exceptions[part.name] = relax[part.name]
        elif facts.upstream:
            if nixpkgs and not holds(part, nixpkgs):
                exceptions.setdefault(part.name, "nixpkgs has a sandbox for it without this part")
            elif nixpkgs and part.name == "private-devices" and (opened or service.config.gpu):
                settings[part.setting] = part.relaxed
                forced.add(part.setting)
        else:
            # A service that writes files for a group needs its mask. A stricter one hides them.
            wanted = part.name == "umask" and bool(facts.umask)
            held = meet(part, value, nixpkgs.get(part.setting), wanted=wanted)
            if held.value is not None:
                settings[part.setting] = held.value
            if held.is_forced:
                forced.add(part.setting)
            if held.stricter_than:
                outranked[part.setting] = held.stricter_than
            if held.weaker:
                exceptions.setdefault(part.name, held.weaker)
    at_home = any(is_home(p) for p in (*places.bind, *places.bind_read_only))
    if at_home and "protect-home" not in relax:
        # With `true`, nothing can be bound below. The stack config asks for the path, so force it.
        settings["ProtectHome"] = "tmpfs"
        forced.add("ProtectHome")
    # The list of devices in nixpkgs applies, unless it has none or the stack config names devices.
    ours = not facts.upstream or "PrivateDevices" in settings or _named_devices(stack, service)
    allowed = _devices(stack, service) if service.config.gpu and ours else []
    if not facts.upstream:
        allowed += [f"{for_systemd(claim.path)} rw" for claim in opened]
    if allowed and "private-devices" not in relax:
        settings["DevicePolicy"] = "closed"
        settings["DeviceAllow"] = [*allowed]
        # nixpkgs may have no devices, as text. A list cannot join text.
        forced.add("DeviceAllow")
    if facts.mounts:
        exceptions[HIDE] = "measures how full each file system is"
    if HIDE in relax:
        exceptions[HIDE] = relax[HIDE]
    settings |= dict(_paths(service, places))
    return settings, forced, exceptions, outranked


def _value(service: Service, part: Part, opened: tuple[Claim, ...]) -> tuple[Nix, str]:
    """The value of a part for this service, and the reason if it is less than the baseline.

    With `None` the part is left out.
    """
    facts = service.entry.hardening
    match part.name:
        case "capability-bounding-set" if facts.capabilities:
            return " ".join(facts.capabilities), f"needs {', '.join(facts.capabilities)}"
        case "umask" if facts.umask:
            return facts.umask, "writes files that others read"
        case "memory-deny-write-execute" if facts.jit:
            return None, "compiles at run time"
        case "restrict-realtime" if facts.realtime:
            return None, "uses realtime scheduling"
        case "restrict-address-families" if facts.netlink:
            return " ".join((*FAMILIES, "AF_NETLINK")), "looks up network interfaces"
        case "private-devices" if service.config.gpu:
            return None, f"uses the host's graphics hardware ({service.config.gpu})"
        case "private-devices" if opened:
            return None, f"uses {', '.join(claim.name for claim in opened)}"
        case "private-devices" if facts.devices:
            return None, "needs device nodes"
        # ProtectClock closes all devices that no rule names, and here no rule names any.
        case "protect-clock" if _opens_devices(service):
            return None, "needs device nodes"
    return part.value, ""


def _opens_devices(service: Service) -> bool:
    if "private-devices" in service.harden.relax:
        return True
    named = service.config.gpu or service.devices
    return service.entry.hardening.devices and not named


def _named_devices(stack: StackConfig, service: Service) -> list[str]:
    """The graphics devices that the stack names on its host."""
    host = stack.hosts[service.host]
    gpu = host.gpu if isinstance(host, NixosHost) else None
    return gpu.devices if gpu is not None else []


def _devices(stack: StackConfig, service: Service) -> list[str]:
    named = [f"{for_systemd(device)} rw" for device in _named_devices(stack, service)]
    return named or [*DEVICES[service.config.gpu or ""]]


def _paths(service: Service, places: _Places) -> Iterator[tuple[str, Nix]]:
    facts, relax = service.entry.hardening, service.harden.relax
    if not facts.confined and not facts.mounts and HIDE not in relax:
        emptied = sorted({*HIDDEN, *places.hide})
        yield "TemporaryFileSystem", [f"{for_systemd(p)}:ro" for p in emptied]
    for setting, paths in (
        ("BindPaths", places.bind),
        ("BindReadOnlyPaths", places.bind_read_only),
        ("ReadWritePaths", places.write),
    ):
        if paths:
            yield setting, [for_systemd(p) for p in sorted(paths)]
