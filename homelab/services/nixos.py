"""Services as NixOS modules: one file for each service of any kind."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.catalog.options import options_of
from homelab.config.services import is_made
from homelab.config.unit import FlakePackage
from homelab.disks.waiting import optional_at, waiting
from homelab.hardening.paths import below, for_tmpfiles
from homelab.nix import Attrs, Force, Module, Nix, attrs, merge
from homelab.nix.whole import together
from homelab.plan import Plan
from homelab.secret_paths import fact_path
from homelab.services import podman, static, unit, unit_templates
from homelab.services.devices import unit_of
from homelab.services.job_units import jobs
from homelab.services.kept_state import created_paths, elsewhere, stated_paths
from homelab.services.libraries import files_of, library_of
from homelab.services.limits import unit_limits
from homelab.services.model import Service
from homelab.services.options import stated_options
from homelab.services.templates import filled, path_of_secret, stated_secrets
from homelab.system.model import Host


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """A file for each of the host's services that has options."""
    for service in plan.on(host.name):
        stated = stated_options(plan, service)
        derived, flakes = _derived(plan, host, service)
        derived, stated = together(derived, stated)
        package = service.unit.package if service.unit is not None else None
        # A service of a flake may have no options, only the import of its module.
        if derived or stated or flakes:
            yield Module(
                f"services/{service.name}.nix",
                _head(plan, service),
                derived=derived,
                stated=stated,
                flakes=flakes,
                inputs=(package.flake,) if isinstance(package, FlakePackage) else (),
                library=library_of(service.entry.name) if _is_native(service) else None,
                extra=(
                    *static.files(plan, service),
                    *unit_templates.script(service),
                    *(files_of(service.entry.name) if _is_native(service) else ()),
                ),
            )


def _is_native(service: Service) -> bool:
    """Whether the options of its entry apply."""
    return not is_made(service.config)


def _head(plan: Plan, service: Service) -> str:
    title = service.entry.title
    lines = [f"{title}: {service.entry.summary}" if service.entry.summary else title]
    for route in plan.routes_of(service.name):
        lines.append(f"{route.url} ({route.audience}, {route.publish})")
    return "\n".join(lines)


def _derived(plan: Plan, host: Host, service: Service) -> tuple[Attrs, tuple[tuple[str, str], ...]]:
    if service.parts:
        return podman.containers(plan, host, service), ()
    added = merge(
        _unit_secrets(service),
        _state(plan, host, service),
        unit_of(plan, service),
        _limits(service),
    )
    if service.unit is not None:
        return merge(unit.unit(plan, service, service.unit), added), ()
    if service.static is not None:
        site = static.site(plan, service, service.static)
        return merge(site, _unit_secrets(service), _limits(service)), ()
    flake = service.flake
    if flake is not None:
        return added, ((flake.input, f"nixosModules.{flake.module}"),)
    facts = options_of(service.entry, service.release, service.config.gpu)
    options = (attrs(k, v) for k, v in sorted(filled(facts, plan, service).items()))
    name, _, path = service.entry.flake.partition(".")
    return merge(*options, added, jobs(plan, service)), ((name, path),) if name else ()


def _limits(service: Service) -> Attrs:
    """Limits of the stack config for each unit, above those that a module of nixpkgs states."""
    settings: Attrs = {name: Force(limit.value) for name, limit in unit_limits(service).items()}
    if not settings:
        return {}
    return merge(*(attrs(f'systemd.services."{u}".serviceConfig', settings) for u in service.units))


def _state(plan: Plan, host: Host, service: Service) -> Attrs:
    """State directories of the stack config: created if nothing else creates them, and required by
    the unit. On a disk that may be absent, a unit of the disk creates them, and the units of the
    service run only while it is there. State that an option moves is required by every unit: on an
    empty mount point the service would begin anew.
    """
    if not service.units:
        return {}
    absent = [p for p in service.state if optional_at(host, p) is not None]
    always = [p for p in stated_paths(service) if p not in absent]
    shared = [d.path for d in plan.datasets_on(host.name) if d.name in service.datasets.values()]
    moved = [p for p in elsewhere(service) if p not in (*absent, *always) and not below(p, shared)]
    user = service.entry.user or "root"
    made: Attrs = {
        for_tmpfiles(p): {"d": {"mode": ":0700", "user": f":{user}", "group": ":root"}}
        for p in created_paths(service)
        if p in always
    }
    return merge(
        {"systemd": {"tmpfiles": {"settings": {f"10-state-{service.name}": made}}}} if made else {},
        *(
            attrs(f'systemd.services."{unit}"', waiting(host, [*absent, *moved]))
            for unit in (*service.units, *service.entry.helpers)
            if absent or moved
        ),
        attrs(f'systemd.services."{service.units[0]}"', waiting(host, always)) if always else {},
    )


def _unit_secrets(service: Service) -> Attrs:
    """Pass the secrets of the stack config to the main unit: variables as environment files, and
    files as credentials if the unit has a dynamic user, or if homelab wrote them. Options pass the
    secrets of the catalog.
    """
    files: list[Nix] = []
    credentials: list[Nix] = []
    hook = service.static.build.webhook if service.static and service.static.build else None
    for name in sorted(stated_secrets(service) - {hook.secret if hook is not None else ""}):
        fact = service.entry.secrets[name]
        path = path_of_secret(service, name)
        if fact.form == "env":
            files.append(path)
        elif path.startswith("/run/credentials/"):
            credentials.append(f"{name}:{_store(service, name)}")
    credentials += unit_templates.credentials(service)
    config: dict[str, Nix] = {}
    if files:
        config["EnvironmentFile"] = files
    if credentials:
        config["LoadCredential"] = credentials
    unit = service.reader
    return {"systemd": {"services": {unit: {"serviceConfig": config}}}} if config else {}


def _store(service: Service, name: str) -> str:
    return fact_path(service.name, name, service.entry.secrets[name])
