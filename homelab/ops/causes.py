"""`homelab why` for a port, a name, a resource, or a place in the stack config."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from homelab.evaluation.origin import Origins
from homelab.network.route import Route
from homelab.ops.project.documents import read_stack_document
from homelab.ops.project.effects import effects
from homelab.ops.project.stack import Stack, line_in
from homelab.plan import Plan
from homelab.problems import UsageError, did_you_mean

_PORT = re.compile(r"(?:([a-z0-9-]+):)?(\d{1,5})(?:/(tcp|udp))?")
_URN = re.compile(r"urn:pulumi:[^:]*::[^:]*::(.+)::([^:]+)")


@dataclass(frozen=True)
class Cause:
    """What a subject is, and the place in the stack config that it comes from."""

    what: str
    where: str
    config: str
    """`Pulumi.home.yaml:12`; empty where the stack file does not have the place."""

    def __str__(self) -> str:
        place = f"{self.where} ({self.config})" if self.config else self.where
        return f"{self.what}\n  {place}" if place else self.what

    def as_data(self) -> dict[str, str | int]:
        """The cause as plain data, for scripts."""
        return {"what": self.what, "where": self.where, "config": self.config}


def causes(stack: Stack, word: str) -> list[Cause]:
    """The causes of a port (`8096`, `pi:53/udp`), of a name of a route, or of a Pulumi resource; or
    the generated lines that a place in the stack config (`services.jellyfin`) causes. Of a value
    that many places use (`site.domain`), those lines and resources that another value would change.

    Raises UsageError if the word is none of these.
    """
    document = read_stack_document(stack.directory, stack.name)
    for ask in (_ports, _names, _resources, _lines):
        found = [Cause(what, where, line_in(document, where)) for what, where in ask(stack, word)]
        if found:
            return found
    known = {*stack.releases, *_known_names(stack.plan), *_places(stack)}
    raise UsageError(
        f'there is no host, name, port, resource or place "{word}"; '
        f"{did_you_mean(word, known, 'subjects')}"
    )


def _ports(stack: Stack, word: str) -> Iterator[tuple[str, str]]:
    asked = _PORT.fullmatch(word)
    if asked is None:
        return
    host, number, protocol = asked.groups()
    for use in stack.plan.ports:
        if use.port != int(number) or host not in (None, use.host):
            continue
        if protocol in (None, use.protocol):
            port = f"{use.host}:{use.port}/{use.protocol}"
            text = f"{port} {use.owner} ({use.label}), open to {use.open_to}"
            yield text + (f": {use.why}" if use.why else ""), use.source


def _names(stack: Stack, word: str) -> Iterator[tuple[str, str]]:
    bare = word.removeprefix("https://").rstrip("/")
    for route in stack.plan.routes:
        if bare in (route.internal, route.public, route.name):
            yield _described(route), route.source


def _described(route: Route) -> str:
    names = " and ".join(filter(None, (route.internal, route.public)))
    answers = f"{route.service} on {route.host}"
    return (
        f"{names}: {answers} at {route.upstream}; audience {route.audience}, "
        f"publish {route.publish}, sign-in {route.auth}"
    )


def _resources(stack: Stack, word: str) -> Iterator[tuple[str, str]]:
    urn = _URN.fullmatch(word)
    if urn is None:
        return
    kind, name = urn[1].rsplit("$", 1)[-1], urn[2]
    # Names of resources start with those of their host, service or route.
    owners = {host: h.source for host, h in stack.plan.hosts.items()}
    owners |= {s.name: s.source for s in stack.plan.services}
    owners |= {r.name: r.source for r in stack.plan.routes}
    fitting = [o for o in owners if name == o or name.startswith(f"{o}-") or f"/{o}" in name]
    if fitting:
        yield f"{kind} {name}", owners[max(fitting, key=len)]
        return
    sections = [s for s in type(stack.plan.stack).model_fields if s in kind.split(":")]
    yield f"{kind} {name}", sections[0] if sections else "site"


def _lines(stack: Stack, word: str) -> Iterator[tuple[str, str]]:
    section = word.partition(".")[0].partition("[")[0]
    if section not in type(stack.plan.stack).model_fields:
        return
    placed = [*_placed(stack)]
    if not any(_is_below(where, word) for _, where in placed):
        # A value that many places use, such as the domain, is the place of none.
        changed = effects(stack, word)
        yield from ((str(e), e.where) for e in changed or ())
        if changed:
            return
    wanted = word
    # A section of named entries says nothing about an entry that does not exist.
    named = isinstance(getattr(stack.plan.stack, section), Mapping)
    while wanted and not (named and wanted == section != word):
        found = [(what, where) for what, where in placed if _is_below(where, wanted)]
        if found and wanted != word:
            ask = f"homelab diff --set {word}=…"
            text = f"no line comes from {word} alone; those of {wanted} follow"
            yield f"{text}. To see what another value changes: {ask}", wanted
        if found:
            yield from found
            return
        wanted = wanted.rpartition(".")[0]


def _is_below(where: str, wanted: str) -> bool:
    return where == wanted or where.startswith((f"{wanted}.", f"{wanted}["))


def _placed(stack: Stack) -> Iterator[tuple[str, str]]:
    """Every run of generated lines, with its place."""
    for host, release in stack.releases.items():
        files = dict(release.files)
        origins = Origins(stack.plan, stack.plan.hosts[host], files)
        for file in files:
            for found in origins.of_lines(file):
                if found.place is not None:
                    yield f"{host}/{file}{found.at}", found.place.where


def _places(stack: Stack) -> set[str]:
    return {s.source for s in stack.plan.services} | {*type(stack.plan.stack).model_fields}


def _known_names(plan: Plan) -> Iterator[str]:
    for route in plan.routes:
        yield from filter(None, (route.internal, route.public, route.name))
