"""Real proxies read configurations with hostile values."""

from __future__ import annotations

import json
import re
from pathlib import Path

from homelab.nix import Module
from homelab.plan import Plan
from homelab.proxy.registry import PROXIES
from tests.proxy import rig
from tests.proxy.nixos import Place, as_data, caddyfile, nginx_conf
from tests.site import dividing, judges
from tests.site.judges import Values
from tests.tools.programs import run

PLACEHOLDER = judges.without(r"\{[^{}\s]*\}")
"""Caddy fills in these placeholders for each request."""
VARIABLE = judges.without(r"\$")
_RULE = re.compile(r"(?P<call>[A-Za-z]+)\(`(?P<text>[^`]*)`\)|\s+|&&|\|\||[!()]")
TEMPLATE = judges.without(r"\{\{")
"""Traefik reads its file as a Go template."""


def wrong(plan: Plan, directory: Path, values: Values) -> list[str]:
    """Errors in the configuration of the reverse proxy."""
    entry = plan.stack.network.entry
    if entry.host not in plan.hosts:
        return []
    directory.mkdir(parents=True, exist_ok=True)
    rig.certificate(directory, "example.org")
    own = f"/var/lib/homelab-certificates/{plan.stack.site.domain}"
    mapped = {
        f"{own}/{a}": str(directory / b)
        for a, b in (("fullchain.pem", "cert.pem"), ("key.pem", "key.pem"))
    }
    http, https, tunnel = rig.free_ports(3)
    place = Place(directory, http, https, tunnel, mapped)
    (module,) = PROXIES[entry.proxy](plan, plan.hosts[entry.host])
    return READERS[entry.proxy](module, place, values)


def _caddy(module: Module, place: Place, values: Values) -> list[str]:
    file = place.directory / "Caddyfile"
    file.write_text(caddyfile(module, place), encoding="utf-8")
    done = run("caddy", "adapt", "--adapter", "caddyfile", "--config", file)
    if done.returncode:
        return [f"caddy: {done.stderr}"]
    found = []
    for text in judges.strings(json.loads(done.stdout)):
        found += PLACEHOLDER(text, values)
    return found


def _nginx(module: Module, place: Place, values: Values) -> list[str]:
    file = place.directory / "nginx.conf"
    text = nginx_conf(module, place)
    file.write_text(text, encoding="utf-8")
    done = run("nginx", "-t", "-q", "-p", place.directory, "-c", file)
    said = [f"nginx: {done.stderr}"] if done.returncode else []
    return said + judges.each(dividing.nginx_words, VARIABLE)(text, values)


def _traefik(module: Module, place: Place, values: Values) -> list[str]:
    found = []
    for text in judges.strings(as_data(module.derived, place.directory)):
        found += TEMPLATE(text, values)
        if judges.marks(text) and re.match(r"!?\(*(Host|Path|Header|Client)[A-Za-z]*\(", text):
            found += _rule(text, values)
    return found


def _rule(text: str, values: Values) -> list[str]:
    at, found = 0, []
    while at < len(text):
        here = _RULE.match(text, at)
        if not here:
            return [f"no rule of Traefik from {at}: {text!r}"]
        found += judges.whole(here["text"] or "", values)
        at = here.end()
    return found


READERS = {"caddy": _caddy, "nginx": _nginx, "traefik": _traefik}
"""Finds the errors in each proxy's configuration."""
