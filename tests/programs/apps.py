"""What a program of the catalog needs to run in a test, and a browser that signs in to it."""

from __future__ import annotations

import http.client
import json
import os
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from homelab.catalog import ENTRIES
from homelab.plan import Plan
from tests.household import Changes
from tests.programs.rendered import running, settings
from tests.proxy import rig
from tests.proxy.rig import Answer
from tests.proxy.running import Row, Running, await_port
from tests.tools.programs import at, need_here

SECRET = "a long enough one, for a test"
"""The value of every secret and the password of every account."""
OWNER = "sam"


@dataclass(frozen=True)
class Here:
    """A service of a plan, and the directory in which its program runs in a test."""

    plan: Plan
    service: str
    directory: Path
    port: int
    until_then: ExitStack
    proxy: Running

    def option(self, path: str) -> Any:
        """The rendered value of an option on its host."""
        return dict(settings(self.plan, path, self.directory)).get("pi")

    def file(self, name: str, content: object) -> str:
        """The path of a file with a text, or with data as YAML."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else yaml.safe_dump(_plain(content))
        path.write_text(text, encoding="utf-8")
        return str(path)

    def secret(self, name: str) -> dict[str, str]:
        """The variables of an environment file, as systemd would pass them on."""
        entry = ENTRIES[self.service]
        oidc = entry.sign_in.oidc
        fact = oidc.secret if oidc is not None and name == "oidc" else entry.secrets[name]
        return {k: v.format(value=SECRET, owner=OWNER) for k, v in fact.env.items()}


def _plain(value: object) -> object:
    """Data without types of our own."""
    return json.loads(json.dumps(value))


Words = list[str] | tuple[list[str], dict[str, str]]
"""A command line, or one with its environment."""


@dataclass
class Browser:
    """A person's browser. It keeps cookies, and sends every request through the reverse proxy."""

    proxy: Running
    host: str
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(
        self, path: str, method: str = "GET", json_: object = None, form: str = "", **headers: str
    ) -> Answer:
        """One request, with an object as JSON or with fields of a form."""
        sent = {"Accept": "text/html, */*"}
        body = b""
        if json_ is not None:
            sent["Content-Type"], body = "application/json", json.dumps(json_).encode()
        if form:
            sent["Content-Type"], body = "application/x-www-form-urlencoded", form.encode()
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        sent |= {k.replace("_", "-"): v for k, v in headers.items()}
        row = Row("", self.host, path, method=method, headers=tuple(sent.items()), body=body)
        answer = self.proxy.ask(row)
        for cookie in answer.cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer


def basic(user: str, password: str) -> str:
    """A header for HTTP's own sign-in."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


@dataclass(frozen=True)
class Door:
    """One reverse proxy in front of one running program."""

    proxy: Running
    host: str
    portal: str
    cookie: Mapping[str, str]
    """What the browser of a person has whom the auth proxy signed in."""
    here: Here

    def stranger(self) -> Browser:
        """The browser of a person who has not signed in."""
        return Browser(self.proxy, self.host)

    def signed_in(self) -> Browser:
        """The browser of a person whom the auth proxy knows."""
        return Browser(self.proxy, self.host, dict(self.cookie))

    def is_shut(self, path: str) -> None:
        """The auth proxy sends a stranger to the portal."""
        sent = self.stranger().ask(path)
        assert sent.status == 302, (path, sent)
        assert sent.location.startswith(self.portal), (path, sent)


Check = Callable[[Door], None]


def forward(path: str, shows: str) -> Check:
    """The auth proxy stands before the app, which shows this text to a person who signed in."""

    def check(door: Door) -> None:
        door.is_shut(path)
        page = door.signed_in().ask(path)
        assert page.status == 200, (page, page.text[:500])
        assert shows in page.text, page.text[:2000]

    return check


@dataclass(frozen=True)
class App:
    """A service of the catalog whose program runs in a test."""

    program: str
    """On PATH. One that Debian has must be there in CI."""
    start: Callable[[Here], Words]
    """How the NixOS module starts it, from the rendered options."""
    check: Check
    """A sign-in through the reverse proxy."""
    config: Changes = field(default_factory=dict)
    """The service in the stack."""
    debian: bool = False
    health: str = ""
    """Path in place of the entry's, for a program of Debian that is too old for that one."""
    after: Callable[[Here], None] = lambda _: None
    """What the module's other units do once it runs."""

    @property
    def how(self) -> str:
        """The value of `auth` of its route."""
        return str(self.config.get("auth", "native"))


@contextmanager
def started(app: App, here: Here) -> Iterator[None]:
    """Run a program with its rendered settings during a `with` block."""
    (at if app.debian else need_here)(app.program)
    made = app.start(here)
    words, env = made if isinstance(made, tuple) else (made, {})
    # Programs of Debian have libraries of their own.
    ours = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    home = {**ours, "HOME": str(here.directory), **env}
    log = here.directory / "log"
    with running([at(words[0]), *words[1:]], log, home, here.directory) as process:
        await_port(here.port, process, log)
        await_health(here, app.health or ENTRIES[here.service].health)
        app.after(here)
        yield


def await_health(here: Here, path: str) -> None:
    """Wait until the path of its health check answers with 200, as the monitor demands."""
    if ENTRIES[here.service].monitor != "http":
        return
    last = ""
    for _ in range(300):
        try:
            answer = ask_directly(here.port, path)
        except (OSError, http.client.HTTPException) as error:
            last = repr(error)
        else:
            if answer.status == 200:
                return
            last = str(answer)
        time.sleep(0.1)
    raise AssertionError(f"{path}: {last}\n{(here.directory / 'log').read_text()[-3000:]}")


def ask_directly(
    port: int, path: str, method: str = "GET", body: bytes = b"", **headers: str
) -> Answer:
    """A request to a program itself, from its own host."""
    sent = tuple((k.replace("_", "-"), v) for k, v in headers.items())
    connection = rig.connect(port)
    return rig.ask(connection, f"127.0.0.1:{port}", path, method=method, headers=sent, body=body)
