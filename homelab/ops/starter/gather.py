"""From flags, questions and this machine to the answers of `homelab init`."""

from __future__ import annotations

import getpass
import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import get_args

from homelab.catalog import ENTRIES
from homelab.network.auth import default_auth
from homelab.ops.starter.answers import (
    Ask,
    Given,
    answered,
    as_name,
    check_name,
    text_of,
)
from homelab.ops.starter.library import as_requirement, running_library
from homelab.ops.starter.machines import check_places, lan_of, machines_of
from homelab.ops.starter.made import (
    AgeKey,
    age_key,
    is_recipient,
    local_timezone,
    own_ssh_keys,
    placeholder_host_key,
)
from homelab.ops.starter.upgrade import PROJECT
from homelab.problems import UsageError, did_you_mean
from homelab.starter.answers import Answers, Cloudflare, SignIn
from homelab.starter.files import is_own_flake
from homelab.starter.stack_text import FLAKE, LOCK

_KEY = re.compile(r"(ssh-|ecdsa-|sk-)\S+ AAAA\S+( .*)?")


def gather(
    given: Given, directory: Path, ask: Ask | None
) -> tuple[Answers, AgeKey | None, list[str]]:
    """The answers, the key that opens the secrets, and notes for the owner. Without `ask`, from
    flags and defaults.

    Raises UsageError, which names the flag. Writes nothing: `write_key` writes a new key.
    """
    check_name(given.stack, "--stack")
    name = given.name or as_name(directory.resolve().name)
    check_name(name, "--name")
    if given.adopt_later and (given.services or given.hardware or given.host_keys):
        raise UsageError(
            "--adopt-later: the hosts have no service yet, and homelab adopt host reads their keys "
            "and hardware; leave out --service, --hardware and --host-key"
        )
    # What is wrong with a flag is said before a person types answers.
    sign_in, ssh_keys = _sign_in(given), _ssh_keys(given)
    cloudflare = _cloudflare(given, ask)
    tailnet = given.tailnet
    if tailnet is None:
        tailnet = ask("Name of your tailnet, empty for none", "") if ask else ""
    default = f"home.{cloudflare.zone}" if cloudflare else "lan.home.arpa"
    domain = given.domain or (ask("Domain of the names at home", default) if ask else default)
    machines = machines_of(given, ask)
    network = lan_of(given, machines[0])
    check_places(machines, network)
    user = _user(given, ask)
    email = given.email or (ask("Your e-mail address", f"{user}@{domain}") if ask else "")
    if not email and (cloudflare or tailnet):
        raise UsageError("--email is missing: certificates and the tailnet's policy need yours")
    zone = given.timezone or local_timezone()
    if ask and not given.timezone:
        zone = answered(ask, "Time zone", zone, _timezone)
    if given.adopt_later:
        service, service_name = "", ""
    else:
        service, service_name = _service(given, sign_in, ask)
    library = (
        running_library() if given.library is None else as_requirement(given.library, "--library")
    )
    operators, key, notes = _operators(given)
    answers = Answers(
        name=name,
        stack=given.stack,
        domain=domain,
        timezone=zone,
        user=user,
        email=email or f"{user}@{domain}",
        ssh_keys=ssh_keys,
        machines=tuple(
            m if m.host_key else replace(m, host_key=placeholder_host_key()) for m in machines
        ),
        cidr=str(network),
        gateway=given.gateway or str(network.network_address + 1),
        service=service,
        service_name=service_name,
        operators=operators,
        library=library,
        sign_in=sign_in,
        own_sign_in=sign_in == "none" and _asks_portal(service),
        cloudflare=cloudflare,
        tailnet=tailnet,
        adopt_later=given.adopt_later,
        has_flake=_has_flake(directory),
    )
    if answers.is_local and not (directory / PROJECT).exists():
        notes.append(
            f"pyproject.toml takes homelab from a path of this machine ({library}), so CI and "
            "other machines cannot install it; change that line, or use --library"
        )
    return answers, key, notes


def _has_flake(directory: Path) -> bool:
    """Whether the directory has a flake that init did not write."""
    for name in (FLAKE, LOCK):
        try:
            text = (directory / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError):
            return True
        if is_own_flake(name, text):
            return True
    return False


def _is_there(text: str) -> str:
    if not text:
        raise UsageError("an answer is needed here")
    return text


def _timezone(text: str) -> str:
    if text not in zoneinfo.available_timezones():
        raise UsageError(f'there is no time zone "{text}"; write one like Europe/Oslo')
    return text


def _user(given: Given, ask: Ask | None) -> str:
    try:
        here = as_name(getpass.getuser())
    except (OSError, KeyError):
        here = ""
    default = "" if here in ("root", "homelab") else here
    if given.user is None and ask:
        return answered(ask, "Your account on the hosts", default, _is_there)
    user = given.user or default
    if not user:
        raise UsageError("--user is missing: the name of your account on the hosts, --user sam")
    return user


def _cloudflare(given: Given, ask: Ask | None) -> Cloudflare | None:
    zone = given.zone
    if zone is None and not (given.zone_id or given.account) and ask:
        zone = ask("Domain at Cloudflare, empty for none", "")
    if not (zone or given.zone_id or given.account):
        return None
    values = {
        "--cloudflare-zone": zone,
        "--cloudflare-zone-id": given.zone_id,
        "--cloudflare-account": given.account,
    }
    if ask:
        values = {
            flag: v or answered(ask, f"{flag[2:]}, as the dashboard shows it", "", _is_there)
            for flag, v in values.items()
        }
    missing = [flag for flag, value in values.items() if not value]
    if missing:
        raise UsageError(
            f"{', '.join(missing)}: missing; Cloudflare's dashboard shows it on the domain's page. "
            "Or leave Cloudflare out"
        )
    return Cloudflare(
        account=str(values["--cloudflare-account"]),
        zone=str(values["--cloudflare-zone"]),
        zone_id=str(values["--cloudflare-zone-id"]),
    )


def _sign_in(given: Given) -> SignIn:
    choices: Mapping[str, SignIn] = {choice: choice for choice in get_args(SignIn)}
    text = given.sign_in or "authelia"
    if text not in choices:
        raise UsageError(f"--sign-in {text}: {did_you_mean(text, choices, 'portals')}")
    return choices[text]


def _service(given: Given, sign_in: SignIn, ask: Ask | None) -> tuple[str, str]:
    # Without a portal, the first service has a sign-in of its own.
    default = "navidrome=music" if sign_in == "authelia" else "jellyfin=films"
    if not given.services and ask:
        return answered(ask, "First service, SERVICE=NAME", default, partial(_of_catalog, sign_in))
    first, *more = given.services or (default,)
    if more:
        raise UsageError(
            f"--service: a homelab begins with one service; leave {' and '.join(more)} out, "
            "and add it to homelab:services of the stack file afterwards, one line each"
        )
    return _of_catalog(sign_in, first)


def _of_catalog(sign_in: SignIn, text: str) -> tuple[str, str]:
    service, _, name = text.partition("=")
    if service not in ENTRIES or ENTRIES[service].infrastructure:
        known = [key for key, entry in ENTRIES.items() if not entry.infrastructure]
        raise UsageError(
            f'--service: there is no "{service}" in the catalog; '
            f"{did_you_mean(service, known, 'services')}"
        )
    kinds = ENTRIES[service].sign_in.kinds
    if sign_in == "none" and _asks_portal(service) and "native" not in kinds:
        raise UsageError(
            f"--service {service}: it has no sign-in of its own, so it needs the portal; leave "
            "--sign-in none out, or choose another service, such as jellyfin"
        )
    entry = ENTRIES[service]
    if not name and not (entry.page and "web" in entry.ports and not entry.never_publish):
        return service, ""
    name = name or service
    check_name(name, "--service")
    return service, name


def _asks_portal(service: str) -> bool:
    """Whether the portal signs people in to the service, unless the stack says otherwise."""
    entry = ENTRIES[service]
    return default_auth(entry.audience, entry.sign_in.kinds) in ("forward", "oidc")


def _ssh_keys(given: Given) -> tuple[str, ...]:
    if not given.ssh_keys:
        found = own_ssh_keys()
        if not found:
            raise UsageError(
                "--ssh-key: there is no key in ~/.ssh, and nobody could log in without one; make "
                "one with ssh-keygen -t ed25519, or give its public line or file"
            )
        return found
    keys = []
    for text in given.ssh_keys:
        line = text if _KEY.fullmatch(text) else text_of(text, "--ssh-key").strip()
        if not _KEY.fullmatch(line):
            raise UsageError(
                "--ssh-key: this is not a public SSH key; give the file that ends .pub"
            )
        keys.append(line)
    return tuple(keys)


def _operators(given: Given) -> tuple[tuple[str, ...], AgeKey | None, list[str]]:
    if given.operators:
        for text in given.operators:
            if not is_recipient(text):
                raise UsageError(
                    "--operator: this is not an age recipient; give the age1… line that age-keygen "
                    "prints"
                )
        return given.operators, None, []
    key = age_key()
    what = "a new age key, which opens every secret; keep a copy" if key.text else "your age key"
    return (key.recipient,), key, [f"{key.place} has {what}"]
