"""Checks of environment variables: each may be set in one place of the stack config."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.config.services import secrets_of
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.services.declared import declared_options
from homelab.services.model import Service
from homelab.services.parts import Part
from homelab.services.secret_files import reads


@check("variable-unique")
def variable_unique(plan: Plan) -> Iterator[Problem]:
    """Only one of two values of an environment variable takes effect."""
    for service in plan.each_service():
        for part in service.parts or (None,):
            first: dict[str, str] = {}
            for name, where in _variables(service, part):
                other = first.setdefault(name, where)
                if other != where:
                    yield Problem(
                        where,
                        f"{name} is set here and by {other}, and one of them cannot take effect",
                        "keep one of the two, or choose another variable",
                    )


def _variables(service: Service, part: Part | None) -> Iterator[tuple[str, str]]:
    """Each variable of a unit or container with its place. Secrets come first, because the other
    place is reported.
    """
    at = f"services.{service.name}"
    for secret, fact in sorted(service.entry.secrets.items()):
        place = f"{at}.oidc.env" if secret == "oidc" else f"{at}.secrets.{secret}"
        if secret in secrets_of(service.config):
            place = f"{at}.secrets.{secret}.env"
        is_database = any(d.kind == secret for d in service.databases)
        if (
            fact.form == "env"
            and not is_database
            and (part is None or reads(service, part, secret))
        ):
            yield from ((name, place) for name in fact.env)
    if part is None or part.is_web:
        for database in service.databases:
            place = f"{at}.databases.{database.kind}.env"
            yield from ((name, f"{place}.{name}") for name in database.env)
    if part is not None:
        yield from _of_part(part, f"{at}.{part.place}")
    if service.unit is not None:
        for name in service.unit.environment:
            yield name, f"{at}.unit.environment.{name}"
    build = service.static.build if service.static is not None else None
    for name in build.environment if build is not None else ():
        yield name, f"{at}.static.build.environment.{name}"
    for option in declared_options(service.config):
        *path, variable = option.path
        if ".".join(path) in _environments(service, part) and option.value is not None:
            yield variable, f"{at}.options.{option.key}"


def _of_part(part: Part, at: str) -> Iterator[tuple[str, str]]:
    for secret, use in sorted(part.secrets.items()):
        if use.env is not None:
            yield use.env, f"{at}.secrets.{secret}"
    for name, template in sorted(part.config.templates.items()):
        if template.target is None and isinstance(template.content, dict):
            for variable in template.content:
                yield variable, f"{at}.templates.{name}.content.{variable}"
    for name in part.config.environment:
        yield name, f"{at}.environment.{name}"


def _environments(service: Service, part: Part | None) -> frozenset[str]:
    if part is not None:
        return frozenset(
            (
                f"virtualisation.oci-containers.containers.{part.container}.environment",
                f"systemd.services.{part.unit}.environment",
            )
        )
    return frozenset(f"systemd.services.{unit}.environment" for unit in service.units)
