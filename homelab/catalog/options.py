"""Which of an entry's options hold for a release."""

from __future__ import annotations

from collections.abc import Container, Mapping

from pydantic import JsonValue

from homelab.catalog.model import OIDC, Entry
from homelab.config.fact_parts import SignIn
from homelab.config.facts import ServiceFacts
from homelab.config.service_parts import Gpu


def options_of(entry: Entry, release: str, gpu: Gpu | None = None) -> Mapping[str, JsonValue]:
    """The options for a host pinned to this release: later ones win, absent ones are left out."""
    facts = merged_options(entry, release, gpu)
    return {path: fact for path, fact in sorted(facts.items()) if not lacks(entry, path, release)}


def merged_options(facts: ServiceFacts, release: str, gpu: Gpu | None) -> dict[str, JsonValue]:
    """The options for a release and a GPU, with those that the release lacks."""
    merged = dict(facts.options)
    for since, more in sorted(facts.options_since.items()):
        if release >= since:
            merged |= more
    merged |= facts.options_gpu.get(gpu, {}) if gpu is not None else {}
    # Left out for a service without the device.
    return merged | {d.option: {"$device": role} for role, d in facts.devices.items() if d.option}


def sign_in_options(
    sign_in: SignIn, asked: Container[str], *, recovery: bool = False
) -> dict[str, JsonValue]:
    """The options that apply only with some of the sign-ins that its routes ask for. With
    `recovery`, the app shows its own sign-in behind the auth proxy.
    """
    found = dict(sign_in.forward) if "forward" in asked else {}
    found |= sign_in.recovery if recovery and "forward" in asked else {}
    return found | (sign_in.oidc.options if OIDC in asked and sign_in.oidc is not None else {})


def option_groups(facts: ServiceFacts) -> dict[str, Mapping[str, JsonValue]]:
    """All options of the facts, by the key that they are written below."""
    return {
        "options": facts.options,
        **{f"options_since.{k}": v for k, v in facts.options_since.items()},
        **{f"options_gpu.{k}": v for k, v in facts.options_gpu.items()},
        "mail.options": facts.mail.options if facts.mail else {},
        "mail.sign_in": facts.mail.sign_in if facts.mail else {},
        **{
            f"database_elsewhere.{kind}.options": fact.options
            for kind, fact in facts.database_elsewhere.items()
        },
        **{f"further_ports.{k}.options": v.options for k, v in facts.further_ports.items()},
        "sign_in.forward": facts.sign_in.forward,
        "sign_in.recovery": facts.sign_in.recovery,
        "sign_in.oidc.options": facts.sign_in.oidc.options if facts.sign_in.oidc else {},
    }


def lacks(entry: Entry, path: str, release: str) -> str:
    """Why a release lacks an option, as far as the catalog knows: empty when it does not."""
    for known, first in entry.added.items():
        if _covers(known, path) and release < first:
            return f"came with {first}"
    for known, first in entry.removed.items():
        if _covers(known, path) and release >= first:
            return f"is gone since {first}"
    return ""


def _covers(known: str, path: str) -> bool:
    """Whether a path is a known option or a part of it."""
    return path == known or path.startswith(f"{known}.")


def joined_options(
    options: Mapping[str, JsonValue], more: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """Both options; sets at the same path become one set."""
    found = dict(options)
    for path, value in more.items():
        here = found.get(path)
        if isinstance(here, dict) and isinstance(value, dict):
            found[path] = joined_options(here, value)
        else:
            found[path] = value
    return found
