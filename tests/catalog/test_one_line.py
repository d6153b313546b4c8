"""An entry of the catalog is one line in a stack, or the problem says what to choose."""

from __future__ import annotations

import re

import pytest

from homelab.catalog import ENTRIES
from homelab.checks import run_checks
from homelab.ops.project.stack import check_sources, read_sources
from homelab.problems import Problem
from homelab.proxy.registry import PROXIES
from tests import build
from tests.golden.test_home import planned

PORT = "port-unique"
"""The home stack has another service at the entry's port."""
OPTION = "option-demanded"
"""The owner writes an option that has no default."""
SECRET = "secret-known"
"""The owner stores a secret."""
RELEASE = "module-available"
"""Only a later release has the module."""
READER = "exporter-scraped"
"""Prometheus is missing, or the hub of Beszel."""
LOGS = "journal-received"
"""VictoriaLogs is missing."""
PLACED = "service-placed"
"""Another section places it."""
OTHER = "service-single"
"""Another section chose another one."""
DEVICE = "service-needs"
"""A radio is missing."""

CHOICES: dict[str, set[str]] = {
    "adguardhome": {"dns-single-writer"},
    "alertmanager": {OPTION},
    "alloy": {OPTION},
    "atticd": {PORT, SECRET},
    "beszel-agent": {OPTION, READER},
    "cockpit": {"password-present"},
    "frigate": {OPTION, PORT},
    "go2rtc": {OPTION},
    "gonic": {OPTION},
    "harmonia": {SECRET},
    "immich-public-proxy": {OPTION},
    "immichframe": {OPTION, RELEASE},
    # The home stack has both on the workstation, with its GPU.
    "jellyfin": {"dataset-host", "gpu-present"},
    "ollama": {"gpu-present"},
    "journal-upload": {LOGS},
    "kanidm": {OPTION},
    "linkding": {RELEASE},
    "lldap": {OPTION},
    "minecraft": {OPTION},
    "mollysocket": {OPTION, SECRET},
    "open-webui": {PORT, RELEASE},
    "openthread-border-router": {DEVICE, PORT, RELEASE},
    "photoprism": {OPTION},
    "radicale": {SECRET},
    "rustdesk-server": {OPTION},
    "samba": {"smb-shares"},
    "slskd": {OPTION, SECRET},
    "snapserver": {OPTION},
    "step-ca": {OPTION},
    "wakapi": {RELEASE},
    "telegraf": {OPTION},
    "zigbee2mqtt": {DEVICE, OPTION, PORT},
    "zwave-js": {DEVICE, SECRET},
    "zwave-js-ui": {DEVICE},
    **{n: {PLACED} for n in ("authelia", "blocky", "caddy", "cloudflared", "tailscale")},
    **{n: {OTHER} for n in ("oauth2-proxy", "openldap", "pocket-id")},
    **{n: {OTHER} for n in PROXIES if n != "caddy"},
    **{
        name: {PORT}
        for name in (
            *("baikal", "filebrowser", "gatus", "glance", "gotify", "headscale", "litellm"),
            *("qbittorrent", "sabnzbd", "scrutiny", "shiori", "stirling-pdf"),
            *("tandoor-recipes", "trilium-server", "wastebin"),
            *("gotosocial", "scanservjs", "traccar", "unifi"),
        )
    },
    **{name: {READER} for name, entry in ENTRIES.items() if entry.provides == "metrics"},
}
"""Entries that need a choice in the home stack, with the checks that ask for it."""
FIXED = ("unifi",)
"""Those whose port no option changes on 25.11."""
SAYS = {
    PORT: r"give one of them another port|write another services.\S+.port",
    OPTION: r"add (services|environment)\.\S+: … under services\.\S+\.options|add datasets: \{",
    SECRET: r"homelab secret set \S+",
    RELEASE: r"set nixpkgs\.default\.release to",
    READER: r"add services\.(beszel|prometheus): \{host: aurora\}",
    LOGS: r"add services\.victorialogs: \{host: aurora\}",
    PLACED: r"leave host out",
    OTHER: r"leave it out",
    DEVICE: r"write hosts\.aurora\.devices: .* and services\.\S+\.devices: ",
}
"""What the way out of each check tells the owner to write."""


def _errors(name: str, **more: object) -> list[Problem]:
    plan = planned({"services": {name: {"host": "aurora"} | more}})
    sources, missing = read_sources(build.SHIPPED, plan)
    problems = [*missing, *run_checks(plan), *check_sources(plan, sources)]
    return [p for p in problems if p.severity == "error"]


FIRST = {frozenset(asked): name for name, asked in reversed(CHOICES.items())}
"""An entry of each choice: those of `make test`, with one that needs none."""


@pytest.mark.parametrize(
    "name",
    [
        n if n in {*FIRST.values(), "jellyfin"} else pytest.param(n, marks=pytest.mark.long)
        for n in sorted(ENTRIES)
    ],
)
def test_one_line_passes_or_the_problem_says_what_to_choose(name: str) -> None:
    problems = _errors(name)
    assert {p.check for p in problems} == CHOICES.get(name, set()), [str(p) for p in problems]
    for problem in problems:
        assert re.search(SAYS.get(problem.check, "."), problem.way_out), problem.way_out


@pytest.mark.parametrize(
    "name", sorted(n for n, asked in CHOICES.items() if asked == {PORT} and n not in FIXED)
)
def test_another_port_is_all_that_an_entry_with_a_taken_port_needs(name: str) -> None:
    host = "pi" if name == "gatus" else "aurora"
    assert [str(p) for p in _errors(name, host=host, port=18123)] == []


def test_beside_a_fixed_port_the_problem_names_the_service_that_can_move() -> None:
    fixed = {"extends": "sabnzbd", "ports": {"web": {"port": 8080, "movable": False}}}
    asked = {"catalog": {"sabnzbd": fixed}, "services": {"sabnzbd": {"host": "aurora"}}}
    (problem,) = [p for p in run_checks(planned(asked)) if p.check == PORT]
    assert "write another services.miniflux.port" in problem.way_out
    plan = planned({**asked, "services": {**asked["services"], "miniflux": {"port": 18123}}})
    assert not [p for p in run_checks(plan) if p.check == PORT]


def test_the_family_of_home_automation_is_one_line() -> None:
    plan = planned({"home_automation": {"host": "aurora"}})
    errors = [p for p in run_checks(plan) if p.severity == "error"]
    assert {p.check for p in errors} <= {SECRET}, [str(p) for p in errors]
