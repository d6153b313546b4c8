"""Navidrome, the music server."""

from homelab.catalog.model import (
    DatasetPath,
    Dump,
    Entry,
    Hardening,
    PortFact,
    PortNumber,
    SignIn,
    Template,
)

_PROXY = Template("{proxy}/32")

ENTRY = Entry(
    name="navidrome",
    title="Navidrome",
    summary="Music, in the browser and in any Subsonic app",
    category="Media",
    icon="navidrome",
    homepage="https://www.navidrome.org",
    since="24.11",
    ports={"web": PortFact(4533)},
    options={
        "services.navidrome.enable": True,
        "services.navidrome.settings": {
            "Address": Template("{bind}"),
            "Port": PortNumber(),
            "BaseUrl": Template("{url}"),
            "MusicFolder": DatasetPath("music"),
            "EnableInsightsCollector": False,
            # Whom it believes about who is signed in. Versions differ in the name of this, and
            # each one ignores the other's.
            "ReverseProxyWhitelist": _PROXY,
            "ReverseProxyUserHeader": "Remote-User",
            "ExtAuth": {"TrustedSources": _PROXY, "UserHeader": "Remote-User"},
        },
    },
    added={"services.navidrome.environmentFile": "25.05"},
    units=("navidrome",),
    user="navidrome",
    state=("/var/lib/navidrome",),
    state_at={
        "services.navidrome.settings.DataFolder": "/var/lib/navidrome",
    },
    state_file_at={"services.navidrome.settings.DbPath": "/var/lib/navidrome/navidrome.db"},
    exclude=("/var/lib/navidrome/cache",),
    database="sqlite",
    dumps=(Dump("sqlite", "/var/lib/navidrome/navidrome.db"),),
    audience="family",
    # Subsonic apps sign in themselves, and a shared link is for people who cannot.
    sign_in=SignIn(
        kinds=("forward", "none"),
        exempt=("/rest/*", "/share/*"),
        headers=(("Remote-User", "user"),),
    ),
    health="/ping",
    datasets={"music": "the music"},
    # TagLib reads tags as WebAssembly, which is compiled at run time, from 0.60 on.
    hardening=Hardening(upstream=True, confined=True, jit=True),
)
