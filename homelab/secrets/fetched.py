"""Secrets that are not in sops: each service gets a unit that fetches them before it starts, from
1Password, or from a file that a hand-written module provides. So do the VPN, the alerts and other
parts of a host.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from importlib import resources

from homelab.certificates.model import CREDENTIALS
from homelab.grouping import grouped
from homelab.hardening.baseline import FAMILIES, sandbox
from homelab.nix import Attrs, Module, Nix, Pkg, Raw, Script, attrs, merge
from homelab.plan import Plan
from homelab.secret_paths import FETCHED, secret_path
from homelab.secrets.model import ONEPASSWORD, RESTIC, Secret
from homelab.services.model import Service
from homelab.services.secret_files import files_of
from homelab.services.unit import reported
from homelab.services.unit_templates import unit_name
from homelab.system.model import Host

_FILE = "lib/fetch-secrets.sh"
ALERTS = "ntfy"
"""Group of the secrets of alerts."""
_CREDENTIAL = "1password"
"""Name of the token for the script. No secret of a service has it, because theirs start with a
letter."""
_SHELL = (resources.files("homelab.secrets") / "fetch.sh").read_text(encoding="utf-8")


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """The units, on a host with such secrets."""
    if not host.is_nixos:
        return
    found = [
        (service, secrets) for service in plan.on(host.name) if (secrets := placed(plan, service))
    ]
    own = grouped(_of_host(plan, host), lambda s: s.service)
    if not found and not own:
        return
    yield Module(
        "fetched-secrets.nix",
        "Secrets that this host fetches from 1Password, or makes variables of, before a service "
        "starts",
        derived=merge(
            *(_unit(plan, service, secrets) for service, secrets in found),
            *(_host_unit(plan, host, name, secrets) for name, secrets in sorted(own.items())),
        ),
        extra=((_FILE, _SHELL),),
    )


def placed(plan: Plan, service: Service) -> list[Secret]:
    """The secrets that the unit of a service places. A file of the owner's module is used where it
    is, and only variables are made of it.
    """
    return [s for s in plan.secrets.on(service.host) if s.service == service.name and s.is_placed]


def _of_host(plan: Plan, host: Host) -> list[Secret]:
    """Those of the host itself, such as the key of a VPN."""
    services = {s.name for s in plan.on(host.name)}
    return [s for s in plan.secrets.on(host.name) if s.service not in services and s.is_placed]


def unit_of(service: str) -> str:
    """Name of the unit that fetches the secrets of a service."""
    return f"homelab-secrets-{service}"


def _unit(plan: Plan, service: Service, secrets: list[Secret]) -> Attrs:
    name = unit_of(service.name)
    form = "plain" if service.parts else "quoted"
    unit = _placing(plan, service.host, service.name, secrets, form)
    # The build of a site reads its secrets, and the unit that serves it does not.
    own = {*service.units} if service.reader in service.units else {service.reader}
    own |= {u for u in service.entry.helpers if service.static is not None}
    own |= {part.files_unit for part in service.parts if files_of(part)}
    own |= {unit_name(service)}
    readers = {unit: _reader(name, secrets) for unit in sorted(own - {""})}
    if not readers:
        unit["wantedBy"] = ["multi-user.target"]
    return merge({"systemd": {"services": {name: unit}}}, attrs("systemd.services", readers))


def _host_unit(plan: Plan, host: Host, group: str, secrets: tuple[Secret, ...]) -> Attrs:
    """The unit for secrets of the host. Units that only sometimes need one start without it."""
    name = unit_of(group)
    unit = _placing(plan, host.name, group, [*secrets], "quoted")
    units = sorted({u.removesuffix(".service") for s in secrets for u in s.units})
    readers = {reader: _reader(name, [*secrets]) for reader in units}
    if group == ALERTS:
        # An alert is sent seldom, and asks for the topic again if the host has none.
        readers["notify@"] = {"after": [f"{name}.service"], "wants": [f"{name}.service"]}
        unit.pop("onFailure", None)
    elif group == RESTIC:
        # A backup goes on with the values that the host has, and a restore needs them without one.
        weak: Attrs = {"after": [f"{name}.service"], "wants": [f"{name}.service"]}
        readers = dict.fromkeys(units, weak)
        unit["wantedBy"] = ["multi-user.target"]
    elif not readers:
        unit |= {"wantedBy": ["multi-user.target"], "before": _before(plan, host, group)}
        unit["serviceConfig"] = {**_settings(unit), "RemainAfterExit": True}
    return merge({"systemd": {"services": {name: unit}}}, attrs("systemd.services", readers))


def _before(plan: Plan, host: Host, group: str) -> list[Nix]:
    """Units that read the secrets by themselves, when they run."""
    if group != CREDENTIALS:
        return []
    domains = sorted(c.domain for c in plan.certificates.certificates if c.host == host.name)
    # Since 25.11 another unit orders and renews.
    return [f"{unit}-{d}.service" for d in domains for unit in ("acme", "acme-order-renew")]


def _settings(unit: Attrs) -> Attrs:
    config = unit["serviceConfig"]
    assert isinstance(config, dict)
    return config


def _placing(plan: Plan, host: str, group: str, secrets: list[Secret], form: str) -> Attrs:
    """The unit that places these secrets below the directory of their group."""
    fetched = [s for s in secrets if s.source == "fetched"]
    calls = "".join(f"{_call(secret, form)}\n" for secret in secrets)
    credentials: list[Nix] = [f"{s.label}:{s.key}" for s in secrets if s.source == "provided"]
    config: Attrs = {
        "Type": "oneshot",
        "RuntimeDirectory": f"{FETCHED}/{group}",
        "RuntimeDirectoryMode": "0711",
        "RuntimeDirectoryPreserve": True,
        # Between the attempts to reach 1Password there are 50 seconds.
        "TimeoutStartSec": "3min",
        **_SANDBOX,
    }
    unit: Attrs = {
        "description": f"Secrets of {group}",
        "script": Script.of(". ", Raw(f"./{_FILE}"), f"\n{calls}"),
    }
    if fetched:
        credentials.append(f"{_CREDENTIAL}:{secret_path(*ONEPASSWORD, 'stored', 'file')}")
        unit |= {
            "after": ["network-online.target"],
            "wants": ["network-online.target"],
            "path": [Pkg("_1password-cli")],
        }
        config |= _NETWORK
    unit |= reported(plan, host)
    unit["serviceConfig"] = config | {"LoadCredential": credentials}
    return unit


def _reader(name: str, secrets: list[Secret]) -> Attrs:
    """A unit of the service: it starts after the fetch, and again if a reference changes."""
    triggers: list[Nix] = [f"{s.name} {s.key}" for s in secrets]
    return {
        "after": [f"{name}.service"],
        "requires": [f"{name}.service"],
        "restartTriggers": triggers,
    }


def _call(secret: Secret, form: str) -> str:
    source = secret.key if secret.source == "fetched" else secret.label
    if secret.form == "file":
        return shlex.join(("place_file", secret.label, secret.owner, secret.mode, source))
    words = ["place_variables", secret.label, form, source]
    for variable, template in secret.env:
        before, _, after = template.partition("{value}")
        words += [variable, before, after]
    return shlex.join(words)


_NETWORK: Attrs = {
    "PrivateNetwork": False,
    "RestrictAddressFamilies": " ".join(FAMILIES),
}
"""What op needs, and no other unit of the service gets."""
_SANDBOX: Attrs = {
    **sandbox(),
    "CapabilityBoundingSet": "CAP_CHOWN",
    "PrivateNetwork": True,
    "RestrictAddressFamilies": "AF_UNIX",
}
