"""Directories in which every service has a directory of its own: none of them is one's state."""

from __future__ import annotations

from collections.abc import Collection

from homelab.system.switched_on import Options

SHARED = ("/var", "/var/lib")
_UNIT = ("systemd", "services")
_USERS = ("users", "users")
_STATE_DIRECTORY = "StateDirectory"


def own_name(option: str) -> str:
    """What an option is about: the unit, container, user or service that it names."""
    parts = option.split(".")
    below = 3 if parts[:2] == ["virtualisation", "oci-containers"] else 2
    return parts[below] if len(parts) > below and parts[0] != "services" else parts[1]


def has_own(option: str, options: Options, units: Collection[str]) -> bool:
    """Whether the unit of an option has a directory of its own by another: of its `StateDirectory`,
    of the home of its user, or as one of `units`, whose state is kept already. A rule of tmpfiles
    makes a shared directory, and does not say who writes there.
    """
    parts = tuple(option.split("."))
    if parts[:2] != _UNIT:
        return parts[:2] == ("systemd", "tmpfiles")
    said = {path: value for path, value in options if isinstance(value, str | tuple | list)}
    config = (*parts[:3], "serviceConfig")
    user = said.get((*config, "User"))
    home = said.get((*_USERS, user, "home")) if isinstance(user, str) else None
    return (
        parts[2] in units
        or bool(said.get((*config, _STATE_DIRECTORY)))
        or (isinstance(home, str) and home not in SHARED)
    )


def way_out(option: str, path: str) -> str:
    """To name a directory in the shared one, and keep that alone."""
    top, name = "/var/lib", own_name(option)
    makes = f', which serviceConfig.{_STATE_DIRECTORY} = "{name}" makes' * option.startswith(
        "systemd.services."
    )
    other = f"; if it writes nothing in {path}, name another directory" * bool(makes)
    return (
        f"{path} has the state of every service: name a directory of its own in it, such as "
        f"{top}/{name}{makes}, and add directories: [{top}/{name}]{other}"
    )
