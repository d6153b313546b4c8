"""The systemd exporter, which tells Prometheus how the units of its host are."""

from homelab.catalog.model import Entry, Hardening, Last, PortFact, PortNumber

_ADDRESS = "127.0.0.1:9558"

ENTRY = Entry(
    name="systemd-exporter",
    title="systemd exporter",
    summary="Measures which units of its host run, fail and restart",
    category="Monitoring",
    icon="prometheus",
    homepage="https://github.com/prometheus-community/systemd_exporter",
    since="24.11",
    ports={
        "metrics": PortFact(9558, why="Prometheus beside it asks for measurements", movable=False)
    },
    options={
        "services.prometheus.exporters.systemd.enable": True,
        "services.prometheus.exporters.systemd.listenAddress": "127.0.0.1",
        "services.prometheus.exporters.systemd.port": PortNumber("metrics"),
        # Nobody reads this but a Prometheus on the same host.
        "services.prometheus.scrapeConfigs": Last(
            [{"job_name": "systemd", "static_configs": [{"targets": [_ADDRESS]}]}]
        ),
    },
    units=("prometheus-systemd-exporter",),
    user="systemd-exporter",
    dynamic_user=True,
    stateless="it measures and forgets",
    monitor="Prometheus says when it no longer answers",
    never_publish="it tells everything of its host, to Prometheus beside it",
    hardening=Hardening(upstream=True),
)
