"""Ways out of problems with options of services."""

from __future__ import annotations

from tests.site.ways_out.model import Changes, WayOut
from tests.site.ways_out.stacks import IDENTITY, both, container, host, service

CONTAINER = "virtualisation.oci-containers.containers"
RADIO = "/dev/serial/by-id/usb-Maker_Radio_0001-if00-port0"
CAMERA = "/dev/v4l/by-id/usb-Maker_Camera-video-index0"
ZIGBEE = host("nas", devices={"zigbee": RADIO})
SERVER = {"services.zigbee2mqtt.settings.mqtt.server": "mqtt://192.168.1.9"}
RELAY = {"host": "smtp.example.org", "sender": "lab@example.org"}
OTBR = "openthread-border-router"


def text(value: object) -> Changes:
    """A file of the host that a service's options write."""
    return service("jellyfin", host="nas", options={"environment.etc.x.text": value})


GIT = both(service("forgejo", host="nas"), host("nas", ssh={"port": 2022}))

WAYS = (
    WayOut(
        "ssh-port",
        GIT,
        service("forgejo", options={"services.forgejo.settings.server.SSH_PORT": 2022}),
        says="name no port",
    ),
    WayOut(
        "ssh-port",
        GIT,
        service("forgejo", ports={"ssh": {"port": 2222, "scope": "lan", "why": "Git over SSH"}}),
        says="name no port",
        asked={"lan": "scope: tailnet"},
    ),
    WayOut(
        "ssh-port",
        service(
            "forgejo",
            host="nas",
            ports={"ssh": {"port": 2222, "scope": "lan", "why": "git", "protocol": "udp"}},
        ),
        service("forgejo", ports={"ssh": {"protocol": None}}),
        says="uses TCP",
    ),
    WayOut(
        "port-fixed", service("jellyfin", host="nas", port=8097), service("jellyfin", port=None)
    ),
    WayOut(
        "port-fixed",
        service("forgejo", host="nas", ports={"ssh": {"port": 222, "scope": "lan", "why": "git"}}),
        service("forgejo", ports={"ssh": {"port": 2222}}),
    ),
    WayOut(
        "port-fixed",
        service("vaultwarden", host="nas", port=80),
        service("vaultwarden", port=8080),
        says="needs root",
    ),
    WayOut(
        "port-listens",
        service("forgejo", host="nas", ports={"git": {"port": 2222, "scope": "lan", "why": "git"}}),
        service(
            "forgejo", ports={"git": None, "ssh": {"port": 2222, "scope": "lan", "why": "git"}}
        ),
    ),
    WayOut(
        "web-port-known",
        service("mosquitto", host="nas", name="mqtt"),
        service("mosquitto", name=None),
    ),
    WayOut(
        "web-port-known",
        service("hello", host="nas", port=8099, module={"stateless": "it only answers"}),
        service("hello", port=None),
    ),
    WayOut(
        "gpu-useful",
        both(host("nas", gpu={"vendor": "intel"}), service("ollama", host="nas", gpu="intel")),
        service("ollama", gpu=None),
    ),
    WayOut(
        "gpu-useful",
        both(host("nas", gpu={"vendor": "intel"}), service("vaultwarden", host="nas", gpu="intel")),
        service("vaultwarden", gpu=None),
    ),
    WayOut(
        "layer-order",
        both(
            service("jellyfin", host="nas"),
            service("adguardhome", uses=["jellyfin"]),
            {"network": {"dns": {"server": "adguard"}}},
        ),
        {"services": {"adguardhome": {"uses": []}}},
    ),
    WayOut(
        "option-demanded",
        both(
            ZIGBEE, service("zigbee2mqtt", host="nas", devices={"radio": "zigbee"}, options=SERVER)
        ),
        service(
            "zigbee2mqtt",
            options={"services.zigbee2mqtt.settings.advanced.network_key": "!secret.yaml key"},
        ),
        asked={"!secret.yaml key": "network_key: … under"},
    ),
    WayOut(
        "service-needs",
        both({"nixpkgs": {"default": {"release": "26.05"}}}, ZIGBEE, service(OTBR, host="nas")),
        service(OTBR, devices={"radio": "zigbee"}),
    ),
    WayOut(
        "service-needs",
        both({"nixpkgs": {"default": {"release": "26.05"}}}, service(OTBR, host="nas")),
        both(ZIGBEE, service(OTBR, devices={"radio": "zigbee"})),
        asked={"zigbee": "devices: {NAME: /dev", RADIO: "{NAME: /dev/serial/by-id/…}"},
    ),
    WayOut(
        "service-needs",
        both({"nixpkgs": {"default": {"release": "26.05"}}}, service(OTBR, host="nas")),
        service(OTBR, options={f"services.{OTBR}.radio.url": "spinel+hdlc+uart:///dev/x"}),
        asked={"spinel+hdlc+uart:///dev/x": "radio.url in its options"},
    ),
    WayOut(
        "device-known",
        both(ZIGBEE, service("a", **container(devices={"zigbe": "/dev/ttyACM0"}), auth="none")),
        service("a", devices={"zigbe": None, "zigbee": "/dev/ttyACM0"}),
        says="has no device",
    ),
    WayOut(
        "device-known",
        both(ZIGBEE, service("jellyfin", host="nas", devices={"radio": "zigbee"})),
        service("jellyfin", devices=None),
        says="uses no device",
        warns=("device-unused",),
    ),
    WayOut(
        "device-known",
        both(
            host("nas", devices={"stick": "/dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.0"}),
            service("a", **container(devices={"stick": "/dev/ttyACM0"}), auth="none"),
        ),
        host("nas", devices={"stick": RADIO}),
        says="has a colon",
        asked={RADIO: "its name below /dev/serial/by-id"},
    ),
    WayOut(
        "device-known",
        both(
            host("nas", devices={"disk": "/dev/disk/by-id/ata-Maker_1"}),
            service("a", **container(devices={"disk": "/dev/disk"}), auth="none"),
        ),
        service(
            "a",
            devices=None,
            container={"mounts": [{"source": "/mnt/disk", "target": "/data"}]},
        ),
        says="become root",
        warns=("device-unused",),
    ),
    WayOut(
        "device-single",
        both(
            ZIGBEE,
            service("a", **container("nas", 8007, devices={"zigbee": "/dev/ttyA"}), auth="none"),
            service("b", **container("nas", 8008, devices={"zigbee": "/dev/ttyA"}), auth="none"),
        ),
        service("b", devices=None),
    ),
    WayOut(
        "device-single",
        both(
            ZIGBEE,
            service("a", **container("nas", 8007, devices={"zigbee": "/dev/ttyA"}), auth="none"),
            service("b", **container("nas", 8008, devices={"zigbee": "/dev/ttyA"}), auth="none"),
        ),
        host("nas", devices={"zigbee": {"path": RADIO, "shared": True}}),
    ),
    WayOut(
        "usb-by-id",
        both(
            {"nixpkgs": {"default": {"release": "26.05"}}},
            service(OTBR, host="nas", options={f"services.{OTBR}.radio.device": "/dev/ttyUSB0"}),
        ),
        both(ZIGBEE, service(OTBR, options=None, devices={"radio": "zigbee"})),
        asked={"zigbee": "{NAME: …}", RADIO: "the path that `ls -l /dev/serial/by-id` shows"},
    ),
    WayOut(
        "usb-by-id",
        service(
            "a",
            **container(inside={"mounts": [{"source": "/dev/video0", "target": "/v"}]}),
            auth="none",
        ),
        both(
            host("nas", devices={"camera": CAMERA}),
            service("a", container={"mounts": None}, devices={"camera": "/dev/video0"}),
        ),
        asked={"camera": "{NAME: …}", CAMERA: "the path that `ls -l /dev/v4l/by-id` shows"},
        beside=("option-opens",),
    ),
    WayOut(
        "device-unused",
        ZIGBEE,
        host("nas", devices=None),
        says="nothing on nas uses the device",
    ),
    WayOut(
        "state-version",
        both(
            host("nas", state_version="25.05"),
            service("immich", host="nas", datasets={"photos": "photos"}),
            {"datasets": {"photos": {"host": "nas", "path": "/p", "tier": "irreplaceable"}}},
        ),
        service("immich", options={"services.immich.database.enableVectors": False}),
    ),
    WayOut(
        "secret-owner",
        service(
            "miniflux", host="nas", secrets={"x": {"ref": {"sops": "m/x"}, "owner": "miniflux"}}
        ),
        service("miniflux", secrets={"x": {"owner": None}}),
    ),
    WayOut(
        "module-available",
        service(
            "openthread-border-router",
            host="nas",
            options={"services.openthread-border-router.radio.device": RADIO},
        ),
        {"nixpkgs": {"default": {"release": "26.05", "url": "github:NixOS/nixpkgs/nixos-26.05"}}},
        says="needs NixOS",
    ),
    WayOut(
        "module-available",
        both(
            IDENTITY,
            {"nixpkgs": {"default": {"release": "24.11"}}},
            service("navidrome", host="pi", options={"services.navidrome.environmentFile": "/x"}),
        ),
        service("navidrome", options=None),
        says="pinned to",
    ),
    WayOut(
        "option-word",
        service("jellyfin", host="nas", options={"environment.etc.x.text": {"$txt": "{url}"}}),
        service("jellyfin", options={"environment.etc.x.text": {"$text": "{url}", "$txt": None}}),
        says="no reference",
    ),
    WayOut(
        "option-word",
        service(
            "jellyfin", host="nas", options={"environment.etc.x.text": {"$text": "{url}", "b": 1}}
        ),
        service("jellyfin", options={"environment.etc.x.text": {"b": None}}),
        says="other keys beside",
    ),
    WayOut(
        "option-word",
        text({"$port": 1}),
        service("jellyfin", options={"environment.etc.x.text": {"$port": "web"}}),
        says="takes one name",
    ),
    WayOut(
        "option-word",
        {
            "services": {
                "miniflux": {
                    "host": "nas",
                    "options": {"services.miniflux.config.KEYS": {"$text": "{jwks_uri}"}},
                }
            }
        },
        {"services": {"miniflux": {"options": None}}},
        says="no identity provider",
    ),
    WayOut(
        "option-word",
        text({"$mail": "host"}),
        {"mail": RELAY},
        says="no mail relay",
    ),
    WayOut(
        "option-word",
        text({"$packages": "psycopg2"}),
        text({"$packages": ["psycopg2"]}),
        says="takes the attribute paths",
    ),
    WayOut(
        "option-word",
        text({"$force": "plain"}),
        text({"$force": {"$text": "plain"}}),
        says="takes a reference",
    ),
    WayOut(
        "option-word",
        both({"mail": RELAY}, text({"$mail": "hst"})),
        text({"$mail": "host"}),
        says="is no part",
    ),
    WayOut(
        "option-word",
        both({"mail": RELAY}, text({"$text": "{mail[user]}"})),
        {"mail": {"user": "sam", "password": {"sops": "mail"}}},
        says="has no user",
    ),
    WayOut(
        "option-word",
        both({"mail": RELAY}, text({"$mail": {"tls": "ssl"}})),
        text({"$mail": {"tls": "ssl", "starttls": "starttls", "none": "plain"}}),
        says="each encryption",
    ),
    WayOut(
        "mail-password",
        both(
            {"nixpkgs": {"default": {"release": "25.05"}}},
            service("nextcloud", host="nas"),
            service("grafana", host="nas"),
            {"mail": {**RELAY, "user": "sam", "password": {"sops": "mail/password"}}},
        ),
        {"mail": {"services": ["grafana"]}},
    ),
    WayOut(
        "mail-sender",
        both(service("jellyfin", host="nas"), {"mail": RELAY}),
        {"mail": None},
        says="no service sends",
    ),
    WayOut(
        "mail-sender",
        both(service("grafana", host="nas"), {"mail": {**RELAY, "services": ["grafan"]}}),
        {"mail": {"services": ["grafana"]}},
        says="no service",
    ),
    WayOut(
        "mail-sender",
        both(
            service("grafana", host="nas"),
            service("jellyfin", host="nas"),
            {"mail": {**RELAY, "services": ["grafana", "jellyfin"]}},
        ),
        {"mail": {"services": ["grafana"]}},
        says="do not say",
    ),
    WayOut(
        "option-word",
        text({"$urls": "al"}),
        service("jellyfin", options={"environment.etc.x.text": {"$urls": "all"}}),
        says="takes no",
    ),
    WayOut(
        "option-word",
        text({"$port": "wb"}),
        service("jellyfin", options={"environment.etc.x.text": {"$port": "web"}}),
        says="has no",
    ),
    WayOut(
        "option-word",
        text({"$secret": "key"}),
        service("jellyfin", secrets={"key": {"ref": {"sops": "j/key"}}}),
        says="has no",
    ),
    WayOut(
        "option-word",
        text({"$text": "{url"}),
        service("jellyfin", options={"environment.etc.x.text": {"$text": "{{url"}}),
        says="brace",
        asked={"{{url": "write {{ or }} for a literal"},
    ),
    WayOut(
        "option-word",
        text({"$text": "{ur}"}),
        service("jellyfin", options={"environment.etc.x.text": {"$text": "{url}"}}),
        says="field",
        asked={"{url}": 'did you mean "url"'},
    ),
    WayOut(
        "option-word",
        both(text({"$service": "olama"}), service("ollama", host="nas")),
        service("jellyfin", options={"environment.etc.x.text": {"$service": "ollama"}}),
        says="no service of that name",
        asked={"ollama": 'did you mean "ollama"'},
    ),
    WayOut(
        "option-word",
        both(text({"$service": {"name": "ollama", "port": "wb"}}), service("ollama", host="nas")),
        service(
            "jellyfin",
            options={"environment.etc.x.text": {"$service": {"name": "ollama", "port": "web"}}},
        ),
        says="names the port",
        asked={"web": 'did you mean "web"'},
    ),
    WayOut(
        "option-word",
        text({"$service": "jellyfin"}),
        service("jellyfin", options={"environment.etc.x.text": {"$port": "web", "$service": None}}),
        says="itself",
    ),
    WayOut(
        "option-word",
        both(text({"$service": "ollama"}), service("ollama", host="nas", enable=False)),
        service("ollama", enable=None),
        says="is switched off",
    ),
    WayOut(
        "option-word",
        both(text({"$service": "ollama"}), service("ollama", host="nas", planned="later")),
        service("ollama", planned=None),
        says="is only planned",
    ),
    WayOut(
        "option-word",
        both(text({"$service": ["ollama"]}), service("ollama", host="nas")),
        service("jellyfin", options={"environment.etc.x.text": {"$service": "ollama"}}),
        says="takes the name",
    ),
    WayOut(
        "option-word",
        service("app", **container(inside={"environment": {"DB": {"$secret": "key"}}})),
        service("app", container={"environment": {"DB": "x"}}),
        says="no text",
        asked={"x": "or the text itself"},
    ),
    WayOut(
        "option-path",
        service(
            "jellyfin",
            host="nas",
            options={"environment.etc.x.text": "a", "environment.etc.x": {"text": "b"}},
        ),
        service("jellyfin", options={"environment.etc.x": None}),
        says="another value",
    ),
    WayOut(
        "option-path",
        service(
            "jellyfin",
            host="nas",
            limits={"memory": "1 GiB"},
            options={"systemd.services.jellyfin.serviceConfig.MemoryMax": "2G"},
        ),
        service("jellyfin", limits=None),
        says="limits.memory",
    ),
    WayOut(
        "option-path",
        service(
            "a",
            **container("nas", 8007),
            limits={"memory": "1 GiB"},
            auth="none",
            options={f"{CONTAINER}.a.extraOptions": ["--memory=2g"]},
        ),
        service("a", limits=None),
        says="--memory in",
    ),
    WayOut(
        "option-conflict",
        both(
            service("jellyfin", host="nas", options={"environment.etc.x.text": "a"}),
            service("vaultwarden", host="nas", options={"environment.etc.x.text": "b"}),
        ),
        service("vaultwarden", options=None),
    ),
    WayOut(
        "option-value",
        text(2**64),
        service("jellyfin", options={"environment.etc.x.text": "a"}),
        says="64 bits",
        asked={"a": "write a value that the option accepts"},
    ),
    WayOut(
        "option-state",
        service("miniflux", host="nas", options={"services.postgresql.dataDir": "/srv/db"}),
        service("miniflux", options=None),
        says="databases",
    ),
    WayOut(
        "option-state",
        service("jellyfin", host="nas", options={"services.jellyfin.dataDir": "media"}),
        service("jellyfin", options={"services.jellyfin.dataDir": "/var/lib/jellyfin"}),
        asked={"/var/lib/jellyfin": "its whole path: /var/lib/…"},
        says="starts with /",
    ),
    WayOut(
        "option-state",
        service(
            "jellyfin",
            host="nas",
            options={"services.jellyfin.dataDir": {"$text": "/var/lib/{name}"}},
        ),
        service("jellyfin", options={"services.jellyfin.dataDir": "/var/lib/jellyfin"}),
        asked={"/var/lib/jellyfin": "as plain text: /var/lib/…"},
        says="need that path",
    ),
)
