"""Services that copy files where they should make hard links, because of separate mounts."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from homelab.config.services import datasets_of
from homelab.disks.model import FileSystem
from homelab.hardening.paths import below
from homelab.hardening.together import TOO_WIDE, brought_in
from homelab.openings.model import Opening
from homelab.plan import Plan
from homelab.services.model import Service
from homelab.services.parts import Part
from homelab.storage.model import Dataset

COPIES = "copies"


def copies(plan: Plan) -> Iterator[tuple[str, Opening]]:
    """Datasets between which a service cannot make hard links: (place, opening)."""
    for service in plan.each_service():
        for part in service.parts:
            at = f"services.{service.name}" + (f".{part.place}" if part.name else "")
            for opening in _of_container(plan, service, part):
                yield f"{at}.datasets", opening
        if not service.parts:
            for opening in _of_roles(plan, service):
                yield f"services.{service.name}.datasets", opening


def _of_roles(plan: Plan, service: Service) -> Iterator[Opening]:
    """A service whose facts say that it makes links between its datasets."""
    entry = service.entry
    stated = datasets_of(service.config)
    here = {d.name: d for d in plan.datasets_on(service.host)}
    used = [here[name] for name in dict.fromkeys(stated.values()) if name in here]
    written = {name for role, name in stated.items() if role in entry.writes_datasets}
    bound = brought_in(used, written)
    linked = {r: here[stated[r]] for r in entry.links_datasets if stated.get(r) in here}
    first = next(iter(linked.values()), None)
    if first is None:
        return
    other = next((d for d in linked.values() if bound[d.name] != bound[first.name]), None)
    if other is not None:
        one = ", ".join(f"{role}: {other.name}" for role in linked)
        yield _apart(plan, entry.title, first, other, f"one dataset for both: datasets: {{{one}}}")


def _apart(plan: Plan, title: str, first: Dataset, other: Dataset, one: str) -> Opening:
    pair = f"{first.name} ({first.path}) and {other.name} ({other.path})"
    # The stack knows the file system of the others, or the owner named it.
    unsaid = [d for d in (first, other) if not d.is_mount_stated and d.mount == d.path]
    top = posixpath.commonpath([first.path, other.path])
    cause = ""
    if unsaid and top not in TOO_WIDE:
        cause = f"{unsaid[0].source}.mount"
        what = f"{title} sees {pair} as two mounts, so it copies each file instead of linking it"
        stated = (d.mount for d in (first, other) if d not in unsaid)
        said = next((mount for mount in stated if below(top, (mount,))), top)
        names = " and ".join(f"{d.source}.mount: {said}" for d in unsaid)
        out = (
            f"if they are on one disk, name its mount point: {names} (findmnt -T {first.path} "
            "shows it); otherwise put both on one disk"
        )
    elif first.mount == other.mount:
        what = f"{title} sees {pair} as two mounts, so it copies each file instead of linking it"
        out = (
            "put both into one directory, such as "
            f"{first.source}.path: /srv/media/{posixpath.basename(first.path)} and "
            f"{other.source}.path: /srv/media/{posixpath.basename(other.path)}, "
            f"or use {one}"
        )
    else:
        what = f"{pair} are on two file systems, so {title} copies each file instead of linking it"
        out = f"put both on one disk, or use {one}"
        if (beside := _beside_its_pool(plan, first, other)) is not None:
            outside, pool = beside
            what = (
                f"{outside.name} ({outside.path}) is on a branch of the pool at {pool.mount}, and "
                f"links do not lead from a branch into the pool, so {title} copies each file"
            )
            out = (
                f"name it in the pool: {outside.source}.path: "
                f"{pool.mount}/{posixpath.basename(outside.path)}; or use {one}"
            )
    return Opening(COPIES, what, out, acceptable=True, cause=cause)


def _beside_its_pool(
    plan: Plan, first: Dataset, other: Dataset
) -> tuple[Dataset, FileSystem] | None:
    """The dataset that is on a branch of the mergerfs pool that the other one is on."""
    for inside, outside in ((first, other), (other, first)):
        pool = plan.file_system_of(inside.host, inside.path)
        if pool is not None and below(outside.path, pool.branches):
            return outside, pool
    return None


def _of_container(plan: Plan, service: Service, part: Part) -> Iterator[Opening]:
    """A container has each dataset as a separate mount. It is not known whether it makes links."""
    datasets = {d.name: d for d in plan.datasets_on(service.host)}
    writes = [n for n, d in sorted(part.datasets.items()) if not d.read_only]
    disks: dict[str, list[Dataset]] = {}
    for name in writes:
        if name in datasets:
            disks.setdefault(datasets[name].mount, []).append(datasets[name])
    for mount, together in sorted(disks.items()):
        if len(together) > 1:
            names = " and ".join(d.name for d in together)
            yield Opening(
                COPIES,
                f"{names} are on one disk, {mount}, but {part.container} has each as a separate "
                "mount: it copies between them and cannot link",
                f"leave {names} out here, and add to {part.place}.mounts: {{source: "
                f"{posixpath.commonpath([d.path for d in together])}, target: …}}",
                severity="warning",
                acceptable=True,
            )
