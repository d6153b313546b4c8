"""Reachability as text and as data for scripts."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue

from homelab.problems import UsageError, did_you_mean
from homelab.reach.model import Answer, Reach, Target

_PATHS = {
    "lan": "LAN",
    "tailnet": "tailnet",
    "subnet": "tailnet, through {via}",
    "tunnel": "tunnel to {via}",
    "direct": "internet, direct",
    "edge": "served by Cloudflare",
    "podman": "Podman network {via}",
    "forwarded": "by its address, from another Podman network",
    "bridge": "bridge {via}",
    "host": "the host's own network",
}


def chosen(reach: Reach, word: str | None) -> tuple[Answer, ...]:
    """The answers about a name, a host, a service or an origin; every answer for None."""
    if word is None:
        return reach.answers
    found = tuple(a for a in reach.answers if word in _words(a))
    if not found:
        known = sorted({w for a in reach.answers for w in _words(a) if w})
        raise UsageError(
            f'there is no person, tag, host, route or network "{word}"; '
            f"{did_you_mean(word, known, 'names')}"
        )
    return found


def _words(answer: Answer) -> tuple[str, ...]:
    origin, target = answer.origin.name, answer.target
    who = (origin, origin.removeprefix("tag:"))
    return (*who, target.name, target.host, target.service, *target.addresses)


def path_of(answer: Answer) -> str:
    """The path in words."""
    if answer.path == "podman" and not answer.via:
        return "Podman's default network, by its address"
    return _PATHS[answer.path].format(via=answer.via)


def barriers_of(answer: Answer) -> str:
    """The sign-ins and policies in words, in order."""
    if answer.origin.place in ("host", "container"):
        return ""
    return " > ".join(g.what for g in answer.barriers) or "no sign-in"


def title_of(target: Target) -> str:
    """A target as the heading of its answers."""
    if target.kind == "route":
        on = f" on {target.host}" if target.host else ""
        return f"{' · '.join(target.addresses)} ({target.service}{on})"
    if target.kind == "container":
        at = f"; published at {', '.join(target.published)}" if target.published else ""
        names = " · ".join(target.addresses)
        return f"{names} (container of {target.service} on {target.host}){at}"
    inside = f" at {target.addresses[0]}" if target.kind == "bridge" else ""
    return f"{target.name} ({target.service}){inside}"


def as_text(reach: Reach, answers: tuple[Answer, ...], *, why: bool = False) -> str:
    """The answers by target; origins with the same path and sign-ins share a line."""
    lines: list[str] = []
    for target in reach.targets:
        about = [a for a in answers if a.target == target]
        if about:
            lines += ["", title_of(target), *(_reasons(about) if why else _rows(about))]
    if any(not a.reachable and a.origin.place == "tailnet" for a in answers):
        home = ", ".join(reach.at_home)
        lines += ["", f"These hosts are also on the LAN, and reach what lan reaches: {home}"]
    if reach.notes:
        lines += ["", *reach.notes]
    return "\n".join(lines).lstrip("\n") + "\n"


def _rows(answers: list[Answer]) -> Iterator[str]:
    alike: dict[tuple[str, str], list[str]] = {}
    for answer in answers:
        if answer.reachable:
            alike.setdefault((path_of(answer), barriers_of(answer)), []).append(answer.origin.name)
    rows = [(", ".join(who), path, barriers) for (path, barriers), who in alike.items()]
    first, second = (max((len(r[i]) for r in rows), default=0) for i in (0, 1))
    for who, path, barriers in rows:
        yield f"  {who:<{first}}  {path:<{second}}  {barriers}".rstrip()
    closed = [a.origin.name for a in answers if not a.reachable]
    if closed:
        yield f"  closed to {', '.join(closed)}"


def _reasons(answers: list[Answer]) -> Iterator[str]:
    for answer in answers:
        if answer.stopped is not None:
            yield f"  {answer.origin.name}: closed"
        else:
            said = filter(None, (path_of(answer), barriers_of(answer)))
            yield f"  {answer.origin.name}: {'; '.join(said)}"
        for reason in answer.why:
            yield f"    {reason.what} [{reason.source}]"
        for barrier in answer.barriers:
            yield f"    sign-in or policy: {barrier.what} [{barrier.source}]"
        if answer.stopped is not None:
            yield f"    stopped by: {answer.stopped.what} [{answer.stopped.source}]"


def as_data(answers: tuple[Answer, ...]) -> list[JsonValue]:
    """The answers as plain data."""
    return [
        {
            "origin": a.origin.name,
            "from": a.origin.place,
            "target": a.target.name,
            "kind": a.target.kind,
            "service": a.target.service,
            "host": a.target.host,
            "addresses": list(a.target.addresses),
            "published": list(a.target.published),
            "reachable": a.reachable,
            "path": a.path,
            "via": a.via,
            "barriers": [{"kind": g.kind, "what": g.what, "source": g.source} for g in a.barriers],
            "why": [{"what": r.what, "source": r.source} for r in a.why],
            "stopped": {"what": a.stopped.what, "source": a.stopped.source} if a.stopped else None,
        }
        for a in answers
    ]
