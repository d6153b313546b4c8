"""Checks of datasets: they exist, on the host that uses them, and are safe there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from homelab.checks import check
from homelab.problems import Problem, did_you_mean

if TYPE_CHECKING:
    from homelab.plan import Plan
    from homelab.services.model import Service


@check("dataset-host", rows="S0-40")
def dataset_host(plan: Plan) -> Iterator[Problem]:
    """A path on one host means nothing on another: a service runs where its datasets are."""
    for name, config in plan.site.datasets.items():
        if config.host not in plan.site.hosts:
            yield Problem(
                f"datasets.{name}.host",
                f'there is no host "{config.host}"',
                did_you_mean(config.host, plan.site.hosts, "hosts"),
            )
    for service in plan.services:
        for part, name in service.config.datasets.items():
            where = f"services.{service.name}.datasets.{part}"
            dataset = plan.site.datasets.get(name)
            if dataset is None:
                yield Problem(
                    where,
                    f'there is no dataset "{name}"',
                    did_you_mean(name, plan.site.datasets, "datasets"),
                )
            elif dataset.host != service.host:
                yield Problem(
                    where,
                    f"{service.name} runs on {service.host}, but the dataset {name} "
                    f"lies on {dataset.host}",
                    f"move {service.name} to {dataset.host}, or use a dataset of {service.host}",
                )
            if not _has_part(service, part):
                yield Problem(
                    where,
                    f'{service.name} has no part "{part}" that a dataset could be',
                    did_you_mean(part, service.entry.datasets, "parts"),
                )


def _has_part(service: Service, part: str) -> bool:
    """Whether the part means something; a custom service names its parts as it likes."""
    return service.config.is_custom or part in service.entry.datasets


@check("vault-always-on", rows="S0-04")
def vault_always_on(plan: Plan) -> Iterator[Problem]:
    """What cannot be replaced lies on a host that is always there: to be backed up every night."""
    for dataset in plan.datasets:
        host = plan.hosts.get(dataset.host)
        if host is None or host.always_on or dataset.tier != "irreplaceable":
            continue
        vaults = ", ".join(h.name for h in plan.hosts.values() if h.always_on and h.is_nixos)
        yield Problem(
            f"{dataset.source}.host",
            f"the dataset {dataset.name} is irreplaceable, and {host.name} may sleep",
            f"hosts.{host.name}.always_on: true"
            + (f", or a host that never sleeps: {vaults}" if vaults else ""),
        )
