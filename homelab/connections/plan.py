"""Plan connections: objects, variables and keys of each service with `connects`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import JsonValue

from homelab.catalog.references import reference
from homelab.config.connections import ApiObject
from homelab.config.fact_parts import ReferredFact
from homelab.config.stack import StackConfig
from homelab.connections.keys import API_KEY
from homelab.connections.model import Key, Wanted, Wiring, unit_of_connections
from homelab.connections.pairs import Pair, by_caller
from homelab.network.between import dialled
from homelab.secret_paths import fact_source
from homelab.services.declared import declared_options
from homelab.services.folders import folder
from homelab.services.model import Service

_BASE = re.compile(r"(/[A-Za-z0-9._~-]+)+")
OWNED = " (homelab)"
"""Behind the name of an object that homelab owns."""


def plan_connections(stack: StackConfig, services: tuple[Service, ...]) -> tuple[Wiring, ...]:
    """What each service with `connects` learns, on each of its hosts."""
    callers = by_caller(stack)
    return tuple(
        _wiring(stack, services, service, callers[service.name])
        for service in services
        if service.name in callers
    )


def _wiring(
    stack: StackConfig, services: tuple[Service, ...], caller: Service, stated: tuple[Pair, ...]
) -> Wiring:
    found = [(p, s) for p in stated if (s := nearest(services, p.callee, caller.host)) is not None]
    wanted: list[Wanted] = []
    env: dict[str, str] = {}
    keys: list[Key] = []
    for pair, callee in found:
        values = _Values(stack, caller, callee)
        wanted += (o for fact in pair.fact.objects if (o := _object(fact, values)) is not None)
        filled = {k: _as_text(values.filled(v)) for k, v in pair.fact.env.items()}
        env |= {k: text for k, text in filled.items() if text}
        if pair.fact.secret_env and API_KEY in callee.entry.secrets:
            name = f"connects-{callee.name}"
            env_of_key = tuple(sorted(pair.fact.secret_env.items()))
            keys.append(_key(callee, caller.name, name, env_of_key))
    alone = _Values(stack, caller, None)
    wanted += (o for fact in caller.entry.own_objects if (o := _object(fact, alone)) is not None)
    if wanted:
        needed = {caller.name: caller, **{s.name: s for _, s in found}}
        keys += (
            _key(s, caller.name, f"key-{s.name}")
            for s in needed.values()
            if API_KEY in s.entry.secrets
        )
    facts = (o for fact in caller.entry.connects.values() for o in fact.objects)
    return Wiring(
        service=caller.name,
        host=caller.host,
        unit=caller.units[0],
        address=f"http://{caller.address}:{caller.port}{base_of(caller)}",
        callees=tuple(s.name for _, s in found),
        waits=tuple(
            f"{_Values(stack, caller, s).url}{s.entry.health}"
            for s in (caller, *(s for _, s in found))
        ),
        collections=tuple(sorted({o.path for o in facts if o.identified_by == "name"})),
        wanted=tuple(wanted),
        keys=tuple(keys),
        env=env,
        source=stated[0].source,
    )


def nearest(services: tuple[Service, ...], name: str, host: str) -> Service | None:
    """The instance of a service on this host, otherwise its first one."""
    found = sorted((s for s in services if s.name == name), key=lambda s: s.host != host)
    return found[0] if found else None


def _key(service: Service, caller: str, name: str, env: tuple[tuple[str, str], ...] = ()) -> Key:
    fact = service.entry.secrets[API_KEY]
    ref = fact.ref if isinstance(fact, ReferredFact) else None
    return Key(
        service=service.name,
        host=service.host,
        # The app itself starts without 1Password, even if a key for its connections is there.
        group=caller if env or ref is None else unit_of_connections(caller),
        name=name,
        purpose=f"{service.owner}/{API_KEY}" if fact.source == "derived" else "",
        source=fact_source(fact),
        stored_key=fact.stored_key,
        env=env,
        ref=ref,
    )


def _object(fact: ApiObject, values: _Values) -> Wanted | None:
    """The object with its values; None if the service has no dataset for one of them."""
    body, initial, fields, initial_fields = (
        {k: values.filled(v) for k, v in stated.items()}
        for stated in (fact.body, fact.initial, fact.fields, fact.initial_fields)
    )
    if any(None in part.values() for part in (body, initial, fields, initial_fields)):
        return None
    if fact.identified_by == "name" and values.callee is not None:
        body = {"name": f"{values.callee.name}{OWNED}", **body}
    return Wanted(
        fact.path,
        fact.identified_by,
        body,
        initial,
        fields,
        initial_fields,
        fact.tags,
        fact.omits,
    )


class _Values:
    """Values of the plan for the facts of one connection."""

    def __init__(self, stack: StackConfig, caller: Service, callee: Service | None) -> None:
        self.stack, self.caller, self.callee = stack, caller, callee

    def filled(self, value: JsonValue) -> JsonValue:
        """The value with its reference resolved."""
        found = reference(value)
        if found is None:
            return value
        word, name = found[0], str(found[1])
        if word == "$folder":
            return folder(self.stack, self.caller, name)
        service, there = (
            (self.callee, self.caller.host)
            if word == "$callee"
            else (self.caller, self.callee.host if self.callee else self.caller.host)
        )
        if service is None:
            raise ValueError(word)
        host = _host(self.stack, there, service)
        values: Mapping[str, JsonValue] = {
            "host": host,
            "port": service.port,
            "base": base_of(service),
            "url": f"http://{host}:{service.port}{base_of(service)}",
            "key": {"$key": service.name},
            "folder": folder(self.stack, service, role_of_library(service)),
        }
        return values[name]

    @property
    def url(self) -> str:
        """Address of the callee for the caller, otherwise of the caller itself."""
        service = self.callee or self.caller
        host = _host(self.stack, self.caller.host, service)
        return f"http://{host}:{service.port}{base_of(service)}"


def _host(stack: StackConfig, caller: str, service: Service) -> str:
    """The address at which a host reaches a service."""
    return service.address if caller == service.host else dialled(stack, caller, service.host)


def base_of(service: Service) -> str:
    """The path below which options of the stack config put a service: `/sonarr`; empty for the
    root.
    """
    facts = service.entry.api_key
    option = facts.base.lower() if facts is not None else ""
    stated = (s.value for s in declared_options(service.config) if s.name.lower() == option)
    path = next((f"/{value.strip('/')}" for value in stated if isinstance(value, str)), "")
    return path if _BASE.fullmatch(path) else ""


def role_of_library(service: Service) -> str:
    """The role of the library of a service, for those that ask for its directory."""
    return next((role for role in service.entry.folders if role != "downloads"), "")


def _as_text(value: JsonValue) -> str:
    return str(value)
