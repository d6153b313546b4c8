"""Ways out of problems with options of services."""

from __future__ import annotations

from tests.site.ways_out.model import Changes, WayOut
from tests.site.ways_out.stacks import IDENTITY, both, host, service


def text(value: object) -> Changes:
    """A file of the host that a service's options write."""
    return service("jellyfin", host="nas", options={"environment.etc.x.text": value})


WAYS = (
    WayOut(
        "port-fixed", service("jellyfin", host="nas", port=8097), service("jellyfin", port=None)
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
        "option-demanded",
        both(
            {"nixpkgs": {"default": {"release": "26.05"}}},
            service("openthread-border-router", host="nas"),
        ),
        service(
            "openthread-border-router",
            options={"services.openthread-border-router.radio.device": "/dev/ttyUSB0"},
        ),
        asked={"/dev/ttyUSB0": "device: … under"},
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
            options={"services.openthread-border-router.radio.device": "/dev/ttyUSB0"},
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
