"""Scrutiny, the health of disks: a page, a collector and InfluxDB."""

from homelab.catalog.model import Entry, PortFact, PortNumber, SignIn, Template

ENTRY = Entry(
    name="scrutiny",
    title="Scrutiny",
    summary="What disks say of their own health",
    category="Monitoring",
    icon="scrutiny",
    homepage="https://github.com/AnalogJ/scrutiny",
    since="24.11",
    ports={
        "web": PortFact(8080),
        "influxdb": PortFact(8086, why="keeps the history of every disk", movable=False),
    },
    options={
        "services.scrutiny.enable": True,
        "services.scrutiny.settings.web.listen.host": Template("{bind}"),
        "services.scrutiny.settings.web.listen.port": PortNumber(),
        "services.scrutiny.settings.web.influxdb.host": "127.0.0.1",
        # Its own default is every address of the host.
        "services.influxdb2.settings.http-bind-address": "127.0.0.1:8086",
    },
    # The collector is a unit of its own: as root it asks each disk, and answers to nobody.
    units=("scrutiny",),
    helpers=("influxdb2",),
    user="scrutiny",
    dynamic_user=True,
    state=("/var/lib/private/scrutiny",),
    keeps=("/var/lib/influxdb2",),
    state_fixed="its unit names its database file, and the InfluxDB module refuses other paths",
    stateless="disks are asked anew every quarter of an hour",
    sign_in=SignIn(kinds=("forward", "none"), note="no sign-in of its own"),
    health="/api/health",
)
