"""Prometheus, which measures what the exporters tell."""

from homelab.catalog.model import Entry, PortFact, PortNumber, SignIn, Template

ENTRY = Entry(
    name="prometheus",
    title="Prometheus",
    summary="Measurements of every host, by the minute",
    category="Monitoring",
    icon="prometheus",
    homepage="https://prometheus.io",
    since="24.11",
    ports={"web": PortFact(9090)},
    options={
        "services.prometheus.enable": True,
        "services.prometheus.listenAddress": Template("{bind}"),
        "services.prometheus.port": PortNumber(),
        "services.prometheus.webExternalUrl": Template("{url}"),
    },
    gives="series",
    reads="measurements",
    units=("prometheus",),
    user="prometheus",
    state=("/var/lib/prometheus2",),
    state_at={
        "services.prometheus.stateDir": "/var/lib/prometheus2",
    },
    stateless="measurements of some weeks, which start anew",
    sign_in=SignIn(kinds=("none", "forward"), note="it has no sign-in at all"),
    health="/-/healthy",
)
