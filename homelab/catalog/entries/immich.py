"""Immich, the photo library: a server, a helper that recognises faces, PostgreSQL and Redis."""

from homelab.catalog.model import (
    Dump,
    Entry,
    Hardening,
    Oidc,
    OptionValue,
    PortFact,
    PortNumber,
    SecretFact,
    SignIn,
    Since,
    Template,
)

_MEDIA = "{dataset}/_immich-managed"

_GPU: dict[str, OptionValue] = {
    # All of them, as far as the module goes.
    "services.immich.accelerationDevices": None,
    "users.users.immich.extraGroups": ["render", "video"],
}

ENTRY = Entry(
    name="immich",
    title="Immich",
    summary="Photos and videos, from every phone",
    category="Media",
    icon="immich",
    homepage="https://immich.app",
    since="24.11",
    ports={
        "web": PortFact(2283),
        "machine-learning": PortFact(3003, why="the server asks it for faces", movable=False),
    },
    # Not services.immich.settings: a configuration file makes its settings page read-only, and
    # sign-in, quotas and storage templates are set there.
    options={
        "services.immich.enable": True,
        "services.immich.host": Template("{bind}"),
        "services.immich.port": PortNumber(),
        "services.immich.environment": {"IMMICH_TRUSTED_PROXIES": Template("{proxy}")},
        "services.immich.mediaLocation": Template(_MEDIA, dataset="photos"),
        # The module leaves any place but its own to be made by hand.
        "systemd.tmpfiles.rules": [
            Template(f'd "{_MEDIA}" 0700 immich immich -', dataset="photos"),
        ],
    },
    # Its transcoder finds the driver by itself; which devices it may open, its sandbox says.
    options_gpu={"amd": _GPU, "intel": _GPU, "nvidia": _GPU},
    old_hosts=(
        Since(
            before="25.11",
            release="25.11",
            what="keeps the old vector extension, pgvecto.rs, which no PostgreSQL after 16 has and "
            "which NixOS is about to drop",
            way_out="move to VectorChord as the NixOS manual tells under Immich, then say "
            "services.immich.database.enableVectors: false; or say true, and stay for now",
            unless="services.immich.database.enableVectors",
        ),
    ),
    added={
        "services.immich.accelerationDevices": "25.05",
        "services.immich.database.enableVectorChord": "25.11",
        "services.immich.database.enableVectors": "25.11",
    },
    units=("immich-server", "immich-machine-learning"),
    user="immich",
    state=("/var/lib/immich",),
    state_at={
        "services.immich.mediaLocation": "/var/lib/immich",
    },
    exclude=("/var/lib/immich/encoded-video", "/var/lib/immich/thumbs"),
    database="postgresql",
    keeps=("/var/lib/redis-immich",),
    # It dumps its database every night into backups/, beside the photos. A dump of ours would
    # not know of its vector indexes.
    dumps=(Dump("builtin", "/var/lib/immich/backups"),),
    audience="family",
    sign_in=SignIn(
        kinds=("native", "oidc"),
        apps="phone apps",
        note="its apps cannot pass a gate",
        oidc=Oidc(
            redirects=("/api/oauth/mobile-redirect", "/auth/login", "/user-settings"),
            secret=SecretFact(),
            scopes=("openid", "profile", "email"),
            post=True,
            ui="type the rest under Administration, Settings, OAuth; "
            "`homelab secret immich-oidc` shows the client secret",
        ),
    ),
    health="/api/server/ping",
    websocket=True,
    upload="50GB",
    datasets={"photos": "where photos and videos lie, in place of its state directory"},
    state_in={"photos": "_immich-managed"},
    writes_datasets=("photos",),
    # Node and onnxruntime make executable memory.
    hardening=Hardening(jit=True, netlink=True),
)
