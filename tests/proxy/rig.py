"""Stub apps, a stub auth proxy and a client, around a real reverse proxy."""

from __future__ import annotations

import http.client
import json
import random
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from homelab.proxy.model import AUTH_REQUEST, FORWARD_AUTH

PORTAL = "https://auth.home.example.org"
PUBLIC_PORTAL = "https://auth-home.example.org"
SIGNED_IN = "session=ok"
FORBIDDEN = "session=stranger"
PERSON = {
    "Remote-User": "sam",
    "Remote-Groups": "family,admins",
    "Remote-Name": "Sam Smith",
    "Remote-Email": "sam@example.org",
}


def free_ports(count: int) -> list[int]:
    """Free ports outside the range of ephemeral ports, no two the same."""
    ports: dict[int, None] = {}
    while len(ports) < count:
        port = random.randrange(15_000, 30_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            ports[port] = None
    return [*ports]


def certificate(directory: Path, domain: str) -> None:
    """A self-signed wildcard certificate at the path of security.acme."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domain)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(f"*.{domain}")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (directory / "cert.pem").write_bytes(made.public_bytes(pem))
    (directory / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


HEARD, ARRIVED = threading.Event(), threading.Event()
"""Set when the client has the first event of a stream, or the app the beginning of an upload."""


class _App(BaseHTTPRequestHandler):
    """Answers with the request that reached it."""

    protocol_version = "HTTP/1.1"
    name = ""

    def log_message(self, *args: object) -> None:
        """Do nothing."""

    def _answer(self) -> None:
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self._echo()
            return
        if self.path == "/events":
            self._stream()
            return
        if self.path == "/upload":
            self.rfile.peek(1)  # type: ignore[attr-defined]  # socketserver's is buffered
            ARRIVED.set()
        body = json.dumps(
            {
                "app": self.name,
                "path": self.path,
                "method": self.command,
                "headers": [[k, v] for k, v in self.headers.items()],
                "body": self._read(),
            }
        ).encode()
        self.send_response(200)
        # The app sends its own header, and the browser must receive only one.
        self.send_header("Strict-Transport-Security", "max-age=1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def __getattr__(self, name: str) -> object:
        """Every method has the same answer."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _read(self) -> int:
        if self.headers.get("Transfer-Encoding") == "chunked":
            total = 0
            while size := int(self.rfile.readline(), 16):
                total += len(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return total
        return len(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _stream(self) -> None:
        """Send one event, and the next one after the client received the first."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        HEARD.clear()
        for event in ("first", None):
            text = f"data: {event or ('heard' if HEARD.wait(10) else 'nobody heard')}\n\n"
            self.wfile.write(f"{len(text):x}\r\n{text}\r\n".encode())
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def _echo(self) -> None:
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.end_headers()
        self.wfile.write(self.rfile.read(4).upper())
        self.close_connection = True


@dataclass(frozen=True)
class Asked:
    """One request to the auth proxy."""

    url: str
    method: str
    claims: tuple[str, ...]
    """Identity headers in the request. The reverse proxy must remove all of them."""
    client: str


class _Gate(BaseHTTPRequestHandler):
    """A stub of Authelia for reverse proxies: both of its endpoints."""

    protocol_version = "HTTP/1.1"
    asked: list[Asked]

    def log_message(self, *args: object) -> None:
        """Do nothing."""

    def do_GET(self) -> None:
        uri = urlsplit(self.path)
        told = self.headers
        if uri.path == FORWARD_AUTH:
            unknown = 302
            url = (
                f"{told['X-Forwarded-Proto']}://{told['X-Forwarded-Host']}{told['X-Forwarded-Uri']}"
            )
            method = told["X-Forwarded-Method"]
        elif uri.path == AUTH_REQUEST:
            unknown, url, method = 401, told["X-Original-URL"], told["X-Original-Method"]
        else:
            self._say(500)
            return
        claims = tuple(
            k for k in told if re.sub("[_.]", "-", k.lower()).startswith(("remote-", "x-webauth"))
        )
        self.asked.append(Asked(url, method, claims, told["X-Forwarded-For"]))
        cookie = told.get("Cookie", "")
        if SIGNED_IN in cookie:
            self._say(200, PERSON)
        elif FORBIDDEN in cookie:
            self._say(403)
        else:
            inside = str(urlsplit(url).hostname).endswith(".home.example.org")
            usual = PORTAL if inside else PUBLIC_PORTAL
            portal = parse_qs(uri.query).get("authelia_url", [usual])[0]
            self._say(unknown, {"Location": f"{portal}/?rd={url}"})

    def _say(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args: object) -> None:
        """A proxy may close the connection of a refused request."""


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[int]:
    """A server in a thread. Yields its port."""
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def app(name: str, tls: Path | None = None) -> Iterator[int]:
    """A stub app. Yields its port. With a directory, it uses the TLS certificate there."""
    handler = type("App", (_App,), {"name": name})
    server = Server(("127.0.0.1", 0), handler)
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls / "cert.pem", tls / "key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    with serving(server) as port:
        yield port


@contextmanager
def gate(asked: list[Asked]) -> Iterator[int]:
    """A stub auth proxy that records its requests. Yields its port."""
    handler = type("Gate", (_Gate,), {"asked": asked})
    with serving(Server(("127.0.0.1", 0), handler)) as port:
        yield port


@dataclass(frozen=True)
class Answer:
    """The client's answer, and the request as the app saw it."""

    status: int
    location: str = ""
    hsts: tuple[str, ...] = ()
    seen: dict[str, Any] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()
    text: str = field(default="", repr=False)

    @property
    def app(self) -> str:
        """The app that answered."""
        return str(self.seen.get("app", ""))

    def header(self, name: str) -> list[str]:
        """A header as the app saw it, in any spelling."""
        wanted = name.lower().replace("-", "_")
        return [v for k, v in self.seen["headers"] if k.lower().replace("-", "_") == wanted if v]


REFUSED = Answer(0)
"""The TLS handshake failed: no server has this name."""


def connect(
    port: int,
    *,
    sni: str = "",
    source: str = "127.0.0.1",
    newest: ssl.TLSVersion | None = None,
    ciphers: str = "DEFAULT",
) -> socket.socket:
    """A connection to the proxy, with TLS where a name is given for the handshake."""
    raw = socket.create_connection(("127.0.0.1", port), 10, (source, 0))
    if not sni:
        return raw
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if newest is not None:
        context.maximum_version = newest
        # The client must not validate requests, because the proxy is under test.
        context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    return context.wrap_socket(raw, server_hostname=sni)


def ask(
    connection: socket.socket,
    host: str,
    path: str = "/",
    *,
    method: str = "GET",
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes = b"",
) -> Answer:
    """One request and its answer."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += [f"{k}: {v}" for k, v in headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    with connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        # A request may be refused before it is complete.
        with suppress(OSError):
            connection.sendall(body)
        response = http.client.HTTPResponse(connection, method=method)
        response.begin()
        text = response.read()
    seen = json.loads(text) if text.startswith(b'{"app"') else {}
    return Answer(
        response.status,
        response.headers.get("Location", ""),
        tuple(response.headers.get_all("Strict-Transport-Security", [])),
        seen,
        tuple(response.headers.get_all("Set-Cookie", [])),
        text.decode(errors="replace"),
    )
