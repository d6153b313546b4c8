"""A stub of oauth2-proxy for reverse proxies: its auth endpoint and its pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from tests.proxy import rig

PROVIDER = "https://auth.home.example.org/authorize"
GROUPS = {"sam": "family,admins", "kim": "family"}
"""The groups of the user with the cookie `session=<name>`."""


class _Adapter(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked: list[rig.Asked]

    def log_message(self, *args: object) -> None:
        """Do nothing."""

    def do_GET(self) -> None:
        uri = urlsplit(self.path)
        # An unread body would be parsed as the next request.
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if uri.path == "/oauth2/auth":
            self._judge(parse_qs(uri.query).get("allowed_groups", [""])[0])
        elif uri.path == "/oauth2/start":
            told = self.headers
            back = f"{told['X-Forwarded-Proto']}://{told['X-Forwarded-Host']}"
            came = told["X-Auth-Request-Redirect"]
            self._say(302, {"Location": f"{PROVIDER}?back={back}/oauth2/callback&rd={came}"})
        elif uri.path == "/oauth2/callback":
            self._say(302, {"Location": "/", "Set-Cookie": "session=sam"})
        else:
            self._say(500)

    def do_POST(self) -> None:
        self.do_GET()

    def _judge(self, allowed: str) -> None:
        told = self.headers
        claims = tuple(
            k for k in told if re.sub("[_.]", "-", k.lower()).startswith(("remote-", "x-webauth"))
        )
        self.asked.append(rig.Asked(self.path, self.command, claims, told["X-Forwarded-For"]))
        who = told.get("Cookie", "").partition("session=")[2].partition(";")[0]
        if who not in GROUPS:
            self._say(401)
        elif allowed and not set(allowed.split(",")) & set(GROUPS[who].split(",")):
            self._say(403)
        else:
            self._say(
                202,
                {
                    "X-Auth-Request-User": "6f1c",
                    "X-Auth-Request-Preferred-Username": who,
                    "X-Auth-Request-Email": f"{who}@example.org",
                    "X-Auth-Request-Groups": GROUPS[who],
                },
            )

    def _say(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def adapter(asked: list[rig.Asked]) -> Iterator[int]:
    """Start a stub that records its requests. Yields its port."""
    handler = type("Adapter", (_Adapter,), {"asked": asked})
    with rig.serving(rig.Server(("127.0.0.1", 0), handler)) as port:
        yield port
