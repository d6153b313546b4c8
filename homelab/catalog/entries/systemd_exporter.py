"""The systemd exporter, which tells Prometheus how the units of its host are."""

from homelab.catalog.model import Entry, Hardening, PortFact, PortNumber, Template

ENTRY = Entry(
    name="systemd-exporter",
    title="systemd exporter",
    summary="Measures which units of its host run, fail and restart",
    category="Monitoring",
    icon="prometheus",
    homepage="https://github.com/prometheus-community/systemd_exporter",
    since="24.11",
    ports={"web": PortFact(9558)},
    gives="measurements",
    job="systemd",
    options={
        "services.prometheus.exporters.systemd.enable": True,
        "services.prometheus.exporters.systemd.listenAddress": Template("{bind}"),
        "services.prometheus.exporters.systemd.port": PortNumber(),
    },
    units=("prometheus-systemd-exporter",),
    user="systemd-exporter",
    dynamic_user=True,
    stateless="it measures and forgets",
    monitor="Prometheus says when it no longer answers",
    page=False,
    hardening=Hardening(upstream=True),
)
