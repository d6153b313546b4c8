"""The route table, parsed from each backend's output: each name, its upstream and its auth
proxy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from homelab.nix import Module
from homelab.plan import Plan
from homelab.proxy.model import AMBIGUOUS_PATH, pattern
from homelab.proxy.registry import PROXIES
from homelab.proxy.traefik import AMBIGUOUS_RULE
from tests.proxy.nixos import options


@dataclass(frozen=True, order=True)
class Line:
    """A name on one listener."""

    way: str
    """https, tunnel, or moved (to another name)."""
    name: str
    to: str
    auth: str = ""
    exempt: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    host: str = ""
    """Host header of the app's own."""


def module_of(plan: Plan, kind: str) -> Module:
    """The backend's module for the entry host."""
    (module,) = PROXIES[kind](plan, plan.hosts[plan.stack.network.entry.host])
    return module


def table(plan: Plan, kind: str, directory: Path) -> list[Line]:
    """The table in a backend's module."""
    services = options(module_of(plan, kind), directory)["services"]
    return sorted(READERS[kind](services[kind]))


Block = list[tuple[list[str], Any]]


def _parse(text: str) -> Block:
    """Lines of words and their blocks: the subset of Caddyfile that homelab writes."""
    root: Block = []
    stack = [root]
    for line in text.splitlines():
        words = [w.strip('"') for w in re.findall(r'"[^"]*"|\S+', line)]
        if words == ["}"]:
            stack.pop()
        elif words and words[-1] == "{":
            inner: Block = []
            stack[-1].append((words[:-1], inner))
            stack.append(inner)
        elif words:
            stack[-1].append((words, []))
    return root


def _find(block: Block, *start: str) -> list[tuple[list[str], Block]]:
    return [(w, b) for w, b in block if w[: len(start)] == list(start)]


def _caddy(caddy: dict[str, Any]) -> list[Line]:
    out = []
    for address, site in caddy["virtualHosts"].items():
        way = "tunnel" if ":81" in address else "https"
        block = _parse(site["extraConfig"])
        names = {w[0]: w[2] for w, _ in block if w[0].startswith("@") and w[1:2] == ["host"]}
        for words, body in _find(block, "handle"):
            if len(words) == 1 or words[1] not in names:
                continue
            if moved := _find(body, "redir"):
                out.append(Line("moved", names[words[1]], moved[0][0][1].removesuffix("{uri}")))
                continue
            outside = _find(block, f"{words[1]}_outside")
            ((proxy, inside),) = _find(body, "reverse_proxy")
            auth_urls = _find(body, "forward_auth")
            exempt = [
                path
                for words, _ in _find(body, "@not_exempt")
                if f".matches(r'{AMBIGUOUS_PATH}')" in words[2]
                for path in re.sub(r"\|?\^", " ^", words[2].split("'")[1]).split()
            ]
            out.append(
                Line(
                    way,
                    names[words[1]],
                    proxy[1],
                    auth=next((w[-1] for w, _ in auth_urls), ""),
                    exempt=tuple(sorted(exempt)),
                    sources=tuple(n for _, b in outside for w, _ in _find(b, "not") for n in w[2:]),
                    host=next((w[2] for w, _ in _find(inside, "header_up", "Host")), ""),
                )
            )
    return out


def _unquoted(word: str) -> str:
    return word[1:-1].replace("\\\\", "\\") if word.startswith('"') else word


def _nginx(nginx: dict[str, Any]) -> list[Line]:
    out = []
    for key, host in nginx["virtualHosts"].items():
        name, root = host.get("serverName", key), host["locations"]["/"]
        if "proxyPass" not in root:
            if moved := re.fullmatch(r"301 (.*)\$request_uri", str(root["return"])):
                out.append(Line("moved", name, moved[1]))
            continue
        auth = host["locations"].get("= /.homelab/auth", {}).get("proxyPass", "")
        protected = "protected.conf" in root["extraConfig"]
        assert protected == bool(auth)
        settings = host["locations"].get("= /.homelab/auth", {}).get("extraConfig", "")
        variable = re.search(r"if \((\$exempt_\w+)\) {\n  return 204;", settings)
        maps = re.findall(
            r"map \$request_uri (\$\w+) {\n(.*?)}", nginx["commonHttpConfig"], re.DOTALL
        )
        lines = dict(maps)[variable[1]].splitlines() if variable else []
        # The first expression refuses ambiguous paths.
        assert not lines or AMBIGUOUS_PATH in _unquoted(lines[1].split()[0])
        own = re.search(r"proxy_set_header Host ([^$].*);", root["extraConfig"])
        out.append(
            Line(
                "tunnel" if host.get("listen") else "https",
                name,
                root["proxyPass"],
                auth=re.sub(r"^http://|/api.*$", "", auth),
                exempt=tuple(sorted(_unquoted(x.split()[0])[1:] for x in lines[2:])),
                sources=tuple(re.findall(r"allow (.*);", host.get("extraConfig", ""))),
                host=own[1] if own else "",
            )
        )
    return out


def _traefik(traefik: dict[str, Any]) -> list[Line]:
    dynamic = (
        traefik.get("dynamicConfigOptions") or traefik["dynamic"]["files"]["homelab"]["settings"]
    )
    http = dynamic["http"]
    chains = {
        k: [http["middlewares"][m] for m in r["middlewares"]] for k, r in http["routers"].items()
    }
    out = []
    for key, router in http["routers"].items():
        found = re.fullmatch(r"Host\(`([^`]+)`\)", router["rule"])
        if not found:
            continue
        chain = chains[key]
        moved = [m["redirectRegex"] for m in chain if "redirectRegex" in m]
        if moved:
            out.append(Line("moved", found[1], moved[0]["replacement"].removesuffix("${1}")))
            continue
        auth_urls = [m["forwardAuth"]["address"] for m in chain if "forwardAuth" in m]
        rules = " ".join(
            r["rule"]
            for k, r in http["routers"].items()
            if k != key and found[0] in r["rule"] and r["entryPoints"] == router["entryPoints"]
        )
        exempt = [
            pattern(f"{p}*") if kind else pattern(p)
            for kind, p in re.findall(r"Path(Prefix)?\(`([^`]+)`", rules)
            if f"!{AMBIGUOUS_RULE}" in rules
        ]
        headers = [m["headers"].get("customRequestHeaders", {}) for m in chain if "headers" in m]
        (server,) = http["services"][router["service"]]["loadBalancer"]["servers"]
        (way,) = router["entryPoints"]
        out.append(
            Line(
                way,
                found[1],
                server["url"],
                auth=next((re.sub(r"^http://|/api.*$", "", g) for g in auth_urls), ""),
                exempt=tuple(sorted(exempt)),
                sources=tuple(
                    n for m in chain if "ipAllowList" in m for n in m["ipAllowList"]["sourceRange"]
                ),
                host=next((h["Host"] for h in headers if "Host" in h), ""),
            )
        )
    return out


READERS = {"caddy": _caddy, "nginx": _nginx, "traefik": _traefik}
"""Reads the table of each proxy in the settings of its service."""
