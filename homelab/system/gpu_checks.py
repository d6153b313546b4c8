"""Checks of graphics hardware and of the services that use it."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.config.service_parts import Gpu
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.model import Service
from homelab.system.hardware import WITHOUT_OLD_CARDS_SINCE


@check("gpu-present")
def gpu_present(plan: Plan) -> Iterator[Problem]:
    """A service cannot use a GPU that its host does not have."""
    for service, wanted, place in _with_gpu(plan):
        gpu = plan.hosts[service.host].config.gpu
        has = [h.name for h in plan.hosts.values() if h.config.gpu is not None]
        where = service.at(place) if wanted else service.host_at
        if gpu is None:
            vendor = {None: "…", "nvidia": "nvidia, architecture: …"}.get(wanted, wanted)
            way_out = f"where it has one, write hosts.{service.host}.gpu: {{vendor: {vendor}}}"
            if has:
                way_out = f"place it on another host: {', '.join(has)}; or, {way_out}"
            yield Problem(
                where,
                f"{service.name} needs a GPU and {service.host} has none",
                way_out,
                cause=f"hosts.{service.host}.gpu",
            )
        elif wanted is not None and gpu.vendor != wanted:
            yield Problem(
                where,
                f"{service.host} has {gpu.vendor} graphics, not {wanted}",
                f"write gpu: {gpu.vendor}",
            )


def _with_gpu(plan: Plan) -> Iterator[tuple[Service, Gpu | None, str]]:
    """Services that need a GPU, with the kind that they ask for and its place."""
    for service in plan.services:
        if service.config.gpu is not None or "gpu" in service.entry.needs:
            yield service, service.config.gpu, "gpu"
        for part in service.parts:
            if part.name and part.gpu is not None:
                yield service, part.gpu, f"{part.place}.gpu"


@check("gpu-single")
def gpu_single(plan: Plan) -> Iterator[Problem]:
    """Two services that the memory of one GPU cannot hold together fail when both are busy."""
    for host in plan.hosts.values():
        gpu = host.config.gpu
        if gpu is None or gpu.shared:
            continue
        users = {
            s.name: s.at(p) for s, asked, p in _with_gpu(plan) if asked and s.host == host.name
        }
        first = next(iter(users), "")
        for where in list(users.values())[1:]:
            yield Problem(
                where,
                f"{first} has the GPU of {host.name} to itself: {host.source}.gpu.shared is false",
                f"leave gpu out of one of them, or leave {host.source}.gpu.shared out",
            )


@check("gpu-driver")
def gpu_driver(plan: Plan) -> Iterator[Problem]:
    """The driver of newer NixOS releases ignores old cards: services would run without the GPU."""
    for host in plan.hosts.values():
        gpu = host.config.gpu
        if gpu is None or gpu.open is not False or gpu.architecture is not None:
            continue
        if host.release >= WITHOUT_OLD_CARDS_SINCE:
            yield Problem(
                f"{host.source}.gpu.open",
                f"the driver of NixOS {host.release} ignores NVIDIA's cards before Turing, and "
                "open: false does not say which card it is",
                f"write {host.source}.gpu.architecture: maxwell (GeForce 900), pascal (GeForce "
                "10), volta or, for a newer card with the proprietary modules, turing, ampere or "
                "ada",
            )
