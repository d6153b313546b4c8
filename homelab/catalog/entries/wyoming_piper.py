"""Piper, which speaks for Home Assistant, over the Wyoming protocol."""

from homelab.catalog.model import Entry, Hardening, PortFact, Template

ENTRY = Entry(
    name="wyoming-piper",
    title="Piper",
    summary="Text to speech, for Home Assistant",
    category="Automation",
    icon="mdi-account-voice",
    homepage="https://github.com/rhasspy/wyoming-piper",
    since="24.11",
    ports={"web": PortFact(10200)},
    options={
        "services.wyoming.piper.servers": {
            "main": {
                "enable": True,
                "voice": "en_US-lessac-medium",
                "uri": Template("tcp://{bind}:{port}"),
            }
        }
    },
    units=("wyoming-piper-main",),
    dynamic_user=True,
    scratch=("/var/lib/private/wyoming/piper",),
    stateless="its model is downloaded again",
    monitor="tcp",
    page=False,
    # Its voices run in onnxruntime.
    hardening=Hardening(upstream=True, jit=True),
)
