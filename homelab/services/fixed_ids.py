"""Fixed user and group numbers as a NixOS module, with a unit that compares them on the host."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from importlib import resources

from homelab.catalog.upstream.ask import unit_of
from homelab.hardening.baseline import sandbox
from homelab.nix import Attrs, Call, Force, Module, Nix, Raw, Script, attrs, merge
from homelab.plan import Plan
from homelab.services.ids import ids_stated
from homelab.services.model import Service
from homelab.services.plan import entry_of
from homelab.system.model import Host
from homelab.system.numbers import NUMBERS

UNIT = "homelab-ids"
_FILE = "lib/fixed-ids.sh"
_OWN = (resources.files("homelab.services") / "fixed-ids.sh").read_text(encoding="utf-8")
SHELL = f"{NUMBERS}\n{_OWN}"
"""The functions of the unit that compares numbers."""
_IMPLIED: Mapping[str, Nix] = {
    "NoNewPrivileges": True,
    "PrivateTmp": True,
    "ProtectHome": "read-only",
    "ProtectSystem": "strict",
    "RemoveIPC": True,
    "RestrictSUIDSGID": True,
}
"""What a dynamic user implies (systemd.exec(5)), for a unit that has an ordinary one instead. It
yields to the sandbox of the unit.
"""


_YIELDS = 950
"""Priority between what is derived and `lib.mkDefault` of nixpkgs."""


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`ids.nix`, on a host with a service whose numbers the stack fixes."""
    fixed = [
        s
        for s in plan.on(host.name)
        if s.ids is not None and ids_stated(s.config) is not None and host.is_nixos
    ]
    if not fixed:
        return
    yield Module(
        "ids.nix",
        "Fixed user and group numbers of services",
        derived=merge(_guard(fixed), *(_without_dynamic_user(plan, s) for s in fixed)),
        # Plain definitions: files belong to these numbers.
        stated=merge(*(_numbers(plan, s) for s in fixed)),
        extra=((_FILE, SHELL),),
    )


def _numbers(plan: Plan, service: Service) -> Attrs:
    user, ids = service.entry.user, service.ids
    assert ids is not None
    units: Attrs = {
        unit: {"serviceConfig": {"DynamicUser": Force(False), "User": user, "Group": user}}
        for unit in _dynamic_units(plan, service)
    }
    return merge(
        attrs(f"users.groups.{user}.gid", ids.gid),
        attrs(f"users.users.{user}.uid", ids.uid),
        {"systemd": {"services": units}} if units else {},
    )


def _without_dynamic_user(plan: Plan, service: Service) -> Attrs:
    """The account that systemd made at each start, and what a dynamic user implies."""
    user, units = service.entry.user, _dynamic_units(plan, service)
    if not units:
        return {}
    implied: Attrs = {
        name: Call("lib.mkOverride", (_YIELDS, value)) for name, value in _IMPLIED.items()
    }
    return merge(
        attrs(f"users.users.{user}", {"isSystemUser": True, "group": user}),
        {"systemd": {"services": {unit: {"serviceConfig": implied} for unit in units}}},
    )


def _dynamic_units(plan: Plan, service: Service) -> list[str]:
    """Units whose module gives them a dynamic user."""
    entry = entry_of(service.name, plan.stack, service.config, service.host)
    if entry is None or not entry.dynamic_user or service.writes_unit:
        return []  # homelab writes its units with the user of the plan.
    known = {
        unit: facts.service.get("DynamicUser")
        for unit in (*service.units, *service.entry.helpers)
        for module in service.modules
        if (facts := unit_of(module, unit, service.release)) is not None
    }
    if not known:
        return [*service.units]
    return [
        unit for unit, setting in known.items() if setting is not None and setting.value is True
    ]


def _guard(services: list[Service]) -> Attrs:
    """A unit that all of them require: NixOS leaves the numbers of existing users as they are."""
    calls = [
        shlex.join(("fixed", s.name, s.entry.user, str(s.ids.uid), str(s.ids.gid)))
        for s in services
        if s.ids is not None
    ]
    units: list[Nix] = [f"{u}.service" for s in services for u in (*s.units, *s.entry.helpers)]
    return attrs(
        f"systemd.services.{UNIT}",
        {
            "description": "Compare the numbers of users with those of the stack",
            "before": units,
            "requiredBy": units,
            "script": Script.of(". ", Raw(f"./{_FILE}"), "\n" + "\n".join(calls) + "\n"),
            "serviceConfig": {
                "DynamicUser": True,
                "PrivateNetwork": True,
                "RemainAfterExit": True,
                "Type": "oneshot",
                **sandbox(),
            },
        },
    )
