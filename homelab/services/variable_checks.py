"""Checks of environment variables: each may be set in one place of the stack config."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.config.services import secrets_of
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.declared import declared_options
from homelab.services.model import Service


@check("variable-unique")
def variable_unique(plan: Plan) -> Iterator[Problem]:
    """Only one of two values of an environment variable takes effect."""
    seen = set()
    for service in plan.services:
        if service.name in seen:
            continue
        seen.add(service.name)
        first: dict[str, str] = {}
        for name, where in _variables(service):
            other = first.setdefault(name, where)
            if other != where:
                yield Problem(
                    where,
                    f"{name} is set here and by {other}, and one of them cannot take effect",
                    "keep one of the two, or choose another variable",
                )


def _variables(service: Service) -> Iterator[tuple[str, str]]:
    """Each variable with its place. Secrets come first, because the other place is reported."""
    at = f"services.{service.name}"
    for secret, fact in sorted(service.entry.secrets.items()):
        place = f"{at}.oidc.env" if secret == "oidc" else f"{at}.secrets.{secret}"
        if secret in secrets_of(service.config):
            place = f"{at}.secrets.{secret}.env"
        if fact.form == "env":
            yield from ((name, place) for name in fact.env)
    if service.container is not None:
        for name in service.container.environment:
            yield name, f"{at}.container.environment.{name}"
    if service.unit is not None:
        for name in service.unit.environment:
            yield name, f"{at}.unit.environment.{name}"
    build = service.static.build if service.static is not None else None
    for name in build.environment if build is not None else ():
        yield name, f"{at}.static.build.environment.{name}"
    for option in declared_options(service.config):
        *path, variable = option.path
        if ".".join(path) in _environments(service) and option.value is not None:
            yield variable, f"{at}.options.{option.key}"


def _environments(service: Service) -> frozenset[str]:
    containers = f"virtualisation.oci-containers.containers.{service.name}.environment"
    units = (f"systemd.services.{unit}.environment" for unit in service.units)
    return frozenset((containers, *units))
