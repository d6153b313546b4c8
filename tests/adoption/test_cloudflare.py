"""`homelab adopt cloudflare`, against a server that answers like Cloudflare's API."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from homelab import testing
from homelab.cli import app
from homelab.lab import laptop
from homelab.ops import cloudflare as ops
from homelab.ops.project.stack import check_stack
from homelab.plaintext import yaml_data
from homelab.testing.mocks import path_with
from tests import stackdir

TOKEN = laptop.stand_in('["cloudflare"]["token"]')
STACK = {
    "cloudflare": {"tunnel": {"host": "pi"}, "access": {"one_time_pin": True}},
    "site": {"names": {"public": "{name}-home.{zone}"}},
    "services": {
        "navidrome": {"host": "nas", "publish": "tunnel", "auth": "native"},
        "miniflux": {"host": "nas", "publish": "tunnel", "auth": "native"},
        "audiobookshelf": {"host": "nas", "publish": "tunnel", "auth": "native"},
    },
}
TUNNEL_ID = "6ff42ae2-765d-4adf-8112-31c55c1551ef"
OTHER_ID = "11111111-765d-4adf-8112-31c55c1551ef"
APP_ID = "699d9864-2c56-4d2e-855e-9661899b7252"
POLICY_ID = "222d9864-2c56-4d2e-855e-9661899b7252"
PIN_ID = "333d9864-2c56-4d2e-855e-9661899b7252"
RECORD_ID = "372e67954025e0ba6aaa6d586b9e0b59"


def record(id_: str, name: str, type_: str = "CNAME", content: str = "", **more: object) -> Any:
    content = content or f"{TUNNEL_ID}.cfargotunnel.com"
    return {"id": id_, "name": name, "type": type_, "content": content, **more}


def account() -> dict[str, list[Any]]:
    """An account with much that the stack does not name."""
    music, news = "navidrome-home.example.org", "miniflux-home.example.org"
    foreign = [record(f"{i:032x}", f"host{i}.example.org", "A", "203.0.113.7") for i in range(120)]
    mail = record("a" * 32, "example.org", "MX", "mail.example.net")
    return {
        "dns_records": [*foreign, record(RECORD_ID, music), mail],
        "cfd_tunnel": [
            {"id": TUNNEL_ID, "name": "old-home", "deleted_at": None, "config_src": "local"},
            {"id": OTHER_ID, "name": "office", "deleted_at": None},
            {"id": "9" * 8 + OTHER_ID[8:], "name": "gone", "deleted_at": "2025-01-01T00:00:00Z"},
        ],
        "apps": [
            {"id": APP_ID, "name": "Music", "type": "self_hosted", "domain": music},
            {"id": OTHER_ID, "name": "Wiki", "type": "self_hosted", "domain": "wiki.example.net"},
            {"id": "x1", "name": "News", "type": "bookmark", "domain": news},
        ],
        "policies": [
            {
                "id": POLICY_ID,
                "name": "Me",
                "decision": "allow",
                "include": [{"email": {"email": "Sam@example.org"}}],
            },
            {"id": "p2", "name": "Everyone", "decision": "allow", "include": [{"everyone": {}}]},
        ],
        "identity_providers": [
            {"id": PIN_ID, "type": "onetimepin", "name": "One-time PIN login"},
            {"id": "g1", "type": "google", "name": "Google"},
        ],
    }


@dataclass
class Api:
    """What the stand-in answers, and what it was asked."""

    found: dict[str, list[Any]] = field(default_factory=account)
    refuse: dict[str, int] = field(default_factory=dict)
    nested: dict[str, Any] = field(default_factory=dict)
    """Results by the end of a path, in place of a list with pages."""
    asked: list[tuple[str, str]] = field(default_factory=list)

    def answer(self, method: str, path: str, authorization: str) -> tuple[int, str]:
        self.asked.append((method, path))
        path, _, query = path.partition("?")
        words = dict(word.split("=", 1) for word in query.split("&") if word)
        last = path.rsplit("/", 1)[-1]
        if authorization != f"Bearer {TOKEN}":
            return 403, '{"success": false}'
        if last in self.refuse:
            return self.refuse[last], json.dumps({"success": False, "errors": [authorization]})
        if last in self.nested:
            return 200, json.dumps({"success": True, "result": self.nested[last]})
        found = self.found.get(last, [])
        page, size = int(words.get("page", 1)), int(words.get("per_page", 20))
        shown = found[(page - 1) * size : page * size]
        info = {"page": page, "per_page": size, "total_pages": -(-len(found) // size)}
        return 200, json.dumps({"success": True, "result": shown, "result_info": info})


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Api]:
    state = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = state.answer(
                self.command, self.path, self.headers.get("Authorization", "")
            )
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 names that http.server looks for

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    monkeypatch.setattr(ops, "API", f"http://127.0.0.1:{server.server_port}/client/v4")
    try:
        with path_with(laptop.install(tmp_path / "laptop")):
            yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Said:
    code: int
    out: str
    err: str


class Home:
    def __init__(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.directory = directory
        self._patch, self._captured = monkeypatch, capsys

    def write(self, *changes: Any) -> None:
        stackdir.write_stack(self.directory, testing.merged(STACK, *changes))

    @property
    def text(self) -> str:
        return (self.directory / f"Pulumi.{stackdir.NAME}.yaml").read_text("utf-8")

    @property
    def adopted(self) -> Any:
        return yaml_data(self.text)["config"]["homelab:cloudflare"].get("adopt")  # type: ignore[index,call-overload,union-attr]

    def run(self) -> Said:
        words = ["homelab", "adopt", "cloudflare", "-C", str(self.directory)]
        self._patch.setattr(sys, "argv", words)
        code: object = 0
        try:
            app.main()
        except SystemExit as ended:
            code = ended.code
        out, err = self._captured.readouterr()
        assert TOKEN not in out + err
        return Said(int(str(code or 0)), out, err)


@pytest.fixture
def home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Home:
    made = Home(tmp_path / "stack", monkeypatch, capsys)
    made.write()
    return made


def test_ids_of_what_the_stack_names_are_written_and_the_rest_is_named(
    api: Api, home: Home
) -> None:
    said = home.run()
    assert said.code == 1, said.err
    assert home.adopted == {
        "tunnel": TUNNEL_ID,
        "policy": POLICY_ID,
        "one_time_pin": PIN_ID,
        "records": {"navidrome": RECORD_ID},
        "apps": {"navidrome": APP_ID},
    }
    assert "adopt records.navidrome: CNAME navidrome-home.example.org → its tunnel" in said.out
    assert "tunnel old-home, renamed to " in said.out
    assert "stays untouched: 121 records: A host0.example.org, " in said.out
    assert "and 113 more" in said.out
    assert "stays untouched: 1 tunnels: office" in said.out
    assert "stays untouched: 1 Access applications: Wiki" in said.out
    assert "stays untouched: 1 Access policies: Everyone" in said.out
    assert "stays untouched: 1 login methods: Google" in said.out
    # The bookmark cannot become an application.
    assert said.err.count("error: ") == 1
    assert "News (bookmark) for miniflux-home.example.org" in said.err


def test_nothing_at_cloudflare_changes_and_every_page_is_read(api: Api, home: Home) -> None:
    home.run()
    assert {method for method, _ in api.asked} == {"GET"}
    pages = [path for _, path in api.asked if "/dns_records" in path]
    assert len(pages) == 3


def test_a_stack_with_the_ids_is_in_order_and_a_second_run_writes_nothing(
    api: Api, home: Home
) -> None:
    api.found["apps"].pop()
    assert home.run().code == 0
    text = home.text
    plan, problems = check_stack(home.directory, stackdir.NAME)
    assert [p for p in problems if p.severity == "error"] == []
    assert plan.cloudflare is not None
    assert {r.route: r.adopt for r in plan.cloudflare.records}["navidrome"] == RECORD_ID
    again = home.run()
    assert (again.code, home.text) == (0, text)
    assert "written:" not in again.out
    assert "adopt " not in again.out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"dns_records": [record("b" * 32, "navidrome-home.example.org", "A", "203.0.113.9")]},
            "navidrome-home.example.org has A 203.0.113.9, and the stack makes a CNAME",
        ),
        (
            {"cfd_tunnel": [{"id": TUNNEL_ID, "name": "old-home", "remote_config": True}]},
            "the tunnel old-home is managed in Cloudflare's dashboard",
        ),
        (
            {
                "dns_records": [
                    record("b" * 32, "navidrome-home.example.org"),
                    record(
                        "c" * 32,
                        "audiobookshelf-home.example.org",
                        content=f"{OTHER_ID}.cfargotunnel.com",
                    ),
                ]
            },
            "the public names lead to several tunnels (office, old-home)",
        ),
    ],
    ids=["other type", "dashboard", "two tunnels"],
)
def test_what_would_stop_an_up_is_an_error_and_is_not_adopted(
    api: Api, home: Home, change: dict[str, Any], said: str
) -> None:
    api.found |= {"apps": [], **change}
    found = home.run()
    assert found.code == 1
    assert said in found.err
    assert found.err.count("error: ") == 1
    assert "records" in change or "tunnel" not in (home.adopted or {}) or "tunnels" not in said


@pytest.mark.parametrize(
    ("stack", "found", "said"),
    [
        (
            {"pages": {"docs": {}}},
            {"projects": [{"name": "docs"}]},
            "pages.docs: the account has a",
        ),
        ({"buckets": {"b": {}}}, {"buckets": {"buckets": [{"name": "b"}]}}, "a bucket b"),
    ],
    ids=["a Pages project", "a bucket"],
)
def test_a_name_that_the_account_has_once_is_said_before_an_up(
    api: Api, home: Home, stack: Any, found: Any, said: str
) -> None:
    home.write({"cloudflare": stack})
    api.found = {"dns_records": []}
    api.nested = found
    done = home.run()
    assert done.code == 1
    assert said in done.err
    assert "choose another name" in done.err


def test_what_an_earlier_up_made_is_not_adopted(api: Api, home: Home) -> None:
    made = record("b" * 32, "navidrome-home.example.org", comment="homelab: navidrome")
    api.found = {"dns_records": [made]}
    said = home.run()
    assert said.code == 0
    assert home.adopted is None
    assert "made by an earlier up: 1 objects" in said.out


def test_a_policy_with_conditions_is_not_the_members_policy(api: Api, home: Home) -> None:
    api.found["policies"][0]["require"] = [{"geo": {"country_code": "DE"}}]
    api.found["apps"].pop()
    assert home.run().code == 0
    assert "policy" not in home.adopted


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_a_refusal_is_one_line_and_writes_nothing(api: Api, home: Home, status: int) -> None:
    before = home.text
    api.refuse = {"apps": status}
    said = home.run()
    assert said.code == 1
    assert f"Cloudflare answered {status} for accounts/" in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert home.text == before


def test_a_stack_without_cloudflare_has_nothing_to_adopt(api: Api, home: Home) -> None:
    stackdir.write_stack(home.directory, {"cloudflare": None})
    said = home.run()
    assert said.code in (1, 2)
    assert "homelab:cloudflare" in said.err
    assert api.asked == []
