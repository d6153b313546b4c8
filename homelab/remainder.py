"""The valid rest of a stack config, so that one mistyped value does not hide other problems.

Only the invalid value is left out, or what contains it if it is required. A required value of
`site`, `network` or a host gets a placeholder. A problem that names a part that was left out, or a
placeholder, may come from that, so it is not reported. Nor are problems of services on a host that
was left out, those whose cause is a list that has become shorter, and warnings if a whole section
is missing.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pydantic import ValidationError

from homelab.config.document import Document, Path_
from homelab.config.expansion import unexpanded
from homelab.config.load import dates, follow, where
from homelab.config.scalar import Value
from homelab.config.stack import StackConfig
from homelab.problems import Choice, Problem, cause_of, did_you_mean
from homelab.services.plan import implied

_NAMED = frozenset(("catalog", "services", "hosts", "datasets", "vpn", "flakes"))
"""Sections with named entries that other sections refer to."""
_LISTS: dict[str, Path_] = {
    "hosts": ("hosts",),
    "services": ("services",),
    "datasets": ("datasets",),
    "flakes": ("flakes",),
    "VPNs": ("vpn",),
    "pins": ("nixpkgs",),
    "targets": ("backup", "targets"),
}
"""Kinds of names that messages list, with the place of those names."""
_DOMAIN = "left-out.invalid"
_OWNER: Mapping[str, Value] = {
    "user": "left-out",
    "email": f"left-out@{_DOMAIN}",
    "ssh_keys": [
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA left-out"
    ],
}
_SITE: Mapping[str, Value] = {"domain": _DOMAIN, "timezone": "Etc/UTC", "owner": dict(_OWNER)}
_LAN, _GATEWAY = "192.0.2.0/24", "192.0.2.1"
_PLACEHOLDERS: Mapping[Path_, Value] = {
    ("site",): dict(_SITE),
    **{("site", key): value for key, value in _SITE.items()},
    **{("site", "owner", key): value for key, value in _OWNER.items()},
    ("network", "entry"): {"host": "left-out"},
    ("network", "lan"): {"cidr": _LAN, "gateway": _GATEWAY},
    ("network", "lan", "cidr"): _LAN,
    ("network", "lan", "gateway"): _GATEWAY,
    ("network", "entry", "host"): "left-out",
    ("network", "dns", "host"): "left-out",
}
"""Values without which there is no plan."""
_HOST: Mapping[str, Value] = {"platform": "x86_64-linux", "state_version": "25.11"}
"""Values without which there is no host."""
_ROUNDS = 12
"""Number of attempts: first the value is left out, then what contains it, and so on."""


@dataclass(frozen=True)
class LeftOut:
    """What the rest of a stack config lacks."""

    names: frozenset[str]
    """The names of the parts that were left out, and of everything that depends on them."""
    lists: frozenset[str]
    """The sections with named entries that lack some: `backup.targets`."""
    values: frozenset[Path_] = frozenset()
    """The places of values that were left out of a named entry, which is there without them, and of
    lists that lack entries or parts of them."""


def rest_of(document: Document) -> tuple[StackConfig, LeftOut] | None:
    """The stack config without invalid parts, and what was left out; `None` if the rest is no valid
    stack config.
    """
    values: dict[str, Value] = copy.deepcopy(dict(document.values))
    left_out: set[str] = {*unexpanded(document)}
    shorter: set[Path_] = set()
    inside: set[Path_] = set()
    paths = {*dates(values, ())}
    for _ in range(_ROUNDS):
        replaced = {p: value for p in paths if (value := _placeholder(p)) is not None}
        for path in sorted(replaced, key=len):
            holder = _at(values, path[:-1])
            holder[path[-1]] = copy.deepcopy(replaced[path])  # type: ignore[index]
            if path[0] in _NAMED:
                inside.add(path)
            else:
                left_out.update((where(path), "left-out", _LAN, _GATEWAY))
        paths -= replaced.keys()
        existing = {_existing(values, p) for p in paths if p}
        if () in existing or () in paths:
            return None
        # The last entries of a list first, because each removal moves those after it.
        for path in sorted(existing, key=_by_position, reverse=True):
            if not any(path[:n] in existing for n in range(1, len(path))):
                name = _remove(values, path)
                inside.update(path[:n] for n, part in enumerate(path) if isinstance(part, int))
                if path[0] in _NAMED and len(path) > 2:
                    inside.add(path)
                else:
                    left_out.add(name)
                    shorter.update((path, path[:-1]))
        try:
            stack = StackConfig.model_validate(values)
        except ValidationError as error:
            paths = {follow(e["loc"])[0] for e in error.errors(include_url=False)}
        else:
            standing = _standing_on(stack, left_out)
            lists = {where(path) for path in shorter}
            if any(target.host in left_out for target in stack.backup.targets.values()):
                lists.add("backup.targets")
            names = frozenset(left_out | standing)
            return stack, LeftOut(names, frozenset(lists), frozenset(inside))
    return None


def _placeholder(path: Path_) -> Value:
    """The value that stands for an invalid one; None where the value can be left out."""
    if len(path) == 3 and path[0] == "hosts":
        return _HOST.get(str(path[2]))
    return _PLACEHOLDERS.get(path)


def unrelated(problems: Iterable[Problem], left_out: LeftOut) -> list[Problem]:
    """The problems that do not name a part that was left out. Warnings concern the stack as a
    whole, so none is reported if a section or a value of `site` is missing.
    """
    problems = [
        p
        for p in problems
        if not any(_may_follow(p, v) for v in left_out.values) and not _is_name_of(p, left_out)
    ]
    names = left_out.names
    if not names:
        return problems
    of_site = any(path.partition(".")[0] == "site" for path in left_out.lists)
    if of_site or names & StackConfig.model_fields.keys():
        problems = [p for p in problems if p.severity == "error"]
    word = re.compile(rf"\b({'|'.join(re.escape(n) for n in sorted(names))})\b")
    return [
        p
        for p in problems
        if not word.search(f"{p.where} {_text(p)}") and cause_of(p) not in left_out.lists
    ]


def _may_follow(problem: Problem, value: Path_) -> bool:
    """Whether a problem may come from the lack of a value inside a named entry, or of a part of a
    list.
    """
    place, missing, entry = problem.where, where(value), where(value[:2])
    text = _text(problem)
    if f"{missing}.".startswith(f"{place}.") or place.startswith((f"{missing}.", f"{missing}[")):
        return True
    if value[0] not in _NAMED:
        return False
    if place == entry or place.startswith(f"{entry}."):
        # A sibling of the value, which needs it if it says so.
        return _says(value[-1], text) or _says(value[1], text)
    return _says(value[1], f"{place} {text}")


def _text(problem: Problem) -> str:
    """What the problem says, without a list of the names that exist."""
    way_out = problem.way_out
    said = way_out.after if isinstance(way_out, Choice) else way_out
    return f"{problem.what} {said} {cause_of(problem)}"


def _says(name: str | int, text: str) -> bool:
    return bool(re.search(rf"\b{re.escape(str(name))}\b", text))


def _is_name_of(problem: Problem, left_out: LeftOut) -> bool:
    """Whether an unknown name of the tailnet may be that of a machine that was left out, or a tag
    of a host that was left out or lacks a value.
    """
    choice = problem.way_out
    if not isinstance(choice, Choice) or choice.plural != "names":
        return False
    is_tag = choice.word.startswith("tag:")
    some_host = "hosts" in left_out.lists or any(v[0] == "hosts" for v in left_out.values)
    return "tailnet.machines" in left_out.lists or (is_tag and some_host)


def completed(problem: Problem, left_out: LeftOut, document: Document) -> Problem:
    """The problem with the parts that were left out added to its list of names, because they exist
    although they are invalid.
    """
    choice, names = problem.way_out, left_out.names
    if not isinstance(choice, Choice):
        return problem
    named = _names_at(document.values, _LISTS.get(choice.plural))
    if not names & named or not choice.known <= named:
        return problem
    known = choice.known | (names & named)
    offered = did_you_mean(choice.word, known, choice.plural)
    return replace(problem, way_out=offered + choice.after)


def _names_at(values: object, path: Path_ | None) -> frozenset[str]:
    for part in path or ():
        values = values.get(part) if isinstance(values, Mapping) else None
    return frozenset(map(str, values)) if path and isinstance(values, Mapping) else frozenset()


def _standing_on(stack: StackConfig, names: Iterable[str]) -> set[str]:
    """The services and datasets whose host, or the section that sets their host, was left out."""
    gone = {*names}
    asked = {name for name, at in implied(stack).items() if at and {h for h, _ in at} <= gone}
    placed = {**stack.services, **stack.datasets}
    if gone & StackConfig.model_fields.keys():
        asked |= {n for n, c in stack.services.items() if c.host is None and not c.tags}
    return asked | {name for name, config in placed.items() if config.host in gone}


def _existing(values: Mapping[str, Value], path: Path_) -> Path_:
    """The path, or the nearest existing place around it; empty if there is none."""
    for depth, part in enumerate(path):
        if not _has(_at(values, path[:depth]), part):
            return path[:depth]
    return path


def _has(holder: object, part: str | int) -> bool:
    if isinstance(holder, list):
        return isinstance(part, int) and part < len(holder)
    return isinstance(holder, dict) and part in holder


def _at(values: object, path: Path_) -> object:
    """The value at an existing path."""
    for part in path:
        values = values[part] if isinstance(values, (dict, list)) else None  # type: ignore[index]
    return values


def _remove(values: Mapping[str, Value], path: Path_) -> str:
    """Remove the value at an existing path; returns its name, for an entry of a list the list's."""
    holder = _at(values, path[:-1])
    if isinstance(holder, (dict, list)):
        del holder[path[-1]]  # type: ignore[arg-type]
    return str(next(part for part in reversed(path) if isinstance(part, str)))


def _by_position(path: Path_) -> list[tuple[bool, int, str]]:
    return [(isinstance(p, int), p if isinstance(p, int) else 0, str(p)) for p in path]
