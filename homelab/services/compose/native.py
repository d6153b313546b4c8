"""The entry of the catalog for the app in an image."""

from __future__ import annotations

from typing import get_args

from homelab.catalog import names
from homelab.config.network import ProxyName
from homelab.services.images import Image

_OTHER = {
    "core": "",
    "eclipse-mosquitto": "mosquitto",
    "fireflyiii": "firefly-iii",
    "hoarder": "karakeep",
    "immich-server": "immich",
    "influxdb": "influxdb2",
    "jellyseerr": "seerr",
    "overseerr": "seerr",
    "paperless-ngx": "paperless",
    "pihole": "",
    "recipes": "tandoor-recipes",
    "registry": "docker-registry",
    "requarks": "wiki-js",
    "s-pdf": "stirling-pdf",
    "trilium": "trilium-server",
    "triliumnext": "trilium-server",
}
"""Names of images, with the entry of the same app; empty for none."""
_ENDS = ("-server", "-web", "-app", "-ce", "-oss", "-docker", "-js", "-ng")
_HELPERS = (*get_args(ProxyName), "cloudflared", "tailscale")
"""Entries of programs that serve another app."""


def native_entry(image: str) -> str:
    """The entry that runs the app of an image without containers; empty if there is none."""
    if not image:
        return ""
    for word in reversed(Image.of(image).repository.lower().split("/")):
        found = _entry(word.replace("_", "-"))
        if found:
            return "" if found in _HELPERS else found
    return ""


def _entry(word: str) -> str:
    if word in _OTHER:
        return _OTHER[word]
    if word in names():
        return word
    ends = (word.removesuffix(end) for end in _ENDS if word.endswith(end))
    return next((w for w in ends if w in names()), "")
