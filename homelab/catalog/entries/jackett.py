"""Jackett, a translator between trackers and those who search them."""

from homelab.catalog.model import Entry, Hardening, PortFact, PortNumber, SignIn

_HOME = "/var/lib/jackett/.config/Jackett"

ENTRY = Entry(
    name="jackett",
    title="Jackett",
    summary="Trackers that Sonarr and Radarr cannot search by themselves",
    category="Media",
    icon="jackett",
    homepage="https://github.com/Jackett/Jackett",
    since="24.11",
    # The module has an option for the port alone: the address is set on its own page.
    ports={"web": PortFact(9117, bindable=False)},
    options={"services.jackett.enable": True, "services.jackett.port": PortNumber()},
    units=("jackett",),
    user="jackett",
    state=(_HOME,),
    state_at={
        "services.jackett.dataDir": _HOME,
    },
    exclude=(f"{_HOME}/cache", f"{_HOME}/log.txt"),
    sign_in=SignIn(
        kinds=("none", "forward"),
        exempt=("/api/*",),
        note="an admin password is set on its own page; searches use its API key",
    ),
    health="/health",
    # .NET makes executable memory and looks at network interfaces.
    hardening=Hardening(jit=True, netlink=True),
)
