"""Home Assistant, the home's own automation."""

from homelab.catalog.model import Dump, Entry, Fill, Hardening, PortFact, PortNumber, SignIn

ENTRY = Entry(
    name="home-assistant",
    title="Home Assistant",
    summary="Lights, heating and everything else that switches",
    category="Automation",
    icon="home-assistant",
    homepage="https://www.home-assistant.io",
    since="24.11",
    ports={"web": PortFact(8123)},
    # Integrations that are added on its own pages need their name in
    # services.home-assistant.extraComponents: their code, and their part of the sandbox.
    options={
        "services.home-assistant.enable": True,
        "services.home-assistant.config": {
            "default_config": {},
            "homeassistant": {"external_url": Fill("{url}")},
            "http": {
                "server_host": Fill("{bind}"),
                "server_port": PortNumber(),
                # Without these it refuses whatever the proxy passes on.
                "use_x_forwarded_for": True,
                "trusted_proxies": [Fill("{proxy}")],
            },
        },
    },
    units=("home-assistant",),
    user="hass",
    state=("/var/lib/hass",),
    exclude=("/var/lib/hass/deps", "/var/lib/hass/tts"),
    database="sqlite",
    dumps=(Dump("sqlite", "/var/lib/hass/home-assistant_v2.db"),),
    audience="family",
    sign_in=SignIn(kinds=("native",), note="phones, webhooks and speakers cannot pass a gate"),
    health="/manifest.json",
    websocket=True,
    upload="5GB",
    hardening=Hardening(upstream=True),
)
