"""Families: services that belong together, in one section of the stack config.

A family becomes ordinary services (`homelab.config.expansion`). The facts of each service stay in
its catalog entry; a member only says how it takes part in the family.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Literal, get_args

from pydantic import Field

from homelab.config.base import Model, Name
from homelab.config.service_parts import Gpu


@dataclass(frozen=True)
class Member:
    """How a service takes part in its family."""

    datasets: Mapping[str, str] = field(default_factory=dict)
    """Roles of its datasets, each with the key of the family that names the dataset."""
    dirs: Mapping[str, str] = field(default_factory=dict)
    """Directories that it uses, each with the key of the family that names their dataset."""
    connects: tuple[str, ...] = ()
    """Members that it is connected to, if they run."""
    uses: tuple[str, ...] = ()
    """Members that it calls, if they run."""
    port: int | None = None
    """Its web port, if its default is that of another member."""
    has_page: bool = True
    """Whether it has a host name. The monitor of another host calls the port of any other."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Further keys of the service, each with the key of the family that has the value."""


class Family(Model):
    """Services that belong together. Each becomes an ordinary service; what `services` says of one
    has precedence.
    """

    members: ClassVar[Mapping[str, Member]] = MappingProxyType({})
    host: Name
    """Host of its services. `services.NAME.host` moves one of them."""

    @property
    def chosen(self) -> tuple[str, ...]:
        """Names of its services."""
        raise NotImplementedError

    def named(self, key: str) -> str | None:
        """The value of one of its keys, with its default."""
        value = getattr(self, key)
        return None if value is None else str(value)

    def _chosen(
        self, defaults: tuple[str, ...], also: Sequence[str], without: Sequence[str]
    ) -> tuple[str, ...]:
        names = {*defaults, *also} - {*without}
        return tuple(name for name in self.members if name in names)


_LIBRARY = {"media": "library"}
_FILES = {"downloads": "downloads", **_LIBRARY}
_CLIENT = Member(datasets={"downloads": "downloads"}, dirs={"downloads": "downloads"})
_CLIENTS = ("deluge", "jackett", "qbittorrent", "sabnzbd", "transmission")
"""What finds and downloads for an app."""
MediaDefault = Literal["jellyfin", "sonarr", "radarr", "prowlarr", "bazarr", "transmission"]
MediaFurther = Literal[
    "deluge",
    "flaresolverr",
    "jackett",
    "lidarr",
    "navidrome",
    "ombi",
    "plex",
    "qbittorrent",
    "sabnzbd",
    "seerr",
    "tautulli",
]


class Media(Family):
    """Films and series, from the search to the screen: Jellyfin, Sonarr, Radarr, Prowlarr, Bazarr
    and Transmission, connected to each other.
    """

    library: Name
    """Dataset of the library. Without `dirs`, it gets the directories that the services use;
    `dirs: {}` keeps it as it is."""
    downloads: Name | None = None
    """Dataset of the downloads. Default: `library`, so that finished downloads are hard links."""
    also: list[MediaFurther] = Field(default_factory=list)
    """Further services: `[lidarr, sabnzbd]`."""
    without: list[MediaDefault] = Field(default_factory=list)
    """Services to leave out: `[transmission]`."""

    members: ClassVar[Mapping[str, Member]] = {
        "jellyfin": Member(_LIBRARY),
        "sonarr": Member(_FILES, {"tv": "library"}, connects=_CLIENTS),
        "radarr": Member(_FILES, {"films": "library"}, connects=_CLIENTS),
        "lidarr": Member(
            {"downloads": "downloads", "music": "library"}, {"music": "library"}, connects=_CLIENTS
        ),
        "bazarr": Member(_LIBRARY, connects=("sonarr", "radarr")),
        "prowlarr": Member(
            connects=(
                *("lidarr", "radarr", "sonarr", "flaresolverr"),
                *("deluge", "qbittorrent", "sabnzbd", "transmission"),
            )
        ),
        "flaresolverr": Member(),
        "jackett": Member(),
        "transmission": _CLIENT,
        "sabnzbd": _CLIENT,
        "qbittorrent": Member({"downloads": "downloads"}, port=8081),
        "deluge": Member({"downloads": "downloads"}),
        "navidrome": Member({"music": "library"}),
        "plex": Member(_LIBRARY),
        "tautulli": Member(uses=("plex",)),
        "seerr": Member(uses=("jellyfin", "plex"), connects=("radarr", "sonarr")),
        "ombi": Member(uses=("jellyfin", "plex", "lidarr", "radarr", "sonarr")),
    }

    @property
    def chosen(self) -> tuple[str, ...]:
        """Names of its services."""
        return self._chosen(get_args(MediaDefault), self.also, self.without)

    def named(self, key: str) -> str | None:
        """The value of one of its keys, with its default."""
        return super().named(key) or (self.library if key == "downloads" else None)


AiDefault = Literal["ollama", "open-webui"]
AiFurther = Literal["litellm"]


class Ai(Family):
    """Language models on hardware of your own: Ollama, and Open WebUI connected to it."""

    gpu: Gpu | None = None
    """Graphics hardware that Ollama uses."""
    also: list[AiFurther] = Field(default_factory=list)
    """Further services: `[litellm]`."""
    without: list[AiDefault] = Field(default_factory=list)
    """Services to leave out: `[open-webui]`."""

    members: ClassVar[Mapping[str, Member]] = {
        "ollama": Member(settings={"gpu": "gpu"}),
        "open-webui": Member(connects=("ollama",)),
        "litellm": Member(connects=("ollama",), port=4000),
    }

    @property
    def chosen(self) -> tuple[str, ...]:
        """Names of its services."""
        return self._chosen(get_args(AiDefault), self.also, self.without)


HomeDefault = Literal["home-assistant", "mosquitto", "matter-server"]
HomeFurther = Literal[
    "esphome",
    "music-assistant",
    "node-red",
    "openthread-border-router",
    "wyoming-faster-whisper",
    "wyoming-openwakeword",
    "wyoming-piper",
    "zwave-js-ui",
]


class HomeAutomation(Family):
    """Lights, heating and sensors: Home Assistant, Mosquitto and Matter."""

    also: list[HomeFurther] = Field(default_factory=list)
    """Further services: `[wyoming-piper, wyoming-faster-whisper]`."""
    without: list[HomeDefault] = Field(default_factory=list)
    """Services to leave out: `[matter-server]`."""

    members: ClassVar[Mapping[str, Member]] = {
        "home-assistant": Member(
            uses=(
                *("mosquitto", "matter-server", "esphome", "music-assistant"),
                *("openthread-border-router", "wyoming-faster-whisper", "wyoming-openwakeword"),
                *("wyoming-piper", "zwave-js-ui"),
            )
        ),
        "mosquitto": Member(has_page=False),
        "matter-server": Member(),
        "esphome": Member(),
        "music-assistant": Member(),
        "node-red": Member(uses=("home-assistant", "mosquitto")),
        "openthread-border-router": Member(),
        "wyoming-faster-whisper": Member(has_page=False),
        "wyoming-openwakeword": Member(has_page=False),
        "wyoming-piper": Member(has_page=False),
        "zwave-js-ui": Member(),
    }

    @property
    def chosen(self) -> tuple[str, ...]:
        """Names of its services."""
        return self._chosen(get_args(HomeDefault), self.also, self.without)


FAMILIES: Mapping[str, type[Family]] = {
    "media": Media,
    "ai": Ai,
    "home_automation": HomeAutomation,
}
"""Families by their section of the stack config."""
