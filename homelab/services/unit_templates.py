"""Files with secrets for units of homelab's own.

Another unit writes them as root, and systemd passes them on as credentials: only the user of the
unit reads them, also a dynamic one, and they are gone once the unit stops.
"""

from __future__ import annotations

from homelab.nix import Attrs, Raw, attrs, merge
from homelab.secret_paths import fact_path
from homelab.services.container_templates import flaws, pieces_of
from homelab.services.files_unit import (
    SCRIPT,
    WRITER,
    SecretFile,
    files_unit,
    secrets_of,
    specification,
)
from homelab.services.model import Service

TEMPLATES = "templates"
"""Field of a template that is the directory of the files."""
_ROOT = "/run/homelab-files"


def directory(service: Service) -> str:
    """The directory in which the unit sees its files."""
    return f"/run/credentials/{service.name}.service"


def unit_name(service: Service) -> str:
    """The unit that writes the files, without `.service`; empty without templates."""
    return f"{service.name}-files" if _files(service) else ""


def secrets_in(service: Service) -> frozenset[str]:
    """The secrets that the files have."""
    return secrets_of(_files(service))


def _files(service: Service) -> tuple[SecretFile, ...]:
    """The files, sorted by name. Templates that `flaws` reports are left out, so that the rest of a
    stack with problems can still be rendered.
    """
    templates = service.unit.templates if service.unit is not None else {}
    return tuple(
        SecretFile(name, tuple(pieces_of(template)))
        for name, template in sorted(templates.items())
        if not any(flaws(template))
    )


def passed(service: Service) -> Attrs:
    """The unit that writes the files, and what hands them to the unit of the service."""
    name = unit_name(service)
    if not name:
        return {}
    # The unit starts again when the text of a file changes.
    text = Raw(f'config.systemd.services."{name}".environment.FILES')
    return merge(
        files_unit(
            name,
            before=service.name,
            directory=f"{_ROOT}/{service.name}",
            what=service.name,
            known=specified(service),
        ),
        attrs(f'systemd.services."{service.name}".restartTriggers', [text]),
    )


def credentials(service: Service) -> list[str]:
    """The files as credentials of the service's unit."""
    return [f"{file.name}:{_ROOT}/{service.name}/{file.name}" for file in _files(service)]


def script(service: Service) -> tuple[tuple[str, str], ...]:
    """The script that writes them, as a file of the tree."""
    return ((f"services/{WRITER}", SCRIPT),) if _files(service) else ()


def specified(service: Service) -> Attrs:
    """What the script of the host reads. systemd passes the files on, so they stay root's."""
    facts = service.entry.secrets
    named = secrets_in(service) & facts.keys()
    paths = {name: fact_path(service.name, name, facts[name]) for name in named}
    return specification(_files(service), paths)
