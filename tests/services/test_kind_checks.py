"""What is said of a service is read, said once, and can be so: each rule, and what keeps it."""

from __future__ import annotations

from typing import Any

import pytest

from homelab import testing
from homelab.problems import by_cause
from tests import build
from tests.household import Changes

IMAGE = f"ghcr.io/a/b:1@sha256:{'0' * 64}"
KEPT: Changes = {
    "backup": {
        "targets": {"b2": {"kind": "b2", "path": "b/restic", "credentials": {"sops": "restic/b2"}}}
    }
}
QUIET: Changes = {"backup": {"skip": "keeps nothing"}, "auth": "none"}


def app(host: str = "nas", **said: Any) -> Changes:
    inside = said.pop("inside", {})
    return {
        "host": host,
        "port": 8080,
        **QUIET,
        "container": {"image": IMAGE, "port": 80, **inside},
        **said,
    }


def services(**said: Any) -> Changes:
    return {**KEPT, "services": {k.replace("_", "-"): v for k, v in said.items()}}


def dataset(path: str, **more: Any) -> Changes:
    return {"host": "nas", "path": path, "tier": "re-derivable", "mount": "/mnt/media", **more}


RULES: dict[str, tuple[str, Changes, str, str]] = {
    "a container by the proxy's name": (
        "service-single", services(caddy=app()), "services.caddy", "this is a container"),
    "a proxy that nothing places": (
        "service-single", services(nginx={"host": "nas"}), "services.nginx",
        "nothing would use this nginx"),
    "a second monitor": (
        "service-single", services(gatus={"host": "pi"}, status={"service": "gatus", "host": "nas"}),
        "services.status.service", "the monitor is called gatus"),
    "a dashboard on two hosts": (
        "service-single",
        {**services(homepage={"tags": ["all"]}),
         "hosts": {"pi": {"tags": ["all"]}, "nas": {"tags": ["all"]}}},
        "services.homepage.tags", "the dashboard runs once"),
    "a port that the catalog has": (
        "service-adds", services(transmission={"host": "nas", "ports": {"peers": {"port": 1}}}),
        "services.transmission.ports.peers", "has a port peers already, 51413/tcp"),
    "a second web port": (
        "service-adds", services(app=app(ports={"web": {"port": 81}})), "services.app.ports.web",
        "the web port has a key of its own"),
    "a secret of the catalog read in another way": (
        "service-adds",
        services(miniflux={"host": "nas", "secrets": {"admin": {"env": "X", "ref": {
            "sops": "a/b"}}}}),
        "services.miniflux.secrets.admin.env", "the catalog knows how miniflux reads its admin"),
    "a secret of the catalog without a word": (
        "service-adds", services(miniflux={"host": "nas", "secrets": {"admin": {}}}),
        "services.miniflux.secrets.admin", "already has this secret, and nothing here changes it"),
    "a secret by the provider's name": (
        "service-adds", services(jellyfin={"host": "nas", "secrets": {"oidc": {}}}),
        "services.jellyfin.secrets.oidc", "reserved for the OIDC client secret"),
    "state that the catalog knows": (
        "service-adds", services(jellyfin={"host": "nas", "state": ["/var/lib/jellyfin"]}),
        "services.jellyfin.state[0]", "/var/lib/jellyfin is already in the catalog"),
    "state of a dynamic user": (
        "service-adds", services(prowlarr={"host": "nas", "state": ["/srv/prowlarr"]}),
        "services.prowlarr.state[0]", "does not own /srv/prowlarr"),
    "headers without a gate": (
        "header-read", services(app=app(headers={"X-User": "user"})), "services.app.headers",
        "nothing sets them"),
    "a tile without a name": (
        "tile-shown",
        services(prometheus={"host": "nas", "never_publish": "Grafana asks it",
                             "tile": {"title": "Graphs"}}),
        "services.prometheus.tile.title", "has no route for browsers"),
    "a name without a page": (
        "web-port-known", services(mosquitto={"host": "nas", "name": "mqtt", "audience": "family"}),
        "services.mosquitto.name", "so name, audience would have no effect"),
    "a port of a service without one": (
        "web-port-known", services(cloudflared={"host": "nas", "port": 9000}),
        "services.cloudflared.port", "has no web port"),
    "a name without a port": (
        "web-port-known",
        services(hello={"host": "nas", "name": "hi", "module": {"stateless": "it only answers"}}),
        "services.hello.name", "hello has no web port"),
    "two things at one place": (
        "container-mounts",
        services(app=app(secrets={"key": {}},
                         inside={"mounts": [{"source": "/srv/a", "target": "/run/secrets/key"}]})),
        "services.app.secrets.key", "is already mounted at /run/secrets/key in the container"),
    "a place for a variable": (
        "container-mounts", services(app=app(secrets={"key": {"env": "KEY", "target": "/key"}})),
        "services.app.secrets.key.target", "is the environment variable KEY"),
    "a port without an address": (
        "container-address",
        {**services(app=app(ports={"ssh": {"port": 2222, "scope": "lan", "why": "git"}})),
         "hosts": {"nas": {"address": {"lan": None, "tailnet": None}}}},
        "hosts.nas.address.lan", "publishes 2222/tcp at this address"),
    "two containers that cannot meet": (
        "container-uses", services(app=app(uses=["db"]), db={**app(), "port": 8081}),
        "services.app.uses[0]", "without a common network"),
    "links between two mounts": (
        "hardlink-same-fs",
        {**services(app=app(datasets={"tv": "/tv", "downloads": {"target": "/downloads"}})),
         "datasets": {"tv": dataset("/mnt/media/tv"),
                      "downloads": dataset("/mnt/media/downloads")}},
        "services.app.datasets", "has each as a separate mount"),
    "names on a machine that sleeps": (
        "always-on-needed", {"hosts": {"pi": {"always_on": False}}}, "hosts.pi.always_on",
        "network.entry, network.dns need a host that never does"),
    "a backup target that sleeps": (
        "always-on-needed",
        {"hosts": {"nas": {"always_on": False}},
         "backup": {"targets": {"disk": {"kind": "sftp", "host": "nas", "path": "/mnt/b"}}},
         "services": {"jellyfin": {"host": "pi"}}},
        "backup.targets.disk.host", "nas may sleep at 04:30, when pi would write there"),
    "a dataset on a Mac": (
        "host-is-ours",
        {"hosts": {"mac": {"kind": "home-manager", "platform": "x86_64-darwin",
                           "state_version": "25.11", "home": "home/sam.nix"}},
         "datasets": {"tv": {**dataset("/mnt/media/tv"), "host": "mac"}}},
        "datasets.tv.host", "its system is not ours"),
    "a path kept and left out": (
        "backup-exclude",
        services(jellyfin={"host": "nas", "backup": {"exclude": ["/var/lib"]}}),
        "services.jellyfin.backup.exclude[0]", "/var/lib/jellyfin is to be backed up"),
    "a live copy of nothing": (
        "backup-intent", services(app=app(backup={"live": "it is a cache", "include": []})),
        "services.app.backup", "the stack does not say what to back up of app"),
    "a port that nobody may ask": (
        "monitor-intent", services(gatus={"host": "pi"}, app=app(routes=[], auth=None)),
        "services.app.monitor", "so it is not monitored"),
    "an interval of nothing": (
        "monitor-intent",
        services(gatus={"host": "pi"}, prometheus={
            "host": "nas", "never_publish": "Grafana asks it", "monitor": {"interval": "5m"}}),
        "services.prometheus.monitor", "so it is not monitored"),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_each_rule_names_the_place_and_what_is_wrong(name: str) -> None:
    check, changes, where, what = RULES[name]
    (problem,) = build.found(changes, check)
    assert problem.where == where
    assert what in problem.what
    assert problem.way_out


PASSES: Changes = {
    **KEPT,
    "identity": {"provider": "authelia", "host": "pi", "users": {"sops": "authelia/users"}},
    "datasets": {
        "tv": dataset("/mnt/media/tv"),
        "downloads": dataset("/mnt/media/downloads"),
    },
    "services": {
        "gatus": {"host": "pi", "uses": ["db"]},
        "homepage": {"host": "pi"},
        "miniflux": {"host": "nas", "secrets": {"admin": {"ref": {"sops": "miniflux/admin"}}}},
        "jellyfin": {"host": "nas", "state": ["/srv/jellyfin"],
                     "ports": {"dlna": {"port": 1900, "protocol": "udp", "scope": "lan",
                                        "why": "televisions"}}},
        "app": {**app(uses=["db"], auth="forward", headers={"X-User": "user"},
                      secrets={"key": {}, "token": {"env": "TOKEN"}},
                      datasets={"tv": {"target": "/tv", "read_only": True},
                                "downloads": "/downloads"},
                      ports={"ssh": {"port": 2222, "scope": "lan", "why": "git"}},
                      inside={"network": "apps"})},
        "db": {**app(routes=[], auth=None, inside={"network": "apps"}), "port": 8081},
    },
}  # fmt: skip


def test_what_is_well_said_breaks_no_rule() -> None:
    rules = {check for check, *_ in RULES.values()}
    assert [p for p in build.problems(PASSES) if p.check in rules] == []


A = {"A": "x"}
BY_SECRET: Changes = {"secrets": {"p": {"env": "A"}}}


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ({"container": {"environment": A}, **BY_SECRET}, "container.environment.A"),
        ({"secrets": {"p": {"env": "A"}, "q": {"env": "A"}}}, "secrets.q.env"),
        (
            {"options": {"virtualisation.oci-containers.containers.x.environment": A}, **BY_SECRET},
            "options.virtualisation.oci-containers.containers.x.environment",
        ),
        ({"oidc": {"redirects": ["/x"], "env": "A"}, "auth": "oidc", **BY_SECRET}, "secrets.p.env"),
    ],
)
def test_a_variable_has_one_value(said: Changes, where: str) -> None:
    container = {"image": f"docker.io/a/b:1@sha256:{'0' * 64}", "port": 80}
    mine = {"host": "nas", "container": container}
    changes = testing.merged({"services": {"x": mine}}, {"services": {"x": said}})
    (problem,) = build.found(changes, "variable-unique")
    assert problem.where == f"services.x.{where}"
    assert "A is set here and by services.x." in problem.what


def test_variables_of_other_names_stand_beside_each_other() -> None:
    secrets = {"p": {"env": "A"}, "q": {"env": "B"}, "file": {}, "other": {}}
    service = {"host": "nas", "service": "navidrome", "secrets": secrets}
    assert not build.found({"services": {"x": service}}, "variable-unique")


def test_a_service_that_no_section_places_is_one_problem() -> None:
    """Nobody is told to leave it out and to give it a host."""
    found = by_cause(build.problems(services(nginx={})))
    about = [str(p) for p in found if p.where.startswith("services.nginx")]
    (said,) = about
    assert "leave it out" in said
    assert "add host" not in said
