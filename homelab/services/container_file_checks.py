"""Checks of what containers read and write on their host: mounts, secrets and templates."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.services.container_checks import with_containers
from homelab.services.container_templates import flaws, unknown_values
from homelab.services.model import Service
from homelab.services.parts import Part, is_made
from homelab.services.podman import target_of
from homelab.services.secret_files import reads, secrets_in


@check("container-mounts")
def container_mounts(plan: Plan) -> Iterator[Problem]:
    """Two mounts at one place in a container: Podman refuses the second at start."""
    for service in with_containers(plan):
        for part in service.parts:
            seen: dict[str, str] = {}
            for where, target in _targets(service, part):
                first = seen.setdefault(target.rstrip("/"), where)
                if first != where:
                    yield Problem(
                        where,
                        f"{first} is already mounted at {target} in the container",
                        "give one of them another target",
                    )
        for name, secret in service.secrets.items():
            if secret.env is not None and "target" in secret.model_fields_set:
                yield Problem(
                    service.at(f"secrets.{name}.target"),
                    f"{name} is the environment variable {secret.env}, not a file",
                    "leave target out, or env",
                )


def _targets(service: Service, part: Part) -> Iterator[tuple[str, str]]:
    """The places in a container at which something is mounted, with their place in the stack."""
    at = service.at(part.place)
    own = at if part.name else f"services.{service.name}"
    for i, mount in enumerate(part.config.mounts):
        yield f"{at}.mounts[{i}]", mount.target
    for name, use in part.datasets.items():
        yield f"{own}.datasets.{name}", use.target
    for name, fact in service.entry.secrets.items():
        if fact.form == "file" and reads(service, part, name):
            databases = {d.kind for d in service.databases}
            where = f"databases.{name}" if name in databases else "oidc"
            where = f"secrets.{name}" if name in service.secrets else where
            yield service.at(where), target_of(service, name)
    for name, read in part.secrets.items():
        if read.env is None:
            yield f"{at}.secrets.{name}", read.target or target_of(service, name)
    for name, template in part.config.templates.items():
        if template.target is not None:
            yield f"{at}.templates.{name}", template.target


@check("container-secret")
def container_secret(plan: Plan) -> Iterator[Problem]:
    """A container reads only secrets of its service, and a secret that no container reads has no
    effect.
    """
    for service in with_containers(plan):
        facts = service.entry.secrets
        known = {
            name: f"the file of {name} is a variable with its name" if fact.form == "env" else ""
            for name, fact in facts.items()
        }
        passwords = {d.kind for d in service.databases if not d.has_secret_env}
        own = {*service.secrets, *passwords}
        for part in service.parts:
            at = service.at(part.place)
            for name in part.secrets:
                if name not in own:
                    yield Problem(
                        f"{at}.secrets.{name}",
                        f'{service.name} has no secret "{name}"',
                        did_you_mean(name, own, f"secrets of {service.name}")
                        + f"; or add services.{service.name}.secrets: {{{name}: {{}}}}",
                    )
            for name, template in part.config.templates.items():
                for flaw in (*flaws(template), *unknown_values(template, known)):
                    where = f"{at}.templates.{name}.{flaw.place}"
                    yield Problem(where, flaw.what, flaw.way_out)
        read = {n for p in service.parts for n in secrets_in(p)}
        for name in service.secrets if service.parts and service.parts[0].name else ():
            if name not in read:
                yield Problem(
                    service.at(f"secrets.{name}"),
                    f"no container of {service.name} reads it",
                    f"name it below one: containers: {{{service.parts[0].name}: {{secrets: "
                    f"{{{name}: VARIABLE}}}}}}, or leave it out",
                )


@check("mount-owner")
def mount_owner(plan: Plan) -> Iterator[Problem]:
    """The owner of a directory has an effect only where homelab creates the directory."""
    for service in with_containers(plan):
        first: dict[tuple[str, str], tuple[str, str]] = {}
        for part in service.parts:
            for i, mount in enumerate(part.config.mounts):
                for field in ("owner", "group"):
                    value = getattr(mount, field)
                    if value is None:
                        continue
                    where = service.at(f"{part.place}.mounts[{i}].{field}")
                    if not is_made(mount):
                        why = "it is only read" if mount.read_only else "it is not below /var"
                        yield Problem(
                            where,
                            f"homelab does not make {mount.source}, because {why}",
                            f"leave {field} out, and give the directory its {field} on the host",
                        )
                    other, said = first.setdefault((mount.source, field), (where, value))
                    if said != value:
                        yield Problem(
                            where, f"{other} is {said}", f"write {field}: {said} for both"
                        )
