"""A registry of images on loopback, with the token sign-in of Docker."""

from __future__ import annotations

import hashlib
import json
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "a-token"


def digest(tag: str) -> str:
    """The digest that the registry has for a tag."""
    return f"sha256:{hashlib.sha256(manifest(tag)).hexdigest()}"


def manifest(tag: str) -> bytes:
    return json.dumps({"schemaVersion": 2, "tag": tag}).encode()


@contextmanager
def registry(
    tags: Mapping[str, list[str]], *, states_digest: bool = True, tokens_at: str = ""
) -> Iterator[tuple[str, list[str]]]:
    """(address, requests) of a registry with these tags of repositories, in pages of two."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            requests.append(f"{self.command} {self.path}")
            parts = urllib.parse.urlsplit(self.path)
            query = dict(urllib.parse.parse_qsl(parts.query))
            if parts.path == "/token":
                right = query == {"service": "r", "scope": "repository:pull"}
                return self._send(200 if right else 403, json.dumps({"token": TOKEN}).encode())
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                realm = tokens_at or f"http://{address}/token"
                stated = f'Bearer realm="{realm}",service="r",scope="repository:pull"'
                return self._send(401, b"", {"WWW-Authenticate": stated})
            path = parts.path.removeprefix("/v2/")
            if path.endswith("/tags/list"):
                return self._list(path.removesuffix("/tags/list"), int(query.get("from", "0")))
            repository, _, tag = path.partition("/manifests/")
            if tag not in tags.get(repository, []):
                return self._send(404, b"")
            known = {"Docker-Content-Digest": digest(tag)} if states_digest else {}
            return self._send(200, manifest(tag), known)

        def _list(self, repository: str, start: int) -> None:
            listed = tags.get(repository, [])
            more = {"Link": f'</v2/{repository}/tags/list?from={start + 2}>; rel="next"'}
            body = json.dumps({"tags": listed[start : start + 2]}).encode()
            self._send(200, body, more if start + 2 < len(listed) else {})

        def _send(self, code: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
            self.send_response(code)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    address = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield address, requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
