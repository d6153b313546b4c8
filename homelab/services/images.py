"""References of container images: where an image is, and which of its tags is newer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from homelab.plan import Plan

HUB = "docker.io"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NUMBER = re.compile(r"[0-9]+")
_LONGEST_VERSION = 6
"""Digits of a part of a version; longer numbers are dates of builds or parts of hashes."""


@dataclass(frozen=True)
class Image:
    """A reference of an image, as `docker.io/library/postgres:17@sha256:…`."""

    registry: str
    """Host name, with a port if it has one: `ghcr.io`."""
    repository: str
    tag: str
    """Empty if the reference has a digest alone."""
    digest: str
    """`sha256:…`; empty if the reference has none."""

    @classmethod
    def of(cls, text: str) -> Image:
        """The parts of a reference. A short one is of Docker Hub: `postgres` is
        `docker.io/library/postgres:latest`.
        """
        name, _, digest = text.partition("@")
        head, slash, path = name.partition("/")
        is_host = slash and ("." in head or ":" in head or head == "localhost")
        registry, rest = (head, path) if is_host else (HUB, name)
        repository, _, tag = rest.partition(":")
        if registry == HUB and "/" not in repository:
            repository = f"library/{repository}"
        return cls(registry, repository, tag or ("" if digest else "latest"), digest)

    @property
    def name(self) -> str:
        """The reference without its digest."""
        return f"{self.registry}/{self.repository}" + (f":{self.tag}" if self.tag else "")

    def __str__(self) -> str:
        return self.name + (f"@{self.digest}" if self.digest else "")


@dataclass(frozen=True)
class UsedImage:
    """An image that the stack names."""

    place: str
    """Its place in the stack: `services.wiki.container.image`."""
    image: Image


def images_of(plan: Plan) -> tuple[UsedImage, ...]:
    """The images of all containers, sorted by place."""
    found = {
        service.at(f"{part.place}.image"): Image.of(part.config.image)
        for service in plan.services
        for part in service.parts
    }
    return tuple(UsedImage(place, image) for place, image in sorted(found.items()))


def newer_tag(tag: str, others: Iterable[str]) -> str:
    """The highest version among tags that are written as this one: `17-alpine` for `16-alpine`, and
    not `17`. Empty if there is none, or if the tag is no version.
    """
    mine = _version(tag)
    if not mine:
        return ""
    shape = _shape(tag)
    higher = [(v, t) for t in others if _shape(t) == shape and (v := _version(t)) > mine]
    return max(higher)[1] if higher else ""


def _shape(tag: str) -> str:
    return _NUMBER.sub("0", tag)


def _version(tag: str) -> tuple[int, ...]:
    numbers = _NUMBER.findall(tag)
    return (
        tuple(int(n) for n in numbers) if all(len(n) <= _LONGEST_VERSION for n in numbers) else ()
    )


@dataclass(frozen=True)
class Found:
    """What a registry says about an image of the stack."""

    place: str
    image: Image
    digest: str = ""
    """The digest that the tag has now."""
    newer: Image | None = None
    """The image of a higher version."""
    trouble: str = ""
    """Why the registry gave no answer."""

    def lines(self) -> Iterator[str]:
        """What the owner can write, one line each; none if the image is the newest."""
        if self.trouble:
            yield self.trouble
        elif not self.image.tag:
            yield "it has no tag, so nobody knows what is newer; write NAME:TAG@sha256:…"
        elif self.digest != self.image.digest:
            now = Image(self.image.registry, self.image.repository, self.image.tag, self.digest)
            yield f"its tag has another image now: {now}"
        if self.newer is not None:
            yield f"a higher version: {self.newer}"
