"""Home Assistant, the home's own automation."""

from homelab.catalog.model import Dump, Entry, Hardening, PortFact, PortNumber, SignIn, Template

_STATE = "/var/lib/hass"

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
            # What is made on its pages stands in files beside its configuration, which it writes
            # without being told and reads only where it is.
            "automation ui": "!include automations.yaml",
            "scene ui": "!include scenes.yaml",
            "script ui": "!include scripts.yaml",
            "homeassistant": {"external_url": Template("{url}")},
            "http": {
                "server_host": Template("{bind}"),
                "server_port": PortNumber(),
                # Without these it refuses whatever the proxy passes on.
                "use_x_forwarded_for": True,
                "trusted_proxies": [Template("{proxy}")],
            },
        },
        # It does not start where one of them is missing.
        "systemd.tmpfiles.rules": [
            f"f {_STATE}/{name}.yaml 0600 hass hass -"
            for name in ("automations", "scenes", "scripts")
        ],
    },
    units=("home-assistant",),
    user="hass",
    state=(_STATE,),
    state_at={
        "services.home-assistant.configDir": _STATE,
    },
    exclude=(f"{_STATE}/deps", f"{_STATE}/tts"),
    database_at={
        "services.home-assistant.config.recorder.db_url": "",
    },
    database="sqlite",
    dumps=(Dump("sqlite", f"{_STATE}/home-assistant_v2.db"),),
    audience="family",
    sign_in=SignIn(
        kinds=("native",),
        apps="phone apps, webhooks and speakers",
        note="phones, webhooks and speakers cannot pass a gate",
    ),
    health="/manifest.json",
    websocket=True,
    upload="5GB",
    hardening=Hardening(upstream=True),
)
