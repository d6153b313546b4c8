"""The expected Nix files of the kinds of service that the home stack does not have: a module of
nixpkgs, a unit, static sites, several containers, and something that runs elsewhere.

`make update-golden` rewrites the expected files. Review the diff.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from homelab.config import services
from tests import build
from tests.golden.test_home import Tree, changed, nix_files, planned
from tests.household import Changes, household
from tests.tools.programs import formatted, run

GOLDEN = Path(__file__).parent / "kinds"
_IMAGE = "@sha256:" + "0" * 64
KINDS: dict[str, Changes] = {
    "module": {
        "microbin": {
            "host": "aurora",
            "audience": "family",
            "module": {
                "summary": "Pastes that expire",
                "ports": {"web": 8099},
                "dynamic_user": True,
                "state": ["/var/lib/private/microbin"],
                "database": "sqlite",
                "dumps": [{"sqlite": "/var/lib/private/microbin/database.sqlite"}],
                "secrets": {
                    "admin": {"form": "env", "env": {"MICROBIN_ADMIN_PASSWORD": "{value}"}}
                },
                "sign_in": {"kinds": ["forward", "native"], "exempt": ["/raw/*"]},
                "options": {
                    "services.microbin.enable": True,
                    "services.microbin.passwordFile": {"$secret": "admin"},
                    "services.microbin.settings.MICROBIN_BIND": {"$text": "{bind}"},
                    "services.microbin.settings.MICROBIN_PORT": {"$port": "web"},
                    "services.microbin.settings.MICROBIN_PUBLIC_PATH": {"$text": "{url}"},
                },
            },
        }
    },
    "unit": {
        "board": {
            "host": "aurora",
            "audience": "family",
            "port": 8101,
            "state": ["/var/lib/board"],
            "secrets": {"key": {"env": "BOARD_KEY"}, "licence": {"ref": {"sops": "board/licence"}}},
            "datasets": {"files": "library"},
            "unit": {
                "package": "python3Packages.trac",
                "command": ["tracd", "--hostname={bind}", "--port={port}", "/var/lib/board"],
                "environment": {
                    "BOARD_URL": "{url}",
                    "BOARD_FILES": "{dataset[files]}",
                    "BOARD_LICENCE": "{secret[licence]}",
                },
                "path": ["git"],
                "user": "board",
                "writes": ["files"],
            },
            "databases": {"postgresql": {"extensions": ["pg_trgm"]}},
        },
        "tidy": {
            "host": "aurora",
            "routes": [],
            "backup": {"skip": "it keeps nothing"},
            "unit": {
                "package": "fclones",
                "command": ["fclones", "group", "/mnt/library", "--output", "/dev/null"],
                "schedule": "*-*-* 04:00",
            },
        },
    },
    "static": {
        "handbook": {
            "host": "aurora",
            "audience": "family",
            "port": 8102,
            "static": {"directory": "/srv/handbook"},
        },
        "films": {
            "host": "aurora",
            "audience": "family",
            "port": 8103,
            "secrets": {"tmdb": {"ref": {"sops": "films/tmdb"}, "env": "TMDB_TOKEN"}},
            "static": {
                "fallback": "index.html",
                "build": {
                    "repository": "https://github.com/sam/films.git",
                    "rev": "8c5f1b2a9d3e4f60718293a4b5c6d7e8f9012345",
                    "run": [["bun", "install", "--frozen-lockfile"], ["bun", "run", "build"]],
                    "packages": ["bun"],
                    "output": "dist",
                },
            },
        },
    },
    "containers": {
        "wiki": {
            "host": "aurora",
            "audience": "family",
            "auth": "native",
            "port": 8104,
            "state": ["/var/lib/wiki"],
            "secrets": {"key": {}, "database": {}},
            "backup": {"dump": {"postgresql": "wiki", "part": "db"}},
            "containers": {
                "app": {
                    "image": f"ghcr.io/example/wiki:2.5{_IMAGE}",
                    "port": 80,
                    "depends_on": ["db"],
                    "environment": {"WIKI_URL": {"$text": "{url}"}, "WIKI_DATABASE": "db"},
                    "secrets": {"key": "WIKI_KEY", "database": "WIKI_DATABASE_PASSWORD"},
                    "mounts": [{"source": "/var/lib/wiki/files", "target": "/data"}],
                    "health": {"command": ["wget", "-q", "-O-", "http://localhost"]},
                },
                "db": {
                    "image": f"docker.io/library/postgres:17{_IMAGE}",
                    "environment": {"POSTGRES_USER": "wiki"},
                    "secrets": {"database": "POSTGRES_PASSWORD"},
                    "mounts": [
                        {"source": "/var/lib/wiki/db", "target": "/var/lib/postgresql/data"}
                    ],
                },
            },
        }
    },
    "external": {
        "router": {
            "external": {"address": "192.168.1.1", "port": 443, "scheme": "https", "verify": False},
            "audience": "operator",
            "auth": "none",
            "tile": {"group": "Network", "icon": "mikrotik"},
        },
        "printer": {
            "external": {"address": "192.168.1.40", "port": 631},
            "audience": "family",
            "auth": "forward",
        },
    },
}
"""The services of each kind."""
_STORE: Changes = {
    "datasets": {
        "library": {
            "host": "aurora",
            "path": "/mnt/library",
            "mount": "/mnt/library",
            "tier": "user",
        }
    }
}


def tree(services: Changes) -> Tree:
    """Every generated text of a household with these services, by host and path."""
    changes = household(_STORE, {"services": {"homepage": {"host": "aurora"}, **services}})
    found = [str(p) for p in build.problems(changes) if p.severity == "error"]
    assert found == []
    return build.render(changes)


@cache
def without() -> Tree:
    """The household without services of these kinds."""
    return tree({})


ELSEWHERE = ("default.nix", "facts.nix", "release-id.nix")
"""Files that only repeat the others: imports, facts for own modules, and the digest."""


def files_of(kind: str) -> dict[str, str]:
    """The Nix files that the services of a kind make or change."""
    found = tree(KINDS[kind])
    differ = changed(without(), found)
    return {
        name: text
        for name, text in nix_files(found).items()
        if name.partition("/")[2] in differ.get(name.partition("/")[0], set())
        and not name.endswith(ELSEWHERE)
    }


@pytest.mark.requirement("S2-18")
def test_every_kind_of_service_has_expected_files() -> None:
    """Here, or in the home stack."""
    home = {kind_of(config) for config in planned({}).stack.services.values()}
    assert home | set(KINDS) == set(services.KINDS)


def kind_of(config: services.ServiceConfig) -> str:
    (found,) = (name for name, kind in services.KINDS.items() if type(config) is kind)
    return found


@pytest.mark.requirement("S2-18")
@pytest.mark.parametrize("kind", KINDS)
def test_the_files_of_a_kind_are_the_expected_ones(kind: str) -> None:
    files = files_of(kind)
    top = GOLDEN / kind
    if os.environ.get("UPDATE_GOLDEN"):
        for path in sorted(top.rglob("*.nix")):
            path.unlink()
        for name, text in files.items():
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            (top / name).write_text(text, encoding="utf-8")
    expected = {
        path.relative_to(top).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(top.rglob("*.nix"))
    }
    assert sorted(files) == sorted(expected), "make update-golden, and read the diff"
    for name, text in files.items():
        assert text == expected[name], f"{kind}/{name}: make update-golden, and read the diff"


def test_every_expected_file_parses() -> None:
    done = run("nix-instantiate", "--parse", *sorted(GOLDEN.rglob("*.nix")))
    assert done.returncode == 0, done.stderr


def test_nixfmt_has_nothing_to_change_in_them(tmp_path: Path) -> None:
    texts = [text for kind in KINDS for text in files_of(kind).values()]
    assert formatted(tmp_path, texts) == []


def _words(services: Any) -> set[str]:
    return {word for name in services for word in (f"{name}.home.example.org", f"/{name}.nix")}


@pytest.mark.parametrize("kind", KINDS)
def test_a_household_without_the_kind_has_no_trace_of_it(kind: str) -> None:
    everything = "".join(f"/{n}\n{t}" for n, t in nix_files(without()).items())
    assert [word for word in _words(KINDS[kind]) if word in everything] == []
