"""Services of the catalog whose programs run in tests, started as their NixOS modules start them."""

from __future__ import annotations

import getpass
import json
import shutil
import time
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

from tests.programs.app_signs import (
    basic_sign_in,
    of_deluge,
    of_radicale,
    of_registry,
    of_syncthing,
    of_transmission,
)
from tests.programs.apps import App, Here, Words, ask_directly, await_health, forward
from tests.programs.test_access import ini
from tests.tools.programs import at, run

HASH = "$2b$05$AwdYHHdn4OIK7Vj/1G0sgOnpgIDfylq9StbB5BXEWRONQFSgDsYpa"
"""SECRET, as `htpasswd -B` writes it."""


def radicale(here: Here) -> Words:
    said: dict[str, Any] = here.option("services.radicale.settings")
    said["auth"]["htpasswd_filename"] = here.file("users", f"sam:{HASH}\n")
    said["storage"] = {"filesystem_folder": str(here.directory / "collections")}
    said["server"]["hosts"] = ", ".join(said["server"]["hosts"])
    return ["radicale", "--config", here.file("config", ini(said))]


def syncthing(here: Here) -> Words:
    address = here.option("services.syncthing.guiAddress")
    home = here.directory / "home"
    run(at("syncthing"), "generate", "--home", home, "--no-default-folder")
    config = home / "config.xml"
    text = config.read_text(encoding="utf-8")
    # It stays on this host.
    for old, new in {
        "<listenAddress>default</listenAddress>": "<listenAddress>tcp://127.0.0.1:0</listenAddress>",
        "AnnounceEnabled>true<": "AnnounceEnabled>false<",
        "<relaysEnabled>true<": "<relaysEnabled>false<",
        "<natEnabled>true<": "<natEnabled>false<",
    }.items():
        assert old in text, old
        text = text.replace(old, new)
    config.write_text(text, encoding="utf-8")
    return ["syncthing", "-no-browser", f"-gui-address={address}", f"-home={home}"]


def syncthing_init(here: Here) -> None:
    """The module's other unit sends the settings to the API."""
    said = here.option("services.syncthing.settings")
    config = (here.directory / "home/config.xml").read_text(encoding="utf-8")
    key = config.partition("<apikey>")[2].partition("<")[0]
    for section in ("options", "gui"):
        await_health(here, "/")
        body = json.dumps(said[section]).encode()
        assert _sent(here, f"/rest/config/{section}", body, key) == 200
    # It listens anew.
    await_health(here, "/")


def _sent(here: Here, path: str, body: bytes, key: str) -> int:
    """The status of a change. It may be asked for while the program listens anew after another."""
    for _ in range(50):
        with suppress(OSError, HTTPException):
            return ask_directly(here.port, path, "PATCH", body, X_API_Key=key).status
        time.sleep(0.1)
    return ask_directly(here.port, path, "PATCH", body, X_API_Key=key).status


def transmission(here: Here) -> Words:
    said = here.option("services.transmission.settings") | {
        "incomplete-dir-enabled": False,
        "download-dir": str(here.directory),
        "peer-port": here.port + 1,
        "dht-enabled": False,
        "lpd-enabled": False,
        "bind-address-ipv4": "127.0.0.1",
        "bind-address-ipv6": "::1",
        "port-forwarding-enabled": False,
    }
    here.file("transmission/settings.json", json.dumps(said))
    return ["transmission-daemon", "-f", "-g", str(here.directory / "transmission")]


def prometheus(here: Here) -> Words:
    said = here.option("services.prometheus")
    return [
        "prometheus",
        f"--storage.tsdb.path={here.directory / 'data'}",
        f"--config.file={here.file('prometheus.yml', {'scrape_configs': []})}",
        f"--web.listen-address={said['listenAddress']}:{said['port']}",
        f"--web.external-url={said['webExternalUrl']}",
    ]


def alertmanager(here: Here) -> Words:
    said = here.option("services.prometheus.alertmanager")
    config = {"route": {"receiver": "none"}, "receivers": [{"name": "none"}]}
    return [
        "prometheus-alertmanager",
        f"--config.file={here.file('alertmanager.yml', said.get('configuration') or config)}",
        f"--web.listen-address={said['listenAddress']}:{said['port']}",
        f"--web.external-url={said['webExternalUrl']}",
        f"--storage.path={here.directory / 'data'}",
        *said["extraFlags"],
    ]


def victoriametrics(here: Here) -> Words:
    address = here.option("services.victoriametrics.listenAddress")
    data = here.directory / "data"
    return ["victoria-metrics", f"-storageDataPath={data}", f"-httpListenAddr={address}"]


def docker_registry(here: Here) -> Words:
    said = here.option("services.dockerRegistry")
    here.file("users", f"sam:{HASH}\n")
    said["extraConfig"]["auth"]["htpasswd"]["path"] = str(here.directory / "users")
    config = {
        "version": "0.1",
        "storage": {
            "delete": {"enabled": said["enableDelete"]},
            "filesystem": {"rootdirectory": str(here.directory / "data")},
        },
        "http": {"addr": f"{said['listenAddress']}:{said['port']}"},
        **said["extraConfig"],
    }
    return ["docker-registry", "serve", here.file("config.yml", config)]


def deluge(here: Here) -> Words:
    port = here.option("services.deluge.web.port")
    # The module has no option for the address.
    home = str(here.directory / "home")
    words = ["--do-not-daemonize", "--config", home, "--interface", "127.0.0.1"]
    return ["deluge-web", *words, "--port", str(port)]


def nzbget(here: Here) -> Words:
    said = here.option("services.nzbget.settings") | {"MainDir": str(here.directory / "downloads")}
    file = here.directory / "nzbget.conf"
    shutil.copy("/usr/share/nzbget/webui/nzbget.conf", file)
    options = [word for k, v in said.items() for word in ("-o", f"{k}={v}")]
    more = ["-o", "WebDir=/usr/share/nzbget/webui", "-o", f"LockFile={here.directory}/lock"]
    return [
        "nzbget",
        "--server",
        "--configfile",
        str(file),
        "-o",
        "OutputMode=loggable",
        *options,
        *more,
    ]


def netdata(here: Here) -> Words:
    said = here.option("services.netdata.config")
    places = {"cache": "cache", "lib": "lib", "log": "log-directory", "config": "config"}
    paths = {
        f"{k} directory" if k != "log" else "log directory": str(here.directory / v)
        for k, v in places.items()
    }
    for path in paths.values():
        Path(path).mkdir(parents=True)
    said = {
        **said,
        "global": {**said.get("global", {}), "run as user": getpass.getuser()},
        "directories": {k.removesuffix(" directory"): v for k, v in paths.items()},
    }
    file = here.file("netdata.conf", ini(said))
    env = {"NETDATA_PIPENAME": str(here.directory / "pipe")}
    return ["netdata", "-P", str(here.directory / "pid"), "-D", "-c", file], env


def snapserver(here: Here) -> Words:
    said = here.option("services.snapserver.settings")
    said["stream"]["source"] = f"pipe://{here.directory}/fifo?name=music"
    said["stream"]["port"], said["tcp"]["port"] = here.port + 1, here.port + 2
    said["stream"]["bind_to_address"] = "127.0.0.1"
    said["server"] = {"datadir": str(here.directory)}
    text = ini(
        {
            k: {a: str(b).lower() if isinstance(b, bool) else b for a, b in v.items()}
            for k, v in said.items()
        }
    )
    return ["snapserver", "--config", here.file("snapserver.conf", text)]


GATED = {"auth": "forward"}
DEBIAN: dict[str, App] = {
    "alertmanager": App(
        "prometheus-alertmanager", alertmanager, forward("/", "Alertmanager"), GATED, debian=True
    ),
    "deluge": App("deluge-web", deluge, of_deluge, debian=True),
    "docker-registry": App(
        "docker-registry",
        docker_registry,
        of_registry,
        {
            "options": {
                "services.dockerRegistry.extraConfig.auth.htpasswd": {
                    "realm": "images",
                    "path": "/var/lib/images/users",
                }
            }
        },
        debian=True,
    ),
    "netdata": App("netdata", netdata, forward("/api/v1/info", '"version"'), GATED, debian=True),
    "nzbget": App(
        "nzbget",
        nzbget,
        basic_sign_in("/", "nzbget", "tegbzn6789", "NZBGet"),
        {"datasets": {"downloads": "shared"}},
        debian=True,
    ),
    "prometheus": App(
        "prometheus",
        prometheus,
        forward("/api/v1/status/buildinfo", '"success"'),
        GATED,
        debian=True,
    ),
    "radicale": App("radicale", radicale, of_radicale, debian=True),
    "snapserver": App(
        "snapserver",
        snapserver,
        forward("/", "Snap"),
        {
            **GATED,
            "options": {
                "services.snapserver.settings.stream.source": "pipe:///run/snapserver/fifo?name=music"
            },
        },
        debian=True,
    ),
    "syncthing": App(
        "syncthing", syncthing, of_syncthing, GATED, debian=True, health="/", after=syncthing_init
    ),
    "transmission": App(
        "transmission-daemon",
        transmission,
        of_transmission,
        {**GATED, "datasets": {"downloads": "shared"}},
        debian=True,
    ),
    "victoriametrics": App(
        "victoria-metrics", victoriametrics, forward("/", "VictoriaMetrics"), GATED, debian=True
    ),
}
