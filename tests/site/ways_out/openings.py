"""Ways out of openings that the plan does not know: the option is removed, or declared
elsewhere."""

from __future__ import annotations

from tests.openings.careless import DIGEST, OPTIONS, TIMES
from tests.site.ways_out.copies import COPIES
from tests.site.ways_out.model import NULL, Changes, WayOut
from tests.site.ways_out.parts import IDENTITY
from tests.site.ways_out.stacks import SILENT, TUNNEL, both, service

_C = "virtualisation.oci-containers.containers.x"
_LOCAL = "127.0.0.1:9999:80"
_ON_LOOPBACK = f"write 127.0.0.1 before it ({_LOCAL})"
HERE = "mqtt://localhost:1883"
_DIGEST = {DIGEST: "add its digest: …@sha256:…"}


def navidrome(**config: object) -> Changes:
    return {**IDENTITY, "services": {"navidrome": {"host": "nas", **config}}}


def ports(*said: str) -> Changes:
    return {_C: {"ports": [*said]}}


def flags(*said: str) -> Changes:
    return {_C: {"extraOptions": [*said]}}


_SHUT: dict[str, object] = {
    name: options
    for name, options in OPTIONS["option-opens"].items()
    if name.startswith(("sign-ups", "topics for everybody", "notes of everybody, in"))
}
"""Options of apps that are open by themselves, so that leaving them out closes nothing."""


def shut(said: object) -> object:
    """What closes such an option, in place of what it says."""
    if isinstance(said, dict):
        return {key: shut(value) for key, value in said.items() if key != "image"}
    if isinstance(said, list):
        return [shut(item) for item in said]
    if isinstance(said, bool):
        return not said
    name, equals, value = said.rpartition("=") if isinstance(said, str) else ("", "", said)
    return f"{name}{equals}{_SHUT_WORDS.get(value, value)}" if isinstance(value, str) else said


_SHUT_WORDS = {"true": "false", "false": "true", "read-write": "deny-all"}


def words(said: object) -> dict[str, str]:
    """The words that ask for it, by the text that is written."""
    if isinstance(said, dict | list):
        items = said.values() if isinstance(said, dict) else said
        return {key: value for item in items for key, value in words(item).items()}
    text = str(said).lower() if isinstance(said, bool) else str(said)
    return {text: f"write {text.rpartition('=')[2]}"} if text != "--env" else {}


_SWEEP = "systemd.services.sweep.startAt"

OTHERWISE: dict[str, tuple[Changes, dict[str, str]]] = {
    **{f"a time of {o}": ({o: "weekly"}, {"weekly": "write weekly"}) for o in TIMES},
    "one of several times": ({_SWEEP: ["03:00", "weekly"]}, {"weekly": "write weekly"}),
    "a zone that is none": (
        {_SWEEP: "03:00 Europe/Oslo"},
        {"03:00 Europe/Oslo": 'did you mean "Europe/Oslo"?'},
    ),
    **{n: (s, words(s)) for n, o in _SHUT.items() if isinstance(s := shut(o), dict)},
    "mosh opens a thousand": ({"programs.mosh.openFirewall": False}, {}),
    "container on 0.0.0.0": (ports(_LOCAL), {}),
    "container on every address": (ports(_LOCAL), {}),
    "container on [::]": (ports(_LOCAL), {}),
    "container at the LAN address": (ports(_LOCAL), {}),
    "container on a random port": (
        ports("127.0.0.1:8080:80"),
        {"127.0.0.1:8080:80": "write 127.0.0.1 before it (127.0.0.1:…:80)"},
    ),
    "container by udp": (ports("127.0.0.1:5353:5353/udp"), {}),
    "publish as a flag": (
        flags(f"--publish={_LOCAL}"),
        {f"--publish={_LOCAL}": _ON_LOOPBACK},
    ),
    "publish in two words": (flags("-p", _LOCAL), {}),
    "publish in one word": (flags(f"-p {_LOCAL}"), {f"-p {_LOCAL}": _ON_LOOPBACK}),
    "publish glued": (flags(f"-p{_LOCAL}"), {f"-p{_LOCAL}": _ON_LOOPBACK}),
    "publish among short flags": (
        flags(f"-tp{_LOCAL}"),
        {f"-tp{_LOCAL}": _ON_LOOPBACK},
    ),
    "publish among short flags, apart": (flags("-itp", _LOCAL), {}),
    "latest": ({f"{_C}.image": DIGEST}, _DIGEST),
    "no tag": ({f"{_C}.image": DIGEST}, _DIGEST),
    "everybody trusted": ({"nix.settings.trusted-users": ["@wheel"]}, {}),
    "postgresql trusts": (
        {"services.postgresql.authentication": "host all all all scram-sha-256"},
        {"host all all all scram-sha-256": "use peer, or scram-sha-256"},
    ),
}
"""The replacement of a careless option, and the words that ask for it, by the option's name in the
table of careless options."""

REASON = "it routes for real devices"
HOST_NETWORK = {_C: {"image": DIGEST, "extraOptions": ["--network=host"]}}
DATABASE = {"services.miniflux.config.DATABASE_URL": "postgres://db.example.org/news"}
MISTYPED = {"services.navidrome.enviromentFile": "/run/x"}


def followed(check: str, name: str, options: Changes) -> WayOut:
    """The row of a careless option."""
    instead, asked = OTHERWISE.get(name, (dict.fromkeys(options), {}))
    written = {option: NULL if value is None else value for option, value in options.items()}
    return WayOut(
        check,
        navidrome(options=written),
        navidrome(options=instead),
        where="services.navidrome.options",
        asked=asked,
        beside=("harden-unit-known",),
        kind=name,
    )


TELLS = {"systemd.services.navidrome.onFailure": ["notify@%N.service"]}
TURTLE = {"services.transmission.settings.alt-speed-time-enabled": True}


def _rated(*windows: object, **more: object) -> Changes:
    return service("transmission", host="nas", schedule=[*windows], **more)


_VAULT = {"image": f"docker.io/vaultwarden/server:1@sha256:{'0' * 64}", "port": 80}
_OPEN_IMAGE = both(
    service("vault", host="nas", container=_VAULT, port=8222, auth="native"),
    service("vault", backup={"skip": "only a test"}),
)

WAYS = (
    WayOut(
        "option-opens",
        _OPEN_IMAGE,
        service("vault", container={"environment": {"SIGNUPS_ALLOWED": "false"}}),
        says="the image of Vaultwarden lets everybody",
    ),
    *(followed(check, name, o) for check, table in OPTIONS.items() for name, o in table.items()),
    WayOut(
        "option-opens", navidrome(options=HOST_NETWORK), navidrome(accept={"host-network": REASON})
    ),
    WayOut(
        "broker-present",
        service("jellyfin", host="nas", options={"services.telegraf.x.servers": [HERE]}),
        service("mosquitto", host="nas"),
    ),
    WayOut(
        "broker-present",
        both(
            service("jellyfin", host="nas", options={"services.telegraf.x.server": HERE}),
            service("mosquitto", host="pi"),
        ),
        service(
            "jellyfin",
            options={"services.telegraf.x.server": {"$text": "mqtt://{service[mosquitto]}"}},
        ),
        asked={"mqtt://{service[mosquitto]}": "the broker on pi"},
    ),
    WayOut("accept-known", navidrome(accept={"host-network": REASON}), navidrome(accept=None)),
    WayOut(
        "accept-known",
        navidrome(options=HOST_NETWORK, accept={"host-netwrok": REASON}),
        navidrome(accept={"host-netwrok": None, "host-network": REASON}),
        beside=("option-opens",),
    ),
    WayOut(
        "option-known",
        navidrome(options=MISTYPED),
        navidrome(
            options={**dict.fromkeys(MISTYPED), "services.navidrome.environmentFile": "/run/x"}
        ),
    ),
    WayOut(
        "state-moved",
        {"services": {"miniflux": {"host": "nas", "options": DATABASE}}},
        {"services": {"miniflux": {"backup": {"skip": "the database server keeps it"}}}},
        asked={"the database server keeps it": '{skip: "where it is kept"}'},
    ),
    WayOut(
        "first-account",
        both(
            TUNNEL, service("mealie", host="nas", publish="tunnel", public="for all of the village")
        ),
        service("mealie", publish="internal", public=None),
    ),
    WayOut(
        "first-account",
        both(
            TUNNEL, service("actual", host="nas", publish="tunnel", public="for all of the village")
        ),
        service("actual", accept={"first-account": "its password is set"}),
        asked={"its password is set": "{first-account: …}"},
    ),
    WayOut(
        "state-moved",
        {"services": {"miniflux": {"host": "nas", "options": DATABASE}}},
        {"services": {"miniflux": {"options": None}}},
        says="another database",
    ),
    WayOut(
        "port-stated",
        navidrome(options={"services.navidrome.settings.Port": 4600}),
        navidrome(port=4600, options=None),
        says="listen on 4600",
    ),
    WayOut(
        "turtle-reserved",
        _rated({"start": "06:00", "end": "06:00", "up": 100}, options=TURTLE),
        {"services": {"transmission": {"options": None}}},
    ),
    WayOut(
        "disk-by-id",
        {"hosts": {"nas": {"boot": {"loader": "grub", "device": "/dev/vda"}}}},
        {"hosts": {"nas": {"boot": {"device": "/dev/disk/by-id/scsi-0A_1"}}}},
        where="hosts.nas.boot.device",
        asked={"/dev/disk/by-id/scsi-0A_1": "ls -l /dev/disk/by-id"},
    ),
    WayOut(
        "backup-own",
        navidrome(options={f"{_C}.volumes": ["/srv/x:/x"]}),
        {"backup": {"extra": {"x": {"host": "nas", "paths": ["/srv/x"]}}}},
    ),
    WayOut(
        "disk-by-id",
        navidrome(options={'fileSystems."/x".device': "/dev/sda2"}),
        navidrome(options={'fileSystems."/x".device': "/dev/disk/by-uuid/1-2"}),
        asked={"/dev/disk/by-uuid/1-2": "ls -l /dev/disk/by-uuid"},
    ),
    WayOut(
        "alert-template-present",
        both(navidrome(options=TELLS), SILENT),
        {"monitoring": {"ntfy": {"topic": {"sops": "ntfy/topic"}}}},
    ),
    WayOut(
        "alert-template-present",
        both(navidrome(options=TELLS), SILENT),
        {"services": {"navidrome": {"options": None}}},
    ),
    *COPIES,
)
