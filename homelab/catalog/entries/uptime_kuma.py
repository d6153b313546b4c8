"""Uptime Kuma, the status page whose monitors are set on its own pages."""

from homelab.catalog.model import Dump, Entry, Hardening, PortFact, SignIn, Template

_STATE = "/var/lib/private/uptime-kuma"

ENTRY = Entry(
    name="uptime-kuma",
    title="Uptime Kuma",
    summary="What is up, what is down, and since when",
    category="Monitoring",
    icon="uptime-kuma",
    homepage="https://uptime.kuma.pet",
    since="24.11",
    ports={"web": PortFact(3001)},
    options={
        "services.uptime-kuma.enable": True,
        "services.uptime-kuma.settings": {"HOST": Template("{bind}"), "PORT": Template("{port}")},
    },
    units=("uptime-kuma",),
    user="uptime-kuma",
    dynamic_user=True,
    state=(_STATE,),
    state_at={
        "services.uptime-kuma.settings.DATA_DIR": _STATE,
    },
    exclude=(f"{_STATE}/screenshots",),
    database_at={
        "services.uptime-kuma.settings.UPTIME_KUMA_DB_TYPE": "sqlite",
    },
    database="sqlite",
    dumps=(Dump("sqlite", f"{_STATE}/kuma.db"),),
    # What is watched by being silent calls here, and it has no sign-in.
    sign_in=SignIn(kinds=("native", "forward"), exempt=("/api/push/*",)),
    health="/api/entry-page",
    websocket=True,
    hardening=Hardening(jit=True, netlink=True),
)
