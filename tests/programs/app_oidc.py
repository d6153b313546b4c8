"""A sign-in with OpenID Connect: an app, the portal, and the reverse proxy between them."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer
from urllib.parse import urlsplit

from tests.programs.apps import Browser, Door, Here


class _Names(StreamRequestHandler):
    """An HTTP proxy: every name is that of the reverse proxy."""

    leads_to: int

    def handle(self) -> None:
        assert self.rfile.readline().startswith(b"CONNECT ")
        while self.rfile.readline().strip():
            pass
        with socket.create_connection(("127.0.0.1", self.leads_to), 10) as there:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=_copy, args=(there, self.connection))
            back.start()
            _copy(self.connection, there)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


class _Server(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def _names(port: int) -> Iterator[int]:
    handler = type("Names", (_Names,), {"leads_to": port})
    with _Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


def through(here: Here) -> dict[str, str]:
    """Variables with which an app finds every name at the reverse proxy, and trusts it."""
    port = here.until_then.enter_context(_names(here.proxy.place.https))
    certificate = here.proxy.place.directory / "cert.pem"
    return {"HTTPS_PROXY": f"http://127.0.0.1:{port}", "SSL_CERT_FILE": str(certificate)}


def _path(location: str, host: str) -> str:
    url = urlsplit(location)
    assert url.netloc == host, location
    return f"{url.path}?{url.query}" if url.query else url.path


def sign_in(door: Door, start: str) -> tuple[Browser, str]:
    """The browser of a person whom the portal sent back to the app, and the page that follows."""
    app = door.stranger()
    sent = app.ask(start)
    assert sent.status in (302, 303), sent
    portal = urlsplit(door.portal).netloc
    asked = _path(sent.location, portal)
    # Without a session the portal shows its own page.
    nobody = Browser(door.proxy, portal).ask(asked)
    assert nobody.status in (302, 303), nobody
    assert urlsplit(nobody.location).netloc == portal, nobody
    person = Browser(door.proxy, portal, dict(door.cookie))
    back = person.ask(asked)
    assert back.status in (302, 303), (back, back.text[:500])
    assert re.search(r"[?&]code=", back.location), back
    home = app.ask(_path(back.location, door.host))
    assert home.status in (302, 303), (home, home.text[:500])
    return app, home.location


def of_miniflux(door: Door) -> None:
    """The portal signs a person in, and the app creates the account."""
    page = door.stranger().ask("/unread")
    assert page.status == 302, page
    app, there = sign_in(door, "/oauth2/oidc/redirect")
    found = app.ask(_path(there, door.host) if "://" in there else there)
    assert found.status == 200, found
    assert "kim" in app.ask("/settings").text
