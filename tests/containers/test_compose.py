"""A service from a compose file: what is taken over, and what is said about the rest."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from homelab.cli.app import app
from homelab.ops.compose import as_yaml, import_file
from homelab.problems import UsageError
from homelab.services.compose.container import seconds_of
from homelab.services.compose.native import native_entry
from homelab.services.compose.reading import env_values, read_compose
from homelab.services.compose.service import Imported
from tests import build, stackdir
from tests.containers.paperless import DIGEST, STACK
from tests.containers.registry import digest, registry

BOARD = f"""\
name: board
x-common: &common
  restart: unless-stopped
  logging: {{driver: json-file}}
services:
  web_app:
    <<: *common
    image: ghcr.io/example/board:2{DIGEST}
    container_name: board
    ports: ["80:8080", "127.0.0.1:9000:9000", "5454:53/udp"]
    environment:
      DATABASE_URL: postgres://board:${{DB_PASSWORD:-hunter2-hunter2}}@db:5432/board
      COOKIE_SECRET: something
      WHEN: 22:22
      DEBUG: yes
      DOLLAR: a$$b
    volumes: ["./data:/data", "uploads:/uploads", "/etc/localtime:/etc/localtime:ro"]
    depends_on: {{db: {{condition: service_healthy}}}}
    labels: [traefik.enable=true]
    user: "1000"
    privileged: true
    gadget: on
  db:
    <<: *common
    image: docker.io/library/postgres:17{DIGEST}
    environment: [POSTGRES_USER=board, "POSTGRES_PASSWORD=${{DB_PASSWORD:-hunter2-hunter2}}", PGTZ]
    volumes: ["pg:/var/lib/postgresql/data", "/var/run/docker.sock:/var/run/docker.sock"]
    healthcheck: {{test: "pg_isready -U board", interval: 1m30s, retries: 5}}
volumes: {{pg: {{}}, uploads: {{}}}}
"""


def made(directory: Path, text: str, **options: Any) -> Imported:
    """The service of a compose file."""
    file = directory / "compose.yaml"
    file.write_text(text, encoding="utf-8")
    stated = {"env_file": None, "pin": False, **options}
    return import_file(file, None, "nas", report=lambda _: None, **stated)


def test_a_compose_file_becomes_a_service_that_passes_the_checks(tmp_path: Path) -> None:
    result = made(tmp_path, BOARD)
    printed = yaml.safe_load(as_yaml(result, containers=False))["homelab:services"]
    assert printed == {"board": result.settings}
    found = build.problems({"services": printed, "backup": STACK["backup"]})
    errors = [str(p) for p in found if p.severity == "error"]
    assert errors == []


def test_containers_have_their_settings(tmp_path: Path) -> None:
    settings: Any = made(tmp_path, BOARD).settings
    web, db = settings["containers"]["web-app"], settings["containers"]["db"]
    assert (settings["port"], web["port"]) == (8080, 8080)
    assert web["depends_on"] == ["db"]
    assert web["environment"] == {"WHEN": "22:22", "DEBUG": "yes", "DOLLAR": "a$b"}
    assert web["mounts"] == [
        {"source": "/var/lib/board/data", "target": "/data"},
        {"source": "/var/lib/board/uploads", "target": "/uploads"},
    ]
    assert db["health"] == {
        "command": ["sh", "-c", "pg_isready -U board"],
        "interval": "90s",
        "retries": 5,
    }
    assert settings["ports"] == {
        "tcp-9000": {"port": 9000},
        "udp-5454": {
            "port": 5454,
            "inside": 53,
            "protocol": "udp",
            "scope": "lan",
            "why": "the compose file published it",
        },
    }
    user = "virtualisation.oci-containers.containers.board-web-app.user"
    assert settings["options"] == {user: "1000"}
    assert settings["backup"] == {"dump": {"postgresql": "board", "part": "db", "user": "board"}}


def test_no_value_of_a_secret_is_printed(tmp_path: Path) -> None:
    """One value is one secret, also inside a URL."""
    result = made(tmp_path, BOARD)
    settings: Any = result.settings
    web, db = settings["containers"]["web-app"], settings["containers"]["db"]
    assert db["secrets"] == {"postgres-password": "POSTGRES_PASSWORD"}
    assert web["secrets"] == {"cookie-secret": "COOKIE_SECRET"}
    url = "postgres://board:{value[postgres-password]}@db:5432/board"
    assert web["templates"]["variables"]["content"] == {"DATABASE_URL": {"$text": url}}
    assert settings["secrets"] == {"cookie-secret": {}, "postgres-password": {}}
    told = as_yaml(result, containers=True) + "\n".join(map(str, result.notes))
    assert "hunter2" not in told
    assert "something" not in told


def test_what_is_not_taken_over_is_said_with_its_line(tmp_path: Path) -> None:
    notes = [str(n) for n in made(tmp_path, BOARD).notes]
    lines = BOARD.splitlines()

    def line(start: str) -> int:
        return next(i for i, text in enumerate(lines, 1) if text.strip().startswith(start))

    for start, key, says in (
        ("privileged", "privileged", "root on the host"),
        ("gadget", "gadget", "not taken over"),
        ("labels", "labels", "reverse proxy"),
        ('volumes: ["./data', "volumes.0", "becomes /var/lib/board/data"),
        ('volumes: ["./data', "volumes.2", "TZ"),
        (
            'volumes: ["./data',
            "volumes.1",
            "uploads becomes /var/lib/board/uploads, which starts em",
        ),
        ('volumes: ["pg', "volumes.0", "copy its files there before it starts"),
        ('volumes: ["pg', "volumes.1", "the socket of Docker"),
        ("environment: [POSTGRES", "environment.PGTZ", "comes from the shell"),
        ("ports", "ports", "port 80 of the host"),
    ):
        assert [n for n in notes if n.startswith(f"{line(start)}: ") and key in n and says in n], (
            key
        )
    assert any("are not taken over: each is derived" in n for n in notes)


def test_every_key_of_a_container_is_taken_over_or_noted(tmp_path: Path) -> None:
    """A key that nobody knows is noted, too."""
    keys = ("cap_add", "devices", "network_mode", "sysctls", "tmpfs", "runtime", "extends", "new")
    text = f"services: {{a: {{image: a/b:1{DIGEST}, ports: ['8080:80']}}}}"
    for key in keys:
        changed = text.replace("ports:", f"{key}: [x], ports:")
        places = [n.place for n in made(tmp_path, changed).notes]
        assert f"services.a.{key}" in places, key


KEYS = {
    "build": ".",
    "links": ["b:other"],
    "restart": "no",
    "depends_on": {"b": {"condition": "service_completed_successfully"}},
    "annotations": {"a": "b"},
}


@pytest.mark.parametrize("key", KEYS)
def test_a_key_that_is_taken_over_in_part_is_noted(tmp_path: Path, key: str) -> None:
    """Also beside an image, and for a container that only does one task."""
    container = {"image": f"a/b:1{DIGEST}", "ports": ["8080:80"], key: KEYS[key]}
    other = {"image": f"a/b:1{DIGEST}"}
    text = yaml.safe_dump({"services": {"a": container, "b": other}})
    places = [n.place for n in made(tmp_path, text).notes]
    assert [p for p in places if p.startswith(f"services.a.{key}")], places


@pytest.mark.parametrize("key", ["include", "new"])
def test_a_section_that_nothing_reads_is_noted(tmp_path: Path, key: str) -> None:
    text = f"{key}: [other.yaml]\nx-old: {{}}\n{BOARD}"
    assert [n.place for n in made(tmp_path, text).notes if n.place in (key, "x-old")] == [key]


@pytest.mark.parametrize(
    ("stated", "limits"),
    [
        ("mem_limit: 512m, cpus: 1.5", {"memory": "512 MiB", "cpus": 1.5}),
        ("mem_limit: 2gb", {"memory": "2048 MiB"}),
        ("mem_limit: 0, cpus: 0", None),
        (
            "deploy: {resources: {limits: {memory: 64M, cpus: '2'}}}",
            {"memory": "64 MiB", "cpus": 2},
        ),
        ("mem_limit: 1g, deploy: {resources: {limits: {memory: 64M}}}", {"memory": "1024 MiB"}),
    ],
)
def test_memory_and_processors_become_limits(
    tmp_path: Path, stated: str, limits: dict[str, object] | None
) -> None:
    text = f"services: {{a: {{image: a/b:1{DIGEST}, ports: ['8080:80'], {stated}}}}}"
    result = made(tmp_path, text)
    settings: Any = result.settings
    assert settings["containers"]["a"].get("limits") == limits
    assert not [n for n in result.notes if n.place.endswith(("mem_limit", "memory", "cpus"))]
    found = build.problems({"services": {"a": settings}, "backup": STACK["backup"]})
    assert [str(p) for p in found if p.severity == "error"] == []


@pytest.mark.parametrize("stated", ["mem_limit: 4m", "mem_limit: much", "cpus: some"])
def test_a_limit_that_the_stack_cannot_have_is_noted(tmp_path: Path, stated: str) -> None:
    text = f"services: {{a: {{image: a/b:1{DIGEST}, ports: ['8080:80'], {stated}}}}}"
    result = made(tmp_path, text)
    settings: Any = result.settings
    assert "limits" not in settings["containers"]["a"]
    assert [n for n in result.notes if n.place == f"services.a.{stated.partition(':')[0]}"]


def test_flags_go_where_those_of_the_plan_stay(tmp_path: Path) -> None:
    """In a module, whose list is joined with that of homelab."""
    keys = "cap_add: ['NET ${x}'], init: true, stop_grace_period: 1m30s".replace("${", "$${")
    text = f"services: {{a: {{image: a/b:1{DIGEST}, ports: ['8080:80'], {keys}}}}}"
    told = {n.place.rpartition(".")[2]: n.way_out for n in made(tmp_path, text).notes}
    for key, flag in (
        ("cap_add", r'"--cap-add=NET \${x}"'),
        ("init", '"--init"'),
        ("stop_grace_period", '"--stop-timeout=90"'),
    ):
        assert "in a module of the host: virtualisation.oci-containers" in told[key]
        assert f"extraOptions = [ {flag} ]" in told[key]


def test_the_digest_comes_from_the_registry(tmp_path: Path) -> None:
    with registry({"a/b": ["1"]}) as (address, _):
        text = f"services: {{a: {{image: '{address}/a/b:1', ports: ['8080:80']}}}}"
        pinned: Any = made(tmp_path, text, pin=True).settings
        missing = made(tmp_path, text.replace("b:1", "b:2"), pin=True)
    assert pinned["containers"]["a"]["image"] == f"{address}/a/b:1@{digest('1')}"
    assert any("its digest is not known" in n.what for n in missing.notes)


def test_variables_come_from_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TAG=3 # new\nexport NAME='x y'\n", encoding="utf-8")
    image = f"a/b:${{TAG:?no tag}}{DIGEST}"
    text = f"services: {{a: {{image: '{image}', environment: {{A: $NAME, B: '${{NO}}'}}}}}}"
    result = made(tmp_path, text)
    settings: Any = result.settings
    part = settings["containers"]["a"]
    assert part["image"].startswith("docker.io/a/b:3@")
    assert part["environment"] == {"A": "x y", "B": ""}
    assert any("the variable NO has no value" in n.what for n in result.notes)
    assert env_values("# A=1\nB = 2\n") == {"B": "2"}


@pytest.mark.parametrize(
    ("image", "entry"),
    [
        ("ghcr.io/paperless-ngx/paperless-ngx:2.14", "paperless"),
        ("vaultwarden/server:latest", "vaultwarden"),
        ("lscr.io/linuxserver/sonarr", "sonarr"),
        ("ghcr.io/immich-app/immich-server:release", "immich"),
        ("nginx", ""),
        ("ghcr.io/example/board:2", ""),
    ],
)
def test_an_app_of_the_catalog_is_named(image: str, entry: str) -> None:
    assert native_entry(image) == entry


def test_the_command_prints_the_service_of_the_catalog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And with --containers the containers, with the notes on standard error."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "compose.yaml"
    image = f"vaultwarden/server:1{DIGEST}"
    file.write_text(f"services: {{vault: {{image: '{image}', ports: ['8080:80']}}}}")
    line = ["service", "import", str(file), "--name", "vault", "--host", "nas", "--no-pin"]
    native = CliRunner().invoke(app, line)
    assert native.exit_code == 0
    expected = {"homelab:services": {"vault": {"service": "vaultwarden", "host": "nas"}}}
    assert yaml.safe_load(native.stdout) == expected
    assert "its data is not moved" in native.stderr
    whole = CliRunner().invoke(app, [*line, "--containers"])
    assert "containers" in yaml.safe_load(whole.stdout)["homelab:services"]["vault"]


def test_a_host_that_the_stack_does_not_have_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the nearest known name; a directory without a stack knows none."""
    file = tmp_path / "compose.yaml"
    file.write_text(f"services: {{a: {{image: 'a/b:1{DIGEST}', ports: ['8080:80']}}}}")
    line = ["service", "import", str(file), "--no-pin"]
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, [*line, "--host", "naz"]).exit_code == 0
    monkeypatch.chdir(stackdir.write_stack(tmp_path / "stack", {}))
    wrong = CliRunner().invoke(app, [*line, "--host", "naz"])
    assert isinstance(wrong.exception, UsageError)
    assert 'there is no host "naz"; did you mean "nas"?' in str(wrong.exception)
    assert wrong.stdout == ""
    assert CliRunner().invoke(app, [*line, "--host", "nas"]).exit_code == 0
    assert CliRunner().invoke(app, line).exit_code == 0


@pytest.mark.parametrize("text", ["", "[]", "a: 1", "services: {}", "services: {a: &a [*a]}", "{"])
def test_a_file_that_is_no_compose_file_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"compose.yaml:\d+: "):
        made(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1m30s", 90), ("30s", 30), ("500ms", 1), ("1h", 3600), ("0s", 0), ("x", 0)],
)
def test_durations_are_whole_seconds(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


def test_an_alias_and_a_merge_keep_their_lines() -> None:
    file = read_compose(BOARD, {})
    assert not re.search("&|<<", str(file.values))
    assert file.lines["services", "db"] == BOARD[: BOARD.index("  db:")].count("\n") + 1


def test_braces_of_a_compose_file_stay_as_they_are(tmp_path: Path) -> None:
    """They would be fields of a template in the stack."""
    app = (
        "image: a/b@sha256:"
        + "0" * 64
        + ", ports: ['80:80'], command: ['{x}'], environment: {A: '{}'}"
    )
    settings: Any = made(tmp_path, f"services: {{app: {{{app}}}}}").settings
    (part,) = settings["containers"].values()
    assert part["command"] == ["{{x}}"]
    assert part["environment"] == {"A": "{{}}"}
