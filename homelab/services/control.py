"""Units that a service may start and stop: a rule for polkit, and nothing beside it.

Made for agents: what acts on behalf of somebody else runs without rights of its own, and gets the
units of a list, by the verbs of a list. Everything else of systemd stays closed to its user.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from homelab.config.service_parts import Control
from homelab.nix import Lines, Module
from homelab.plan import Plan
from homelab.services.model import Service
from homelab.system.model import Host

# What polkit is asked for systemd: https://www.freedesktop.org/software/systemd/man/org.freedesktop.systemd1.html
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
            what="Which units a service may start and stop, in the name of somebody else.",
            derived={
                "security": {"polkit": {"enable": True, "extraConfig": Lines("\n".join(rules))}}
            },
        )


def user_of(service: Service) -> str:
    """The user that asks; empty where nobody can tell."""
    control, entry = service.may_control, service.entry
    if control is not None and control.user is not None:
        return control.user
    if entry.user or not entry.dynamic_user:
        return entry.user
    # systemd calls a dynamic user after its unit.
    return entry.units[0]


def _rule(control: Control, user: str) -> str:
    # JSON of such text is JavaScript, too.
    return _RULE.format(
        user=json.dumps(user),
        units=_list(f"{u}.service" for u in control.units),
        verbs=_list(control.verbs),
    )


def _list(items: Iterable[str]) -> str:
    return json.dumps(sorted(set(items)), indent=2).replace("\n", "\n  ")
