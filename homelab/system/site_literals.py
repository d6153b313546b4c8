"""Values of the site that hand-written modules and options repeat: they would not follow it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from homelab.check import check, file_check
from homelab.nix.code import texts_in
from homelab.plan import Plan, once
from homelab.problems import Problem, Severity
from homelab.services.uses import linking_values
from homelab.system.model import Host
from homelab.system.own import Sources, own_paths, reached

SITE_LITERAL = file_check(
    "site-literal",
    "error",
    "A hand-written module that repeats the domain keeps the old one when the stack changes it.",
)


class _Value(NamedTuple):
    """A value of the site."""

    place: str
    pattern: re.Pattern[str]
    argument: str
    """What a hand-written module reads in its place."""
    severity: Severity = "warning"
    host: str = ""
    """The host whose address it is."""


_BEFORE, _AFTER = r"(?<![A-Za-z0-9-])", r"(?![A-Za-z0-9-]|\.[A-Za-z0-9])"
"""Around a whole name: also below a label of its own, and not a part of a longer one."""
_ADDRESS = re.compile(rf"{_BEFORE}[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}}{_AFTER}")


def check_site_literals(plan: Plan, sources: Sources) -> Iterator[Problem]:
    """The domain, the owner's address, the LAN and its hosts in texts of hand-written modules."""
    known = _values(plan)
    for host in plan.hosts.values():
        homes = [path for _, path, _ in host.member_homes]
        homes += [host.config.home] if host.config.home else []
        at_home = reached(homes, sources)
        for file, text in reached(own_paths(host), sources).items():
            if not file.endswith(".nix") or not isinstance(text, str):
                continue
            # The address in a person's Git settings is that person's own.
            values = [v for v in known if v.severity == "error" or file not in at_home]
            for line, written in texts_in(text):
                repeated = [v for v in values if v.pattern.search(written)]
                repeated += [] if file in at_home else _addresses_in(plan, [written])
                for value in repeated:
                    yield Problem(
                        host.source,
                        f"{file}:{line}: this text repeats {value.place}",
                        f"write ${{{value.argument}}} there, and take the argument: "
                        "{ homelab, ... }:",
                        check=SITE_LITERAL,
                        severity=value.severity,
                    )


@check("option-literal", severity="warning")
def option_literal(plan: Plan) -> Iterator[Problem]:
    """An option that repeats the domain keeps the old one when the stack changes it."""
    domain = _values(plan)[0]
    for name, config in plan.stack.services.items():
        for option, value in config.options.items():
            if any(domain.pattern.search(text) for text in _plain(value)):
                yield Problem(
                    f"services.{name}.options.{option}",
                    f"this text repeats {domain.place}",
                    'write {$text: "…"} with {url}, {fqdn} or {domain} in place of it',
                )


@check("ip-literal", severity="warning")
def ip_literal(plan: Plan) -> Iterator[Problem]:
    """A service that repeats another host's address keeps the old one when the host gets another,
    and no firewall opens the port that it calls.
    """
    for name, config in plan.stack.services.items():
        # No reference has the address of its own host: to itself a service is at a loopback one.
        own = {service.host for service in plan.instances(name)}
        for where, value in linking_values(config):
            written = [*_plain(value, references=True)]
            for repeated in _addresses_in(plan, written):
                if repeated.host not in own:
                    yield Problem(
                        f"services.{name}.{where}",
                        f"this text repeats {repeated.place}",
                        _reference(plan, plan.hosts[repeated.host], repeated.pattern, written),
                    )


def _addresses_in(plan: Plan, written: list[str]) -> list[_Value]:
    """The addresses of hosts in these texts, each once."""
    found = dict.fromkeys(a for text in written for a in _ADDRESS.findall(text))
    return [value for address in found for value in _addresses(plan).get(address, ())]


def _reference(plan: Plan, host: Host, address: re.Pattern[str], written: list[str]) -> str:
    """How to refer to a host, and to the service at the port that follows its address."""
    ports = {int(m) for t in written for m in re.findall(f"{address.pattern}:([0-9]{{1,5}})", t)}
    called = next((s for s in plan.on(host.name) if s.port in ports), None)
    if called is not None:
        return f"write {{$service: {called.name}}}, which also opens its port"
    is_entry = host.name == plan.stack.network.entry.host
    proxy = ', or {$text: "{proxy}"} for the reverse proxy' if is_entry else ""
    return (
        "refer to a service there, {$service: {name: …, field: host}}, which also opens its port"
        f"{proxy}; or write a host name"
    )


def _values(plan: Plan) -> tuple[_Value, ...]:
    site, lan = plan.stack.site, str(plan.stack.network.lan.cidr)
    return (
        _Value("site.domain", _name(site.domain), "homelab.domain", "error"),
        _Value("site.owner.email", _name(site.owner.email), "homelab.owner.email"),
        _Value("network.lan.cidr", _name(lan), "homelab.lan.cidr"),
        *(
            _Value(f"site.legacy_domains[{i}]", _name(legacy.domain), "homelab.domain")
            for i, legacy in enumerate(site.legacy_domains)
        ),
    )


@once
def _addresses(plan: Plan) -> Mapping[str, list[_Value]]:
    """The hosts by their addresses, which change with the router and with the tailnet."""
    found: dict[str, list[_Value]] = {}
    for host in plan.hosts.values():
        for kind, address in host.addresses.items():
            argument = f"homelab.hosts.{host.name}.addresses.{kind}"
            place = f"{host.source}.address.{kind}"
            value = _Value(place, _name(address), argument, host=host.name)
            found.setdefault(address, []).append(value)
    return found


def _name(text: str) -> re.Pattern[str]:
    return re.compile(f"{_BEFORE}{re.escape(text)}{_AFTER}")


def _plain(value: object, *, references: bool = False) -> Iterator[str]:
    """Texts of a value, without those of references unless they are asked for."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        if references or not (len(value) == 1 and next(iter(value)).startswith("$")):
            for inner in value.values():
                yield from _plain(inner, references=references)
    elif isinstance(value, list):
        for item in value:
            yield from _plain(item, references=references)
