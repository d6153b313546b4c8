"""Mosquitto, the broker that home automation speaks MQTT through."""

from homelab.catalog.model import (
    Entry,
    Hardening,
    PortFact,
    PortNumber,
    SecretFact,
    SecretPath,
    SignIn,
    Template,
)

ENTRY = Entry(
    name="mosquitto",
    title="Mosquitto",
    summary="Messages between home automation and its devices",
    category="Automation",
    icon="eclipse-mosquitto",
    homepage="https://mosquitto.org",
    since="24.11",
    ports={"web": PortFact(1883)},
    # Devices of the LAN get a listener and users of their own, which join this one.
    options={
        "services.mosquitto.enable": True,
        "services.mosquitto.listeners": [
            {
                "address": Template("{bind}"),
                "port": PortNumber(),
                "users": {
                    "home-assistant": {
                        "acl": ["readwrite #"],
                        "passwordFile": SecretPath("home-assistant"),
                    }
                },
            }
        ],
    },
    units=("mosquitto",),
    user="mosquitto",
    state=("/var/lib/mosquitto",),
    state_at={
        "services.mosquitto.dataDir": "/var/lib/mosquitto",
    },
    sign_in=SignIn(kinds=("native",), note="users of its own, one for each client"),
    monitor="tcp",
    page=False,
    secrets={
        "home-assistant": SecretFact(
            owner="mosquitto", note="the password of Home Assistant, typed in once there"
        )
    },
    hardening=Hardening(upstream=True),
)
