"""OpenThread Border Router, the way from the LAN to Thread devices."""

from homelab.catalog.model import Entry, Hardening, PortFact, PortNumber, SignIn, Template

_OTBR = "services.openthread-border-router"

ENTRY = Entry(
    name="openthread-border-router",
    title="OpenThread Border Router",
    summary="The way from the LAN to Thread devices",
    category="Automation",
    icon="mdi-hexagon-multiple",
    homepage="https://openthread.io",
    since="26.05",
    ports={
        "web": PortFact(8082),
        "rest": PortFact(8081, why="Home Assistant and its own page ask it", movable=False),
    },
    # The radio is a matter of the host, and so is its LAN interface: backboneInterfaces.
    asks_one_of=((f"{_OTBR}.radio.device", f"{_OTBR}.radio.url"),),
    options={
        f"{_OTBR}.enable": True,
        f"{_OTBR}.web.enable": True,
        f"{_OTBR}.web.listenAddress": Template("{bind}"),
        f"{_OTBR}.web.listenPort": PortNumber(),
    },
    units=("otbr-agent", "otbr-web"),
    # The agent's: without it every Thread device has to be joined anew.
    state=("/var/lib/thread",),
    state_fixed="its unit names the directory",
    sign_in=SignIn(kinds=("none", "forward"), note="whoever reaches it can take the network over"),
    hardening=Hardening(
        exempt="its agent makes network interfaces and routes as root; the module confines both"
    ),
)
