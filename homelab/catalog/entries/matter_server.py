"""The Matter server, which speaks to Matter devices for Home Assistant."""

from homelab.catalog.model import Entry, Hardening, PortFact, PortNumber, Template

ENTRY = Entry(
    name="matter-server",
    title="Matter",
    summary="Matter devices, for Home Assistant",
    category="Automation",
    icon="matter",
    homepage="https://github.com/home-assistant-libs/python-matter-server",
    since="24.11",
    ports={"web": PortFact(5580)},
    options={
        "services.matter-server.enable": True,
        "services.matter-server.port": PortNumber(),
        "services.matter-server.extraArgs": ["--listen-address", Template("{bind}")],
    },
    units=("matter-server",),
    dynamic_user=True,
    # Without it every device has to be paired anew.
    state=("/var/lib/private/matter-server",),
    state_fixed="its unit passes the storage path, and can write nowhere else",
    never_publish="it obeys whoever connects; Home Assistant asks it on its own host",
    websocket=True,
    # The module gives it an empty root, with its own state and little else.
    hardening=Hardening(upstream=True, confined=True),
)
