"""Secrets of services that are not in sops: each service gets a unit that fetches them before it
starts, from 1Password, or from a file that a hand-written module provides.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from importlib import resources

from homelab.hardening.baseline import FAMILIES, sandbox
from homelab.nix import Attrs, Module, Nix, Pkg, Raw, Script, attrs, merge
from homelab.plan import Plan
from homelab.secret_paths import FETCHED, secret_path
from homelab.secrets.model import ONEPASSWORD, Secret
from homelab.services.model import Service
from homelab.services.secret_files import files_of
from homelab.system.model import Host

_FILE = "lib/fetch-secrets.sh"
_CREDENTIAL = "1password"
"""Name of the token for the script. No secret of a service has it, because theirs start with a
letter."""
_SHELL = (resources.files("homelab.secrets") / "fetch.sh").read_text(encoding="utf-8")


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """The units, on a host with such secrets."""
    found = [
        (service, secrets)
        for service in plan.on(host.name)
        if (secrets := placed(plan, service)) and host.is_nixos
    ]
    if not found:
        return
    yield Module(
        "fetched-secrets.nix",
        "Secrets that this host fetches from 1Password, or makes variables of, before a service "
        "starts",
        derived=merge(*(_unit(plan, service, secrets) for service, secrets in found)),
        extra=((_FILE, _SHELL),),
    )


def placed(plan: Plan, service: Service) -> list[Secret]:
    """The secrets that the unit of a service places. A file of the owner's module is used where it
    is, and only variables are made of it.
    """
    return [
        s
        for s in plan.secrets.on(service.host)
        if s.service == service.name
        and (s.source == "fetched" or (s.source == "provided" and s.form == "env"))
    ]


def unit_of(service: str) -> str:
    """Name of the unit that fetches the secrets of a service."""
    return f"homelab-secrets-{service}"


def _unit(plan: Plan, service: Service, secrets: list[Secret]) -> Attrs:
    fetched = [s for s in secrets if s.source == "fetched"]
    name = unit_of(service.name)
    form = "plain" if service.parts else "quoted"
    calls = "".join(f"{_call(secret, form)}\n" for secret in secrets)
    credentials: list[Nix] = [f"{s.label}:{s.key}" for s in secrets if s.source == "provided"]
    config: Attrs = {
        "Type": "oneshot",
        "RuntimeDirectory": f"{FETCHED}/{service.name}",
        "RuntimeDirectoryMode": "0711",
        "RuntimeDirectoryPreserve": True,
        # Between the attempts to reach 1Password there are 50 seconds.
        "TimeoutStartSec": "3min",
        **_SANDBOX,
    }
    unit: Attrs = {
        "description": f"Secrets of {service.name}",
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
    if plan.stack.monitoring.ntfy is not None:
        unit["onFailure"] = ["notify@%N.service"]
    unit["serviceConfig"] = config | {"LoadCredential": credentials}
    # The build of a site reads its secrets, and the unit that serves it does not.
    own = {*service.units} if service.reader in service.units else {service.reader}
    own |= {part.files_unit for part in service.parts if files_of(part)}
    readers = {unit: _reader(name, secrets) for unit in sorted(own - {""})}
    if not readers:
        unit["wantedBy"] = ["multi-user.target"]
    return merge({"systemd": {"services": {name: unit}}}, attrs("systemd.services", readers))


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
