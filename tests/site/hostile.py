"""Hostile values in every text field of a homelab that says something of everything.

A round puts one into each place at once, takes back those that are refused, and hands on what got
past every check: the value stands in what is rendered then.
"""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from homelab.checks import run_checks
from homelab.ops.stack import check_sources
from homelab.plaintext import unfit
from homelab.plan import Plan, make_plan
from homelab.problems import InvalidStackError
from homelab.site.document import Document
from homelab.site.load import load_site, where
from homelab.site.lock import Lock
from homelab.site.model import Site
from tests.site.observed import sources
from tests.site.test_every_field import MODELS, Path, occurrences, plain, stack

CANARY = "zqx"
"""A name that Nix, a shell and a proxy know nothing of: as a word of its own it is an error."""

# fmt: off
PAYLOADS: tuple[str, ...] = (
    # Nix: each makes the canary a variable, which no parser of Nix finds.
    *('" + zqx + "', "${zqx}", "'' + zqx + ''", "''${zqx}", "\\${zqx}", "$${zqx}", "\\\\${zqx}"),
    *('"; a = zqx; b = "', "zqx", " zqx", " (zqx)", ".${zqx}", "; zqx", "\n zqx", "\r zqx"),
    *(
        "*/ zqx /*",
        "''\\${zqx}",
        "'''${zqx}",
        "\\",
        '\\" + zqx + "',
        "$",
        "''",
        "'",
        '"',
        "\\n zqx",
    ),
    # Shells.
    *("$(zqx)", "`zqx`", "; zqx #", "' ; zqx ; '", '" ; zqx ; "', "&& zqx", "| zqx", "> zqx"),
    *(
        "$zqx",
        "${IFS}zqx",
        "\nzqx\n",
        "$'\\x27 zqx",
        "!zqx",
        "~zqx",
        "*zqx?",
        "{zqx,zqx}",
        "<(zqx)",
    ),
    # Caddy, Nginx, Traefik, Gatus, Homepage, Authelia.
    *("{$HOME}zqx", "{env.zqx}", "{http.request.uri}zqx", "} zqx {", " {\n zqx\n}", "$uri zqx"),
    *("; } zqx { ;", "`) || Host(`zqx", "{{ env `zqx` }}", "{{HOMEPAGE_VAR_zqx}}", "${HOME}zqx"),
    # systemd, tmpfiles, podman, samba, restic, resolvers, nftables, HuJSON, SQL, LDAP.
    *("%n zqx", "%%zqx", "%h/zqx", ":zqx", ",zqx", "=zqx", " #zqx", "; zqx", "//zqx", "[zqx]"),
    *('"; accept zqx #', "\n[Service]\nExecStart=zqx", "'; DROP TABLE zqx; --", "*)(uid=zqx"),
    *(
        "\\x22zqx",
        "-zqx",
        "--zqx",
        "@zqx@",
        "&zqx",
        "<zqx>",
        "../zqx",
        "/../zqx",
        "\x85zqx",
        "\tzqx",
    ),
    *(
        "\u2019zqx",
        "\u201czqx\u201d",
        "\u00a0zqx",
        "\u0661zqx",
        "\uff04{zqx}",
        "\u200bzqx",
        ": zqx",
    ),
    *("- zqx", "? zqx", "| zqx\n", "!!python/zqx", "&a zqx", "*zqx", "# zqx", "zqx: true", "%zqx"),
)
# fmt: on
FORMS: tuple[str, ...] = ("{was}{p}", "{p}{was}", "{p}", "{was}{p}{was}", "{was} {p}", "a {p} word")
EMPTY: tuple[str, ...] = ("", "x", "/x", "a reason ", "https://example.net/x", "x@example.net", "1")
"""What stands before the payload where the homelab says nothing of a field."""


@dataclass(frozen=True)
class Put:
    """A hostile value in its place."""

    path: Path
    kind: str
    """value, list, key or pair: what of the place is hostile."""
    value: str

    @property
    def where(self) -> str:
        """The place as problems name it."""
        return where(self.path)


def places(variant: str) -> list[tuple[Path, str, str]]:
    """Every place of a text in the homelab: where, of what kind, and what stands there."""
    values = stack(variant)
    found = [*_said(values, ())]
    said = {(path, kind) for path, kind, _ in found}
    models = {m.__name__: m for m in MODELS}
    for name, there in occurrences().items():
        if name not in models:
            continue
        for at, path in there:
            if at != variant:
                continue
            for field, info in models[name].model_fields.items():
                kind = _empty(plain(info.annotation))
                here = (*path, field)
                if kind and (here, kind) not in said and _reaches(values, path):
                    found.append((here, kind, ""))
    return found


def _said(value: Any, path: Path) -> Iterator[tuple[Path, str, str]]:
    if isinstance(value, str):
        yield path, "value", value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if len(path) > 1:
                yield (*path, key), "key", key
            yield from _said(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _said(inner, (*path, index))


def _empty(annotation: Any) -> str:
    text = str(annotation)
    if annotation is str:
        return "value"
    if re.match(r"(typing\.)?list\[(typing\.)?(Annotated\[)?str", text):
        return "list"
    if re.match(
        r"(typing\.)?dict\[(typing\.)?(Annotated\[)?str.*, (typing\.)?(Annotated\[)?str", text
    ):
        return "pair"
    return ""


def _reaches(values: Any, path: Path) -> bool:
    for part in path:
        if (isinstance(values, dict) and part in values) or (
            isinstance(values, list) and isinstance(part, int) and part < len(values)
        ):
            values = values[part]
        else:
            return False
    return isinstance(values, dict)


def applied(variant: str, puts: list[Put]) -> dict[str, Any]:
    """The homelab with these values; keys last, for they move what lies below."""
    values = copy.deepcopy(stack(variant))
    for put in sorted(puts, key=lambda p: (p.kind == "key", -len(p.path))):
        here: Any = values
        for part in put.path[:-1]:
            here = here[part]
        last = put.path[-1]
        if put.kind == "key":
            if last in here:
                here[put.value] = here.pop(last)
        elif put.kind == "list":
            here[last] = [put.value]
        elif put.kind == "pair":
            here[last] = {"x": put.value}
        else:
            here[last] = put.value
    return values


def round_of(variant: str, seed: random.Random) -> list[Put]:
    """One hostile value for each place."""
    puts = []
    for path, kind, was in places(variant):
        # Once in a while all the same, for another value may get past.
        if (variant, path, kind) in _LEARNT and seed.random() > 0.01:
            continue
        form, payload = seed.choice(FORMS), seed.choice(PAYLOADS)
        value = form.replace("{p}", payload).replace("{was}", was or seed.choice(EMPTY))
        if not unfit(value) and value != was:
            puts.append(Put(path, kind, value))
    # A place that is renamed or made anew holds nothing else.
    whole = {p.path for p in puts if p.kind in ("key", "list", "pair")}
    return [p for p in puts if not any(p.path[:n] in whole for n in range(len(p.path)))]


_LEARNT: set[tuple[str, Path, str]] = set()
"""Places that others refer to: a hostile value there is refused by a word about those."""


def settled(variant: str, puts: list[Put]) -> Iterator[tuple[list[Put], Plan]]:
    """Groups of values that get past every check together, and the plan with them."""
    pending = [puts]
    while pending:
        here = pending.pop()
        refused, plan = _refused(variant, here)
        if plan is not None and not refused:
            yield here, plan
            continue
        left = [p for p in here if p.where not in refused]
        if len(left) < len(here):
            pending += [left] if left else []
        elif len(here) > 1:
            # A problem that names another place than its cause.
            pending += [here[: len(here) // 2], here[len(here) // 2 :]]
        else:
            _LEARNT.add((variant, here[0].path, here[0].kind))


def _refused(variant: str, puts: list[Put]) -> tuple[list[str], Plan | None]:
    """Places that the loader or a check finds fault with."""
    try:
        site: Site = load_site(Document(applied(variant, puts)))
    except InvalidStackError as error:
        return [p.where for p in error.problems], None
    plan = make_plan(site, Lock())
    before = harmless(variant)
    found = [p for p in run_checks(plan) if p.severity == "error"]
    if not found:
        found = [p for p in check_sources(plan, sources(plan)) if p.severity == "error"]
    return [p.where for p in found if (p.where, p.what) not in before], plan


_HARMLESS: dict[str, set[tuple[str, str]]] = {}


def harmless(variant: str) -> set[tuple[str, str]]:
    """What is wrong with the homelab as it is: it says everything, not all of it wisely."""
    if variant not in _HARMLESS:
        plan = make_plan(load_site(Document(stack(variant))), Lock())
        problems = [*run_checks(plan), *check_sources(plan, sources(plan))]
        _HARMLESS[variant] = {(p.where, p.what) for p in problems if p.severity == "error"}
    return _HARMLESS[variant]
