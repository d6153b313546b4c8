"""Units that a service may start and stop: a polkit rule for its user.

This is for agents: a program that acts on behalf of a person has no further rights. It may use the
listed verbs on the listed units and nothing else of systemd.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from homelab.config.service_parts import Control
from homelab.nix import Lines, Module
from homelab.plan import Plan
from homelab.services.model import Service
from homelab.system.model import Host

# polkit actions of systemd: https://www.freedesktop.org/software/systemd/man/org.freedesktop.systemd1.html
_RULE = """\
polkit.addRule(function (action, subject) {{
  if (action.id !== "org.freedesktop.systemd1.manage-units" || subject.user !== {user}) {{
    return polkit.Result.NOT_HANDLED;
  }}
  var units = {units};
  var verbs = {verbs};
  var known = units.indexOf(action.lookup("unit")) !== -1;
  var allowed = verbs.indexOf(action.lookup("verb")) !== -1;
  return known && allowed ? polkit.Result.YES : polkit.Result.NO;
}});
"""


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`control.nix`, on a host with a service that may control units."""
    rules = [_rule(c, user_of(s)) for s in plan.on(host.name) if (c := s.may_control)]
    if rules:
        yield Module(
            file="control.nix",
            what="Units that a service may start and stop on behalf of a person.",
            derived={
                "security": {"polkit": {"enable": True, "extraConfig": Lines("\n".join(rules))}}
            },
        )


def user_of(service: Service) -> str:
    """The user that the rule applies to; empty if it is unknown."""
    control, entry = service.may_control, service.entry
    if control is not None and control.user is not None:
        return control.user
    if entry.user or not entry.dynamic_user:
        return entry.user
    # systemd names a dynamic user after its unit.
    return entry.units[0]


def _rule(control: Control, user: str) -> str:
    # JSON text is valid JavaScript.
    return _RULE.format(
        user=json.dumps(user),
        units=_list(f"{u}.service" for u in control.units),
        verbs=_list(control.verbs),
    )


def _list(items: Iterable[str]) -> str:
    return json.dumps(sorted(set(items)), indent=2).replace("\n", "\n  ")
