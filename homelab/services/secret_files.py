"""Files with secrets for containers: what the host writes when a container starts."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.connections.keys import API_KEY
from homelab.nix import Attrs
from homelab.services import unit_templates
from homelab.services.container_templates import Inserted, Piece, flaws, pieces_of
from homelab.services.files_unit import SecretFile, secrets_of, specification
from homelab.services.mail import MAIL
from homelab.services.model import Service
from homelab.services.parts import Part
from homelab.services.site import hook_unit
from homelab.services.templates import path_of_secret

ROOT = "/run/homelab-containers"
SECRETS = "/run/secrets"
"""Default directory of secrets in a container."""


def files_of(part: Part) -> tuple[SecretFile, ...]:
    """The files of a container, sorted by name. Templates that `flaws` reports are left
    out, so that the rest of a stack with problems can still be rendered.
    """
    return tuple(sorted(_files(part), key=lambda f: f.name))


def _files(part: Part) -> Iterator[SecretFile]:
    lines: list[Piece] = []
    for name, use in sorted(part.secrets.items()):
        if use.env is not None:
            lines += [f"{use.env}=", Inserted(name, "line"), "\n"]
        else:
            yield SecretFile(
                name=f"secret-{name}",
                pieces=(Inserted(name, "none"),),
                target=use.target or f"{SECRETS}/{name}",
                owner=use.owner or "0",
                mode=use.mode or "0400",
            )
    if lines:
        yield SecretFile("secrets.env", tuple(lines), None)
    for name, template in sorted(part.config.templates.items()):
        if not any(flaws(template)):
            file = f"template-{name}" + ("" if template.target else ".env")
            pieces = tuple(pieces_of(template))
            yield SecretFile(file, pieces, template.target, template.owner, template.mode)


def directory(part: Part) -> str:
    """The directory on the host of a container's files."""
    return f"{ROOT}/{part.container}"


def secrets_in(part: Part) -> frozenset[str]:
    """The secrets that the host writes into files of a container."""
    return secrets_of(files_of(part))


def readers(service: Service, secret: str) -> tuple[str, ...]:
    """Units that read a secret of a service, without `.service`: its main unit, for the
    password of the mail relay all of them, for that of a database on another host also those that
    prepare it, or those of the containers that name it, with the units
    that write their files.
    """
    # Each unit of an app may send mail.
    units: list[str] = [*(service.units if secret == MAIL else service.units[:1])]
    if secret == API_KEY and service.units:
        units = [reader_of_key(service)]
    if secret in service.entry.database_elsewhere:
        # A unit that runs before the app may write the password into its settings.
        units = [*service.units, *service.entry.helpers]
    build = service.static.build if service.static is not None else None
    if build is not None and build.webhook is not None and secret == build.webhook.secret:
        units = [hook_unit(service.name)]
    if service.parts:
        units = [p.unit for p in service.parts if reads(service, p, secret)]
    if secret in unit_templates.secrets_in(service):
        units = [unit_templates.unit_name(service), *units]
    for part in service.parts:
        if secret in secrets_in(part):
            units += [part.files_unit, part.unit]
    return tuple(dict.fromkeys(units))


def reader_of_key(service: Service) -> str:
    """The unit that starts with the key of the service's API."""
    facts = service.entry.api_key
    return facts.unit if facts is not None and facts.unit else service.units[0]


def reads(service: Service, part: Part, secret: str) -> bool:
    """Whether a container reads a secret of its service as it is on the host. One of several reads
    copies of those that it names; the client secret of OIDC belongs to the one with the web port.
    """
    if part.has_all_secrets:
        return True
    # A container names the file of a password as any other secret; variables have a place already.
    named = {d.kind for d in service.databases if not d.has_secret_env}
    return part.is_web and secret not in service.secrets and secret not in named


def specified(service: Service, part: Part) -> Attrs:
    """What the script of the host reads for a container."""
    named = secrets_in(part) & service.entry.secrets.keys()
    return specification(files_of(part), {name: path_of_secret(service, name) for name in named})
