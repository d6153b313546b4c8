"""Rendered containers run in Debian's Podman: network, ports, secrets, mounts, order, restarts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from homelab import testing
from homelab.plan import Plan
from tests import build
from tests.containers.engine import Engine, engine
from tests.household import Changes

LAN = "192.168.1.3"
SECRET = 'p"a\\ss $HOME %s'


def notes(image: str) -> Changes:
    """Two services: one of two containers, and one of a single container."""
    serve = "mkdir /www; cat /etc/site.json >/www/site; exec httpd -f -p 8000 -h /www"
    listen = "while nc -l -p 5432 -e cat /run/secrets/password; do :; done"
    containers = {
        "web": {
            "image": image,
            "port": 8000,
            "command": ["sh", "-c", serve],
            "depends_on": ["db"],
            "environment": {"GREETING": "a 'b' \"c\" $d"},
            "secrets": {"key": "KEY"},
            "mounts": [
                {"source": "/var/lib/notes/files", "target": "/files", "owner": 1000},
                {"source": "/srv/theme", "target": "/theme", "read_only": True},
            ],
            "datasets": {"papers": "/papers"},
            "templates": {
                "site": {
                    "format": "json",
                    "content": {"title": "one", "password": {"$value": "password"}},
                    "target": "/etc/site.json",
                    "owner": 1000,
                }
            },
        },
        "db": {
            "image": image,
            "command": ["sh", "-c", listen],
            "secrets": {"password": {"owner": 999, "mode": "0440"}},
            "mounts": [{"source": "/var/lib/notes/db", "target": "/var/lib/postgresql/data"}],
            "health": {"command": ["test", "-e", "/run/ready now"]},
        },
    }
    return {
        "datasets": {"papers": {"host": "nas", "path": "/mnt/papers", "tier": "re-derivable"}},
        "services": {
            "notes": {
                "host": "nas",
                "port": 8010,
                "auth": "none",
                "containers": containers,
                "ports": {"sql": {"port": 5433, "inside": 5432, "part": "db"}},
                "secrets": {"key": {}, "password": {}},
                "backup": {"skip": "a test"},
            },
            "other": {
                "host": "nas",
                "port": 8011,
                "auth": "none",
                "container": {"image": image, "port": 80, "command": ["sleep", "600"]},
                "backup": {"skip": "a test"},
            },
        },
    }


def titled(image: str, title: str) -> Changes:
    """The services with another title in the template of one container."""
    site = {"content": {"title": title}}
    web = {"containers": {"web": {"templates": {"site": site}}}}
    return testing.changed(notes(image), {"services": {"notes": web}})


@pytest.fixture(scope="module")
def podman() -> Iterator[Engine]:
    """An engine in which both services run."""
    with engine(LAN) as made:
        plan = build.plan(notes(made.image))
        for secret in plan.secrets.secrets:
            if secret.name.startswith("notes"):
                made.put(secret.path, SECRET + "\n")
        made.put("/srv/theme/style.css", "body {}")
        made.do("mkdir", "/mnt/papers")
        made.switch(plan, "nas")
        yield made


def planned(made: Engine) -> Plan:
    return build.plan(notes(made.image))


def fetched(made: Engine, address: str) -> bool:
    """Whether something answers at an address of the host."""
    host, _, port = address.rpartition(":")
    return made.run("nc", "-z", "-w", "2", host, port).returncode == 0


@pytest.mark.requirement("S1-02")
def test_containers_start_after_their_files_their_network_and_those_they_depend_on(
    podman: Engine,
) -> None:
    order = podman.started
    wanted = ["podman-notes-network", "podman-notes-db-files", "podman-notes-db"]
    assert [u for u in order if u in wanted] == wanted
    assert order.index("podman-notes-db") < order.index("podman-notes-web")
    assert order.index("podman-notes-web-files") < order.index("podman-notes-web")
    found = json.loads(podman.do("podman", "inspect", "notes-db", "notes-web"))
    assert found[0]["State"]["StartedAt"] < found[1]["State"]["StartedAt"]
    assert [c["State"]["Status"] for c in found] == ["running", "running"]


@pytest.mark.requirement("S1-02")
def test_containers_of_a_service_reach_each_other_by_short_names(podman: Engine) -> None:
    assert podman.inside("notes-web", "nc", "-w", "3", "db", "5432").stdout == SECRET + "\n"
    there = podman.inside("notes-db", "wget", "-q", "-O-", "http://web:8000/site")
    assert json.loads(there.stdout)["title"] == "one"


@pytest.mark.requirement("S1-02")
def test_a_container_of_another_service_neither_resolves_nor_reaches_them(podman: Engine) -> None:
    assert podman.inside("other", "nslookup", "db").returncode != 0
    web = json.loads(podman.do("podman", "inspect", "notes-web"))[0]["NetworkSettings"]
    other = json.loads(podman.do("podman", "inspect", "other"))[0]["NetworkSettings"]
    assert set(web["Networks"]) == {"notes"}
    assert "notes" not in other["Networks"]


@pytest.mark.requirement("S1-02")
def test_ports_are_published_only_at_the_addresses_of_their_scope(podman: Engine) -> None:
    """The web port at the LAN address for the reverse proxy, the database at the loopback address."""
    assert fetched(podman, f"{LAN}:8010")
    assert not fetched(podman, "127.0.0.1:8010")
    assert fetched(podman, "127.0.0.1:5433")
    assert not fetched(podman, f"{LAN}:5433")


@pytest.mark.requirement("S1-34")
def test_a_container_has_its_secrets_and_no_other(podman: Engine) -> None:
    """As a variable, as a file of the stated owner, and in a template."""
    assert f"KEY={SECRET}\n" in podman.inside("notes-web", "env").stdout
    assert "KEY=" not in podman.inside("notes-db", "env").stdout
    assert podman.inside("notes-web", "ls", "/run/secrets/password").returncode != 0
    found = podman.inside("notes-db", "stat", "-c", "%u:%g %a", "/run/secrets/password")
    assert found.stdout == "999:999 440\n"
    site = podman.run("podman", "exec", "--user=1000", "notes-web", "cat", "/etc/site.json")
    assert json.loads(site.stdout) == {"title": "one", "password": SECRET}
    refused = podman.run("podman", "exec", "--user=1001", "notes-web", "cat", "/etc/site.json")
    assert refused.returncode != 0
    assert podman.do("stat", "-c", "%a", "/run/homelab-containers/notes-web") == "700\n"


def test_a_value_of_a_variable_arrives_as_it_is_written(podman: Engine) -> None:
    assert "GREETING=a 'b' \"c\" $d\n" in podman.inside("notes-web", "env").stdout


@pytest.mark.requirement("S0-40")
def test_mounts_have_their_owner_and_a_read_only_mount_refuses_writes(podman: Engine) -> None:
    assert podman.do("stat", "-c", "%u:%g", "/var/lib/notes/files") == "1000:0\n"
    mine = podman.run("podman", "exec", "--user=1000", "notes-web", "touch", "/files/a")
    assert mine.returncode == 0, mine.stderr
    assert podman.inside("notes-web", "touch", "/papers/b").returncode == 0
    podman.do("test", "-e", "/var/lib/notes/files/a", "-a", "-e", "/mnt/papers/b")
    assert podman.inside("notes-web", "cat", "/theme/style.css").stdout == "body {}"
    assert podman.inside("notes-web", "touch", "/theme/c").returncode != 0


def test_a_health_check_runs_its_command_without_a_shell(podman: Engine) -> None:
    """Its last argument has a blank."""
    assert podman.run("podman", "healthcheck", "run", "notes-db").returncode == 1
    assert podman.inside("notes-db", "touch", "/run/ready now").returncode == 0
    healthy = podman.run("podman", "healthcheck", "run", "notes-db")
    assert healthy.returncode == 0, healthy.stderr


@pytest.mark.requirement("S1-10")
def test_a_changed_template_restarts_its_container_and_no_other(podman: Engine) -> None:
    """Without the restart, the container would read the file that was there at its start."""

    def title() -> Any:
        return json.loads(podman.inside("notes-web", "cat", "/etc/site.json").stdout)["title"]

    def started(name: str) -> Any:
        return json.loads(podman.do("podman", "inspect", name))[0]["State"]["StartedAt"]

    before = {name: started(name) for name in ("notes-db", "notes-web", "other")}
    plan = planned(podman)
    assert podman.switch(plan, "nas", before=plan) == []
    other = build.plan(titled(podman.image, "two"))
    assert podman.switch(other, "nas", before=plan) == ["notes-web"]
    assert title() == "two"
    after = {name: started(name) for name in before}
    assert {n for n in before if before[n] != after[n]} == {"notes-web"}
