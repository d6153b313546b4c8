"""The pairs of services that `connects` names, and what follows from them for `uses` and keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from homelab.catalog import find
from homelab.catalog.model import Entry
from homelab.config.connections import ConnectionFact
from homelab.config.service_base import ServiceConfig
from homelab.config.service_programs import UnitService
from homelab.config.services import connects_of, extends_of, is_made
from homelab.config.stack import StackConfig
from homelab.services.own import find_entry, original_entry
from homelab.services.uses import Use


@dataclass(frozen=True)
class Pair:
    """A service that is connected to another one."""

    caller: str
    callee: str
    fact: ConnectionFact
    source: str
    """Place in the stack config: `services.sonarr.connects[0]`."""


def pairs(stack: StackConfig) -> tuple[Pair, ...]:
    """Every connection between two enabled services whose facts describe it. A check reports the
    others.
    """
    return tuple(_pairs(stack))


def _pairs(stack: StackConfig) -> Iterator[Pair]:
    for name, config in stack.services.items():
        entry = described(stack, name, config) if config.runs else None
        for index, callee in enumerate(connects_of(config)):
            fact = fact_of(stack, entry, callee) if entry is not None else None
            if fact is not None and stack.services[callee].runs and callee != name:
                yield Pair(name, callee, fact, f"services.{name}.connects[{index}]")


def described(stack: StackConfig, name: str, config: ServiceConfig) -> Entry | None:
    """The facts that describe the connections of a service; None if there are none."""
    if isinstance(config, UnitService):
        return find(extends_of(config))
    return original_entry(stack, name, config)


def fact_of(stack: StackConfig, entry: Entry, callee: str) -> ConnectionFact | None:
    """What an entry learns about a service of the stack; None if its facts do not describe it."""
    kind = kind_of(stack, callee)
    return entry.connects.get(kind) if kind else None


def kind_of(stack: StackConfig, name: str) -> str:
    """The catalog entry of a service, for an owner's facts the one that they extend; empty if it
    has none.
    """
    config = stack.services.get(name)
    entry = described(stack, name, config) if config is not None else None
    if entry is None:
        return ""
    if config is not None and is_made(config):
        # An app that reads its key from a file has it where its module keeps that file.
        return entry.name if entry.api_key is None or entry.api_key.env else ""
    facts = stack.catalog.get(entry.name)
    base = facts.extends if facts is not None else None
    return base if base and find_entry(stack, base) is not None else entry.name


def with_connections(stack: StackConfig) -> StackConfig:
    """The stack config with each connection among the `uses` of its services, so that ports, grants
    and addresses follow.
    """
    added: dict[str, list[str]] = {}
    for pair in pairs(stack):
        added.setdefault(pair.caller, []).append(pair.callee)
        if pair.fact.calls_back:
            added.setdefault(pair.callee, []).append(pair.caller)
    if not added:
        return stack
    services = dict(stack.services)
    for name, names in added.items():
        config = services[name]
        uses = list(dict.fromkeys((*config.uses, *names)))
        services[name] = config.model_copy(update={"uses": uses})
    return stack.model_copy(update={"services": services})


def place_of_use(stack: StackConfig, name: str, use: Use) -> str:
    """The place in the stack config that requires a call of a service, also of one in `uses` that a
    connection added.
    """
    for pair in pairs(stack) if use.is_stated else ():
        if (pair.caller, pair.callee) in ((name, use.name), (use.name, name)):
            return pair.source
    return f"services.{name}.{use.at}" if use.at else f"services.{name}"


def keyed(stack: StackConfig) -> frozenset[str]:
    """Services whose API key homelab sets: those with a connection, in either direction. The key of
    a service without connections stays as it is.
    """
    return frozenset(n for pair in pairs(stack) for n in (pair.caller, pair.callee))


def by_caller(stack: StackConfig) -> Mapping[str, tuple[Pair, ...]]:
    """The connections of each service."""
    found: dict[str, tuple[Pair, ...]] = {}
    for pair in pairs(stack):
        found[pair.caller] = (*found.get(pair.caller, ()), pair)
    return found
