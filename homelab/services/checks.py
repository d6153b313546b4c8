"""Checks of services: catalog entries, hosts, references and releases."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from homelab.catalog import ENTRIES
from homelab.catalog.options import lacks
from homelab.check import check
from homelab.config.service_base import ServiceConfig
from homelab.config.service_modules import CatalogService, FlakeService
from homelab.config.service_programs import ExternalService, UnitService
from homelab.config.services import KINDS
from homelab.config.stack import StackConfig
from homelab.config.unit import FlakePackage
from homelab.connections.pairs import place_of_use
from homelab.network.model import RESOLVERS
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.services.declared import declared_options
from homelab.services.own import facts_of, facts_place
from homelab.services.plan import entry_of, hosts_of, implied, lacking_section
from homelab.services.uses import uses_of
from homelab.system.flakes import inputs
from homelab.system.pin_checks import later


@check("service-known")
def service_known(plan: Plan) -> Iterator[Problem]:
    """A service that is not in the catalog would be ignored without a message."""
    for name, config in plan.stack.services.items():
        if config.planned is None and entry_of(name, plan.stack) is None:
            stated = config.service if isinstance(config, CatalogService) else None
            wanted = stated or name
            yield Problem(
                f"services.{name}" + (".service" if stated else ""),
                f'the catalog has no service "{wanted}"',
                _site_of(wanted)
                or _known_as(wanted)
                or did_you_mean(wanted, {*ENTRIES, *plan.stack.catalog}, "services")
                + f"; or describe it yourself: in services/{wanted}.yaml, or with module:, "
                f"{', '.join(_HERE[:-1])} or {_HERE[-1]} here",
                cause=f"services.{name}",
            )


_HERE = tuple(f"{kind}:" for kind in KINDS if kind not in ("catalog", "module"))
"""Keys that describe a service in the stack file, besides `module`."""
_SITES = {"it-tools": "lib"}
"""Apps that are only files of a package of nixpkgs, with their directory in it."""

OTHER_NAMES = {
    "bitwarden": "vaultwarden",
    "hass": "home-assistant",
    "hoarder": "karakeep",
    "matrix": "matrix-synapse",
    "mqtt": "mosquitto",
    "mumble": "murmur",
    "openwakeword": "wyoming-openwakeword",
    "otbr": "openthread-border-router",
    "piper": "wyoming-piper",
    "searx": "searxng",
    "synapse": "matrix-synapse",
    "whisper": "wyoming-faster-whisper",
}
"""Names of apps that have little in common with the name of their entry."""
_DATABASES = {"mariadb": "mysql", "mysql": "mysql", "postgresql": "postgresql", "redis": "redis"}


def _known_as(name: str) -> str:
    """What the catalog calls an app that people know by another name; empty for another one."""
    if name in _DATABASES:
        kind = _DATABASES[name]
        return f"a database belongs to the service that needs it: databases: [{kind}] there"
    entry = OTHER_NAMES.get(name)
    return f"the catalog calls it {entry}: write {entry}, or service: {entry} here" if entry else ""


def _site_of(name: str) -> str:
    """How to serve an app that is only files of a package; empty for another app."""
    near = get_close_matches(name.replace("-", ""), [s.replace("-", "") for s in _SITES], 1, 0.8)
    for package, path in _SITES.items():
        if package.replace("-", "") in near:
            return f"{package} is files of a package: static: {{package: {package}, path: {path}}}"
    return ""


@check("service-placed")
def service_placed(plan: Plan) -> Iterator[Problem]:
    """A service without a host would not run, and a service that another section places cannot run
    on another host.
    """
    placed = implied(plan.stack)
    for name, config in plan.stack.services.items():
        if name in placed:
            hosts = sorted({host for host, _ in placed[name]})
            section = placed[name][0][1].partition(".tailscale")[0] if hosts else name
            if not isinstance(config, CatalogService):
                continue  # service-single reports it
            if not config.runs:
                key = "enable" if config.planned is None else "planned"
                yield Problem(
                    f"services.{name}.{key}",
                    f"{section} needs {name}, so it cannot be switched off here",
                    f"leave {key} out, or {_without(section)}",
                )
            elif config.host is not None and [config.host] != hosts:
                yield Problem(
                    f"services.{name}.host",
                    f"{section} places {name} on {', '.join(hosts)}",
                    f"leave host out; only {section} decides where it runs",
                )
        elif isinstance(config, CatalogService) and lacking_section(plan.stack, name):
            continue  # service-single reports it
        elif config.runs and not hosts_of(name, plan.stack):
            tags = ", ".join(config.tags)
            known = ", ".join(h.name for h in plan.hosts.values() if h.is_nixos)
            yield Problem(
                f"services.{name}.host",
                f"no host has a tag of {name} ({tags})" if tags else f"{name} has no host",
                f"{'leave tags out and ' if tags else ''}add host: one of {known}",
                # A resolver that network.dns does not choose.
                cause="network.dns.server" if name in RESOLVERS else f"services.{name}",
            )


def _without(section: str) -> str:
    """How to configure a homelab without the service of a section."""
    if section == "network.dns":
        return "write network.dns: {server: none}, without a host, for no resolver"
    if section == "network.entry":
        return "choose another network.entry.proxy"
    if section.startswith("datasets."):
        return f"leave {section} out, and every other share"
    if section.startswith("hosts."):
        return "leave tailnet out, to run without it"
    return f"leave {section} out, to run without it"


@check("service-uses")
def service_uses(plan: Plan) -> Iterator[Problem]:
    """`uses` opens the web port of the service. With a mistyped name, or a service without such a
    port, it would open none, and the call would fail at run time.
    """
    without = {s.name: s for s in plan.services if not s.port}
    known = {s.name for s in plan.services} | {n for n, c in plan.stack.services.items() if c.runs}
    for name, config in plan.stack.services.items():
        for use in (u for u in uses_of(config) if u.is_stated):
            used = use.name
            other = plan.stack.services.get(used)
            if other is not None and other.planned is not None:
                if config.planned is not None:
                    continue  # both come later
                yield Problem(
                    place_of_use(plan.stack, name, use),
                    f"{used} is only planned: {other.planned}",
                    f"leave it out, or let {used} run: leave services.{used}.planned out",
                )
            elif isinstance(other, ExternalService):
                yield Problem(
                    place_of_use(plan.stack, name, use),
                    f"no host of this stack runs {used}, so there is no port to open",
                    "leave it out",
                )
            elif used not in known:
                yield Problem(
                    place_of_use(plan.stack, name, use),
                    f"{used} is switched off" if other else f'no service "{used}" runs here',
                    f"drop services.{used}.enable, or this"
                    if other
                    else did_you_mean(used, known - {name}, "services"),
                )
            elif used in without:
                labels = sorted(without[used].entry.ports)
                yield Problem(
                    place_of_use(plan.stack, name, use),
                    f"{used} has no web port, which uses would open",
                    f"write {{$service: {{name: {used}, port: {labels[0]}}}}} where its address "
                    "belongs, or leave it out"
                    if labels
                    else "leave it out",
                )


@check("flake-input-known")
def flake_input_known(plan: Plan) -> Iterator[Problem]:
    """A service of a flake needs an entry in `homelab:flakes`; without it nothing can be locked."""
    for name, config in plan.stack.services.items():
        place, flake = _flake_of(plan.stack, name, config)
        if flake and flake not in inputs(plan.stack, ""):
            yield Problem(
                place,
                f'there is no flake "{flake}"',
                did_you_mean(flake, plan.stack.flakes, "flakes")
                + f'; add it: homelab:flakes: {{{flake}: {{url: "github:…"}}}}, and lock it',
            )
    if "nixpkgs" in plan.stack.flakes:
        yield Problem(
            "flakes.nixpkgs",
            "nixpkgs comes from the host's pin",
            "leave it out; homelab:nixpkgs defines it",
        )


def _flake_of(stack: StackConfig, name: str, config: ServiceConfig) -> tuple[str, str]:
    """The place that names a flake, and the flake; empty for a service without one."""
    if isinstance(config, FlakeService):
        return f"services.{name}.flake.input", config.flake.input
    if isinstance(config, UnitService) and isinstance(config.unit.package, FlakePackage):
        return f"services.{name}.unit.package.flake", config.unit.package.flake
    facts = facts_of(stack, name, config)
    if facts is not None and facts.flake:
        return f"{facts_place(name, config)}.flake", facts.flake.partition(".")[0]
    return "", ""


@check("module-available")
def module_available(plan: Plan) -> Iterator[Problem]:
    """A module or an option that the pinned release does not have fails only when the host is
    built, after other changes have been made.
    """
    for service in plan.services:
        entry, release = service.entry, service.release
        pin = plan.hosts[service.host].config.nixpkgs
        if release < entry.since:
            yield Problem(
                service.source,
                f"{entry.title} needs NixOS {entry.since}; {service.host} is pinned to {release}",
                f"{later(plan, pin, entry.since)}; or run it on a host with another pin",
            )
        for option in declared_options(service.config):
            why = lacks(entry, option.name, release)
            if why:
                yield Problem(
                    service.at("options"),
                    f"{option.name} {why}, and {service.host} is pinned to {release}",
                    f"drop it, or change nixpkgs.{pin}.release and its url",
                )
