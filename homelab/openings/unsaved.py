"""Data outside the plan that no backup contains: apps that a module of the owner's enables, and
directories that an option mounts into a container.
"""

from __future__ import annotations

from collections.abc import Iterator

from homelab.catalog import of_module
from homelab.hardening.paths import below
from homelab.nix.source import Setting
from homelab.openings.model import Opening, View, rule, service_of_container, texts
from homelab.storage.owners import Kind, taken
from homelab.system.switched_on import of_catalog

UNSAVED = "not-backed-up"
_LOSABLE = ("/dev", "/etc", "/nix", "/proc", "/run", "/sys", "/var/cache", "/var/log")
"""Directories whose content no backup needs."""
_OF_OTHERS: tuple[Kind, ...] = ("dumps", "homelab", "memory", "repository", "secret", "system")
_SERVERS = {"services.postgresql": "/var/lib/postgresql", "services.mysql": "/var/lib/mysql"}
"""Servers of databases, which are dumped for services of the stack alone."""


@rule("services.*.enable", "services.*.*.enable")
def apps(setting: Setting, view: View) -> Iterator[Opening]:
    """An app of the catalog, or a server of databases, that runs without the stack's knowledge."""
    if setting.value is not True:
        return
    option, host = ".".join(setting.path[:-1]), view.host
    said = f"{setting.name} is on"
    server = _SERVERS.get(option)
    kind = option.rpartition(".")[2]
    used = view.plan.databases_on(host.name) or any(
        s.entry.database == kind for s in view.plan.on(host.name)
    )
    # Which databases are dumped follows from the services of the stack.
    if server is not None and not used:
        yield from _openings(said, (server,), view, f"add {_extra(kind, (server,), view)}")
    stateless = {e.name for e in of_module(setting.path[1]) if e.stateless or e.infrastructure}
    known = stateless | {s.entry.name for s in view.plan.on(host.name)}
    for name, found in of_catalog((s.path, s.value) for s in view.settings).items():
        if found[0].option == option and name not in known:
            paths = tuple(one.path for one in found)
            as_service = f"write it as services.{name} of the stack, which is backed up"
            yield from _openings(
                said, paths, view, f"{as_service}; or add {_extra(name, paths, view)}"
            )


@rule("virtualisation.oci-containers.containers.*.volumes")
def volumes(setting: Setting, view: View) -> Iterator[Opening]:
    """A directory that a container writes. Those in `mounts` have a check of their own."""
    if service_of_container(setting):
        return
    name = setting.path[3]
    for service in view.plan.on(view.host.name):
        stated = service.config.backup
        if setting.source.startswith(service.at("options")) and (
            stated.skip is not None or stated.include is not None
        ):
            return  # The stack says all that is backed up of the service.
    for text in texts(setting.value):
        source, _, rest = text.partition(":")
        reads = "ro" in rest.partition(":")[2].split(",")
        if source.startswith("/") and rest and not reads:
            yield from _openings(
                f"{setting.name} has {text}",
                (source,),
                view,
                "write it as a mount and as state of a service of the stack; or add "
                f"{_extra(name, (source,), view)}",
            )


def _extra(name: str, paths: tuple[str, ...], view: View) -> str:
    job = f"{{host: {view.host.name}, paths: [{', '.join(paths)}]}}"
    return (
        f"backup.extra: {{{name}: {job}}}, with before and after that stop and start what writes it"
    )


def _openings(said: str, paths: tuple[str, ...], view: View, way_out: str) -> Iterator[Opening]:
    plan, host = view.plan, view.host
    if host.role == "agent" or not plan.stack.backup.targets:
        return
    saved = [path for job in plan.backup.on(host.name) for path in job.paths]
    saved += [d.path for d in plan.datasets if d.host == host.name]
    lost = [p for p in paths if not below(p, (*saved, *_LOSABLE)) and not _is_of_others(p, view)]
    if lost:
        yield Opening(
            UNSAVED,
            f"{said}, and no backup contains {', '.join(lost)}",
            way_out,
            severity="warning",
            acceptable=True,
        )


def _is_of_others(path: str, view: View) -> bool:
    found = taken(view.plan, view.host.name, path, _OF_OTHERS, relations=("is", "lies in"))
    return found is not None
