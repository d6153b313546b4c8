"""Transmission, the BitTorrent client."""

from homelab.catalog.model import (
    DatasetPath,
    Entry,
    Hardening,
    PortFact,
    PortNumber,
    SignIn,
    Template,
)
from homelab.nix import Pkg

ENTRY = Entry(
    name="transmission",
    title="Transmission",
    summary="Downloads and seeds torrents",
    category="Media",
    icon="transmission",
    homepage="https://transmissionbt.com",
    since="24.11",
    ports={
        "web": PortFact(9091),
        # It connects to others by itself; only who comes unasked needs it open.
        "peers": PortFact(51413, movable=False),
        "peers-udp": PortFact(51413, "udp", movable=False),
    },
    options={
        "services.transmission.enable": True,
        # The module's own default is the version before, which is no longer kept up.
        "services.transmission.package": Pkg("transmission_4"),
        "services.transmission.settings": {
            "rpc-bind-address": Template("{bind}"),
            "rpc-port": PortNumber(),
            "rpc-host-whitelist": Template("*.{domain},*.{zone}"),
            # The firewall says who may ask; a list here would have to say it again.
            "rpc-whitelist-enabled": False,
            "download-dir": DatasetPath("downloads"),
            # Whoever files what it downloads is in the directory's group.
            "umask": "002",
        },
    },
    units=("transmission",),
    user="transmission",
    state=("/var/lib/transmission",),
    state_at={
        "services.transmission.home": "/var/lib/transmission",
        "services.transmission.settings.download-dir": "/var/lib/transmission/Downloads",
        "services.transmission.settings.incomplete-dir": "/var/lib/transmission/.incomplete",
    },
    exclude=("/var/lib/transmission/.incomplete", "/var/lib/transmission/Downloads"),
    sign_in=SignIn(
        kinds=("none", "forward"),
        exempt=("/transmission/rpc",),
        note="a password of its own is a setting, and keeps nobody from its web page",
    ),
    health="/transmission/web/",
    datasets={"downloads": "where downloads arrive"},
    writes_datasets=("downloads",),
    hardening=Hardening(upstream=True, confined=True),
)
