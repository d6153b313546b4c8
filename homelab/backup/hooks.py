"""Commands around a backup: those of the stack config, and the maintenance mode of an app."""

from __future__ import annotations

import re
from dataclasses import dataclass

from homelab.config.fact_parts import Maintenance
from homelab.services.model import Service

Command = tuple[str, ...]
"""A program with its arguments."""

_IMAGE = re.compile(r"(^|/)nextcloud(:|@|$)")
_PODMAN = ("podman", "exec")


@dataclass(frozen=True)
class Hooks:
    """Commands that the host runs as root, each list in its order."""

    before: tuple[Command, ...] = ()
    """Before the dumps of a backup."""
    after: tuple[Command, ...] = ()
    """When the backup has ended in any way."""


NO_HOOKS = Hooks()


def hooks_of(service: Service) -> Hooks:
    """The commands around the backups of a service; maintenance mode encloses its own commands."""
    backup = service.config.backup
    before = tuple(tuple(words) for words in backup.before)
    after = tuple(tuple(words) for words in backup.after)
    mode = maintenance_of(service)
    if mode is None or backup.no_maintenance is not None:
        return Hooks(before, after)
    return Hooks((tuple(mode.on), *before), (*after, tuple(mode.off)))


def maintenance_of(service: Service) -> Maintenance | None:
    """The maintenance mode of an app, natively or in a container; None if it has none."""
    if service.entry.maintenance is not None:
        return service.entry.maintenance
    for part in service.parts:
        image = part.config.image
        if part.is_web and _IMAGE.search(image):
            return _nextcloud(part.container, image)
    return None


def _nextcloud(container: str, image: str) -> Maintenance:
    """`occ` must run as the user of the web server, which LinuxServer.io's image sees to itself.

    Sources: the README files of docker.io/library/nextcloud and lscr.io/linuxserver/nextcloud.
    """
    if "linuxserver/" in image:
        occ: Command = (*_PODMAN, container, "occ", "maintenance:mode")
    else:
        occ = (*_PODMAN, "--user", "www-data", container, "php", "occ", "maintenance:mode")
    return Maintenance(on=(*occ, "--on"), off=(*occ, "--off"))
