"""Services of the catalog whose programs Debian does not package, or not in time: they run in tests
where they are on PATH.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.backup.restores import cluster_at
from tests.programs.app_oidc import of_miniflux, through
from tests.programs.app_signs import (
    of_actual,
    of_calibre,
    of_headscale,
    of_ntfy,
    of_synapse,
)
from tests.programs.apps import SECRET, App, Here, Words, forward
from tests.programs.test_names import SCHEMA


def ntfy(here: Here) -> Words:
    said = here.option("services.ntfy-sh.settings") | {
        "auth-file": str(here.directory / "user.db"),
        "cache-file": str(here.directory / "cache.db"),
        "attachment-cache-dir": str(here.directory / "attachments"),
    }
    return ["ntfy", "serve", "--config", here.file("server.yml", said)]


def ntfy_account(here: Here) -> None:
    """The first account, made as the note of the entry says."""
    config = here.directory / "server.yml"
    _run(
        here,
        ["ntfy", "user", "--config", str(config), "add", "--role=admin", "sam"],
        NTFY_PASSWORD=SECRET,
    )


def _run(here: Here, words: list[str], **env: str) -> str:
    import os

    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOME": str(here.directory), **env},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def gatus(here: Here) -> Words:
    said = here.option("services.gatus.settings")
    # The names and addresses of the stack do not exist here.
    said["endpoints"] = [
        {
            "name": "itself",
            "url": f"http://127.0.0.1:{here.port}/health",
            "conditions": ["[STATUS] == 200"],
        }
    ]
    said.pop("alerting", None)
    return ["gatus"], {"GATUS_CONFIG_PATH": here.file("gatus.yaml", said)}


def adguardhome(here: Here) -> Words:
    said = here.option("services.adguardhome")
    settings = said["settings"]
    settings["dns"] |= {
        "bind_hosts": ["127.0.0.1"],
        "port": here.port + 1,
        "upstream_dns": ["127.0.0.1:1"],
        "bootstrap_dns": ["127.0.0.1:1"],
    }
    settings["http"] = {"address": f"{said['host']}:{said['port']}"}
    settings["schema_version"] = SCHEMA
    settings["filters"] = []
    file = here.file("config.yml", settings)
    return ["AdGuardHome", "--no-check-update", "--work-dir", str(here.directory), "--config", file]


def headscale(here: Here) -> Words:
    said = here.option("services.headscale")
    config: dict[str, Any] = {
        **said["settings"],
        "listen_addr": f"{said['address']}:{said['port']}",
        "noise": {"private_key_path": str(here.directory / "noise.key")},
        "prefixes": {"v4": "100.64.0.0/10", "v6": "fd7a:115c:a1e0::/48"},
        "derp": {
            "server": {"enabled": False},
            "urls": [],
            "paths": [str(here.directory / "derp.yaml")],
        },
        "database": {"type": "sqlite", "sqlite": {"path": str(here.directory / "db.sqlite")}},
        "unix_socket": str(here.directory / "socket"),
        "grpc_listen_addr": f"127.0.0.1:{here.port + 1}",
        "metrics_listen_addr": "",
        "disable_check_updates": True,
    }
    here.file("derp.yaml", _DERP)
    return ["headscale", "serve", "--config", here.file("headscale.yaml", config)]


_DERP = """\
regions:
  1:
    regionid: 1
    regioncode: here
    regionname: Here
    nodes: [{name: a, regionid: 1, hostname: derp.example.org, ipv4: 127.0.0.1}]
"""
"""It does not start without a relay."""


def miniflux(here: Here) -> Words:
    said = here.option("services.miniflux.config")
    socket = here.until_then.enter_context(cluster_at("miniflux"))
    lines = said | {
        "DATABASE_URL": f"user=postgres dbname=miniflux host={socket}",
        "RUN_MIGRATIONS": 1,
        "CREATE_ADMIN": 1,
        "DISABLE_SCHEDULER_SERVICE": 1,
    }
    file = here.file("miniflux.conf", "".join(f"{k}={v}\n" for k, v in lines.items()))
    return ["miniflux", "-config-file", file], {
        **here.secret("admin"),
        **here.secret("oidc"),
        **through(here),
    }


def changedetection(here: Here) -> Words:
    said = here.option("services.changedetection-io")
    env = {"HIDE_REFERER": "true", "BASE_URL": said["baseURL"], "DISABLE_VERSION_CHECK": "true"}
    env |= {"USE_X_SETTINGS": "1"} if said["behindProxy"] else {}
    data = here.directory / "data"
    data.mkdir()
    return [
        "changedetection.io",
        "-h",
        said["listenAddress"],
        "-p",
        str(said["port"]),
        "-d",
        str(data),
    ], env


def calibre_web(here: Here) -> Words:
    said = here.option("services.calibre-web")
    base = ["cps", "-p", str(here.directory / "app.db"), "-g", str(here.directory / "gdrive.db")]
    # NixOS' package has a switch for this; setting a password also makes the database and ends.
    _run(here, [*base, "-s", "admin:Admin-of-a-test-1"])
    auth = said["options"]["reverseProxyAuth"]
    values = {
        "config_port": said["listen"]["port"],
        "config_allow_reverse_proxy_header_login": int(auth["enable"]),
        "config_reverse_proxy_login_header_name": auth["header"],
    }
    with closing(sqlite3.connect(here.directory / "app.db")) as database, database:
        database.execute(
            f"update settings set {', '.join(f'{k} = ?' for k in values)}", [*values.values()]
        )
        # The auth proxy signs in accounts that exist under the same name.
        database.execute("update user set name = 'kim' where name = 'admin'")
    return [*base, "-i", said["listen"]["ip"]]


def node_red(here: Here) -> Words:
    said = here.option("services.node-red")
    defines = [word for k, v in said["define"].items() for word in ("-D", f"{k}={v}")]
    return [
        "node-red",
        "--port",
        str(said["port"]),
        "--userDir",
        str(here.directory / "data"),
        *defines,
    ]


def actual(here: Here) -> Words:
    said = here.option("services.actual.settings")
    places = {"serverFiles": "server-files", "userFiles": "user-files"}
    made = {k: str(here.directory / v) for k, v in places.items()}
    for path in made.values():
        Path(path).mkdir()
    config = here.file("config.json", json.dumps({**said, **made, "dataDir": str(here.directory)}))
    return ["actual-server"], {"ACTUAL_CONFIG_PATH": config}


def synapse(here: Here) -> Words:
    said = here.option("services.matrix-synapse.settings")
    said |= {
        "registration_shared_secret_path": here.file("registration", SECRET),
        "database": {
            "name": "sqlite3",
            "args": {"database": str(here.directory / "homeserver.db")},
        },
        "media_store_path": str(here.directory / "media"),
        "signing_key_path": str(here.directory / "signing.key"),
        "pid_file": str(here.directory / "pid"),
        "trusted_key_servers": [],
        "report_stats": False,
        "log_config": here.file(
            "log.yaml",
            {"version": 1, "root": {"level": "WARNING"}, "disable_existing_loggers": False},
        ),
    }
    config = here.file("homeserver.yaml", said)
    base = ["synapse_homeserver", "--config-path", config, "--keys-directory", str(here.directory)]
    _run(here, [*base, "--generate-keys"])
    return base


def victorialogs(here: Here) -> Words:
    address = here.option("services.victorialogs.listenAddress")
    data = here.directory / "data"
    return ["victoria-logs", f"-storageDataPath={data}", f"-httpListenAddr={address}"]


GATED = {"auth": "forward"}
OTHERS: dict[str, App] = {
    "actual": App("actual-server", actual, of_actual),
    "adguardhome": App(
        "AdGuardHome", adguardhome, forward("/control/status", "protection_enabled"), GATED
    ),
    "calibre-web": App("cps", calibre_web, of_calibre, {**GATED, "datasets": {"books": "shared"}}),
    "changedetection-io": App(
        "changedetection.io", changedetection, forward("/", "Change Detection"), GATED
    ),
    "gatus": App("gatus", gatus, forward("/", "Gatus"), GATED),
    "headscale": App("headscale", headscale, of_headscale),
    "matrix-synapse": App("synapse_homeserver", synapse, of_synapse),
    "miniflux": App("miniflux", miniflux, of_miniflux, {"auth": "oidc"}),
    "node-red": App("node-red", node_red, forward("/", "Node-RED"), GATED),
    "ntfy": App("ntfy", ntfy, of_ntfy, after=ntfy_account),
    "victorialogs": App(
        "victoria-logs", victorialogs, forward("/select/vmui/", "VictoriaLogs"), GATED
    ),
}
