"""Entries that an owner wrote: facts in the stack config, or in a file beside it."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, JsonValue

from homelab.catalog import find
from homelab.catalog.model import Entry
from homelab.catalog.options import lacks, merged_options, option_groups, sign_in_options
from homelab.config.fact_parts import SignIn
from homelab.config.facts import OwnFacts
from homelab.config.service_base import ServiceConfig
from homelab.config.service_modules import CatalogService, ModuleService
from homelab.config.services import recovers
from homelab.config.stack import StackConfig
from homelab.databases.elsewhere import connected, facts_elsewhere
from homelab.network.auth import asked_auths

_OPTIONS = ("options", "options_since", "options_gpu")


def find_entry(stack: StackConfig, name: str) -> Entry | None:
    """The entry of this name: the owner's, otherwise that of the catalog."""
    own = stack.catalog.get(name)
    return find(name) if own is None else own_entry(name, own)


def original_entry(
    stack: StackConfig, name: str, config: ServiceConfig, host: str | None = None
) -> Entry | None:
    """The entry of a service on a host, without what the service itself sets; None if there is
    none, or if it is made from the service. The default is the host that the service names.
    """
    if isinstance(config, ModuleService):
        return own_entry(name, config.module).at(_release(stack, host or config.host))
    if isinstance(config, CatalogService):
        entry = find_entry(stack, config.service or name)
        entry = entry.at(_release(stack, host or config.host)) if entry is not None else None
        return instance_of(entry, name) if entry is not None and config.service else entry
    return None


def _release(stack: StackConfig, host: str | None) -> str:
    """The NixOS release of a host; empty for a host or a pin that does not exist."""
    config = stack.hosts.get(host or "")
    pin = stack.nixpkgs.get(config.nixpkgs) if config is not None else None
    return pin.release if pin is not None else ""


def instance_of(entry: Entry, name: str) -> Entry:
    """The entry as an instance of its module with this name, if the module runs several."""
    own = entry.instance
    if not own or name == entry.name:
        return entry
    end = f"-{own}"
    units = (u.removesuffix(end) + f"-{name}" if u.endswith(end) else u for u in entry.units)
    options = {path: _renamed(value, own, name) for path, value in entry.options.items()}
    return entry.model_copy(update={"options": options, "units": tuple(units)})


def _renamed(value: JsonValue, own: str, name: str) -> JsonValue:
    if not isinstance(value, dict):
        return value
    return {name if key == own else key: inner for key, inner in value.items()}


def facts_of(stack: StackConfig, name: str, config: ServiceConfig) -> OwnFacts | None:
    """The facts that the owner wrote for a service; None for any other service."""
    if isinstance(config, ModuleService):
        return config.module
    if isinstance(config, CatalogService):
        return stack.catalog.get(config.service or name)
    return None


def own_entry(name: str, facts: OwnFacts, *, with_options: bool = False) -> Entry:
    """The entry that an owner's facts describe.

    It has no options of theirs by default: those apply as options of the service, so that every
    check of such options sees them.
    """
    base = find(facts.extends) if facts.extends else None
    apart = {"extends"} if with_options else {"extends", *_OPTIONS}
    stated = {k: getattr(facts, k) for k in facts.model_fields_set - apart}
    if "sign_in" in stated and not with_options:
        stated["sign_in"] = _without_options(facts.sign_in)
    if base is None:
        defaults = {"title": name.replace("-", " ").title(), "units": (name,)}
        # The facts are valid already; a copy takes them as they are.
        return Entry(name=name).model_copy(update={**defaults, **stated})
    before = {bound: _extending(former, name, stated) for bound, former in base.before.items()}
    return _extending(base, name, stated).model_copy(update={"before": before})


def _extending(base: Entry, name: str, stated: Mapping[str, object]) -> Entry:
    modules = base.modules or (base.name,)
    merged = {k: _joined(getattr(base, k), value) for k, value in stated.items()}
    return base.model_copy(update={"modules": modules, **merged, "name": name})


def facts_place(name: str, config: ServiceConfig) -> str:
    """The place in the stack config of the facts that an owner writes for a service."""
    if isinstance(config, CatalogService):
        return f"catalog.{config.service or name}"
    return f"services.{name}.module"


def place_of_option(stack: StackConfig, service: str, key: str) -> str:
    """The place in the stack config of an option of a service: `services.x.options.…`, or that of
    the owner's facts.
    """
    config = stack.services.get(service)
    facts = facts_of(stack, service, config) if config is not None else None
    if config is not None and facts is not None:
        for group, options in option_groups(facts).items():
            for option, value in options.items():
                inside = key == option or key.startswith((f"{option}.", f"{option}["))
                # An option for a later release than that of its host is not among those.
                if inside and config.options.get(option, value) == value:
                    return f"{facts_place(service, config)}.{group}.{key}"
    return f"services.{service}.options.{key}"


def with_own_options(stack: StackConfig, releases: Mapping[str, str]) -> StackConfig:
    """The stack config with the options of an owner's facts among the options of each service that
    has them: those for the release of its host, or for the oldest release if it has no host.
    `releases` are those of the hosts. `for_release` has the options on each host.
    """
    oldest = min(releases.values(), default="")
    services = {
        name: for_release(stack, name, config, releases.get(config.host or "", oldest))
        for name, config in stack.services.items()
    }
    return stack.model_copy(update={"services": services}) if stack.services else stack


def for_release(
    stack: StackConfig, name: str, config: ServiceConfig, release: str
) -> ServiceConfig:
    """A service with the options of an owner's facts for a NixOS release, without those that the
    release lacks. An option of the service itself has precedence.
    """
    facts = facts_of(stack, name, config)
    if facts is None:
        return config
    entry = own_entry(name, facts)
    asked = asked_auths(config, entry.audience, entry.sign_in.kinds)
    merged = merged_options(facts, release, config.gpu) | sign_in_options(
        facts.sign_in, asked, recovery=recovers(config)
    )
    for _, fact in facts_elsewhere(config, facts, config.host or ""):
        merged = connected(merged, fact)
    options = {path: v for path, v in merged.items() if not lacks(entry, path, release)}
    return config.model_copy(update={"options": {**options, **config.options}})


def _without_options(sign_in: SignIn) -> SignIn:
    update: dict[str, object] = {
        group: {} for group in ("forward", "recovery") if getattr(sign_in, group)
    }
    if sign_in.oidc is not None:
        update["oidc"] = sign_in.oidc.model_copy(update={"options": {}})
    return sign_in.model_copy(update=update)


def _joined(base: object, stated: object) -> object:
    """What both say: keys are added, and any other value is replaced."""
    if isinstance(base, Mapping) and isinstance(stated, Mapping):
        return {**base, **stated}
    if isinstance(base, BaseModel) and isinstance(stated, BaseModel):
        return base.model_copy(
            update={
                k: _joined(getattr(base, k), getattr(stated, k)) for k in stated.model_fields_set
            }
        )
    return stated
