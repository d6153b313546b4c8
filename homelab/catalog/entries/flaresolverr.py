"""FlareSolverr, a browser that answers for indexers what only a browser can."""

from homelab.catalog.model import Entry, Hardening, PortFact, PortNumber, Template

ENTRY = Entry(
    name="flaresolverr",
    title="FlareSolverr",
    summary="Passes the browser checks in front of some indexers",
    category="Media",
    icon="flaresolverr",
    homepage="https://github.com/FlareSolverr/FlareSolverr",
    since="24.11",
    ports={"web": PortFact(8191)},
    options={
        "services.flaresolverr.enable": True,
        "services.flaresolverr.port": PortNumber(),
        "systemd.services.flaresolverr.environment.HOST": Template("{bind}"),
    },
    units=("flaresolverr",),
    dynamic_user=True,
    stateless="it keeps nothing from one request to the next",
    never_publish="it fetches any page for whoever asks, and asks nobody who they are",
    health="/health",
    # Its browser makes namespaces and executable memory; the module has found what it can bear.
    hardening=Hardening(upstream=True),
)
