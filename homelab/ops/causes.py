"""`homelab why` for a port, a name, a resource, or a place in the stack config."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from homelab.evaluation.origin import Origins
from homelab.network.route import Route
from homelab.ops.project.documents import read_stack_document
from homelab.ops.project.effects import effects, in_clouds
from homelab.ops.project.stack import Stack, line_in
from homelab.ops.resources import resource_of
from homelab.plan import Plan
from homelab.problems import UsageError, did_you_mean

_PORT = re.compile(r"(?:([a-z0-9-]+):)?(\d{1,5})(?:/(tcp|udp))?")


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
    the generated lines that a place in the stack config (`services.jellyfin`) causes. Of a single
    value (`site.domain`), those lines and resources that another value would change.

    Raises UsageError if the word is none of these.
    """
    document = read_stack_document(stack.directory, stack.name)
    if not word:
        raise UsageError("name what to explain: a host, a port, a name, a URN or a place")
    for ask in (_ports, _names, _resources, _lines):
        found = [Cause(what, where, line_in(document, where)) for what, where in ask(stack, word)]
        if found:
            return found
    if word in type(stack.plan.stack).model_fields:
        if word not in document.values:
            raise UsageError(
                f"the stack has no homelab:{word}, so nothing comes from it; its keys: "
                "docs/reference/stack.md of homelab, or homelab schema"
            )
        return [
            Cause("no line of a host and no resource comes from it", word, line_in(document, word))
        ]
    sections = {w for w in document.values if w in type(stack.plan.stack).model_fields}
    known = {*stack.releases, *_known_names(stack.plan), *_services(stack), *sections}
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
    found = resource_of(stack, word)
    if found is not None:
        yield found


def _lines(stack: Stack, word: str) -> Iterator[tuple[str, str]]:
    section = word.partition(".")[0].partition("[")[0]
    if section not in type(stack.plan.stack).model_fields:
        return
    placed = [*_placed(stack)]
    # Another value also changes lines of other places, such as the proxy's for a port.
    changed = [] if word == section else effects(stack, word) or []
    if changed:
        yield from ((str(e), e.where) for e in changed)
        files = {e.file for e in changed}
        own = ((what, where) for what, where in placed if _is_below(where, word))
        yield from ((what, where) for what, where in own if what.partition(":")[0] not in files)
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
        clouds = [(str(e), e.where) for e in in_clouds(stack.plan, wanted)]
        if found or clouds:
            yield from [*found, *clouds]
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


def _services(stack: Stack) -> Iterator[str]:
    return (s.source for s in stack.plan.services)


def _known_names(plan: Plan) -> Iterator[str]:
    for route in plan.routes:
        yield from filter(None, (route.internal, route.public, route.name))
