"""Fields of services that once had no effect."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from homelab.ops.project.files import updated_lock
from homelab.ops.project.stack import open_stack
from tests.cases.on_disk import laid_out, rendered, tried
from tests.household import Changes

DIGEST = "@sha256:3c2513e830bb6e195147c05b34ecf8393d0ba2b1cc86e93b407a5777d6135c6c"


def services(**said: object) -> Changes:
    return {"services": said}


def test_catalog_service_fields_ignored(tmp_path: Path) -> None:
    """Each has an effect or is refused."""
    vault: Changes = {
        "state": ["/srv/vault"],
        "ports": {"smtp": {"port": 2525, "scope": "lan", "why": "test"}},
        "headers": {"X-User": "user"},
        "health": "/other",
        "secrets": {"smtp": {"env": "SMTP_PASSWORD"}},
    }
    (problem,) = tried(laid_out(tmp_path / "as-it-was", services(vaultwarden=vault)))
    assert (problem.check, problem.where) == ("header-read", "services.vaultwarden.headers")
    files = rendered(
        laid_out(tmp_path / "mended", services(vaultwarden={**vault, "headers": None}))
    )
    aurora = files["aurora"]
    assert '"/srv/vault"' in aurora["backup.nix"]
    assert '"/srv/vault"' in aurora["hardening.nix"]
    unit = aurora["services/vaultwarden.nix"]
    assert "RequiresMountsFor" in unit
    assert 'EnvironmentFile = [ "/run/homelab/secrets/vaultwarden-smtp" ];' in unit
    assert '"/srv/vault".d = {' in unit
    assert "2525/tcp (LAN and tailnet) vaultwarden: test" in aurora["firewall.nix"]
    assert "/other" in files["pi"]["monitoring.nix"]


FORGE: Changes = {
    "host": "aurora",
    "name": "git",
    "audience": "family",
    "auth": "native",
    "container": {
        "image": f"codeberg.org/forgejo/forgejo:11{DIGEST}",
        "port": 3000,
        "mounts": [{"source": "/var/lib/forge", "target": "/data"}],
    },
    "port": 3010,
    "ports": {"ssh": {"port": 2222, "scope": "lan", "why": "git over SSH"}},
    "state": ["/var/lib/forge"],
    "tile": {"group": "Tools", "title": "Git"},
}


def test_container_second_port(tmp_path: Path) -> None:
    """The port is published for its scope only."""
    stack = laid_out(tmp_path / "a", services(forge=FORGE))
    # Forgejo's image lets everybody make an account by itself.
    assert [p.check for p in tried(stack)] == ["option-opens"]
    text = rendered(stack)["aurora"]["services/forge.nix"]
    published = re.findall(r'"([0-9.]+:\d+:\d+)"', text)
    assert published == [
        "100.100.71.10:3010:3000",
        "100.100.71.10:2222:2222",
        "192.168.1.10:2222:2222",
    ]
    guard = "ip daddr 192.168.1.10 tcp dport 2222 "
    assert f'{guard}iifname != {{ "lo", "tailscale0" }} ip saddr != 192.168.1.0/24 drop' in text
    assert 'ip daddr 100.100.71.10 tcp dport 2222 iifname != { "lo", "tailscale0" } drop' in text


def test_container_second_port_of_another_number_inside(tmp_path: Path) -> None:
    """Games use UDP, and the image's own port may be taken on the host."""
    ports = {
        "game": {
            "port": 34198,
            "inside": 34197,
            "protocol": "udp",
            "scope": "lan",
            "why": "the game",
        }
    }
    stack = laid_out(
        tmp_path / "a",
        services(forge={**FORGE, "ports": ports, "accept": {"sign-up": "a test of ports"}}),
    )
    assert tried(stack) == []
    text = rendered(stack)["aurora"]["services/forge.nix"]
    assert '"192.168.1.10:34198:34197/udp"' in text
    assert "ip daddr 192.168.1.10 udp dport 34198" in text


WIKI_DB: Changes = {
    "host": "aurora",
    "container": {
        "image": f"docker.io/library/postgres:17{DIGEST}",
        "port": 5432,
        "mounts": [{"source": "/var/lib/wiki-db", "target": "/var/lib/postgresql/data"}],
        "network": "wiki",
    },
    "routes": [],
    "state": ["/var/lib/wiki-db"],
    "monitor": {"skip": "the wiki says when it is gone"},
    "tile": {"skip": "it has no page"},
}


@pytest.mark.parametrize(
    ("image", "dump", "command", "file"),
    [
        (
            "library/postgres:17",
            {"postgresql": "wiki"},
            "pg_dump --no-password --username postgres --dbname wiki",
            "postgresql-wiki.sql",
        ),
        (
            "library/mariadb:11",
            {"mysql": "wiki"},
            "sh root dump --single-transaction --routines --events --databases wiki",
            "mysql-wiki.sql",
        ),
        (
            "library/mongo:8",
            {"command": ["mongodump", "--archive"]},
            "mongodump --archive",
            "command-0.dump",
        ),
    ],
)
def test_container_database_live_copy(
    tmp_path: Path, image: str, dump: Changes, command: str, file: str
) -> None:
    """A database in a container is dumped inside it, or the owner gives a reason for none."""
    container = {**WIKI_DB["container"], "image": f"docker.io/{image}{DIGEST}"}  # type: ignore[dict-item]
    wiki = {**WIKI_DB, "container": container}
    (problem,) = tried(laid_out(tmp_path / "as-it-was", services(**{"wiki-db": wiki})))
    assert (problem.check, problem.where) == ("backup-dump", "services.wiki-db.backup")
    assert next(iter(dump)) in problem.way_out
    live = laid_out(
        tmp_path / "live", services(**{"wiki-db": {**wiki, "backup": {"live": "it is a cache"}}})
    )
    assert tried(live) == []
    assert "# Copied while in use: it is a cache" in rendered(live)["aurora"]["backup.nix"]
    dumped = laid_out(
        tmp_path / "dumped", services(**{"wiki-db": {**wiki, "backup": {"dump": dump}}})
    )
    assert tried(dumped) == []
    text = rendered(dumped)["aurora"]["backup.nix"]
    job = text[text.index("homelab.backup.jobs.wiki-db") :]
    assert f'commands."{file}" =' in job
    assert "/bin/podman exec wiki-db " in job
    assert f'{command}";\n' in job


def test_container_on_missing_disk(tmp_path: Path) -> None:
    """The container waits for every directory that it mounts."""
    books: Changes = {
        "host": "aurora",
        "name": "books",
        "audience": "family",
        "auth": "native",
        "container": {
            "image": f"ghcr.io/advplyr/audiobookshelf:2.19{DIGEST}",
            "port": 80,
            "mounts": [
                {"source": "/var/lib/abs", "target": "/config"},
                {"source": "/mnt/family/library/books", "target": "/books"},
            ],
        },
        "port": 8090,
        "state": ["/var/lib/abs"],
        "tile": {"group": "Media", "title": "Books"},
    }
    stack = laid_out(tmp_path / "a", services(audiobookshelf=books))
    # A warning: the mount does not move with the dataset.
    assert [(p.check, p.severity) for p in tried(stack)] == [("path-literal", "warning")]
    text = rendered(stack)["aurora"]["services/audiobookshelf.nix"]
    waits = text[text.index("RequiresMountsFor") :]
    assert '"/mnt/family/library/books"' in waits[: waits.index("]")]


def test_hardlink_two_datasets(tmp_path: Path) -> None:
    """Datasets between which files are moved are one mount; a read-only one is separate."""
    dataset = {
        "host": "workstation",
        "mount": "/mnt/media",
        "tier": "re-derivable",
        "group": "media",
    }
    edit: Changes = {
        "datasets": {
            "media": None,
            "downloads": {**dataset, "path": "/mnt/media/downloads"},
            "tv": {**dataset, "path": "/mnt/media/tv"},
            "other": {**dataset, "path": "/mnt/media/other"},
        },
        "services": {
            "jellyfin": {"datasets": {"media": "tv"}},
            "sonarr": {
                "host": "workstation",
                "name": "series",
                "datasets": {"downloads": "downloads", "media": "tv"},
            },
            "sabnzbd": {
                "host": "workstation",
                "name": "nzb",
                "datasets": {"downloads": "downloads"},
            },
        },
    }
    stack = laid_out(tmp_path / "a", edit)
    assert [p for p in tried(stack) if p.severity == "error"] == []
    text = rendered(stack)["workstation"]["hardening.nix"]

    def bound(unit: str) -> list[str]:
        part = text[text.index(f"homelab.hardening.units.{unit}") :]
        return re.findall(r'"([^"]+)"', part[part.index("BindPaths") :].split(";")[0])

    assert bound("sonarr") == ["/mnt/media"]
    assert bound("sabnzbd") == ["/mnt/media/downloads"]
    sonarr = text[text.index("homelab.hardening.units.sonarr") :]
    hidden = sonarr[sonarr.index("hide = ") :].split(";")[0]
    assert '"/mnt/media/other"' in hidden


def test_podman_prune(tmp_path: Path) -> None:
    """Old images are removed on hosts with containers, unless the owner disables it."""
    text = rendered(laid_out(tmp_path / "base", {}))["aurora"]["containers.nix"]
    assert "autoPrune = {\n      enable = true;" in text
    off = {"draw": {"options": {"virtualisation.podman.autoPrune.enable": False}}}
    said = rendered(laid_out(tmp_path / "off", services(**off)))["aurora"]["services/draw.nix"]
    assert "virtualisation.podman.autoPrune.enable = false;" in said


def test_native_module_not_in_catalog(tmp_path: Path) -> None:
    """The message names `module:`, which runs it with a route, a sandbox and backups."""
    microbin: Changes = {
        "host": "aurora",
        "name": "paste",
        "audience": "family",
        "auth": "native",
        "port": 3010,
        "state": ["/var/lib/microbin"],
        "options": {"services.microbin.enable": True},
        "tile": {"group": "Tools"},
    }
    (problem,) = tried(laid_out(tmp_path / "a", services(microbin=microbin)))
    assert (problem.check, problem.where) == ("service-known", "services.microbin")
    assert "in services/microbin.yaml, or with module:" in problem.way_out
    module: Changes = {
        "module": {
            "options": {
                "services.microbin.settings": {
                    "MICROBIN_BIND": {"$text": "{bind}"},
                    "MICROBIN_PORT": {"$port": "web"},
                }
            },
            "ports": {"web": 3010},
            "units": ["microbin"],
            "dynamic_user": True,
            "state": ["/var/lib/private/microbin"],
        },
    }
    kept = {k: v for k, v in microbin.items() if k not in ("state", "port")}
    described = services(microbin={**kept, **module})
    assert tried(laid_out(tmp_path / "b", described)) == []
    files = rendered(laid_out(tmp_path / "c", described))["aurora"]
    assert 'MICROBIN_BIND = "0.0.0.0";' in files["services/microbin.nix"]
    assert "microbin" in files["hardening.nix"]
    assert "/var/lib/private/microbin" in files["backup.nix"]


@pytest.mark.parametrize(
    ("nas", "where"),
    [
        ({"upstream": "https://192.168.1.5:5001"}, "services.nas.upstream"),
        ({"url": "https://192.168.1.5:5001"}, "services.nas.url"),
        (
            {"routes": [{"name": "nas", "upstream": "https://192.168.1.5:5001"}]},
            "services.nas.routes[0].upstream",
        ),
    ],
)
def test_the_address_of_a_device_leads_to_external(
    tmp_path: Path, nas: Changes, where: str
) -> None:
    service: Changes = {
        "host": "pi",
        "container": {"image": f"docker.io/library/nginx{DIGEST}", "port": 80},
        **nas,
    }
    told = tried(laid_out(tmp_path, services(nas=service)))
    (problem,) = [p for p in told if p.where == where]
    assert "external: {address: 192.168.1.5, port: 5001}" in problem.way_out


def test_external_upstream(tmp_path: Path) -> None:
    """A device gets a name, a certificate, a sign-in and a probe; the message leads there."""
    upstream = {"scheme": "https", "address": "192.168.1.5", "port": 5001, "verify": False}
    route = {"host": "pi", "routes": [{"name": "nas", "upstream": upstream}]}
    told = tried(laid_out(tmp_path / "a", services(nas=route)))
    assert [p.where.rpartition(".")[2] for p in told] == ["address", "port"]
    assert all("with external: {address: …, port: …}" in p.way_out for p in told)
    nas: Changes = {"audience": "family", "external": upstream}
    assert tried(laid_out(tmp_path / "b", services(nas=nas))) == []
    files = rendered(laid_out(tmp_path / "c", services(nas=nas)))
    proxy = files["pi"]["proxy.nix"]
    assert "@nas host nas.home.example.org" in proxy
    assert "reverse_proxy https://192.168.1.5:5001 {" in proxy
    assert proxy.index("forward_auth", proxy.index("@nas host")) < proxy.index("192.168.1.5")
    assert "https://192.168.1.5:5001/" in files["pi"]["monitoring.nix"]
    assert '"nas.home.example.org"' in files["pi"]["dns.nix"]
    assert "nas" not in files["pi"]["facts.nix"].split("services = {")[1].split("routes")[0]
    plan = open_stack(laid_out(tmp_path / "d", services(nas=nas)), "home").plan
    assert "nas" not in updated_lock(plan)[0].services
