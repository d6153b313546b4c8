"""Whatever takes a path takes one that goes straight: each directory has one spelling, and none
leads out of where it seems to lie.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest

from tests.site.hostile import NAMED, NEW, Place
from tests.site.test_every_field import fits

PATHS = ("/srv/media", "srv/media", "/dev/srv/media")
CROOKED = (
    *("/srv/../media", "/../srv/media", "/srv/media/..", "/srv//media", "//srv/media"),
    *("/srv/./media", "/srv/media/.", "/srv/media\0", "/srv/media\n", "/srv/media "),
)
NO_PATHS = {
    **dict.fromkeys(
        ("CustomOidc.client_id", "ProxyClient.client_id", "StatedClient.client_id"),
        "an id of an identity provider, which makes it",
    ),
    "NodeAttributes.attr": "a word of Tailscale's, in which slashes mean nothing",
    "EarlySecretRef.sops": "keys of a file, whatever they are called",
    "ServiceSecretRef.sops": "keys of a file, whatever they are called",
    "SecretRef.sops": "keys of a file, whatever they are called",
    "Monitor.keyword": "whatever a page says",
    "Wifi.ssid": "whatever the neighbours call it",
}
"""Fields that may contain slashes but no path."""


def takers() -> Iterator[tuple[str, Place, str]]:
    """Fields that take a path: their name, a place in them, and the path."""
    for name, model in sorted(NAMED.items()):
        for field in model.model_fields:
            for base, at, is_key in NEW:
                place = Place((), name, field, base, at, is_key, "")
                for path in PATHS:
                    if takes(place, path) and not takes(place, f'{path} "a" $(b);'):
                        yield f"{name}.{field}", place, path


def takes(place: Place, text: str) -> bool:
    """Whether the field's type accepts a text at the place."""
    return fits(NAMED[place.model], place.field, place.filled(text))


@cache
def those_that_matter() -> list[tuple[str, Place, str]]:
    """All but fields that take slashes as text."""
    return [(n, p, t) for n, p, t in takers() if n not in NO_PATHS]


def test_there_are_such_fields() -> None:
    found = {name for name, _, _ in those_that_matter()}
    assert {"DatasetConfig.path", "NixosHost.hardware", "ServiceMonitor.path"} <= found
    assert len(found) > 30
    assert {name for name, _, _ in takers()} >= NO_PATHS.keys()


@pytest.mark.parametrize("crooked", CROOKED)
def test_a_path_with_dot_segments_or_double_slashes_is_refused(crooked: str) -> None:
    wrong = []
    for name, place, path in those_that_matter():
        text = crooked.replace("/srv", path.removesuffix("/media"), 1)
        if not path.startswith("/"):
            text = crooked.removeprefix("/")
        if text not in PATHS and takes(place, text):
            wrong.append((name, text))
    assert wrong == []


@pytest.mark.parametrize("straight", ["/srv/.hidden", "/srv/a..b", "/srv/...", "/srv/media.d/x"])
def test_dots_inside_a_name_are_accepted(straight: str) -> None:
    (place,) = (
        p
        for n, p, t in those_that_matter()
        if n == "DatasetConfig.path" and not p.at and t == "/srv/media"
    )
    assert takes(place, straight)
