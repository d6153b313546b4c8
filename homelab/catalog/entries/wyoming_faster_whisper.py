"""Whisper, which listens for Home Assistant, over the Wyoming protocol."""

from homelab.catalog.model import Entry, Hardening, PortFact, Template

ENTRY = Entry(
    name="wyoming-faster-whisper",
    title="Whisper",
    summary="Speech to text, for Home Assistant",
    category="Automation",
    icon="mdi-ear-hearing",
    homepage="https://github.com/rhasspy/wyoming-faster-whisper",
    since="24.11",
    ports={"web": PortFact(10300)},
    options={
        "services.wyoming.faster-whisper.servers": {
            "main": {
                "enable": True,
                "language": "auto",
                "uri": Template("tcp://{bind}:{port}"),
            }
        }
    },
    units=("wyoming-faster-whisper-main",),
    dynamic_user=True,
    scratch=("/var/lib/private/wyoming/faster-whisper",),
    stateless="its model is downloaded again",
    monitor="tcp",
    page=False,
    hardening=Hardening(upstream=True),
)
