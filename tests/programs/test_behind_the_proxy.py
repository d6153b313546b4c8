"""Programs of the catalog run with their rendered settings behind the rendered reverse proxy, and
a person signs in.

The auth proxy is Authelia if it is on PATH, and otherwise the stand-in of the request table.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from homelab.plan import Plan
from tests import build
from tests.household import household
from tests.programs import authelia
from tests.programs.app_all import APPS
from tests.programs.apps import Browser, Door, Here, started
from tests.proxy import rig
from tests.proxy.running import ALIKE, Running, serve
from tests.proxy.stack import changes
from tests.tools.programs import need_here

DOMAIN = "home.example.org"
_STORE = {"datasets": {"shared": {"host": "pi", "path": "/mnt/shared", "tier": "user"}}}


def stack(proxy: str, ports: Mapping[str, int]) -> Plan:
    """A household that runs every program on the entry host."""
    services = {
        name: {
            "host": "pi",
            "port": ports[name],
            "audience": "family",
            "auth": "native",
            **app.config,
        }
        for name, app in APPS.items()
    }
    return build.plan(
        household(
            changes(proxy),
            _STORE,
            {"network": {"dns": {"server": "adguard"}}},
            {"services": services},
        )
    )


@dataclass(frozen=True)
class Entry:
    """A reverse proxy and the cookies of a person whom its auth proxy signed in."""

    proxy: Running
    plan: Plan
    cookie: Mapping[str, str]


@dataclass
class Portal:
    """Authelia if it is on PATH, otherwise a stand-in. All reverse proxies share it."""

    port: int = 0
    cookie: dict[str, str] = field(default_factory=dict)
    settings: object = None

    def of(self, plan: Plan, directory: Path, until_then: ExitStack) -> str:
        """Its address; the first call starts it."""
        settings = plan.identity
        if not self.port:
            self._start(plan, directory, until_then)
        assert self.settings in (None, settings)
        self.settings = settings
        return f"127.0.0.1:{self.port}"

    def _start(self, plan: Plan, directory: Path, until_then: ExitStack) -> None:
        if shutil.which("authelia"):
            own = directory / "portal"
            own.mkdir()
            portal = authelia.started(plan, own, until_then)
            ((_, value),) = portal.cookie(f"auth.{DOMAIN}", "kim")
            self.port = portal.port
        else:
            value, self.port = rig.SIGNED_IN, until_then.enter_context(rig.gate([]))
        name, _, cookie = value.partition("=")
        self.cookie[name] = cookie


def _serve(
    kind: str, ports: Mapping[str, int], directory: Path, until_then: ExitStack, portal: Portal
) -> Entry:
    made = stack(kind, ports)

    def gate(plan: Plan, place: Path, until_then: ExitStack) -> dict[str, str]:
        assert plan.identity is not None
        here = {f"127.0.0.1:{p}": f"127.0.0.1:{p}" for p in ports.values()}
        address = portal.of(plan, place, until_then)
        return {plan.identity.auth_proxy.address: address, **here}

    return Entry(serve(kind, made, directory, until_then, gate), made, portal.cookie)


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Entry]]:
    """Each reverse proxy in front of the same programs, which are not running yet."""
    # Some programs listen on the next ports, too.
    ports = dict(zip(APPS, rig.free_ports(len(APPS)), strict=True))
    portal = Portal()
    with ExitStack() as until_then:
        yield [_serve(k, ports, tmp_path_factory.mktemp(k), until_then, portal) for k in ALIKE]


@pytest.mark.parametrize("name", APPS)
@pytest.mark.requirement("T3")
def test_a_person_signs_in_to_the_program(name: str, entries: list[Entry], tmp_path: Path) -> None:
    """The name of its route leads to the program, by each reverse proxy and with its sign-in."""
    app = APPS[name]
    with ExitStack() as until_then:
        first = entries[0]
        (route,) = first.plan.routes_of(name)
        here = Here(first.plan, name, tmp_path, route.port, until_then, first.proxy)
        with started(app, here):
            for entry in entries:
                door = Door(
                    entry.proxy, f"{name}.{DOMAIN}", f"https://auth.{DOMAIN}", entry.cookie, here
                )
                app.check(door)


def test_a_person_signs_in_at_the_portal(entries: list[Entry]) -> None:
    """Authelia takes the password through each reverse proxy, and refuses another one."""
    need_here("authelia")
    for entry in entries:
        browser = Browser(entry.proxy, f"auth.{DOMAIN}")
        person = {"username": "sam", "password": "another one"}
        assert browser.ask("/api/firstfactor", "POST", json_=person).status == 401
        assert '"username"' not in browser.ask("/api/user/info").text
        person["password"] = authelia.PASSWORD
        assert browser.ask("/api/firstfactor", "POST", json_=person).status == 200
        assert '"display_name":"Sam Smith"' in browser.ask("/api/user/info").text
