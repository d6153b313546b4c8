"""Jellyfin, films and series."""

from homelab.catalog.model import Dump, Entry, Hardening, OptionValue, PortFact, SignIn

_GROUPS: dict[str, OptionValue] = {"users.users.jellyfin.extraGroups": ["render", "video"]}

ENTRY = Entry(
    name="jellyfin",
    title="Jellyfin",
    summary="Films and series, on every screen",
    category="Media",
    icon="jellyfin",
    homepage="https://jellyfin.org",
    since="24.11",
    # The module has no option for the port or the address: both are set on its own pages.
    ports={
        "web": PortFact(8096, movable=False),
        "discovery": PortFact(7359, "udp", why="how apps look for it", movable=False),
    },
    options={"services.jellyfin.enable": True},
    # Transcoding is switched on once, on its own pages. jellyfin-ffmpeg finds the driver of the
    # host, which brings the unfree part with it.
    options_gpu={"amd": _GROUPS, "intel": _GROUPS, "nvidia": _GROUPS},
    added={
        "services.jellyfin.forceEncodingConfig": "26.05",
        "services.jellyfin.hardwareAcceleration": "26.05",
        "services.jellyfin.transcoding": "26.05",
    },
    units=("jellyfin",),
    user="jellyfin",
    state=("/var/lib/jellyfin",),
    state_at={
        "services.jellyfin.dataDir": "/var/lib/jellyfin",
        "services.jellyfin.configDir": "/var/lib/jellyfin/config",
    },
    exclude=("/var/lib/jellyfin/log", "/var/lib/jellyfin/transcodes"),
    database="sqlite",
    dumps=(Dump("sqlite", "/var/lib/jellyfin/data/jellyfin.db"),),
    audience="family",
    sign_in=SignIn(
        kinds=("native",),
        apps="television and phone apps",
        note="television and phone apps cannot pass a gate",
    ),
    health="/health",
    websocket=True,
    upload="50MB",
    datasets={"media": "films, series and music"},
    hardening=Hardening(jit=True, netlink=True, writable=("/var/cache/jellyfin",)),
)
