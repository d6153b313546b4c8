"""Files with secrets for units of homelab's own.

Another unit writes them as root, and systemd passes them on as credentials: only the user of the
unit reads them, also a dynamic one, and they are gone once the unit stops.
"""

from __future__ import annotations

from collections.abc import Mapping

from homelab.nix import Attrs, Raw, attrs, merge
from homelab.secret_paths import fact_path
from homelab.services.container_templates import Inserted, Piece, flaws, pieces_of
from homelab.services.files_unit import SCRIPT, WRITER, files_unit
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
    pieces = (piece for file in _files(service).values() for piece in file)
    return frozenset(p.secret for p in pieces if isinstance(p, Inserted))


def _files(service: Service) -> Mapping[str, tuple[Piece, ...]]:
    """The pieces of each file. Templates that `flaws` reports are left out, so that the rest of a
    stack with problems can still be rendered.
    """
    templates = service.unit.templates if service.unit is not None else {}
    return {n: tuple(pieces_of(t)) for n, t in sorted(templates.items()) if not any(flaws(t))}


def passed(service: Service) -> Attrs:
    """The unit that writes the files, and what hands them to the unit of the service."""
    files, name = _files(service), unit_name(service)
    if not files:
        return {}
    # The unit starts again when the text of a file changes.
    text = Raw(f'config.systemd.services."{name}".environment.FILES')
    return merge(
        files_unit(
            name,
            before=service.name,
            directory=f"{_ROOT}/{service.name}",
            what=service.name,
            known=_specification(service),
        ),
        attrs(f'systemd.services."{service.name}".restartTriggers', [text]),
    )


def credentials(service: Service) -> list[str]:
    """The files as credentials of the service's unit."""
    return [f"{name}:{_ROOT}/{service.name}/{name}" for name in _files(service)]


def script(service: Service) -> tuple[tuple[str, str], ...]:
    """The script that writes them, as a file of the tree."""
    return ((f"services/{WRITER}", SCRIPT),) if _files(service) else ()


def _specification(service: Service) -> dict[str, object]:
    facts = service.entry.secrets
    names = sorted(secrets_in(service) & facts.keys())
    return {
        "secrets": [fact_path(service.name, name, facts[name]) for name in names],
        "files": [
            {
                "name": name,
                "owner": "0",
                "mode": "0400",
                "pieces": [
                    {"secret": names.index(p.secret), "quote": p.quote}
                    if isinstance(p, Inserted)
                    else p
                    for p in pieces
                    if isinstance(p, str) or p.secret in names
                ],
            }
            for name, pieces in _files(service).items()
        ],
    }
