"""Apps on loopback that answer as the APIs of Sonarr, Radarr, Lidarr, Prowlarr and Seerr do.

They follow the apps' own controllers: a list with ids, POST gives an id, PUT replaces, names are
unique without regard to case, keys are shown as asterisks, and asterisks keep the stored key. Seerr
(`plain`) has no `fields`, shows keys and refuses an `id` in a body, which its OpenAPI description
calls read-only; before its first sign-in it refuses every request.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast

HIDDEN = "********"
Json = dict[str, object]


class App:
    """One app: its lists by path, and the requests that changed something."""

    def __init__(self, key: str, *, plain: bool = False) -> None:
        self.key, self.plain = key, plain
        self.lists: dict[str, list[Json]] = {}
        self.changes: list[tuple[str, str]] = []
        self.refuses = ""
        self.is_set_up = True
        self.port = 0

    def there(self, path: str) -> list[Json]:
        """The objects of a list, with their keys."""
        return self.lists.setdefault(path, [])

    def field(self, path: str, name: str, field: str) -> object:
        """The value of a field of an object."""
        found = next(o for o in self.there(path) if o["name"] == name)
        fields = cast("list[Json]", found["fields"])
        return next(f["value"] for f in fields if f["name"] == field)

    def answer(self, method: str, path: str, body: Json) -> tuple[int, object]:
        parts = path.strip("/").split("/")
        place, id_ = (
            (path, None) if not parts[-1].isdigit() else (path.rpartition("/")[0], parts[-1])
        )
        objects = self.there(place)
        if method == "GET":
            return 200, [self._shown(o) for o in objects]
        if self.refuses:
            return 400, [{"propertyName": "", "errorMessage": self.refuses, "attemptedValue": ""}]
        if self.plain and "id" in body:
            return 400, {"message": "request.body.id is read-only"}
        self.changes.append((method, path))
        if method == "POST":
            if any(
                str(o.get("name")).lower() == str(body.get("name")).lower() for o in objects
            ) and ("name" in body and not self.plain):
                return 400, [{"propertyName": "Name", "errorMessage": "Should be unique"}]
            made = {**body, "id": len(objects) + (0 if self.plain else 1)}
            objects.append(made)
            return 201, self._shown(made)
        at = next((i for i, o in enumerate(objects) if o["id"] == int(id_ or -1)), None)
        if at is None:
            return 404, {"message": "NotFound"}
        if method == "DELETE":
            objects.pop(at)
            return 200, {}
        objects[at] = {**self._kept(body, objects[at]), "id": objects[at]["id"]}
        return 202, self._shown(objects[at])

    def _shown(self, one: Json) -> Json:
        if self.plain or "fields" not in one:
            return one
        fields = cast("list[Json]", one["fields"])
        return {
            **one,
            "implementationName": str(one.get("implementation", "")).upper(),
            "fields": [
                {**f, "value": HIDDEN}
                if f["name"] in ("apiKey", "password") and f.get("value")
                else f
                for f in fields
            ],
        }

    def _kept(self, body: Json, before: Json) -> Json:
        if "fields" not in body:
            return body
        old = {f["name"]: f.get("value") for f in cast("list[Json]", before["fields"])}
        fields = cast("list[Json]", body["fields"])
        return {
            **body,
            "fields": [
                {**f, "value": old.get(f["name"])} if f.get("value") == HIDDEN else f
                for f in fields
            ],
        }


@contextmanager
def running(app: App, port: int = 0) -> Iterator[App]:
    """The app, on a port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, answer = 200, cast("object", {"status": "OK"})
            if self.path.startswith("/api"):
                if self.headers.get("X-Api-Key") != app.key:
                    status, answer = 401, {"error": "Unauthorized"}
                elif not app.is_set_up:
                    status, answer = 403, {"status": 403, "error": "no permission"}
                else:
                    status, answer = app.answer(
                        self.command, self.path, json.loads(body) if body else {}
                    )
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    app.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield app
    finally:
        server.shutdown()
        server.server_close()
