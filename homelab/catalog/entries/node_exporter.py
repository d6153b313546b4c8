"""The node exporter, which tells Prometheus how its host is."""

from homelab.catalog.model import Entry, Hardening, Last, PortFact, PortNumber

_ADDRESS = "127.0.0.1:9100"

ENTRY = Entry(
    name="node-exporter",
    title="Node exporter",
    summary="Measures memory, disks, processors and networks of its host",
    category="Monitoring",
    icon="prometheus",
    homepage="https://github.com/prometheus/node_exporter",
    since="24.11",
    ports={
        "metrics": PortFact(9100, why="Prometheus beside it asks for measurements", movable=False)
    },
    options={
        "services.prometheus.exporters.node.enable": True,
        "services.prometheus.exporters.node.listenAddress": "127.0.0.1",
        "services.prometheus.exporters.node.port": PortNumber("metrics"),
        # Nobody reads this but a Prometheus on the same host.
        "services.prometheus.scrapeConfigs": Last(
            [{"job_name": "node", "static_configs": [{"targets": [_ADDRESS]}]}]
        ),
    },
    units=("prometheus-node-exporter",),
    user="node-exporter",
    stateless="it measures and forgets",
    monitor="Prometheus says when it no longer answers",
    never_publish="it tells everything of its host, to Prometheus beside it",
    hardening=Hardening(upstream=True, mounts=True),
)
