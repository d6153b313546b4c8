"""Real proxies with rendered configuration, and requests for them."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from homelab.nix import Module
from homelab.plan import Plan
from homelab.proxy.registry import PROXIES
from tests.proxy import rig
from tests.proxy.adapter import adapter
from tests.proxy.nixos import Place, caddyfile, nginx_conf, traefik_file
from tests.tools.programs import need, need_here

HTTPS, HTTP, TUNNEL = "https", "http", "tunnel"
CLIENT = "127.9.0.1"
"""A loopback address inside the stack's LAN."""
NOT_IN_DEBIAN = frozenset({"traefik"})
"""Proxies that CI cannot install."""
ALIKE = tuple(kind for kind in PROXIES if kind != "traefik")
"""Proxies that answer every request alike. Traefik is compared by its parsed table instead, and by
the rows that it answers as the others do."""


Gates = Callable[[Plan, Path, ExitStack], dict[str, str]]
"""Starts a real auth proxy. Returns rendered addresses and where each listens in the test."""


@dataclass(frozen=True)
class Running:
    """A running proxy, and the requests to its auth proxy."""

    kind: str
    place: Place
    asked: list[rig.Asked]

    def ask(self, row: Row) -> rig.Answer:
        """Send the request of one row."""
        port = {HTTPS: self.place.https, HTTP: self.place.http, TUNNEL: self.place.tunnel}[row.way]
        sni = (row.sni or row.host) if row.way == HTTPS else ""
        self.asked.clear()
        try:
            connection = rig.connect(port, sni=sni, source=row.source, newest=row.newest)
        except (ssl.SSLError, ConnectionError):
            return rig.REFUSED
        return rig.ask(
            connection, row.host, row.path, method=row.method, headers=row.headers, body=row.body
        )


@dataclass(frozen=True)
class Row:
    """A request, and the expected result from every proxy."""

    what: str
    host: str
    path: str = "/"
    way: str = HTTPS
    headers: tuple[tuple[str, str], ...] = ()
    method: str = "GET"
    body: bytes = b""
    source: str = CLIENT
    sni: str = ""
    newest: ssl.TLSVersion | None = None
    status: tuple[int, ...] = (200,)
    app: str = ""
    """The app that is reached; empty for none."""
    location: str = ""
    asks: str = ""
    """The URL that the auth proxy is asked about; empty for none."""
    sees: dict[str, list[str]] = field(default_factory=dict)
    """Headers as the app sees them, in any spelling."""


def need_proxy(kind: str) -> None:
    """Skip the test if the proxy is missing. In CI, fail it if CI installs the proxy."""
    (need_here if kind in NOT_IN_DEBIAN else need)(kind)


def _caddy(module: Module, place: Place) -> list[str]:
    file = place.directory / "Caddyfile"
    file.write_text(caddyfile(module, place), encoding="utf-8")
    return ["caddy", "run", "--config", str(file), "--adapter", "caddyfile"]


def _nginx(module: Module, place: Place) -> list[str]:
    file = place.directory / "nginx.conf"
    file.write_text(nginx_conf(module, place), encoding="utf-8")
    return ["nginx", "-p", str(place.directory), "-c", str(file)]


def _traefik(module: Module, place: Place) -> list[str]:
    return ["traefik", f"--configFile={traefik_file(module, place)}"]


COMMANDS: dict[str, Callable[[Module, Place], list[str]]] = {
    "caddy": _caddy,
    "nginx": _nginx,
    "traefik": _traefik,
}
"""The command that starts each proxy with its module's configuration, which is written first."""


def await_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the port is open. If the program ends first, fail with its output."""
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert process.poll() is None, log.read_text()[-3000:]
            time.sleep(0.02)
        else:
            return


def await_routers(port: int) -> None:
    """Wait until a name is known."""
    name = "plain.home.example.org"
    for _ in range(500):
        with suppress(ssl.SSLError, ConnectionError):
            if rig.ask(rig.connect(port, sni=name, source=CLIENT), name).status == 200:
                return
        time.sleep(0.02)
    raise AssertionError(f"traefik does not know {name}")


def serve(
    kind: str, made: Plan, directory: Path, stack: ExitStack, gate: Gates | None = None
) -> Running:
    """A real proxy with this plan's configuration, in front of stub apps and a stub or real auth
    proxy.
    """
    need_proxy(kind)
    rig.certificate(directory, "home.example.org")
    asked: list[rig.Asked] = []
    assert made.identity is not None
    stub = rig.gate if made.identity.auth_proxy.kind == "authelia" else adapter
    addresses = (
        gate(made, directory, stack)
        if gate
        else {made.identity.auth_proxy.address: f"127.0.0.1:{stack.enter_context(stub(asked))}"}
    )
    for route in made.routes:
        app = f"{route.address}:{route.port}"
        if app not in addresses:
            tls = directory if route.scheme == "https" else None
            port = stack.enter_context(rig.app(route.service, tls))
            addresses[app] = f"127.0.0.1:{port}"
    http, https, tunnel = rig.free_ports(3)
    place = Place(directory, http, https, tunnel, addresses)
    (module,) = PROXIES[kind](made, made.hosts["pi"])
    words = COMMANDS[kind](module, place)
    log = stack.enter_context((directory / "log").open("w"))
    home = {**os.environ, "HOME": str(directory), "XDG_DATA_HOME": str(directory)}
    process = subprocess.Popen(words, stdout=log, stderr=log, env=home)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    for port in (http, https, tunnel):
        await_port(port, process, directory / "log")
    if kind == "traefik":
        # Traefik listens before it has read its routers.
        await_routers(https)
    return Running(kind, place, asked)
